"""C2PA manifests: what was done to a photograph, signed by its owner and kept inside the file.

The form is that of the C2PA specification 2 (https://spec.c2pa.org); c2pa-python, the extra
``provenance``, writes and signs it. No pixel changes, and no server is asked, except one for time
stamps where there is an address of one.
"""

import hashlib
import importlib
import io
import itertools
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gazebench import __version__, methods, reading
from gazebench.dataset.picture_types import HEAD, kind_of
from gazebench.dataset.pictures import png, read_bytes
from gazebench.errors import InputError, MissingPartError
from gazebench.methods import Method
from gazebench.sources import text_name

if TYPE_CHECKING:
    import c2pa
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_MOST = 1 << 20  # bytes of a key or of a chain
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LEAST_RSA = 2048  # bits
# extended key usages of which C2PA wants one; c2pa-python by itself takes the first alone
_PURPOSES = {
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.36": "documentSigning",
    "1.3.6.1.4.1.62558.2.1": "C2PA's claimSigning",
}
_SETTINGS = {
    "builder": {
        "intent": "edit",  # the photograph is the parent, and "opened" is the first action
        "thumbnail": {"enabled": False},  # it would show the uncorrected face
        # these are the signer's own words, and not gathered from elsewhere
        "created_assertion_labels": ["c2pa.actions", "c2pa.ingredient"],
    },
    "trust": {"trust_config": "\n".join(_PURPOSES)},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},  # stay offline
}
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_TINY = np.zeros((1, 1, 3), np.uint8)  # what is signed to try a key


class Signature:
    """A key with its certificates, checked and ready to sign.

    ``key``: PEM file of the private key: EC on P-256, P-384 or P-521, Ed25519, or RSA.
    ``chain``: PEM file of its certificates, the signer's own first.
    ``timestamp``: address of a time-stamp server (RFC 3161); None: no server is asked, and the
        signature counts as long as the certificate does.

    Raises:
        MissingPartError: c2pa-python is not installed.
        InputError: a file that cannot be read, a key that is encrypted, of another kind or of
            another certificate, a certificate that C2PA refuses, a chain that is broken, or a
            server without a stamp.
    """

    def __init__(self, key: Path, chain: Path, timestamp: str | None = None) -> None:
        _require_library()
        private = _private_key(key)
        algorithm = _algorithm(private, key)
        certificates = _certificates(chain)
        if fault := _fault(certificates[0], private):
            raise InputError(f"{text_name(chain)}: its first certificate {fault}")
        if fault := _break(certificates):
            raise InputError(f"{text_name(chain)}: {fault}")
        parts = algorithm, _pem(certificates), _pkcs8(private)
        refused = (
            f"{text_name(chain)}: C2PA refuses this chain; docs/provenance.md says what it takes"
        )
        self._signer = _tried(*parts, None, refused)
        if timestamp:
            self._signer = _tried(*parts, timestamp, f"--timestamp {timestamp}: no time stamp")
        self.facts = {"certificate": _digest(certificates[0])}
        if timestamp:
            self.facts["timestamp"] = timestamp

    def sign(self, data: bytes, place: Path, photograph: Path, kind: type[Method]) -> bytes:
        """The PNG or JPEG file ``data`` with a signed manifest; its pixels are the same.

        ``place``: where it will be written. ``photograph``: what it was made of; a manifest of its
        own is kept in the new one. ``kind``: what corrected it.

        Raises:
            InputError: it cannot be signed now, as where the time-stamp server is gone.
        """
        titles = text_name(place.name), text_name(photograph.name)
        refused = f"{text_name(photograph)}: is corrected, but cannot be signed"
        return _signed(self._signer, data, read_bytes(photograph), titles, [_edit(kind)], refused)


def signature_of(
    key: Path | str | None, chain: Path | str | None, timestamp: str | None
) -> Signature | None:
    """The signature that was asked for; None where none was.

    Raises:
        InputError: as ``Signature``, or one of the two files alone.
        MissingPartError: as ``Signature``.
    """
    if key is None:
        if chain or timestamp:
            raise InputError("--certificate and --timestamp sign nothing alone; add --sign KEY.pem")
        return None
    if chain is None:
        raise InputError(
            f"--sign {text_name(Path(key))}: a key needs its certificate: --certificate CHAIN.pem"
        )
    return Signature(Path(key), Path(chain), timestamp)


def source_type(kind: type[Method]) -> str:
    """What IPTC's vocabulary calls the corrections of a method, as an address.

    The vocabulary (http://cv.iptc.org/newscodes/digitalsourcetype, of October 2024) has three
    terms that fit. A trained network that paints eyes is "edited using generative AI", and so is
    whatever does not say on its card that it learns nothing. Eyes of other people are a
    "composite", of elements that may be generated or not. What moves the person's own pixels by a
    formula (``iris_warp``) is "algorithmically altered": changed by a program that a person
    started, with no generative model. That term asks that the main content stays. A gaze may be
    more than that, but no other term names an edit by a program without such a model, and the
    action's own words say that the gaze was changed.
    """
    if methods.needs_bank(kind) and not methods.is_trainable(kind):
        return f"{_SOURCE_TYPES}composite"
    if methods.is_trainable(kind) or not kind.card.supervision.startswith("none"):
        return f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
    return f"{_SOURCE_TYPES}algorithmicallyEnhanced"


def _edit(kind: type[Method]) -> dict[str, Any]:
    """The action of a correction; c2pa-python puts "opened", with the photograph, before it."""
    return {
        "action": "c2pa.edited",
        "description": "Gaze correction: the eyes were turned towards the camera, "
        f"by the method {kind.card.title}.",
        "softwareAgent": {"name": "gazebench", "version": __version__},
        "digitalSourceType": source_type(kind),
        "parameters": {"gazebench.method": kind.card.title},
    }


def _tried(
    algorithm: str, chain: bytes, key: bytes, timestamp: str | None, refused: str
) -> "c2pa.Signer":
    """A signer that has signed a picture of one pixel."""
    import c2pa

    try:
        info = c2pa.C2paSignerInfo(algorithm, chain, key, timestamp)
        signer = c2pa.Signer.from_info(info)
    except (c2pa.C2paError, ValueError) as error:
        raise InputError(f"{refused} ({_in_a_line(error)})") from None
    picture = png(_TINY)
    _signed(signer, picture, picture, ("", ""), [], refused)
    return signer


def _signed(
    signer: "c2pa.Signer",
    data: bytes,
    source: bytes,
    titles: tuple[str, str],
    actions: Sequence[dict[str, Any]],
    refused: str,
) -> bytes:
    """``data`` with a manifest; ``titles``: of itself and of its source."""
    import c2pa

    title, source_title = titles
    agent = {"name": "gazebench", "version": __version__}
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [*actions]}}] if actions else []
    said = {"title": title, "claim_generator_info": [agent], "assertions": assertions}
    parent = {"title": source_title, "relationship": "parentOf"}
    made = io.BytesIO()
    try:
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(said, context=context) as builder,
        ):
            _add(parent, source, builder, refused)
            builder.sign(signer, _mime(data), io.BytesIO(data), made)
    except c2pa.C2paError as error:
        raise InputError(f"{refused} ({_in_a_line(error)})") from None
    return made.getvalue()


def _add(parent: dict[str, str], source: bytes, builder: "c2pa.Builder", refused: str) -> None:
    """Give the manifest the photograph that it was made of, with a manifest of its own."""
    import c2pa

    try:
        builder.add_ingredient(parent, _mime(source), io.BytesIO(source))
    except c2pa.C2paError as error:
        raise InputError(
            f"{refused}: its own manifest is damaged ({_in_a_line(error)}); correct a copy that "
            "an image program has saved without it"
        ) from None


def _mime(data: bytes) -> str:
    return f"image/{kind_of(data[:HEAD]).lower()}"


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _require_library() -> None:
    try:
        for name in ("c2pa", "cryptography"):
            importlib.import_module(name)
    except ImportError:
        raise MissingPartError(
            "--sign needs c2pa-python; run `pip install 'gazebench[provenance]'`"
        ) from None


def _private_key(path: Path) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = text_name(path)
    try:
        return load_pem_private_key(reading.read_bytes(path, _MOST), None)
    except TypeError:  # a password is wanted
        raise InputError(
            f"{name}: this key is encrypted; `openssl pkey -in {shlex.quote(name)} -out PLAIN.pem` "
            "writes one without a password"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{name}: holds no private key as PEM text") from None


def _algorithm(key: "PrivateKeyTypes", path: Path) -> str:
    """C2PA's name of how a key signs."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_RSA:
        return "ps256"
    if isinstance(key, Ed25519PrivateKey):
        return "ed25519"
    raise InputError(
        f"{text_name(path)}: C2PA does not sign with a key of this kind; it takes EC keys on "
        f"P-256, P-384 or P-521, Ed25519 keys, and RSA keys of at least {_LEAST_RSA} bits"
    )


def _pkcs8(key: "PrivateKeyTypes") -> bytes:
    """The only form that c2pa-python reads."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _certificates(path: Path) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(reading.read_bytes(path, _MOST))
    except ValueError:
        raise InputError(f"{text_name(path)}: holds no certificate as PEM text") from None


def _pem(certificates: "Sequence[Certificate]") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _digest(certificate: "Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _fault(certificate: "Certificate", key: "PrivateKeyTypes") -> str:
    """Why a certificate is not one to sign with by ``key``; "": nothing is seen.

    C2PA would refuse it too, but without saying why.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        if certificate.public_key() != key.public_key():
            return "is of another key; give the chain of this key, the signer's own first"
        found = {type(part.value): part.value for part in certificate.extensions}
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        return f"cannot be read ({_in_a_line(error)})"
    return _out_of_date(certificate) or _unfit(found)


def _break(certificates: "Sequence[Certificate]") -> str:
    """Where a chain does not lead from the signer to an authority; "": it does.

    C2PA signs with any, but nobody who trusts the authority would trust the signature.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    for number, (below, above) in enumerate(itertools.pairwise(certificates), 1):
        try:
            below.verify_directly_issued_by(above)
        except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
            return (
                f"certificate {number} was not given by the owner of certificate {number + 1}; "
                "each must be followed by that of the authority which gave it"
            )
        if fault := _out_of_date(above):
            return f"certificate {number + 1} {fault}"
    return ""


def _out_of_date(certificate: "Certificate") -> str:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins <= datetime.now(UTC) <= ends:
        return ""
    return f"is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, not today"


def _unfit(found: Mapping[type[Any], Any]) -> str:
    """What the extensions (by their kinds) of a signer's certificate lack; "": nothing."""
    from cryptography import x509

    authority, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
    if authority and authority.ca:
        return "is that of an authority; the signer's own must come first"
    if not (usage and usage.digital_signature):
        return "is not for signatures: its keyUsage lacks digitalSignature"
    if x509.AuthorityKeyIdentifier not in found:
        return "does not say who gave it: it has no authorityKeyIdentifier"
    purposes = {purpose.dotted_string for purpose in found.get(x509.ExtendedKeyUsage, ())}
    if not purposes & set(_PURPOSES):
        wanted = ", ".join(_PURPOSES.values())
        return f"is for other uses: its extendedKeyUsage has none of {wanted}"
    return ""

"""Keys and certificates as people have them, good and bad; small pictures; who reads manifests."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

EMAIL, STAMPING = ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.TIME_STAMPING
DAY = timedelta(days=1)
FORMS = {"pkcs8": PrivateFormat.PKCS8, "traditional": PrivateFormat.TraditionalOpenSSL}


def ec_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: Any, *, form: str = "pkcs8", password: bytes | None = None) -> bytes:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, FORMS[form], protection)


class Authority:
    """An authority, and the certificates that it gives; ``changes`` of its own: ``_issued``."""

    def __init__(self, **changes: Any) -> None:
        self._key = ec_key()
        self.pem = self._issued("Test authority", self._key.public_key(), ca=True, **changes)

    def chain(self, key: Any, **changes: Any) -> bytes:
        """The certificate of a signer's key, then the authority's; ``changes``: see ``_issued``."""
        return self._issued("A signer", key.public_key(), **changes) + self.pem

    def _issued(
        self,
        name: str,
        public: Any,
        *,
        ca: bool = False,
        signs: bool = True,
        purposes: Sequence[x509.ObjectIdentifier] = (EMAIL,),
        names_authority: bool = True,
        begins: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Test authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(_usage(signs=signs and not ca, issues=ca or not signs), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if names_authority:
            own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(own, critical=False)
        if purposes and not ca:
            stamps = STAMPING in purposes  # which RFC 3161 wants critical
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=stamps)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def self_signed(key: Any) -> bytes:
    """The certificate that a person makes for a key without an authority."""
    name, now = _name("Myself"), datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def _name(text: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool, issues: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others += ("encipher_only", "decipher_only")
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=issues,
        crl_sign=issues,
        **dict.fromkeys(others, False),
    )


def written(folder: Path, key: bytes, chain: bytes) -> tuple[Path, Path]:
    (folder / "key.pem").write_bytes(key)
    (folder / "chain.pem").write_bytes(chain)
    return folder / "key.pem", folder / "chain.pem"


def picture(form: str = "PNG") -> bytes:
    """A file without a manifest."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), "teal").save(buffer, form)
    return buffer.getvalue()


def tiny(folder: Path, form: str = "PNG") -> Path:
    (folder / "tiny").write_bytes(picture(form))
    return folder / "tiny"


def read(file: Path | bytes, authority: Authority | None = None, **trust: str) -> c2pa.Reader:
    """A reader of a file; with ``authority``, one who trusts it."""
    data = file.read_bytes() if isinstance(file, Path) else file
    if authority:
        trust = {"user_anchors": authority.pem.decode(), **trust}
    return c2pa.Reader(io.BytesIO(data), context=c2pa.Context.from_dict({"trust": trust}))


def codes(reader: c2pa.Reader) -> list[str]:
    """What is wrong with the newest manifest."""
    results: Any = reader.get_validation_results()
    return [failure["code"] for failure in results["activeManifest"]["failure"]]


def manifest_of(reader: c2pa.Reader) -> dict[str, Any]:
    return reader.get_active_manifest() or {}

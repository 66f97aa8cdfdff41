"""Keys and certificates that sign, and why others do not."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from signing import (
    DAY,
    EMAIL,
    STAMPING,
    Authority,
    ec_key,
    manifest_of,
    pem_of,
    picture,
    read,
    self_signed,
    tiny,
    written,
)
from toy_methods.still import Still

from gazebench.errors import InputError
from gazebench.photographs.provenance import Signature, signature_of

KEY = ec_key()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


KEYS: dict[str, Callable[[], Any]] = {
    "Es256": ec_key,
    "Es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ps256": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_how_a_key_signs_follows_from_the_key(
    algorithm: str, authority: Authority, tmp_path: Path
) -> None:
    key = KEYS[algorithm]()
    forms = ["pkcs8"] if algorithm == "Ed25519" else ["pkcs8", "traditional"]
    for form in forms:
        pair = written(tmp_path, pem_of(key, form=form), authority.chain(key))
        reader = read(Signature(*pair).sign(picture(), Path("a.png"), tiny(tmp_path), Still))
        assert manifest_of(reader)["signature_info"]["alg"] == algorithm
        assert reader.get_validation_state() == "Valid"


@pytest.mark.parametrize("purpose", ["1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1"])
def test_certificates_for_documents_and_claims_sign_too(
    purpose: str, authority: Authority, tmp_path: Path
) -> None:
    chain = authority.chain(KEY, purposes=[x509.ObjectIdentifier(purpose)])
    signature = Signature(*written(tmp_path, pem_of(KEY), chain))
    signed = signature.sign(picture(), Path("a.png"), tiny(tmp_path), Still)
    assert read(signed, authority, trust_config=purpose).get_validation_state() == "Trusted"


Pair = Callable[[Authority], tuple[bytes, bytes]]
REFUSED: dict[str, tuple[Pair, str]] = {
    "encrypted": (
        lambda a: (pem_of(KEY, password=b"secret"), a.chain(KEY)),
        r"key\.pem: this key is encrypted; `openssl pkey -in .*key\.pem -out PLAIN\.pem`",
    ),
    "no key": (lambda a: (a.chain(KEY), a.chain(KEY)), r"key\.pem: holds no private key"),
    "public": (
        lambda a: (
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            a.chain(KEY),
        ),
        r"key\.pem: holds no private key",
    ),
    "empty": (lambda a: (b"", a.chain(KEY)), r"key\.pem: holds no private key"),
    "no certificate": (
        lambda a: (pem_of(KEY), pem_of(KEY)),
        r"chain\.pem: holds no certificate",
    ),
    "another key": (
        lambda a: (pem_of(ec_key()), a.chain(KEY)),
        r"chain\.pem: its first certificate is of another key",
    ),
    "wrong order": (
        lambda a: (pem_of(KEY), a.pem + a.chain(KEY)),
        "its first certificate is of another key; give the chain .* the signer's own first",
    ),
    "ended": (
        lambda a: (pem_of(KEY), a.chain(KEY, begins=-3 * DAY, ends=-DAY)),
        r"its first certificate is valid from \d{4}-\d\d-\d\d to .*, not today",
    ),
    "not begun": (
        lambda a: (pem_of(KEY), a.chain(KEY, begins=timedelta(hours=30))),
        "not today",
    ),
    "authority": (lambda a: (pem_of(KEY), a.chain(KEY, ca=True)), "is that of an authority"),
    "signs nothing": (
        lambda a: (pem_of(KEY), a.chain(KEY, signs=False)),
        "its keyUsage lacks digitalSignature",
    ),
    "for servers": (
        lambda a: (pem_of(KEY), a.chain(KEY, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))),
        "its extendedKeyUsage has none of emailProtection, documentSigning",
    ),
    "no purpose": (
        lambda a: (pem_of(KEY), a.chain(KEY, purposes=())),
        "its extendedKeyUsage has none of",
    ),
    "no authority named": (
        lambda a: (pem_of(KEY), a.chain(KEY, names_authority=False)),
        "it has no authorityKeyIdentifier",
    ),
    "also for time stamps": (  # what C2PA refuses itself
        lambda a: (pem_of(KEY), a.chain(KEY, purposes=(EMAIL, STAMPING))),
        r"C2PA refuses this chain; docs/provenance\.md says what it takes \(Signature: ",
    ),
    "another authority": (
        lambda a: (pem_of(KEY), a.chain(KEY) + Authority().pem + a.pem),
        r"chain\.pem: certificate 2 was not given by the owner of certificate 3",
    ),
    "authority that ended": (
        lambda _: (pem_of(KEY), Authority(begins=-3 * DAY, ends=-DAY).chain(KEY)),
        r"chain\.pem: certificate 2 is valid from .*, not today",
    ),
    "self-signed, plain": (
        lambda a: (pem_of(KEY), self_signed(KEY)),
        "its keyUsage lacks digitalSignature",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pair_that_does_not_sign_says_why(
    case: str, authority: Authority, tmp_path: Path
) -> None:
    make, says = REFUSED[case]
    pair = written(tmp_path, *make(authority))
    with pytest.raises(InputError, match=says) as caught:
        Signature(*pair)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda: rsa.generate_private_key(65537, 1024), id="short RSA"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP256K1()), id="other curve"),
    ],
)
def test_a_key_of_another_kind_is_refused(
    key: Callable[[], Any], authority: Authority, tmp_path: Path
) -> None:
    made = key()
    pair = written(tmp_path, pem_of(made), authority.chain(made))
    with pytest.raises(InputError, match="it takes EC keys on P-256, P-384 or P-521"):
        Signature(*pair)


def test_no_key_asks_for_no_signature_and_half_a_pair_is_refused() -> None:
    assert signature_of(None, None, None) is None
    with pytest.raises(InputError, match=r"add --sign KEY\.pem"):
        signature_of(None, "chain.pem", None)
    with pytest.raises(InputError, match=r"add --sign KEY\.pem"):
        signature_of(None, None, "http://127.0.0.1:9/")

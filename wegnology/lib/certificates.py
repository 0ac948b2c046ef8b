"""Certificates and private keys in PEM texts: read, and said what is wrong with them without repeating them."""

from collections.abc import Callable
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from wegnology.lib.marking import marked

BEGINNING = "-----BEGIN CERTIFICATE-----"
KEY_MARK = "PRIVATE KEY-----"
T = TypeVar("T")


def read_certificates(pem: str) -> list[x509.Certificate]:
    """Return the certificates of a text, the holder's own first. Raises `ValueError` with a text for people."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError(
            marked("This is not a certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----.")
        ) from None


def read_private_key(pem: str) -> PrivateKeyTypes:
    """Return the private key of a text. Raises `ValueError` with a text for people."""
    try:
        return load_pem_private_key(pem.strip().encode(), password=None)
    except TypeError:
        raise ValueError(marked("The private key is protected by a passphrase; give it without one.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            marked("This is not a private key in PEM form, which begins with -----BEGIN and PRIVATE KEY-----.")
        ) from None


def judge_pair(certificate: tuple[str, str], private_key: tuple[str, str]) -> None:
    """Check that two texts, given as (name of the field, text), can be read and belong together.

    Raises `ValueError` as a schema takes it: `field: text`.
    """
    holder = _named(certificate[0], read_certificates, certificate[1])[0].public_key()
    key = _named(private_key[0], read_private_key, private_key[1]).public_key()
    ours, theirs = (one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for one in (holder, key))
    if ours != theirs:
        raise ValueError(f"{private_key[0]}: " + marked("The certificate and the private key do not belong together."))


def about_certificate(pem: str) -> list[tuple[str, str]]:
    """Return whose certificate it is and who issued it, as (label, text)."""
    own = read_certificates(pem)[0]
    return [("Certificate of", name_of(own.subject)), ("Issued by", name_of(own.issuer))]


def about_private_key(pem: str) -> str:
    """Return kind and size of a private key: "RSA, 2048 bits". Raises `ValueError` with a text for people."""
    key = read_private_key(pem)
    kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
    size = getattr(key, "key_size", None)
    return f"{kind}, {size} bits" if size else kind


def name_of(name: x509.Name) -> str:
    """Return a subject or issuer as people know it: its common name, else its organisation, else all of it."""
    for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return str(found[0].value)
    return name.rfc4514_string()


def _named(field: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None

"""What certificates say, for people: whom they are for, who signed them, how long they are valid."""

import contextlib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from wegnology.lib.certificates import name_of, read_certificates
from wegnology.lib.check_steps import Finding
from wegnology.lib.marking import marked
from wegnology.lib.tls import Tls

SOON_DAYS = 21
"""A certificate that ends sooner is worth a warning."""
_SHOWN = 5  # certificates of a chain, names of a certificate


def days_left(certificate: x509.Certificate) -> int:
    """Return for how many whole days a certificate is still valid; negative once it has expired."""
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def describe_own(tls: Tls) -> Finding:
    """Say what was given: the own certificate, and whom it trusts."""
    trust = marked("The usual public authorities are trusted.") if not tls.ca else f"Trusted: {_authorities(tls.ca)}."
    if not tls.verify:
        trust = marked("Any certificate of the other side is accepted.")
    if not (tls.certificate and tls.private_key):
        return Finding(trust)
    with contextlib.suppress(ValueError):
        own = read_certificates(tls.certificate)[0]
        return Finding(f"Own certificate: {_lines([own])}. {trust}", _soon(own, "own certificate"))
    return Finding(trust)


def describe_peer(sock: ssl.SSLSocket, *, verified: bool) -> Finding:
    """Say how the line is secured and what the other side showed."""
    chain = peer_chain(tls_object_of(sock))
    kind = sock.version() or "TLS"
    if not chain:
        return Finding(f"{kind}.")
    detail = f"{kind}. The other side showed: {_lines(chain)}."
    if not verified:
        return Finding(detail, marked("Nobody verified this certificate: whoever is on the way could pose as the other side."))
    return Finding(detail, _soon(min(chain, key=days_left), "other side's certificate"))


def presented(tls_object: Any) -> str:
    """Say what the other side of a handshake showed, also of one that failed; "" when that cannot be read."""
    chain = peer_chain(tls_object)
    if not chain:
        return ""
    names = _names(chain[0])
    return f"The other side showed: {_lines(chain)}" + (f"; it is for {', '.join(names)}." if names else ".")


def tls_object_of(sock: ssl.SSLSocket) -> object:
    """Return what a socket works with, for `presented`: it outlives a handshake that failed."""
    return getattr(sock, "_sslobj", None)


def peer_chain(tls_object: Any) -> list[x509.Certificate]:
    """Return the certificates that the other side sent, its own first; none when they cannot be read.

    Public methods for this came with Python 3.13, and they need a handshake that succeeded.
    """
    read = getattr(tls_object, "get_unverified_chain", None)
    try:
        found = read() if read is not None else None
        return [x509.load_pem_x509_certificate(one.public_bytes().encode()) for one in found or ()]
    except (ValueError, AttributeError, TypeError):
        return []


def _lines(chain: Sequence[x509.Certificate]) -> str:
    """Name the certificates of a chain, and at its end who is not in it."""
    return f"{', signed by '.join(_line(certificate) for certificate in chain[:_SHOWN])}, signed by {_issuer(chain[:_SHOWN][-1])}"


def _line(certificate: x509.Certificate) -> str:
    left, until = days_left(certificate), f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    validity = f"valid for {left:,} more days, until {until}" if left >= 0 else f"expired on {until}"
    return f"{name_of(certificate.subject)[:100]} ({validity})"


def _issuer(certificate: x509.Certificate) -> str:
    return "itself" if certificate.subject == certificate.issuer else name_of(certificate.issuer)[:100]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value)[:100] for name in names][:_SHOWN]


def _authorities(pem: str) -> str:
    with contextlib.suppress(ValueError):
        return ", ".join(_line(one) for one in read_certificates(pem)[:_SHOWN])
    return "the given authority"


def _soon(certificate: x509.Certificate, whose: str) -> str:
    left = days_left(certificate)
    if left >= SOON_DAYS:
        return ""
    return f"The {whose} {f'ends in {left} days' if left >= 0 else 'has expired'}: have it renewed."

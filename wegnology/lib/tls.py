"""TLS settings as people give them, in PEM texts, and what goes wrong with them."""

import hashlib
import os
import ssl
import weakref
from typing import Any, NamedTuple

from wegnology.lib.schema import Field, When, ui


class CertificateUnusable(Exception):
    """A given certificate or key cannot be read; the text says which."""


class Tls(NamedTuple):
    """How to secure a connection. PEM texts; None means not given."""

    verify: bool = True
    ca: str | None = None
    certificate: str | None = None
    private_key: str | None = None

    def __repr__(self) -> str:
        return f"Tls(verify={self.verify})"


def pem_field(title: str, description: str, section: str, when: When | None = None) -> Any:
    """Declare a field of a configuration that takes a certificate or a key in PEM form, or nothing."""
    shown = ui(section=section, when=when, multiline=True)
    return Field(None, min_length=4, max_length=32767, title=title, description=description, json_schema_extra=shown)


# Contexts are shared: one with the system's authorities takes about half a megabyte and several milliseconds.
_contexts: weakref.WeakValueDictionary[bytes, ssl.SSLContext] = weakref.WeakValueDictionary()


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for these settings, shared by all who ask for the same. Raises `CertificateUnusable`."""
    key = hashlib.sha256(repr(tuple(tls)).encode()).digest()
    context = _contexts.get(key)
    if context is None:
        context = _contexts[key] = _new_context(tls)
    return context


def _new_context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=tls.ca)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateUnusable("The CA certificate cannot be read: it must be one or more certificates in PEM form") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate and tls.private_key:
        _load_pair(context, tls.certificate, tls.private_key)
    return context


def _load_pair(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    """Load a client certificate. The library only reads files: this one is in memory and never on a disk."""

    def no_passphrase() -> str:
        raise CertificateUnusable("The private key is protected by a passphrase; give it without one")

    descriptor = os.memfd_create("pair")
    try:
        os.write(descriptor, f"{certificate.strip()}\n{private_key.strip()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=no_passphrase)
    except ssl.SSLError as error:
        reason = "do not belong together" if "MISMATCH" in (error.reason or "") else "cannot be read: both must be in PEM form"
        raise CertificateUnusable(f"The certificate and the private key {reason}") from error
    finally:
        os.close(descriptor)

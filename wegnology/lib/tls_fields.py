"""Fields by which people say how TLS is done: the same words, sections and rules for every type that has them."""

from typing import Any

from wegnology.lib.marking import marked
from wegnology.lib.schema import Field, SecretStr, When, ui
from wegnology.lib.tls import Tls


def private_key_field(when: When | None = None) -> Any:
    """Declare `private_key`, the secret half of a login by certificate."""
    text = "For logging in with a certificate: its private key in PEM form, without a passphrase."
    return _pem_field("Private Key Template", text, "Authentication", when)


def certificate_field(when: When | None = None) -> Any:
    """Declare `certificate`, the open half of a login by certificate."""
    text = "For logging in with a certificate: the certificate in PEM form."
    return _pem_field("Certificate Template", text, "Authentication", when)


def ca_certificate_field(peer: str, when: When | None = None) -> Any:
    """Declare `ca_certificate`: whom to trust. `peer` is "broker" or "server"."""
    text = f"The authority that signed the {peer}'s certificate, in PEM form. Blank: the usual public ones."
    return _pem_field("CA Certificate Template", text, "Security", when)


def no_verification_field(peer: str, when: When | None = None) -> Any:
    """Declare `disable_ssl_verification`."""
    return Field(
        False,
        alias="disableSSLVerification",
        title="Disable SSL Verification",
        description=f"Accept any certificate of the {peer}. Whoever is on the way to it can then read and change everything.",
        json_schema_extra=ui(section="Security", when=when),
    )


def check_pair(certificate: str | None, private_key: SecretStr | None) -> None:
    """Raise a `ValueError` that names the field when one of the two is there alone."""
    if certificate and not private_key:
        raise ValueError("privateKey: " + marked("A certificate needs its private key."))
    if private_key and not certificate:
        raise ValueError("certificate: " + marked("A private key needs its certificate."))


def tls_of(disabled: bool, ca: str | None, certificate: str | None, private_key: SecretStr | None) -> Tls:
    """Return the settings as a connection takes them."""
    return Tls(not disabled, ca, certificate, private_key.get_secret_value() if private_key else None)


def _pem_field(title: str, description: str, section: str, when: When | None) -> Any:
    shown = ui(section=section, when=when, multiline=True)
    return Field(None, min_length=4, max_length=32767, title=title, description=description, json_schema_extra=shown)

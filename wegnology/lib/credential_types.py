"""Kinds of service credentials: logins kept once and used by name, by integrations and nodes of an application.

Names, fields and limits are those of the product's REST schema `credentialPost`. A kind is known here and nowhere else.
"""

from typing import ClassVar, Literal, TypeVar

from wegnology.lib.schema import Field, Schema, SecretStr, ui

SECTION = "Login"


class Credential(Schema):
    """Base of the kinds."""

    name: ClassVar[str]
    """Public and stored, never renamed: "aws"."""
    label: ClassVar[str]


class AwsCredential(Credential):
    """Access keys of an AWS user."""

    name: ClassVar[str] = "aws"
    label: ClassVar[str] = "AWS"

    access_key_id: str = Field(
        min_length=16,
        max_length=128,
        title="Access Key ID",
        description="Id of the access key.",
        json_schema_extra=ui(section=SECTION, placeholder="AKIAIOSFODNN7EXAMPLE"),
    )
    secret_access_key: SecretStr = Field(
        min_length=4,
        max_length=128,
        title="Secret Access Key",
        description="The secret part of the access key.",
        json_schema_extra=ui(section=SECTION),
    )
    region: str = Field(
        min_length=1,
        max_length=128,
        title="AWS Region",
        description="The region of what is used with it.",
        json_schema_extra=ui(section=SECTION, placeholder="eu-central-1"),
    )


class AzureCredential(Credential):
    """A shared access policy of Azure."""

    name: ClassVar[str] = "azure"
    label: ClassVar[str] = "Azure"

    account: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        title="Account",
        description="Name of the storage account, or for Event Hubs of the shared access policy.",
        json_schema_extra=ui(section=SECTION),
    )
    account_key: SecretStr = Field(
        min_length=4,
        max_length=128,
        title="Account Key",
        description="Key of the account or policy.",
        json_schema_extra=ui(section=SECTION),
    )


class GcpCredential(Credential):
    """A service account of Google Cloud."""

    name: ClassVar[str] = "gcp"
    label: ClassVar[str] = "GCP"

    key_json: SecretStr = Field(
        min_length=4,
        max_length=8192,
        title="Key JSON",
        description="The service account's key file, as downloaded.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )


class HttpCredential(Credential):
    """A login for addresses that begin in a given way."""

    name: ClassVar[str] = "http"
    label: ClassVar[str] = "HTTP"

    uri_match: str = Field(
        min_length=8,
        max_length=1024,
        title="URI Match",
        description="Only addresses that begin with this are given the login; http://, https://, ws:// or wss://.",
        json_schema_extra=ui(section=SECTION, placeholder="https://api.example.com/"),
    )
    auth_method: Literal["header", "queryParam", "basicAuth", "clientCertificate"] = Field(
        title="Authentication Method",
        description="Where the login goes: a header, a query parameter, basic authentication, or a client certificate.",
        json_schema_extra=ui(section=SECTION),
    )
    public_value: str | None = Field(
        None,
        min_length=1,
        max_length=8196,
        title="Name, User or Certificate",
        description="Name of the header or parameter, the user's name, or the certificate in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )
    secret_value: SecretStr = Field(
        min_length=1,
        max_length=8196,
        title="Secret",
        description="Value of the header or parameter, the password, or the private key in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )


class CertificateCredential(Credential):
    """A certificate and its private key."""

    name: ClassVar[str] = "certificateKeyPair"
    label: ClassVar[str] = "Certificate and key"

    certificate: str = Field(
        min_length=4,
        max_length=32767,
        title="Certificate",
        description="The certificate in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )
    private_key: SecretStr = Field(
        min_length=4,
        max_length=32767,
        title="Private Key",
        description="Its private key in PEM form, without a passphrase.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )


CREDENTIAL_TYPES: dict[str, type[Credential]] = {
    kind.name: kind for kind in (AwsCredential, AzureCredential, GcpCredential, HttpCredential, CertificateCredential)
}
AnyCredential = TypeVar("AnyCredential", bound=Credential)


def credential_type_choices() -> list[tuple[str, str]]:
    """Return (name, label) of every kind. A module-level function, so that no migration lists them."""
    return [(kind.name, kind.label) for kind in CREDENTIAL_TYPES.values()]

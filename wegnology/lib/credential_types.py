"""Kinds of service credentials: logins kept once and used by name, by integrations and nodes of an application.

Names, fields and limits are those of the product's REST schema `credentialPost`; limits are of what templates give.
A kind is known here and nowhere else.
"""

import json
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import field_validator, model_validator

from wegnology.lib.certificates import about_certificate, judge_pair
from wegnology.lib.google_keys import read_key
from wegnology.lib.http_logins import (
    METHODS,
    address_begins,
    basic_authorization,
    check_beginning,
    judge_login,
    with_parameter,
)
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, When, ui
from wegnology.lib.types import JSONValue

SECTION = "Login"
NO_CREDENTIAL: When = {"credentialName": ["", None]}
"""For `ui(when=...)`: a setting that matters only while no service credential is named."""
WITH_CREDENTIAL: When = {"credentialName": {"not": ["", None]}}
"""For `ui(when=...)`: a setting that matters only beside a service credential."""


class Credential(Schema):
    """Base of the kinds."""

    name: ClassVar[str]
    """Public and stored, never renamed: "aws"."""
    label: ClassVar[str]
    answers: ClassVar[tuple[str, ...]] = ()
    """Names of what the API answers beside the settings that are no secrets (`in_answers`)."""

    def in_answers(self) -> dict[str, JSONValue]:
        """Return what the API answers in place of secrets: what may be known of them."""
        return {}

    def shown(self) -> list[tuple[str, str]]:
        """Return what helps to recognise it, as (label, text); never a secret."""
        return []


class AwsCredential(Credential):
    """Access keys of an AWS user."""

    name: ClassVar[str] = "aws"
    label: ClassVar[str] = "AWS"

    access_key_id: Templated[str] = Field(
        min_length=16,
        max_length=128,
        title="Access Key ID",
        description="Id of the access key.",
        json_schema_extra=ui(section=SECTION, placeholder="AKIAIOSFODNN7EXAMPLE"),
    )
    secret_access_key: Templated[SecretStr] = Field(
        min_length=4,
        max_length=128,
        title="Secret Access Key",
        description="The secret part of the access key.",
        json_schema_extra=ui(section=SECTION),
    )
    region: Templated[str] = Field(
        min_length=1,
        max_length=128,
        title="AWS Region",
        description="The region of what is used with it.",
        json_schema_extra=ui(section=SECTION, placeholder="eu-central-1"),
    )

    def shown(self) -> list[tuple[str, str]]:
        """Return the id and the region."""
        return [("Access key", self.access_key_id), ("Region", self.region)]


class AzureCredential(Credential):
    """A shared access policy of Azure."""

    name: ClassVar[str] = "azure"
    label: ClassVar[str] = "Azure"

    account: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=128,
        title="Account",
        description="Name of the storage account, or for Event Hubs of the shared access policy.",
        json_schema_extra=ui(section=SECTION),
    )
    account_key: Templated[SecretStr] = Field(
        min_length=4,
        max_length=128,
        title="Account Key",
        description="Key of the account or policy.",
        json_schema_extra=ui(section=SECTION),
    )

    def shown(self) -> list[tuple[str, str]]:
        """Return the account."""
        return [("Account", self.account)] if self.account else []


class GcpCredential(Credential):
    """A service account of Google Cloud."""

    name: ClassVar[str] = "gcp"
    label: ClassVar[str] = "GCP"
    answers: ClassVar[tuple[str, ...]] = ("keyMetaJson",)

    key_json: Templated[SecretStr] = Field(
        min_length=4,
        max_length=8192,
        title="Key JSON",
        description="The service account's key file, as downloaded.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )

    @field_validator("key_json")
    @classmethod
    def _key(cls, text: SecretStr) -> SecretStr:
        read_key(text.get_secret_value())
        return text

    def in_answers(self) -> dict[str, JSONValue]:
        """Return whose key it is, as JSON text."""
        return {"keyMetaJson": json.dumps(read_key(self.key_json.get_secret_value())._asdict())}

    def shown(self) -> list[tuple[str, str]]:
        """Return whose key it is."""
        key = read_key(self.key_json.get_secret_value())
        return [("Service account", key.client_email), ("Project", key.project_id), ("Key id", key.private_key_id)]


class HttpCredential(Credential):
    """A login for addresses that begin in a given way."""

    name: ClassVar[str] = "http"
    label: ClassVar[str] = "HTTP"

    uri_match: Templated[str] = Field(
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
    public_value: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=8196,
        title="Name, User or Certificate",
        description="Name of the header or parameter, the user's name, or the certificate in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )
    secret_value: Templated[SecretStr] = Field(
        min_length=1,
        max_length=8196,
        title="Secret",
        description="Value of the header or parameter, the password, or the private key in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )

    @field_validator("uri_match")
    @classmethod
    def _uri(cls, text: str) -> str:
        check_beginning(text)
        return text

    @model_validator(mode="after")
    def _method(self) -> Self:
        judge_login(self.auth_method, self.public_value, self.secret_value.get_secret_value())
        return self

    def shown(self) -> list[tuple[str, str]]:
        """Return where it is used and whose it is."""
        found = [("For addresses", f"{self.uri_match}…"), ("Method", METHODS[self.auth_method])]
        if self.auth_method == "clientCertificate":
            return [*found, *about_certificate(self.public_value or "")]
        return [*found, ("Name" if self.auth_method != "basicAuth" else "User", self.public_value or "—")]

    def matches(self, url: str) -> bool:
        """Say whether an address may be given the login: whether it begins with `uri_match`."""
        return address_begins(url, self.uri_match)

    def header_lines(self) -> list[tuple[str, str]]:
        """Return the headers that log in, as (name, value)."""
        value, secret = self.public_value or "", self.secret_value.get_secret_value()
        if self.auth_method == "header":
            return [(value, secret)]
        return [("Authorization", basic_authorization(value, secret))] if self.auth_method == "basicAuth" else []

    def address(self, url: str) -> str:
        """Return an address with the query parameter that logs in, in place of one of the same name."""
        if self.auth_method != "queryParam":
            return url
        return with_parameter(url, self.public_value or "", self.secret_value.get_secret_value())

    @property
    def pair(self) -> tuple[str, str] | None:
        """Certificate and private key to log in with, if that is the method."""
        if self.auth_method != "clientCertificate" or self.public_value is None:
            return None
        return self.public_value, self.secret_value.get_secret_value()


class CertificateCredential(Credential):
    """A certificate and its private key."""

    name: ClassVar[str] = "certificateKeyPair"
    label: ClassVar[str] = "Certificate and key"

    certificate: Templated[str] = Field(
        min_length=4,
        max_length=32767,
        title="Certificate",
        description="The certificate in PEM form.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )
    private_key: Templated[SecretStr] = Field(
        min_length=4,
        max_length=32767,
        title="Private Key",
        description="Its private key in PEM form, without a passphrase.",
        json_schema_extra=ui(section=SECTION, multiline=True),
    )

    @model_validator(mode="after")
    def _pair(self) -> Self:
        judge_pair(("certificate", self.certificate), ("privateKey", self.private_key.get_secret_value()))
        return self

    def shown(self) -> list[tuple[str, str]]:
        """Return whose certificate it is."""
        return about_certificate(self.certificate)


CREDENTIAL_TYPES: dict[str, type[Credential]] = {
    kind.name: kind for kind in (AwsCredential, AzureCredential, GcpCredential, HttpCredential, CertificateCredential)
}
AnyCredential = TypeVar("AnyCredential", bound=Credential)


def credential_type_choices() -> list[tuple[str, str]]:
    """Return (name, label) of every kind. A module-level function, so that no migration lists them."""
    return [(kind.name, kind.label) for kind in CREDENTIAL_TYPES.values()]

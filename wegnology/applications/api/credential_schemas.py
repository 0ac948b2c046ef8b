"""Schemas of service credentials in the API, made from their kinds."""

from typing import Any

from drf_spectacular.plumbing import ComponentRegistry
from pydantic import Field

from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.credential_types import Credential as Kind
from wegnology.lib.rest.answers import ID_PATTERN, Answer
from wegnology.lib.rest.openapi import Schemas
from wegnology.lib.rest.typed import collection_schema, config_schema, one_of, open_to_templates
from wegnology.lib.schema import Schema


class CredentialCommon(Answer):
    """What answers about service credentials of all types share."""

    id: str = Field(pattern=ID_PATTERN)
    credential_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    name: str
    type: str
    description: str
    enabled: bool


class CredentialPostCommon(Schema):
    """What new service credentials of all types share."""

    name: str = Field(min_length=1, max_length=255, examples=["AWS telemetry"])
    type: str
    description: str = Field("", max_length=32767)
    enabled: bool = True


class CredentialPatchCommon(Schema):
    """Changes that service credentials of all types share."""

    name: str = Field("", min_length=1, max_length=255)
    description: str = Field("", max_length=32767)
    enabled: bool = True


def _answered_config(kind: type[Kind]) -> Any:
    """Return what makes the schema of a type's settings as they are answered: without secrets."""

    def make(registry: ComponentRegistry) -> dict[str, Any]:
        made = kind.model_json_schema(by_alias=True, schema_generator=Schemas)
        names = [name for name in kind.fields() if name not in kind.secret_fields()]
        given = {name: made["properties"][name] for name in names}
        properties = open_to_templates(kind, given) | {name: {"type": "string"} for name in kind.answers}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    return make


def _changed_config(kind: type[Kind]) -> Any:
    """Return what makes the schema of a type's settings in a change: none is required."""

    def make(registry: ComponentRegistry) -> dict[str, Any]:
        made = kind.model_json_schema(by_alias=True, schema_generator=Schemas)
        properties = open_to_templates(kind, made["properties"])
        return {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}

    return make


def credential_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of an answer."""
    kinds = {name: _answered_config(kind) for name, kind in CREDENTIAL_TYPES.items()}
    return one_of("Credential", CredentialCommon, "type", kinds, registry)


def post_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a new one."""
    kinds = {name: lambda to, kind=kind: config_schema(kind, to) for name, kind in CREDENTIAL_TYPES.items()}
    return one_of("CredentialPost", CredentialPostCommon, "type", kinds, registry, required=True)


def patch_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a change."""
    kinds = {name: _changed_config(kind) for name, kind in CREDENTIAL_TYPES.items()}
    return one_of("CredentialPatch", CredentialPatchCommon, "", kinds, registry)


def credentials_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a list."""
    return collection_schema("CredentialCollection", credential_schema(registry), registry)

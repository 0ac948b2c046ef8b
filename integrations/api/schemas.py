"""Schemas of integrations in the API. What depends on a type is made from its connector's configuration."""

from typing import Any

from drf_spectacular.plumbing import ComponentRegistry
from pydantic import Field, field_validator

from integrations.connectors.base import connectors
from wegnology.lib.rest.answers import ID_PATTERN, Answer
from wegnology.lib.rest.typed import collection_schema, config_schema, one_of
from wegnology.lib.schema import Schema

Topics = list[str]
MAX_TOPICS = 1_000
_TOPICS: Any = Field(
    [],
    max_length=MAX_TOPICS,
    description="What is received: topics, event names or partition keys, as the type has it; each once, 1 to 1024 characters.",
    json_schema_extra={"uniqueItems": True, "items": {"type": "string", "minLength": 1, "maxLength": 1024}},
    examples=[["greenhouse/+/temperature"]],
)


def checked_topics(topics: Topics) -> Topics:
    """Return topics; raises `ValueError` for one that is empty, too long, or there twice."""
    if any(not 1 <= len(topic) <= 1024 for topic in topics):
        raise ValueError("A topic has 1 to 1024 characters.")
    if len(set(topics)) < len(topics):
        raise ValueError("Each topic may be there once.")
    return topics


class Moment(Schema):
    """When the connection was made last."""

    ts: int | None = Field(description="Milliseconds since 1970; null for never.")


class Loss(Moment):
    """When the connection was lost last, and why."""

    error: str = ""


class SubscriptionAnswer(Schema):
    """The state of one subscription."""

    topic: str
    state: str
    cause: str
    last_keep_alive: int | None = None
    last_message: int | None = None


class MessageFlow(Schema):
    """How messages move. Rates are messages a second, null while nobody measured them."""

    limit_per_second: float
    received_per_second: float | None
    run_per_second: float | None
    waiting: int = Field(description="Messages in the inbox.")
    oldest: int | None = Field(description="When the oldest of them came.")
    throttled: int | None = Field(description="Since when more wait than may start; null while the limit holds nothing back.")
    outgoing: int = Field(description="Messages that wait to be sent.")


class StatusAnswer(Schema):
    """How a connection is. Times are milliseconds since 1970.

    `connectInfo`, `disconnectInfo`, `lastKeepAlive` and `nextAttempt` are the original product's; the rest says it outright.
    """

    connect_info: Moment
    disconnect_info: Loss
    last_keep_alive: int | None = Field(description="The last proof of life.")
    next_attempt: int | None = Field(description="When the next try to connect begins.")
    state: str = Field(
        description="connecting, connected, degraded, silent, disconnected, refused, not configured, disabled, or unknown: "
        "there is no fresh proof.",
        examples=["connected"],
    )
    since: int | None = Field(description="Since when it is in this state.")
    first_cause: str = Field(description="Why it is not well: what was first,")
    latest_cause: str = Field(description="and what was last.")
    attempts: int = Field(description="Tries since it was connected.")
    last_message: int | None
    problems: list[str] = Field(description="What is wrong, the gravest first.")
    notices: list[str]
    flapping: int = Field(description="How often it was lost within ten minutes, if that is often.")
    errors: dict[str, str] = Field(description="Settings that cannot be used, by name.")
    subscriptions: list[SubscriptionAnswer]
    backlog: dict[str, int] = Field(description="Messages that wait at the source, by its parts, as far as it tells.")
    flow: MessageFlow | None = Field(description="null when Redis cannot be reached.")


class IntegrationCommon(Answer):
    """What answers about integrations of all types share."""

    id: str = Field(pattern=ID_PATTERN)
    integration_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    name: str
    integration_type: str
    enabled: bool
    topics: Topics
    credential_name: str = Field("", description="The service credential it logs in with; not there without one.")
    status: StatusAnswer


class IntegrationPostCommon(Schema):
    """What new integrations of all types share."""

    name: str = Field(min_length=1, max_length=255, examples=["Greenhouse broker"])
    integration_type: str = Field(examples=["mqtt"])
    enabled: bool = Field(True, description="Whether to connect.")
    credential_name: str | None = Field(None, min_length=1, max_length=255)
    topics: Topics = _TOPICS

    _topics = field_validator("topics")(checked_topics)


class IntegrationPatchCommon(Schema):
    """Changes that integrations of all types share."""

    name: str = Field("", min_length=1, max_length=255)
    enabled: bool = True
    credential_name: str | None = Field(None, min_length=1, max_length=255, description="null: without one from now on.")
    topics: Topics = _TOPICS

    _topics = field_validator("topics")(checked_topics)


class StatusItem(Schema):
    """The status of one integration."""

    integration_id: str = Field(pattern=ID_PATTERN)
    name: str
    integration_type: str
    enabled: bool
    status: StatusAnswer


class StatusList(Schema):
    """The status of all integrations of an application."""

    application_id: str = Field(pattern=ID_PATTERN)
    items: list[StatusItem]
    count: int
    away_since: str | None = Field(description="Since when Redis cannot be reached; then every state is unknown.")


def _configs() -> dict[str, Any]:
    return {kind.name: lambda registry, kind=kind: config_schema(kind.Config, registry) for kind in connectors}


def integration_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of an answer."""
    return one_of("Integration", IntegrationCommon, "integrationType", _configs(), registry)


def integrations_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a list."""
    return collection_schema("IntegrationCollection", integration_schema(registry), registry)


def post_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a new one."""
    return one_of("IntegrationPost", IntegrationPostCommon, "integrationType", _configs(), registry, required=True)


def patch_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of a change."""
    return one_of("IntegrationPatch", IntegrationPatchCommon, "", _configs(), registry)

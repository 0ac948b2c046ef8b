"""An integration type that only tests know: pages must show it without having heard of it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import pytest

from integrations.connectors.base import Connector, Delivery, connectors
from integrations.events import EventKind
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.types import JSONObject

CONFIG: JSONObject = {"host": "lamp.local", "port": 7, "mode": "plain"}
"""The least that a lamp needs."""


class LampConfig(Schema):
    """How to reach the lamp."""

    host: Templated[str] = Field(description="Name or address of the lamp.", min_length=1)
    port: Templated[int] = Field(ge=1, le=65535, description="Port of the lamp.")
    mode: Literal["plain", "secure"] = Field("plain", description="How the lamp is spoken to.")
    password: Templated[SecretStr | None] = Field(None, description="Asked for by some lamps.")
    certificate: Templated[str | None] = Field(
        None,
        description="The lamp's certificate.",
        json_schema_extra=ui(section="TLS", when={"mode": ["secure"]}, multiline=True),
    )
    serial: str = Field("", description="Assigned when left empty.")


class LampConnector(Connector[LampConfig, LampConfig]):
    """A lamp that never shines."""

    name: ClassVar[str] = "lamp"
    label: ClassVar[str] = "Lamp"
    notice: ClassVar[str] = "Lamps are out of fashion."
    Config = LampConfig
    topics_label: ClassVar[str] = "Switches"
    topics_help: ClassVar[str] = "One switch a line."
    payloads: ClassVar = {EventKind.MESSAGE: dict}

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Refuse switches with a space."""
        return {at: "A switch has no space." for at, topic in enumerate(topics) if " " in topic}

    @classmethod
    def prepare(cls, config: JSONObject) -> JSONObject:
        """Assign a serial number once."""
        return {**config, "serial": config.get("serial") or "lamp-1"}

    async def connect(self) -> JSONObject:
        """Do nothing."""
        return {}

    async def receive(self) -> Sequence[Delivery]:
        """Receive nothing."""
        return []

    async def probe(self) -> None:
        """Be well."""

    async def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> type[LampConnector]:
    """Make the type known for one test."""
    connectors.autodiscover()
    monkeypatch.setitem(connectors._classes, "lamp", LampConnector)
    return LampConnector

"""Azure Event Hubs against a namespace on loopback, plain and secured."""

import asyncio
import itertools
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from integrations.connectors.azure_event_hub import AzureEventHubConnector, AzureEventHubOutgoing
from integrations.connectors.base import AnyConnector, Delivery, Source
from tests.integrations.connectors.contract import ConnectorContract, Counterpart
from tests.servers.certificates import Certificates
from tests.servers.event_hubs import KEY, EventHubs
from tests.servers.proxy import Proxy
from wegnology.lib.types import JSONObject

_numbers = itertools.count()


class QuickEventHub(AzureEventHubConnector):
    """The connector with a shorter patience; it keeps positions as the runtime does."""

    phase_seconds: ClassVar[float] = 2.0
    positions: ClassVar[dict[str, str]] = {}

    async def connect(self) -> JSONObject:
        data = await super().connect()
        self.positions.update(self.passed())
        return data

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        await super().acknowledge(deliveries)
        self.positions.update(one.position for one in deliveries if one.position is not None)
        self.positions.update(self.passed())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def shared() -> Iterator[EventHubs]:
    with EventHubs() as hubs:
        yield hubs


@pytest.fixture(scope="module")
def shared_secured(certificates: Certificates) -> Iterator[EventHubs]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_file, certificates.server_key_file)
    with EventHubs(tls=context, frame_bytes=1024) as hubs:
        yield hubs


class Peer(Counterpart):
    """A hub of the test's own."""

    secret = KEY

    def __init__(self, hubs: EventHubs, proxy: Proxy) -> None:
        super().__init__(proxy)
        self.hubs = hubs
        self.name = f"hub{next(_numbers)}"
        self.sent = f"{self.name}out"
        hubs.hub(self.name)
        QuickEventHub.positions.clear()

    def settings(self) -> JSONObject:
        return {
            "connectionString": self.hubs.connection_string(self.proxy.port),
            "hubName": self.name,
            "consumerGroup": "$Default",
        }

    def wrong_settings(self) -> JSONObject:
        return {**self.settings(), "connectionString": self.hubs.connection_string(self.proxy.port).replace(KEY, KEY[::-1])}

    def source(self) -> Source:
        return Source("5f30", positions=dict(QuickEventHub.positions))

    def publish(self, messages: Sequence[str]) -> None:
        self.hubs.publish(self.name, messages, key="one")

    def text(self, data: JSONObject) -> str:
        event: Any = data["event"]
        return str(event["body"])

    def outgoing(self, text: str) -> AzureEventHubOutgoing:
        return AzureEventHubOutgoing(data=text, partition_key="one")

    def watched(self) -> list[str]:
        return self.hubs.bodies(self.name)

    def restart(self) -> None:
        self.hubs.restart()


class TestAzureEventHub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickEventHub

    @pytest.fixture
    def server(self, shared: EventHubs) -> Iterator[Peer]:
        with Proxy(shared.port) as proxy:
            yield Peer(shared, proxy)


class TestSecuredAzureEventHub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickEventHub

    @pytest.fixture
    def server(self, shared_secured: EventHubs, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
        monkeypatch.setattr(QuickEventHub, "authority", certificates.ca)
        with Proxy(shared_secured.port) as proxy:
            yield Peer(shared_secured, proxy)

"""Google Pub/Sub against a counterpart that checks tokens and permissions as Google does."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from integrations.connectors.base import AnyConnector, Source
from integrations.connectors.google_pub_sub import GooglePubSubConnector, GooglePubSubOutgoing
from tests.integrations.connectors.contract import ConnectorContract, Counterpart
from tests.servers.certificates import Certificates
from tests.servers.proxy import Proxy
from tests.servers.pubsub import Account, PubsubServer
from wegnology.lib import endpoints
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject


class QuickPubSub(GooglePubSubConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 2.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def cloud(certificates: Certificates) -> Iterator[PubsubServer]:
    with PubsubServer(certificates) as server:
        yield server


@pytest.fixture(scope="module")
def account(cloud: PubsubServer) -> Account:
    return cloud.account()


@pytest.fixture
def proxy(cloud: PubsubServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to the service, for every connector of a test."""
    monkeypatch.setattr(GooglePubSubConnector, "authority", certificates.ca)
    with Proxy(cloud.port) as proxy:
        endpoints.configure([f"googlePubSub=https://localhost:{proxy.port}"])
        yield proxy
    endpoints.configure([])
    cloud.fault("none")


class Peer(Counterpart):
    """A topic of this test's own."""

    def __init__(self, cloud: PubsubServer, account: Account, proxy: Proxy) -> None:
        super().__init__(proxy)
        self.cloud, self.account = cloud, account
        self.topic = f"topic-{new_id()}"
        self.out = f"out-{new_id()}"
        self.integration_id = new_id()
        cloud.topic(self.topic)
        cloud.topic(self.out)
        self.secret = str(json.loads(account.key_json)["private_key"])[100:160]

    def settings(self) -> JSONObject:
        return {"keyJson": self.account.key_json}

    def wrong_settings(self) -> JSONObject:
        return {"keyJson": json.dumps({**json.loads(self.account.key_json), "private_key_id": "another"})}

    def source(self) -> Source:
        return Source(self.integration_id, (self.topic,))

    def publish(self, messages: Sequence[str]) -> None:
        self.cloud.publish(self.topic, messages, key="one")

    def text(self, data: JSONObject) -> str:
        return str(data["data"])

    def outgoing(self, text: str) -> GooglePubSubOutgoing:
        return GooglePubSubOutgoing(topic=self.out, data=text)

    def watched(self) -> list[str]:
        return [message.data.decode() for message in self.cloud.published(self.out)]

    def restart(self) -> None:
        self.cloud.restart()


class TestGooglePubSub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickPubSub

    @pytest.fixture
    def server(self, cloud: PubsubServer, account: Account, proxy: Proxy) -> Peer:
        return Peer(cloud, account, proxy)

"""Amazon SQS against a server that checks logins and permissions as AWS does."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from integrations.connectors.base import AnyConnector, Source
from integrations.connectors.sqs import SqsConnector, SqsOutgoing
from tests.integrations.connectors.contract import ConnectorContract, Counterpart, until
from tests.servers.proxy import Proxy
from tests.servers.sqs import ALL, REGION, AwsUser, SqsServer
from wegnology.lib.types import JSONObject

AMAZON = "https://sqs.eu-west-1.amazonaws.com/123456789012/greenhouse"


class QuickSqs(SqsConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 2.0
    poll_seconds: ClassVar[int] = 1


@pytest.fixture(scope="module")
def cloud() -> Iterator[SqsServer]:
    with SqsServer() as server:
        yield server


@pytest.fixture(scope="module")
def user(cloud: SqsServer) -> AwsUser:
    return cloud.user(*ALL)


def login(user: AwsUser) -> JSONObject:
    return {"region": REGION, "accessKeyId": user.access_key_id, "secretAccessKey": user.secret_access_key}


class Peer(Counterpart):
    """A queue of this test's own."""

    def __init__(self, cloud: SqsServer, user: AwsUser, proxy: Proxy, *, fifo: bool = False) -> None:
        super().__init__(proxy)
        self.cloud = cloud
        self.queue = cloud.queue(fifo=fifo)
        self.secret = user.secret_access_key
        self._user, self._fifo = user, fifo
        self._watched: list[str] = []

    def settings(self) -> JSONObject:
        return {"queueUrl": self.cloud.url(self.queue, self.proxy.port), **login(self._user)}

    def wrong_settings(self) -> JSONObject:
        return {**self.settings(), "secretAccessKey": self.secret[::-1]}

    def source(self) -> Source:
        return Source("5f20")

    def publish(self, messages: Sequence[str]) -> None:
        self.cloud.publish(self.queue, messages, **({"MessageGroupId": "one"} if self._fifo else {}))

    def text(self, data: JSONObject) -> str:
        return str(data["message"])

    def outgoing(self, text: str) -> SqsOutgoing:
        return SqsOutgoing(data=text, message_group_id="one" if self._fifo else None)

    def watched(self) -> list[str]:
        self._watched += [message["Body"] for message in self.cloud.take_all(self.queue)]
        return self._watched

    def restart(self) -> None:
        self.cloud.restart()


class TestSqs(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickSqs

    @pytest.fixture
    def server(self, cloud: SqsServer, user: AwsUser) -> Iterator[Peer]:
        with Proxy(cloud.port) as proxy:
            yield Peer(cloud, user, proxy)

    @asynccontextmanager
    async def connected(self, server: Counterpart, settings: JSONObject | None = None) -> AsyncIterator[SqsConnector]:
        """Give a connector that waits for messages: between two polls a connection may go without anyone noticing."""
        async with super().connected(server, settings) as connector:
            await until(lambda: connector._reader.polling or connector._reader._open, "the next poll")
            await asyncio.sleep(0.05)  # the request is written by then; were it not, a cut would be harmless
            yield connector

"""Numbered messages of Amazon SQS and Google Pub/Sub under faults: none lost, order kept per group and ordering key."""

from collections.abc import Callable, Iterator, Sequence
from time import sleep
from typing import ClassVar

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from integrations.models import Integration
from tests import factories
from tests.fault_course import PAST_THE_LEASE, Numbered, away, go_through, while_
from tests.servers.processes import LOOPBACK
from tests.servers.pubsub import PubsubServer
from tests.servers.sqs import ALL, REGION, SqsServer
from tests.stack import SPEED, Stack, running
from tests.test_losses import kill_both, kill_listener, kill_redis, kill_worker, redis_away, stop_listener
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.losses

LEASE_SECONDS = 3
"""How soon what a killed listener held comes again; half a minute and 15 s where they really are."""


class Topic(Numbered):
    """A topic of Pub/Sub; its lanes are ordering keys."""

    text: ClassVar[str] = "data.data"
    lane: ClassVar[str] = "data.orderingKey"

    def __init__(self, cloud: PubsubServer) -> None:
        self._cloud = cloud
        self._name = f"numbers-{new_id()}"
        cloud.topic(self._name)

    def integration(self, of: Application, name: str) -> Integration:
        config: JSONObject = {"keyJson": self._cloud.account().key_json}
        return factories.integration(of, name=name, integration_type="googlePubSub", config=config, topics=[self._name])

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._cloud.publish(self._name, texts, key=lane)


class Queue(Numbered):
    """A FIFO queue of SQS; its lanes are message groups."""

    text: ClassVar[str] = "data.message"
    lane: ClassVar[str] = "data.systemAttributes.MessageGroupId"

    def __init__(self, cloud: SqsServer) -> None:
        self._cloud = cloud
        self._name = cloud.queue(fifo=True, VisibilityTimeout=str(LEASE_SECONDS))
        self._user = cloud.user(*ALL)

    def integration(self, of: Application, name: str) -> Integration:
        login = {"region": REGION, "accessKeyId": self._user.access_key_id, "secretAccessKey": self._user.secret_access_key}
        config: JSONObject = {"queueUrl": self._cloud.url(self._name), **login}
        return factories.integration(of, name=name, integration_type="sqs", config=config, topics=[])

    def put(self, lane: str, texts: Sequence[str]) -> None:
        while True:
            try:
                return self._cloud.publish(self._name, texts, MessageGroupId=lane)
            except (OSError, BotoCoreError, ClientError):  # it is away
                sleep(0.2)


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PubsubServer]:
    with PubsubServer(longest_lease=LEASE_SECONDS) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pubsub: PubsubServer) -> Iterator[Stack]:
    """One hub for all faults: each must leave it whole for the next."""
    environment = {**SPEED, "WEGNOLOGY_SERVICE_URLS": f"googlePubSub=http://{LOOPBACK}:{pubsub.port}"}
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=environment), request) as hub:
        yield hub


@pytest.fixture(scope="module")
def sqs() -> Iterator[SqsServer]:
    with SqsServer() as cloud:
        yield cloud


def test_a_topic_loses_nothing(hub: Stack, pubsub: PubsubServer) -> None:
    go_through(hub, Topic(pubsub), lambda: kill_both(hub, 0), pubsub.expire_tokens, pubsub.restart)


def test_a_queue_loses_nothing(hub: Stack, sqs: SqsServer) -> None:
    go_through(hub, Queue(sqs), lambda: kill_both(hub, 0))


HUB: dict[str, Callable[[Stack], None]] = {
    "listener killed": lambda hub: kill_listener(hub, 0),
    "worker killed": lambda hub: kill_worker(hub, 0),
    "listener stopped past its lease": lambda hub: stop_listener(hub, PAST_THE_LEASE),
    "Redis killed": lambda hub: kill_redis(hub, 0),
    "Redis away": lambda hub: redis_away(hub, PAST_THE_LEASE),
}
TOPIC: dict[str, Callable[[Stack, PubsubServer], None]] = {
    "service away": lambda _, cloud: away(cloud),
    "streams ended": lambda _, cloud: cloud.end_streams(),
    "tokens expired": lambda _, cloud: cloud.expire_tokens(),
    "unavailable": while_("unavailable"),
    "permission taken": while_("permission_denied"),
    "slow acknowledgements": while_("slow_acks"),
    "duplicates": while_("duplicates"),
    "hanging": while_("hang"),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", [*HUB, *TOPIC])
def test_a_fault_loses_nothing_of_a_topic(hub: Stack, pubsub: PubsubServer, fault: str) -> None:
    go_through(hub, Topic(pubsub), lambda: HUB[fault](hub) if fault in HUB else TOPIC[fault](hub, pubsub))


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", [*HUB, "service restarted"])
def test_a_fault_loses_nothing_of_a_queue(hub: Stack, sqs: SqsServer, fault: str) -> None:
    go_through(hub, Queue(sqs), lambda: HUB[fault](hub) if fault in HUB else sqs.restart())

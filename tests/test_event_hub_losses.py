"""Numbered events of Event Hubs under faults: none lost, the order of each hub partition kept, the ledger balanced."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import pytest

from integrations.models import Integration
from tests import factories
from tests.fault_course import CALM, PAST_THE_LEASE, Load, Numbered, away, go_through, relay, while_
from tests.servers.event_hubs import EventHubs
from tests.stack import SPEED, Stack, running
from tests.test_losses import kill_listener, kill_redis, kill_worker, redis_away, stop_listener, stop_worker
from tests.traffic import Collector
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.losses


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=SPEED), request) as hub:
        yield hub


@pytest.fixture(scope="module")
def hubs() -> Iterator[EventHubs]:
    with EventHubs() as hubs:
        yield hubs


class NumberedHub(Numbered):
    """A hub of the test's own; a lane is a hub partition."""

    lanes: ClassVar[Sequence[str]] = ("0", "1")
    text: ClassVar[str] = "data.event.body"
    lane: ClassVar[str] = "data.partitionId"

    def __init__(self, hubs: EventHubs) -> None:
        self._hubs = hubs
        self._name = f"h{new_id()}"
        hubs.hub(self._name, len(self.lanes))

    def integration(self, of: Application, name: str) -> Integration:
        """Make the integration."""
        config: JSONObject = {
            "connectionString": self._hubs.connection_string(),
            "hubName": self._name,
            "consumerGroup": "$Default",
        }
        return factories.integration(of, name=name, integration_type="azureEventHub", config=config, topics=[])

    def put(self, lane: str, texts: Sequence[str]) -> None:
        """Let events arrive."""
        self._hubs.publish(self._name, texts, partition=lane)


def test_one_fault_after_the_other_loses_nothing(hub: Stack, hubs: EventHubs) -> None:
    go_through(
        hub,
        NumberedHub(hubs),
        lambda: kill_listener(hub, 0),
        lambda: kill_worker(hub, 0),
        lambda: kill_redis(hub, 0),
        hubs.restart,
        lambda: hubs.fault("detach-forced"),
        lambda: hubs.fault("token-expired"),
    )


SLOW: dict[str, Callable[[Stack, EventHubs], None]] = {
    "listener killed": lambda hub, _: kill_listener(hub, 0),
    "worker killed": lambda hub, _: kill_worker(hub, 0),
    "listener stopped past its lease": lambda hub, _: stop_listener(hub, PAST_THE_LEASE),
    "worker stopped past its lease": lambda hub, _: stop_worker(hub, PAST_THE_LEASE),
    "Redis away": lambda hub, _: redis_away(hub, PAST_THE_LEASE),
    "service away": lambda _, hubs: away(hubs),
    "service deaf": while_("deaf"),
    "link stolen": while_("link-stolen"),
    "connection closed": while_("connection-forced"),
    "busy": while_("server-busy"),
    "login ended": while_("token-expired"),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", SLOW)
def test_a_fault_loses_nothing(hub: Stack, hubs: EventHubs, fault: str) -> None:
    go_through(hub, NumberedHub(hubs), lambda: SLOW[fault](hub, hubs))


@pytest.mark.slow
def test_a_restart_goes_on_where_it_was(hub: Stack, hubs: EventHubs) -> None:
    """What came while nobody was there arrives, and what came before does not come again."""
    numbered, name = NumberedHub(hubs), f"c{new_id()}"
    source, target = relay(numbered, name, hub.port)
    topics = [f"out/{name}/{lane}" for lane in numbered.lanes]
    hub.wait_connected(source.pk, target.pk)
    load = Load(numbered)
    listener = next(process for process in hub.processes if process.role == "listener")
    with Collector(hub.port) as collector:
        load.put(CALM)
        hub.wait(lambda: all(collector.has(topic, CALM) for topic in topics), 60, "the first numbers")
        hub.wait_quiet(source.pk)
        listener.stop()
        load.put(CALM)
        listener.start()
        hub.wait(lambda: all(collector.has(topic, 2 * CALM) for topic in topics), 60, "the rest")
        assert [collector.repeated(topic) for topic in topics] == [set(), set()]
    source.application.delete()

"""Numbered events of Event Hubs under faults: none lost, the order of each hub partition kept, the ledger balanced."""

import json
import threading
from collections.abc import Callable, Iterator
from time import sleep
from types import TracebackType
from typing import Self

import pytest
from django.db import transaction

from integrations.models import Integration
from tests import factories
from tests.relays import chain, mqtt, publish
from tests.servers.event_hubs import EventHubs
from tests.servers.processes import wait_until
from tests.stack import SPEED, Stack, running
from tests.test_losses import kill_listener, kill_redis, kill_worker, redis_away, stop_listener, stop_worker
from tests.traffic import Collector
from tests.workflows.fakes import node
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.losses

PARTITIONS = ("0", "1")
CALM = 40
PAST_THE_LEASE = 8.0


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=SPEED), request) as hub:
        yield hub


@pytest.fixture(scope="module")
def hubs() -> Iterator[EventHubs]:
    with EventHubs() as hubs:
        yield hubs


class Load:
    """A thread that lets the numbers 1, 2, 3 ... arrive in each hub partition; a hub takes them whoever is there to read."""

    def __init__(self, hubs: EventHubs, name: str) -> None:
        self._hubs, self._name = hubs, name
        self.last = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")

    def put(self, count: int) -> None:
        """Let the next numbers arrive."""
        numbers = [json.dumps({"n": n}) for n in range(self.last + 1, self.last + count + 1)]
        for partition in PARTITIONS:
            self._hubs.publish(self._name, numbers, partition=partition)
        self.last += count

    def wait(self, more: int) -> None:
        """Wait for so many more."""
        goal = self.last + more
        wait_until(lambda: self.last >= goal, what=f"number {goal}")

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.put(10)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()


@transaction.atomic
def relay(hubs: EventHubs, name: str, port: int) -> tuple[Integration, Integration]:
    """Make an integration whose events leave by MQTT, on one topic for each hub partition, and the one that they leave by."""
    of = factories.application()
    config: JSONObject = {"connectionString": hubs.connection_string(), "hubName": name, "consumerGroup": "$Default"}
    source = factories.integration(of, name=name, integration_type="azureEventHub", config=config, topics=[])
    target = mqtt(of, f"{name}-out", port)
    decode = node("decode", "JsonDecodeNode", source="data.event.body", destination="working.message")
    last = publish(target, f"out/{name}/{{{{data.partitionId}}}}", "{{jsonEncode working.message}}")
    factories.workflow(source, name=name, nodes=chain(decode, last))
    return source, target


def go_through(hub: Stack, hubs: EventHubs, *faults: Callable[[], None]) -> None:
    """Calm, then faults under load, then calm: everything arrives, in order, and the books balance."""
    name = f"h{new_id()}"
    hubs.hub(name, len(PARTITIONS))
    source, target = relay(hubs, name, hub.port)
    hub.wait_connected(source.pk, target.pk)
    load = Load(hubs, name)
    with Collector(hub.port) as collector:

        def arrived() -> bool:
            return all(collector.has(f"out/{name}/{partition}", load.last) for partition in PARTITIONS)

        load.put(CALM)
        hub.wait(arrived, 60, "the first numbers at the outputs")
        with load:
            for fault in faults:
                load.wait(CALM)
                fault()
            load.wait(CALM)
        hub.wait(arrived, 100, f"numbers up to {load.last} at the outputs")
        load.put(CALM)
        hub.wait(arrived, 60, "the last numbers at the outputs")
        hub.wait_quiet(source.pk, target.pk)
        for partition in PARTITIONS:
            numbers = collector.numbers(f"out/{name}/{partition}")
            assert list(dict.fromkeys(numbers)) == list(range(1, load.last + 1)), f"first arrivals of hub partition {partition}"
            repeated = collector.repeated(f"out/{name}/{partition}")
            assert [n for n in repeated if n <= CALM or n > load.last - CALM] == [], "repeated without a fault"
    lines = hub.ledger(source.pk)
    assert [line for line in lines if not line.balanced or line.parked or line.dropped or line.waiting] == []
    assert sum(line.messages for line in lines) >= load.last * len(PARTITIONS)
    assert hub.parked(source.pk) == []
    source.application.delete()


def test_one_fault_after_the_other_loses_nothing(hub: Stack, hubs: EventHubs) -> None:
    go_through(
        hub,
        hubs,
        lambda: kill_listener(hub, 0),
        lambda: kill_worker(hub, 0),
        lambda: kill_redis(hub, 0),
        hubs.restart,
        lambda: hubs.fault("detach-forced"),
        lambda: hubs.fault("token-expired"),
    )


def away(hubs: EventHubs) -> None:
    hubs.stop()
    sleep(PAST_THE_LEASE)
    hubs.start()


def while_(fault: str) -> Callable[[Stack, EventHubs], None]:
    def work(_: Stack, hubs: EventHubs) -> None:
        hubs.fault(fault)
        sleep(3.0)
        hubs.fault("none")

    work.__name__ = fault
    return work


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
    go_through(hub, hubs, lambda: SLOW[fault](hub, hubs))


@pytest.mark.slow
def test_a_restart_goes_on_where_it_was(hub: Stack, hubs: EventHubs) -> None:
    """What came while nobody was there arrives, and what came before does not come again."""
    name = f"h{new_id()}"
    hubs.hub(name, len(PARTITIONS))
    source, target = relay(hubs, name, hub.port)
    hub.wait_connected(source.pk, target.pk)
    load = Load(hubs, name)
    listener = next(process for process in hub.processes if process.role == "listener")
    with Collector(hub.port) as collector:
        load.put(CALM)
        hub.wait(lambda: all(collector.has(f"out/{name}/{one}", CALM) for one in PARTITIONS), 60, "the first numbers")
        hub.wait_quiet(source.pk)
        sleep(1.0)
        listener.stop()
        load.put(CALM)
        listener.start()
        hub.wait(lambda: all(collector.has(f"out/{name}/{one}", 2 * CALM) for one in PARTITIONS), 60, "the rest")
        assert [collector.repeated(f"out/{name}/{one}") for one in PARTITIONS] == [set(), set()]
    source.application.delete()

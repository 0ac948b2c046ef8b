"""Numbered messages under faults: nothing is lost, order is kept, and what runs twice is told from what does not."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from integrations.models import Integration
from integrations.runtime.keys import key
from tests import factories
from tests.fault_course import PAST_THE_LEASE
from tests.relays import relay
from tests.stack import SPEED, Stack, running
from tests.stack_process import HubProcess
from tests.traffic import Collector, Load, Publisher
from tests.workflows.fakes import node
from wegnology.lib.ids import new_id

pytestmark = pytest.mark.losses

NAMES = ("a", "b", "c")
CALM = 50
"""Numbers published before and after the fault."""


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One hub for all faults: each must leave it whole for the next."""
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=SPEED), request) as hub:
        yield hub


class Course:
    """Three integrations under load: calm, a fault, calm again."""

    def __init__(self, hub: Stack) -> None:
        self.hub = hub
        self._application = application = factories.application()
        course = new_id()
        self.names = [f"{course}-{name}" for name in NAMES]
        self.integrations = [relay(application, name, hub.port) for name in self.names]
        self.ids = [row.pk for row in self.integrations]
        self._topics = [f"in/{name}" for name in self.names]
        self._calm_until = 0
        self._fault_over = 0

    @contextmanager
    def disturbed(self) -> Iterator[Load]:
        """Publish calmly, then under load while the body does its worst, then calmly again; then check everything."""
        hub = self.hub
        hub.wait_connected(*self.ids)
        with Collector(hub.port) as collector, Publisher(hub.port) as publisher:
            load = Load(publisher, self._topics)
            publisher.publish_numbers(self._topics, 1, CALM)
            self._settle(collector, CALM)
            load.confirmed = self._calm_until = CALM
            with load:
                load.wait(CALM)
                yield load
                load.wait(CALM)
            self._settle(collector, load.confirmed)
            self._fault_over = load.confirmed
            publisher.publish_numbers(self._topics, load.confirmed + 1, load.confirmed + CALM)
            self._settle(collector, load.confirmed + CALM)
            self._check(collector, load.confirmed + CALM)
        self._application.delete()

    def _settle(self, collector: Collector, last: int) -> None:
        def arrived() -> bool:
            return all(collector.has(f"out/{name}", last) for name in self.names)

        try:
            self.hub.wait(arrived, 60, f"numbers up to {last} at the outputs")
            self.hub.wait_quiet(*self.ids)
        except TimeoutError as error:
            raise AssertionError("\n".join([str(error), *self._account(collector, last)])) from error

    def _account(self, collector: Collector, last: int) -> Iterator[str]:
        """Say of each integration what is missing, and what the hub has of it."""
        for name, row in zip(self.names, self.integrations, strict=True):
            missing = sorted(set(range(1, last + 1)) - set(collector.numbers(f"out/{name}")))
            boxes = {box: self.hub.client.xlen(key(box, row.pk)) for box in ("inbox", "outbox")}
            yield f"{name}: missing {missing[:5]} ... {missing[-5:]}, {boxes}"
            yield f"{self.hub.ledger(row.pk)}, {self.hub.status(row.pk)}"

    def _check(self, collector: Collector, last: int) -> None:
        for name, row in zip(self.names, self.integrations, strict=True):
            numbers = collector.numbers(f"out/{name}")
            assert _stretches(sorted(set(numbers))) == [(1, last)]
            assert _stretches(dict.fromkeys(numbers)) == [(1, last)], "first arrivals, in order"
            outside = [n for n in collector.repeated(f"out/{name}") if n <= self._calm_until or n > self._fault_over]
            assert outside == [], "repeated although there was no fault at the time"
            self._check_books(row, last)

    def _check_books(self, row: Integration, last: int) -> None:
        lines = self.hub.ledger(row.pk)
        assert [line for line in lines if not line.balanced] == []
        assert sum(line.messages for line in lines) >= last
        assert [(line.parked, line.dropped, line.waiting) for line in lines if line.parked or line.dropped or line.waiting] == []
        assert self.hub.parked(row.pk) == []


def _stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return first and last of each stretch of following numbers: one stretch when all is in order."""
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and stretches[-1][1] + 1 == number:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    return stretches


def _process(hub: Stack, role: str) -> HubProcess:
    return next(process for process in hub.processes if process.role == role)


Fault = Callable[[Stack, float], None]
"""Does its worst to a hub for so many seconds where it lasts, and leaves it running."""


def kill_listener(hub: Stack, _: float) -> None:
    _process(hub, "listener").kill()


def kill_worker(hub: Stack, _: float) -> None:
    _process(hub, "worker").kill()


def kill_both(hub: Stack, _: float) -> None:
    kill_listener(hub, 0)
    kill_worker(hub, 0)


def stop_listener(hub: Stack, seconds: float) -> None:
    _pause(_process(hub, "listener"), seconds)


def stop_worker(hub: Stack, seconds: float) -> None:
    _pause(_process(hub, "worker"), seconds)


def kill_redis(hub: Stack, _: float) -> None:
    hub.redis.kill()
    hub.redis.start()


def redis_away(hub: Stack, seconds: float) -> None:
    hub.redis.kill()
    sleep(seconds)
    hub.redis.start()


def restart_broker(hub: Stack, _: float) -> None:
    hub.broker.restart()


def broker_away(hub: Stack, seconds: float) -> None:
    hub.broker.stop()
    sleep(seconds)
    hub.broker.start()


def _pause(process: HubProcess, seconds: float) -> None:
    process.pause()
    sleep(seconds)
    process.resume()


AT_ONCE = [kill_listener, kill_worker, kill_both, kill_redis, restart_broker]
LASTING = [stop_listener, stop_worker, redis_away, broker_away]


@pytest.mark.parametrize("fault", [*AT_ONCE, *LASTING])
def test_a_fault_loses_nothing(hub: Stack, fault: Fault) -> None:
    with Course(hub).disturbed():
        fault(hub, PAST_THE_LEASE)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", LASTING)
def test_twenty_seconds_of_a_fault_lose_nothing(hub: Stack, fault: Fault) -> None:
    with Course(hub).disturbed():
        fault(hub, 20.0)


def test_edits_under_load_lose_nothing(hub: Stack) -> None:
    course = Course(hub)
    with course.disturbed() as load:
        for edit in range(20):
            row = Integration.objects.get(pk=course.ids[0])
            row.topics = [f"in/{course.names[0]}", f"in/{course.names[0]}/{edit}"]
            row.save()
            load.wait(10)


@pytest.fixture
def poisonable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A hub whose processes know a node that kills them, with short leases: it dies several times."""
    environment = {**SPEED, "WEGNOLOGY_LEASE_SECONDS": "2"}
    with running(Stack(tmp_path, supervised=True, celery="tests.poison", environment=environment), request) as hub:
        yield hub


def test_an_event_that_kills_the_worker_is_parked_alone(poisonable: Stack) -> None:
    hub, port, last, deadly = poisonable, poisonable.port, 6, 4
    application = factories.application()
    sick = relay(application, "sick", port, node("kill", "PoisonNode", number=deadly))
    slow = [relay(application, f"slow{n}", port, node("wait", "DelayNode", delay=10)) for n in range(4)]
    rows = {row.name: row for row in [sick, *slow, relay(application, "well", port)]}
    ids = [row.pk for row in rows.values()]
    hub.wait_connected(*ids)
    with Collector(port) as collector, Publisher(port) as publisher:
        publisher.publish_numbers([f"in/{name}" for name in rows if name != "sick"], 1, last)
        publisher.publish_numbers(["in/sick"], 1, last)
        hub.wait(lambda: bool(hub.parked(sick.pk)), 60, "the deadly event parked")
        hub.wait_quiet(*ids)
        everything = set(range(1, last + 1))
        wanted = {name: everything - {deadly} if name == "sick" else everything for name in rows}
        hub.wait(lambda: {name: set(collector.numbers(f"out/{name}")) for name in rows} == wanted, what="all but the deadly one")
        assert _stretches(dict.fromkeys(collector.numbers("out/sick"))) == [(1, deadly - 1), (deadly + 1, last)]
    parked = [(run.reason, json.loads(run.event)["d"]["message"]) for i in ids for run in hub.parked(i)]
    assert parked == [("stops the worker", json.dumps({"n": deadly}))]
    assert "the worker process died" in hub.parked(sick.pk)[0].error_message
    lines = [(i, line) for i in ids for line in hub.ledger(i)]
    assert [line for _, line in lines if not line.balanced or line.dropped or line.waiting] == []
    assert [(i, line.parked) for i, line in lines if line.parked] == [(sick.pk, {"stops the worker": 1})]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_deadly_event_is_found_behind_more_than_one_claim(poisonable: Stack) -> None:
    hub, last, deadly = poisonable, 90, 80
    application = factories.application()
    sick = relay(application, "sick", hub.port, node("kill", "PoisonNode", number=deadly), node("wait", "DelayNode", delay=10))
    hub.wait_connected(sick.pk)
    with Collector(hub.port) as collector, Publisher(hub.port) as publisher:
        publisher.publish_numbers(["in/sick"], 1, last)
        hub.wait(lambda: collector.has("out/sick", last, without={deadly}), 100, "all but the deadly one")
        hub.wait_quiet(sick.pk)
    assert [run.reason for run in hub.parked(sick.pk)] == ["stops the worker"]

"""Numbered messages of one source through a whole hub: calm, faults under load, calm again. None is lost, order is kept."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from time import sleep
from types import TracebackType
from typing import ClassVar, Protocol, Self

from django.db import transaction

from integrations.models import Integration
from tests import factories
from tests.relays import chain, mqtt, publish
from tests.servers.processes import wait_until
from tests.stack import Stack
from tests.traffic import Collector
from tests.workflows.fakes import node
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id

CALM = 40
"""Numbers of each lane before, between and after faults."""
PAST_THE_LEASE = 8.0
"""Seconds: longer than a lease (5 s), so that others could have taken over."""
FAULT_SECONDS = 3.0


class Service(Protocol):
    """A server that can go away."""

    def stop(self) -> None:
        """Go away."""

    def start(self) -> None:
        """Come back with what there was."""


class Faulty(Protocol):
    """A server that can be given faults."""

    def fault(self, kind: str) -> None:
        """Switch to a fault; "none" ends it."""


class Numbered(ABC):
    """A source that takes messages whoever is there to receive them, and keeps their order within a lane."""

    lanes: ClassVar[Sequence[str]] = ("a", "b")
    text: ClassVar[str]
    """Where a workflow finds the text of a message."""
    lane: ClassVar[str]
    """Where a workflow finds its lane."""

    @abstractmethod
    def integration(self, of: Application, name: str) -> Integration:
        """Make the integration that receives."""

    @abstractmethod
    def put(self, lane: str, texts: Sequence[str]) -> None:
        """Let messages arrive, in order."""


class Load:
    """A thread that lets the numbers 1, 2, 3 ... arrive in each lane, about 100 a second."""

    def __init__(self, source: Numbered) -> None:
        self._source = source
        self.last = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")

    def put(self, count: int) -> None:
        """Let the next numbers arrive."""
        texts = [json.dumps({"n": n}) for n in range(self.last + 1, self.last + count + 1)]
        for lane in self._source.lanes:
            self._source.put(lane, texts)
        self.last += count

    def wait(self, more: int) -> None:
        """Wait for so many more."""
        goal = self.last + more
        wait_until(lambda: self.last >= goal, 60, f"number {goal}")

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
def relay(source: Numbered, name: str, port: int) -> tuple[Integration, Integration]:
    """Make an integration whose messages leave by MQTT, on one topic for each lane, and the one that they leave by."""
    of = factories.application()
    inward = source.integration(of, name)
    outward = mqtt(of, f"{name}-out", port)
    decode = node("decode", "JsonDecodeNode", source=source.text, destination="working.message")
    last = publish(outward, f"out/{name}/{{{{{source.lane}}}}}", "{{jsonEncode working.message}}")
    factories.workflow(inward, name=name, nodes=chain(decode, last))
    return inward, outward


def go_through(hub: Stack, source: Numbered, *faults: Callable[[], None], settle: float = 100) -> None:
    """Everything arrives, first arrivals in order, and the books balance; what is repeated is only what faults met."""
    name = f"c{new_id()}"
    inward, outward = relay(source, name, hub.port)
    hub.wait_connected(inward.pk, outward.pk)
    load = Load(source)
    topics = [f"out/{name}/{lane}" for lane in source.lanes]
    with Collector(hub.port) as collector:

        def arrived() -> bool:
            return all(collector.has(topic, load.last) for topic in topics)

        load.put(CALM)
        hub.wait(arrived, 60, "the first numbers at the outputs")
        with load:
            for fault in faults:
                load.wait(CALM)
                fault()
            load.wait(CALM)
        hub.wait(arrived, settle, f"numbers up to {load.last} at the outputs")
        over = load.last
        load.put(CALM)
        hub.wait(arrived, 60, "the last numbers at the outputs")
        hub.wait_quiet(inward.pk, outward.pk)
        for topic in topics:
            numbers = collector.numbers(topic)
            assert list(dict.fromkeys(numbers)) == list(range(1, load.last + 1)), f"first arrivals on {topic}"
            repeated = collector.repeated(topic)
            assert [n for n in repeated if n <= CALM or n > over] == [], "repeated without a fault"
    lines = hub.ledger(inward.pk)
    assert [line for line in lines if not line.balanced or line.parked or line.dropped or line.waiting] == []
    assert sum(line.messages for line in lines) >= load.last * len(source.lanes)
    assert hub.parked(inward.pk) == []
    inward.application.delete()


def away(service: Service) -> None:
    """Let a service be away for longer than a lease."""
    service.stop()
    sleep(PAST_THE_LEASE)
    service.start()


def while_(fault: str) -> Callable[[Stack, Faulty], None]:
    """Return a fault of the service that lasts for a while."""

    def work(_: Stack, service: Faulty) -> None:
        service.fault(fault)
        sleep(FAULT_SECONDS)
        service.fault("none")

    return work

"""An engine in a thread beside the test, nodes that the test steers, and what they saw."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import connections

from integrations.models import Integration
from integrations.runtime.keys import partition_of
from integrations.runtime.limits import Limits
from tests.factories import integration, workflow
from tests.fakes import CONFIG
from tests.integrations.runtime.hub import Hub, Inside, stored
from wegnology.lib.loop import process_name
from wegnology.lib.redis import async_client
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.catalog import Catalog
from workflows.drain import Engine
from workflows.models import Workflow
from workflows.nodes.base import AwaitingNode, Category, Node, NodeFailed, Result, RunContext, nodes


class StepConfig(Schema):
    """What a step does: note the number under `note`, wait for a gate, fail, send."""

    note: str = ""
    gate: str = ""
    gate_numbers: list[int] = []
    fail: str = ""
    send_to: str = ""


class World:
    """What the steps of all workflows saw, and the gates they wait at."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.gates: dict[str, threading.Event] = {}
        self.waiting: list[int] = []

    def numbers(self, note: str = "a") -> list[int]:
        """Return the numbers that steps of this note saw, in order."""
        return [number for name, number in self.seen if name == note]

    def gate(self, name: str) -> threading.Event:
        """Return a gate, closed at first."""
        return self.gates.setdefault(name, threading.Event())


class StepNode(AwaitingNode[StepConfig]):
    """Does as its settings say; waits only when it has a gate."""

    name = "StepNode"
    label = "Step"
    category = Category.DEBUG
    Config = StepConfig
    world: ClassVar[World] = World()

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        """Note, wait, send, fail: in this order, what is asked for."""
        config, data = self.config, payload["data"]
        assert isinstance(data, dict)
        number = int(str(data.get("number", 0)))
        if config.note:
            self.world.seen.append((config.note, number))
        if config.gate and (not config.gate_numbers or number in config.gate_numbers):
            self.world.waiting.append(number)
            while not self.world.gate(config.gate).is_set():
                await asyncio.sleep(0.005)
                context.tick()
        if config.send_to:
            await context.send(config.send_to, {"body": f"{config.note}{number}"})
        if config.fail:
            raise NodeFailed(config.fail, "Unwell")
        return Result(payload)


class BusyNode(Node[StepConfig]):
    """Holds the loop for a moment with computing, then notes."""

    name = "BusyNode"
    label = "Busy"
    category = Category.DEBUG
    Config = StepConfig

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        """Count, then note."""
        sum(range(20_000))
        return Result(payload)


@contextmanager
def step_nodes() -> Iterator[World]:
    """Make the nodes above known; yields what they see."""
    nodes.autodiscover()
    known: dict[str, Any] = nodes._classes
    StepNode.world = World()
    known["StepNode"] = StepNode
    known["BusyNode"] = BusyNode
    try:
        yield StepNode.world
    finally:
        del known["StepNode"], known["BusyNode"]


def step(identifier: str, *targets: str, **config: Any) -> JSONObject:
    """Return a step in its JSON form."""
    return {"id": identifier, "type": "StepNode", "config": config, "meta": {}, "outputIds": [list(targets)]}


def source(**fields: Any) -> Integration:
    """Create an integration of the fake type in an application of its own."""
    return integration(integration_type="fake", config=CONFIG, **fields)


def noting(of: Integration, note: str = "a", **config: Any) -> Workflow:
    """Create a workflow of one step that notes every message of an integration."""
    return workflow(of, name=f"Note {note}", nodes=[step("s", note=note, **config)])


class Worker(Inside):
    """One worker process' engine, with a catalog of its own."""

    def __init__(self, limits: Limits, process: str = "") -> None:
        super().__init__(self._work)
        self.process = process or process_name()
        self.catalog = Catalog()
        self._limits = limits
        self.engine: Engine

    async def _work(self, stop: asyncio.Event) -> None:
        client = async_client()
        self.engine = Engine(client, self.process, self._limits, self.catalog)
        threads = (self.engine._catalog_thread, self.engine._parking_thread)
        try:
            await self.engine.run(stop)
        finally:
            await client.aclose()
            for thread in threads:
                thread.shutdown(wait=True)

    def take(self, *integrations: Integration) -> list[bool]:
        """Give it the partitions of these integrations."""
        return [self.call(self.engine.take(partition_of(row.pk))) for row in integrations]


def put(hub: Hub, row: Integration, numbers: Sequence[int], **options: Any) -> None:
    """Append numbered messages to an inbox."""
    accepted, _ = hub.append(row.pk, [stored(number) for number in numbers], "*", **options)
    assert accepted == len(numbers)


__all__ = ["StepNode", "Worker", "World", "connections", "noting", "put", "source", "step", "step_nodes"]

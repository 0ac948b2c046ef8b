"""An engine in a thread beside the test, nodes that the test steers, and what they saw."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from integrations.models import Integration
from integrations.runtime.keys import key, partition_of
from integrations.runtime.limits import Limits
from tests.factories import integration, workflow
from tests.fakes import CONFIG
from tests.integrations.runtime.hub import Hub, Inside, quick, stored
from tests.servers.processes import wait_until
from wegnology.lib.loop import process_name
from wegnology.lib.redis import async_client
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.catalog import Catalog
from workflows.drain import Engine
from workflows.models import Workflow
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, Result, RunContext, nodes


class StepConfig(Schema):
    """What a step does: note the number under `note`, stand still, wait for a gate, send, fail."""

    note: str = ""
    freeze_at: int = -1
    gate: str = ""
    gate_numbers: list[int] = []
    send_to: str = ""
    fail: str = ""
    fail_numbers: list[int] = []


class World:
    """What the steps of all workflows saw, and the gates they wait at."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.gates: dict[str, threading.Event] = {}
        self.waiting: list[int] = []
        self.thawed = threading.Event()

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
        """Note, stand still, wait, send, fail: in this order, what is asked for."""
        config, data = self.config, payload["data"]
        assert isinstance(data, dict)
        number = int(str(data.get("number", 0)))
        if config.note:
            self.world.seen.append((config.note, number))
        if config.freeze_at == number:
            self.world.thawed.wait(60)  # with the whole process: as if it had died here
        if config.gate and (not config.gate_numbers or number in config.gate_numbers):
            self.world.waiting.append(number)
            while not self.world.gate(config.gate).is_set():
                await asyncio.sleep(0.005)
                context.tick()
        if config.send_to:
            await context.send(config.send_to, {"body": f"{config.note}{number}"}, self.node_id)
        if config.fail and (not config.fail_numbers or number in config.fail_numbers):
            raise NodeFailed(config.fail, "Unwell")
        return payload, 0


@contextmanager
def step_nodes() -> Iterator[World]:
    """Make the node above known; yields what it sees."""
    nodes.autodiscover()
    known: dict[str, Any] = nodes._classes
    StepNode.world = World()
    known["StepNode"] = StepNode
    try:
        yield StepNode.world
    finally:
        StepNode.world.thawed.set()
        del known["StepNode"]


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

    def __init__(self, limits: Limits | None = None, catalog: Catalog | None = None) -> None:
        super().__init__(self._work)
        self.process = process_name()
        self.catalog = catalog or Catalog()
        self._limits = limits or quick()
        self.engine: Engine

    async def _work(self, stop: asyncio.Event) -> None:
        client = async_client()
        self.engine = Engine(client, self.process, self._limits, self.catalog)
        try:
            await self.engine.run(stop)
        finally:
            await client.aclose()

    def take(self, *integrations: Integration) -> list[bool]:
        """Give it the partitions of these integrations."""
        return [self.call(self.engine.take(partition_of(row.pk))) for row in integrations]


def put(hub: Hub, row: Integration, numbers: Sequence[int], **options: Any) -> None:
    """Append numbered messages to an inbox."""
    accepted, _ = hub.append(row.pk, [stored(number) for number in numbers], "*", **options)
    assert accepted == len(numbers)


def handed_on(hub: Hub, row: Integration, worker: Worker, seconds: float = 10.0) -> None:
    """Give an integration to a worker as soon as its last holder's lease has run out."""
    wait_until(lambda: hub.client.get(key("run", partition_of(row.pk))) is None, seconds, "the lease to run out")
    assert worker.take(row) == [True]

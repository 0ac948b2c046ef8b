"""Stand-ins for what runs need: a context that records effects, and nodes that do as told."""

import asyncio
from typing import Any, ClassVar

from integrations.exceptions import LeaseLost
from wegnology.lib.paths import copy_json
from wegnology.lib.registry import UnknownName
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import RunLimitReached
from workflows.graph import Graph
from workflows.http_call import HttpAnswer, HttpCall
from workflows.nodes.base import AnyNodeClass, AwaitingNode, Button, Category, Login, Node, NodeFailed, Result, RunContext


class FakeStorage:
    """A workflow's storage in memory; its clock stands at `now_ms` until the test moves it."""

    def __init__(self) -> None:
        self.stored: JSONObject = {}
        self.places: dict[str, Any] = {}
        self.now_ms = 0

    async def get(self, name: str) -> JSONValue:
        return copy_json(self.stored.get(name))  # type: ignore[no-any-return]

    async def all(self) -> JSONObject:
        return copy_json(self.stored)  # type: ignore[no-any-return]

    async def set(self, name: str, value: JSONValue) -> None:
        self.stored[name] = copy_json(value)

    async def remove(self, name: str) -> None:
        self.stored.pop(name, None)

    async def add(self, name: str, amount: float) -> JSONValue:
        before = self.stored.get(name) or 0
        if not isinstance(before, (int, float)):
            raise NodeFailed("what is stored under this key is not a number", "StorageError")
        self.stored[name] = before + amount
        return self.stored[name]

    async def swap(self, place: str, value: JSONValue) -> tuple[bool, JSONValue]:
        known, before = place in self.places, self.places.get(place)
        self.places[place] = copy_json(value)
        return known, before

    async def latch(self, place: str, latches: bool, resets: bool) -> tuple[bool, bool]:
        was = bool(self.places.get(place))
        self.places[place] = not resets if was else latches
        return was, self.places[place]

    async def may_pass(self, place: str, interval_ms: float) -> tuple[bool, int | None]:
        last = self.places.get(place)
        since = None if last is None else self.now_ms - last
        passes = since is None or since >= interval_ms
        if passes:
            self.places[place] = self.now_ms
        return passes, since


class FakeStarts:
    """Notes what a run does to other workflows; its ids are `run1`, `run2`. `waits`: somebody waits for each reply."""

    def __init__(self) -> None:
        self.started: list[tuple[Button, JSONValue]] = []
        self.scheduled: dict[str, tuple[Button, JSONValue, int]] = {}
        self.replies: list[tuple[str, JSONObject]] = []
        self.waits = True
        self.fail: NodeFailed | None = None

    def start(self, button: Button, data: JSONValue, node_id: str) -> str:
        if self.fail:
            raise self.fail
        self.started.append((button, copy_json(data)))
        return f"run{len(self.started)}"

    async def schedule(self, button: Button, data: JSONValue, due_ms: int, node_id: str) -> str:
        run_id = f"run{len(self.scheduled) + 1}"
        self.scheduled[run_id] = (button, copy_json(data), due_ms)
        return run_id

    async def cancel(self, run_id: str) -> bool:
        return self.scheduled.pop(run_id, None) is not None

    async def reply(self, reply_id: str, reply: JSONObject) -> bool:
        self.replies.append((reply_id, reply))
        return self.waits


class FakeRunContext:
    """Records debug lines and sends; its deadline passes after `ticks` ticks."""

    def __init__(self, ticks: int = 1_000_000, fail_send: Exception | None = None, *, queues: bool = False) -> None:
        self.left = ticks
        self.fail_send = fail_send
        self.queues = queues
        self.debugged: list[tuple[str, JSONValue, str]] = []
        self.sent: list[tuple[str, JSONObject]] = []
        self.sent_directly: list[tuple[Login, JSONObject]] = []
        self.answer: JSONObject = {}
        self.cancelled: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.storage = FakeStorage()
        self.scripts: list[tuple[str, bytes]] = []
        self.script_gives = b"{}"
        self.calls: list[HttpCall] = []
        self.http_gives: HttpAnswer | Exception = HttpAnswer(204, {}, b"", {}, 1)

        self.starts = FakeStarts()

    def gate(self, name: str) -> asyncio.Event:
        """Return the gate of that name; a `GateNode` waits for it."""
        return self._gates.setdefault(name, asyncio.Event())

    def tick(self) -> float:
        """Want to be asked before every node."""
        self.left -= 1
        if self.left < 0:
            raise RunLimitReached("The run took longer than 60 s.")
        return 0.0

    def debug(self, message: str, value: JSONValue, level: str = "verbose", node_id: str = "") -> None:
        self.debugged.append((message, copy_json(value), level))

    def queue(self, integration_id: str, message: JSONObject, node_id: str) -> bool:
        """Take the message, if connections are what sends; else its outcome is waited for."""
        if self.queues:
            self.sent.append((integration_id, message))
        return self.queues

    async def send(self, integration_id: str, message: JSONObject, node_id: str) -> JSONObject:
        if self.fail_send:
            raise self.fail_send
        self.sent.append((integration_id, message))
        return self.answer

    async def send_directly(self, login: Login, message: JSONObject, node_id: str) -> JSONObject:
        if self.fail_send:
            raise self.fail_send
        self.sent_directly.append((login, message))
        return self.answer

    async def run_script(self, script: str, payload: bytes, node_id: str = "") -> bytes:
        """Give back what the test put there in place of an engine."""
        self.scripts.append((script, payload))
        return self.script_gives

    async def http(self, call: HttpCall) -> HttpAnswer:
        """Give the answer that the test put there, or raise it."""
        self.calls.append(call)
        if isinstance(self.http_gives, Exception):
            raise self.http_gives
        return self.http_gives

    def now_ms(self) -> int:
        return 1_700_000_000_000

    async def turn(self) -> None:
        await asyncio.sleep(0)


def node(identifier: str, node_type: str, /, *outputs: list[Any], **config: Any) -> JSONObject:
    """Return a node in its JSON form."""
    return {
        "id": identifier,
        "type": node_type,
        "config": config,
        "meta": {},
        "outputIds": [list(targets) for targets in outputs],
    }


def trigger(*targets: str, **flags: bool) -> JSONObject:
    """Return an integration trigger in its JSON form."""
    return {"type": "integration", "key": "i1", "config": dict(flags), "meta": {}, "outputIds": [list(targets)]}


class NoConfig(Schema):
    """No settings."""


class MarkConfig(Schema):
    """Settings of `MarkNode`."""

    text: str


class MarkNode(Node[MarkConfig]):
    """Appends its text to `trace`."""

    name = "MarkNode"
    label = "Mark"
    category = Category.DEBUG
    Config = MarkConfig

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        trace = payload.setdefault("trace", [])
        assert isinstance(trace, list)
        trace.append(self.config.text)
        context.debug("trace", payload["trace"])
        return payload, 0


class ForkNode(Node[NoConfig]):
    """Leaves through the output that the payload names."""

    name = "ForkNode"
    label = "Fork"
    category = Category.LOGIC
    Config = NoConfig
    outputs = ("first", "second")

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        output = payload["output"]
        assert isinstance(output, int)
        return payload, output


class FailConfig(Schema):
    """Settings of `FailNode`."""

    kind: str = "node"


class FailNode(Node[FailConfig]):
    """Fails, in the way its settings say."""

    name = "FailNode"
    label = "Fail"
    category = Category.DEBUG
    Config = FailConfig

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        payload["seen"] = True
        if self.config.kind == "bug":
            raise ZeroDivisionError("division by zero")
        if self.config.kind == "lease":
            raise LeaseLost("another worker has it")
        raise NodeFailed("it went wrong", name="SyntaxError")


class GateConfig(Schema):
    """Settings of `GateNode`."""

    name: str


class GateNode(AwaitingNode[GateConfig]):
    """Waits until the test opens the gate of its name."""

    name = "GateNode"
    label = "Gate"
    category = Category.LOGIC
    Config = GateConfig

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        assert isinstance(context, FakeRunContext)
        try:
            await context.gate(self.config.name).wait()
        except asyncio.CancelledError:
            context.cancelled.append(self.config.name)
            raise
        return payload, 0


class TaskGateNode(GateNode):
    """As `GateNode`, but needs an asyncio task from its start."""

    name = "TaskGateNode"
    needs_task = True

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        async with asyncio.timeout(60):
            return await super().run(payload, context)


class SendNode(AwaitingNode[NoConfig]):
    """Sends its payload and never suspends."""

    name = "SendNode"
    label = "Send"
    category = Category.OUTPUT
    Config = NoConfig

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        await context.send("i2", copy_json(payload), "n")
        return payload, 0


class NoteNode(Node[NoConfig]):
    """Stands there."""

    name = "NoteNode"
    label = "Note"
    category = Category.DEBUG
    Config = NoConfig
    outputs = ()
    takes_input = False

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        raise AssertionError("a note never runs")


class FakeNodes:
    """Looks the nodes above up by name."""

    classes: ClassVar[dict[str, AnyNodeClass]] = {
        cls.name: cls for cls in (MarkNode, ForkNode, FailNode, GateNode, TaskGateNode, SendNode, NoteNode)
    }

    def get(self, name: str, /) -> AnyNodeClass:
        if name not in self.classes:
            raise UnknownName(f"there is no {name!r}")
        return self.classes[name]


def parse(triggers: list[JSONObject], nodes: list[JSONObject]) -> Graph:
    """Compile a graph of the nodes above."""
    return Graph.parse(triggers, nodes, FakeNodes())


_fits: type[RunContext] = FakeRunContext

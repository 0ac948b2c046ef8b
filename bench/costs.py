"""What each node and some templates cost by themselves: microseconds a run in one process, with nothing else around."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import django
import orjson

from bench.parts import Bench
from bench.report import Figure, number, say

ROUNDS = 9
SECONDS = 0.03
PAYLOAD: dict[str, Any] = {
    "time": "2026-11-23T04:00:00.000Z",
    "data": {"message": '{"celsius": 31.5, "room": "A&B"}', "celsius": 31.5, "topic": "plant/4/temp"},
    "working": {"reading": {"temperature": 31.5, "kind": "alarm"}, "celsius": 31.5, "alert": {"text": "hot"}},
    "globals": {"limit": 30},
}
PAYLOAD["data"]["items"] = [{"n": at} for at in range(10)]
PAYLOAD["working"]["readings"] = [{"temperature": at * 5} for at in range(10)]
TEMPLATES = {
    "a path": "{{data.topic}}",
    "text and three paths": "{{data.topic}}: {{data.celsius}} of {{globals.limit}}",
    "jsonEncode": '{"r": {{jsonEncode working.reading}}}',
    "formatDate": "{{formatDate time 'YYYY-MM-DD'}}",
    "format": "{{format data.celsius '.2f'}}",
    "a block": "{{#if data.celsius}}hot{{else}}cold{{/if}}",
    "a loop of ten": "{{#each data.items}}{{n}},{{/each}}",
}
EXPRESSIONS = {
    "a comparison": "{{data.celsius}} > 30",
    "a longer one": "({{data.celsius}} - 32) * 5 / 9 > 10 && {{working.reading.kind}} === 'alarm'",
}
PAYLOAD["data"]["replyId"] = "7c1"
_CONFIGS = {
    "DelayNode": {"delay": "0"},
    "RawFunctionNode": {"script": "payload.working.fahrenheit = payload.data.celsius * 1.8 + 32;"},
}
"""In place of examples that wait, or find nothing in this payload."""
_ELSEWHERE = ("LoopNode", "LoopCapNode", "AnnotationNode", "ThrowErrorNode")
"""What the engine does itself (a loop is measured with it), and what does nothing."""
_LOOP = [
    {
        "id": "loop",
        "type": "LoopNode",
        "config": {"loopSourcePath": "data.items", "currentItemPath": "working.item", "mapResultPath": "working.seen"},
        "outputIds": [[], ["body"]],
    },
    {
        "id": "body",
        "type": "ConditionalNode",
        "config": {"expression": "{{working.item.value.n}} > 5"},
        "outputIds": [["cap"], ["cap"]],
        "meta": {"groupId": "loop"},
    },
    {"id": "cap", "type": "LoopCapNode", "config": {"loopNodeId": "loop"}, "outputIds": [], "meta": {"groupId": "loop"}},
]


def costs(bench: Bench) -> list[Figure]:
    """Cost of each node over its example, of templates and expressions, in process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    figures = [_figure("templates", name, work) for name, work in _templates().items()]
    nothing = _run(_Nothing(), lambda: None)  # the payload of each run is made anew
    empty = min(_measured(nothing) for _ in range(5))
    with asyncio.Runner() as runner, closing(_Effects()) as effects:
        figures += [_figure("nodes", name, work, empty) for name, work in _nodes(runner, effects.context).items()]
    return figures


class _Effects:
    """Contexts of runs, whose effects answer at once; scripts run in their child processes, as they do in a worker."""

    def __init__(self) -> None:
        from wegnology.lib.script_pool import ScriptPool

        self._pool = ScriptPool(1)

    def context(self) -> Any:
        """Return the context of a few runs."""
        from tests.workflows.fakes import FakeRunContext
        from workflows.http_call import HttpAnswer

        context: Any = FakeRunContext(ticks=1_000_000_000)
        context.run_script = self._run_script
        context.http_gives = HttpAnswer(200, {"content-type": "application/json"}, b'{"accepted": true}', {}, 1)
        return context

    async def _run_script(self, script: str, payload: bytes, node_id: str = "") -> bytes:
        return (await self._pool.run("bench", script, payload)).value

    def close(self) -> None:
        """End the child process."""
        self._pool.close()


class _Nothing:
    """A node that does nothing."""

    def run(self, payload: Any, context: Any) -> None:
        """Do nothing."""


def _figure(part: str, name: str, work: Callable[[int], None], without: float = 0.0) -> Figure:
    cost = max(0.0, _measured(work) - without)
    say(f"  {name}: {number(cost)} µs")
    return Figure(part, "ours", name, cost, "µs")


def _measured(work: Callable[[int], None]) -> float:
    """Return microseconds a call: the best of a few rounds, since others work on the machine."""
    times = 1
    while True:
        begun = time.perf_counter()
        work(times)
        if time.perf_counter() - begun >= SECONDS / 3:
            break
        times *= 2
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work(times)
        rounds.append((time.perf_counter() - begun) / times * 1e6)
    return min(rounds)


def _templates() -> dict[str, Callable[[int], None]]:
    from wegnology.lib.templating import compile_template
    from workflows.expressions import compile_expression

    made = {f"template: {name}": _repeated(compile_template(text).render) for name, text in TEMPLATES.items()}
    return made | {f"expression: {name}": _repeated(compile_expression(text).evaluate) for name, text in EXPRESSIONS.items()}


def _repeated(work: Callable[[Any], Any]) -> Callable[[int], None]:
    def repeat(times: int) -> None:
        for _ in range(times):
            work(PAYLOAD)

    return repeat


def _nodes(runner: asyncio.Runner, context: Callable[[], Any]) -> dict[str, Callable[[int], None]]:
    from wegnology.management.commands.document import node_example
    from workflows.nodes.base import AwaitingNode, nodes

    nodes.autodiscover()
    made: dict[str, Callable[[int], None]] = {}
    for kind in nodes:
        if kind.name in _ELSEWHERE:
            continue
        config: Any = _CONFIGS.get(kind.name) or node_example(kind)["config"]
        node: Any = kind(kind.Config.resolve(config, {}))
        if _works(node, context(), runner):
            waits = isinstance(node, AwaitingNode)
            made[f"{kind.label} ({kind.name})"] = _awaited(node.run, context, runner) if waits else _run(node, context)
    return made | {"Loop over ten items, a Conditional in each (LoopNode)": _awaited(_loop(), context, runner)}


def _loop() -> Callable[[Any, Any], Awaitable[Any]]:
    """Return a run of a workflow that is a loop and nothing else."""
    from workflows import engine
    from workflows.graph import Graph

    source: Any = {"type": "integration", "key": "i", "config": {}, "meta": {}, "outputIds": [["loop"]]}
    nodes: Any = _LOOP
    (trigger,) = Graph.parse([source], nodes).triggers("integration", "i")
    return lambda payload, context: engine.run(trigger, payload, context)


def _works(node: Any, context: Any, runner: asyncio.Runner) -> bool:
    """Say whether the example finds what it needs in the payload of the benchmark."""
    try:
        outcome = node.run(_payload(), context)
        if asyncio.iscoroutine(outcome):
            runner.run(outcome)
    except Exception as error:  # noqa: BLE001  (an example that fails here is not measured, and said so)
        say(f"  {node.name}: not measured: {error}")
        return False
    return True


def _payload() -> Any:
    return orjson.loads(_PAYLOAD)


_PAYLOAD = orjson.dumps(PAYLOAD)


def _run(node: Any, context: Callable[[], Any]) -> Callable[[int], None]:
    def repeat(times: int) -> None:
        own = context()
        for _ in range(times):
            node.run(_payload(), own)

    return repeat


def _awaited(
    work: Callable[[Any, Any], Awaitable[Any]], context: Callable[[], Any], runner: asyncio.Runner
) -> Callable[[int], None]:
    """Without the effect itself: its stand-in answers at once."""

    def repeat(times: int) -> None:
        async def story() -> None:
            own = context()
            for _ in range(times):
                await work(_payload(), own)

        runner.run(story())

    return repeat

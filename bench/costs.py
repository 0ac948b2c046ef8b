"""What each node and some templates cost by themselves: microseconds a run in one process, with nothing else around."""

import asyncio
import os
import time
from collections.abc import Callable
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
_ELSEWHERE = ("DelayNode", "HttpNode", "LoopNode", "LoopCapNode", "AnnotationNode", "ThrowErrorNode", "RawFunctionNode")
"""What waits, what the engine does itself, and what does nothing."""


def costs(bench: Bench) -> list[Figure]:
    """Cost of each node over its example, of templates and expressions, in process."""
    figures = [_figure("templates", name, work) for name, work in _templates().items()]
    empty = _measured(_run(_Nothing(), lambda: None))  # the payload of each run is made anew
    figures += [_figure("nodes", name, work, empty) for name, work in _nodes().items()]
    return figures


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


def _nodes() -> dict[str, Callable[[int], None]]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    from tests.workflows.fakes import FakeRunContext
    from wegnology.management.commands.document import node_example
    from workflows.nodes.base import AwaitingNode, nodes

    nodes.autodiscover()
    made: dict[str, Callable[[int], None]] = {}
    for kind in nodes:
        if kind.name in _ELSEWHERE or not kind.outputs:
            continue
        node: Any = kind(kind.Config.resolve(node_example(kind)["config"], {}))  # type: ignore[arg-type]
        if _works(node, FakeRunContext()):
            repeat = _awaited if isinstance(node, AwaitingNode) else _run
            made[f"{kind.label} ({kind.name})"] = repeat(node, FakeRunContext)
    return made


def _works(node: Any, context: Any) -> bool:
    """Say whether the example finds what it needs in the payload of the benchmark."""
    try:
        outcome = node.run(_payload(), context)
        if asyncio.iscoroutine(outcome):
            asyncio.run(outcome)
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


def _awaited(node: Any, context: Callable[[], Any]) -> Callable[[int], None]:
    """Without the effect itself: its stand-in answers at once."""

    def repeat(times: int) -> None:
        async def story() -> None:
            own = context()
            for _ in range(times):
                await node.run(_payload(), own)

        asyncio.run(story())

    return repeat

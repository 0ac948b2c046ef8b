"""What it costs to record what workflows do: the work of the part `saturation`, with recording and without, turn by turn.

What recording costs is less than rounds differ on a machine that is shared. So a run is measured by itself, too: in this process,
a thousand runs of three nodes at a time, with and without, the best of many turns.
"""

import asyncio
import os
import time
from statistics import median
from typing import Any

import django
import orjson

from bench.load import Measured, measure
from bench.parts import INPUTS, Bench
from bench.plan import Plan, Stream
from bench.report import Figure, number, say, say_load
from bench.system import Work

WINDOW = 1_000
MOST = 1.15
TURNS = 60
RUNS = 1_000
PAYLOAD = orjson.dumps({"data": {"message": '{"temperature": 35, "room": "A"}', "topic": "plant/4"}, "globals": {}})


def insight(bench: Bench) -> list[Figure]:
    """Cost of a message with recording (timed visits, counts, samples) and with it switched off."""
    found: dict[bool, list[Measured]] = {True: [], False: []}
    for turn in range(bench.options.rounds):
        for on in (True, False) if turn % 2 else (False, True):
            found[on].append(_load(bench, on))
            say_load(f"recording {'on' if on else 'off'}, round {turn + 1}", found[on][-1])
    figures = []
    for on, rounds in found.items():
        name = "on" if on else "off"
        figures.append(Figure("insight", "ours", f"messages a second, {name}", median(one.load.rate for one in rounds), "/s"))
        cost = median(one.cpu_us["worker"] for one in rounds)
        figures.append(Figure("insight", "ours", f"CPU a message: worker, {name}", cost, "µs"))
        figures.append(Figure("insight", "ours", f"CPU a message, {name}", median(one.own_us for one in rounds), "µs"))
    ratio = median(one.own_us for one in found[True]) / median(one.own_us for one in found[False])
    figures += [Figure("insight", "ours", f"a run by itself, {name}", cost, "µs") for name, cost in _alone().items()]
    return [*figures, Figure("insight", "ours", "with against without", ratio, "times", f"<= {MOST}", ratio <= MOST)]


def _alone() -> dict[str, float]:
    """Return microseconds a run in this process, with recording and without."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    from wegnology.lib.redis import async_client
    from workflows.insight.limits import InsightLimits
    from workflows.insight.recording import Recorder

    runs = _Runs()
    best: dict[str, float] = {}
    recorders = {name: Recorder(async_client(), "bench", InsightLimits(on=on)) for name, on in (("off", False), ("on", True))}
    for _ in range(TURNS):
        for name, recorder in recorders.items():
            begun = time.process_time()
            asyncio.run(runs.do(recorder))
            recorder._noted()  # once a second in a worker; here for every thousand runs
            best[name] = min(best.get(name, 1e9), (time.process_time() - begun) / RUNS * 1e6)
    say(f"  a run by itself: {number(best['off'])} µs without recording, {number(best['on'])} µs with it")
    return best


class _Runs:
    """Runs of the work's nodes without the last, over a hundred workflows, as a worker's loop does them."""

    def __init__(self) -> None:
        from bench.hub import nodes
        from integrations.events import EventKind, TriggerEvent
        from integrations.runtime.lease import Lease
        from tests.workflows.fakes import FakeRunContext
        from workflows.flight import Box, Flight
        from workflows.graph import Graph
        from workflows.nodes.base import nodes as known
        from workflows.plans import Plan as Version

        known.autodiscover()
        made = nodes(Work(1), 0, "")[:-1]
        made[-1]["outputIds"] = [[]]
        trigger: Any = {"type": "integration", "key": "i", "config": {}, "meta": {}, "outputIds": [["decode"]]}
        graph = Graph.parse([trigger], list(made))
        (self._trigger,) = graph.triggers("integration", "i")
        self._versions = [Version("a", f"w{at}", f"v{at}", graph, {}, {}, True) for at in range(INPUTS)]
        self._context = FakeRunContext(ticks=1_000_000_000)
        box = Box("i", Lease(0, "", time.monotonic()))
        self._flight = Flight(box, b"1-0", b"", TriggerEvent("e" * 24, EventKind.MESSAGE, 1, {}), repeated=False)

    async def do(self, recorder: Any) -> None:
        """Run a thousand times."""
        from workflows import engine
        from workflows.trace import Trace

        for at in range(RUNS):
            trace = Trace()
            await engine.run(self._trigger, orjson.loads(PAYLOAD), self._context, trace)
            recorder.ended(self._flight, self._versions[at % INPUTS], trace)


def _load(bench: Bench, on: bool) -> Measured:
    work = bench.work(INPUTS, insight=on)
    with bench.running("ours", work) as (system, broker):
        plan = Plan(broker.port, [Stream(0, INPUTS)], window=WINDOW, seconds=bench.options.seconds)
        return measure(plan, system, broker.child.pid)

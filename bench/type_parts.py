"""The parts that measure each integration type by the same work: receive, decode, compare, change, publish by MQTT.

What is known of a type stands in `bench.kinds`; nothing here names one.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.broker import Broker
from bench.feed import feeding
from bench.kinds.base import Kind, kinds
from bench.load import Measured, Runner, measure, run_plan, wait_until_answering
from bench.parts import Bench
from bench.plan import Plan, Stream
from bench.procs import BenchFailed, cpu_seconds, pss_kb
from bench.report import Figure, number, say, say_load
from bench.system import System, Work

INTEGRATIONS = 5
RATE = 100.0
BASELINE = "mqtt"
"""Loaded through the broker, as in all other parts."""
_BASELINE_WINDOWS = (250, 1000)


def _chosen(bench: Bench) -> list[type[Kind]]:
    return [kind for kind in kinds if not bench.options.types or kind.name in bench.options.types]


@contextmanager
def _running(bench: Bench, kind: str, work: Work) -> Iterator[tuple[System, Broker, Runner]]:
    """Run the product beside the server of a type."""
    if kind == BASELINE:
        with bench.running("ours", work) as (system, broker):
            yield system, broker, run_plan
        return
    with feeding(kind, work.integrations) as feed:
        fed = replace(work, kind=kind, kind_port=feed.port)
        with bench.running("ours", fed, runner=feed.run) as (system, broker):
            yield system, broker, feed.run


def types(bench: Bench) -> list[Figure]:
    """Each type over 5 integrations: closed loop, then 100 messages a second in all."""
    windows = {kind.name: kind.windows for kind in _chosen(bench)}
    if not bench.options.types or BASELINE in bench.options.types:
        windows = {BASELINE: _BASELINE_WINDOWS} | windows
    figures: list[Figure] = []
    for name, sizes in windows.items():
        try:
            figures += _one_type(bench, name, sizes)
        except BenchFailed as error:
            say(f"  {name}: not measured: {error}")
    return figures


def _one_type(bench: Bench, name: str, windows: tuple[int, ...]) -> list[Figure]:
    with _running(bench, name, bench.work(INTEGRATIONS)) as (system, broker, runner):

        def load(plan: Plan, title: str) -> Measured:
            measured = measure(plan, system, broker.child.pid, runner=runner)
            say_load(f"{name}, {title}", measured)
            return measured

        seconds = bench.options.seconds
        full = [
            load(Plan(broker.port, [Stream(0, INTEGRATIONS)], window=window, seconds=seconds), f"{window} under way")
            for window in windows
        ]
        paced = load(Plan(broker.port, [Stream(0, INTEGRATIONS, rate=RATE)], seconds=1.5 * seconds), f"{RATE:.0f}/s")
    best = max(full, key=lambda one: one.load.rate)
    delay = paced.load.streams[0].latency
    return [
        Figure("types", name, "messages a second", best.load.rate, "/s"),
        Figure("types", name, "CPU a message at saturation", best.own_us, "µs"),
        Figure("types", name, f"p50 at {RATE:.0f}/s", delay.p50, "ms"),
        Figure("types", name, f"p99 at {RATE:.0f}/s", delay.p99, "ms"),
        Figure("types", name, f"CPU a message at {RATE:.0f}/s", paced.own_us, "µs"),
    ]


def crowd(bench: Bench) -> list[Figure]:
    """Many integrations of one type in one listener, each at its rate: memory of each, CPU of a message."""
    figures: list[Figure] = []
    for kind in _chosen(bench):
        if kind.crowd is None:
            continue
        try:
            figures += _one_crowd(bench, kind.name, *kind.crowd)
        except BenchFailed as error:
            say(f"  {kind.name}: not measured: {error}")
    return figures


def _one_crowd(bench: Bench, name: str, count: int, rate: float) -> list[Figure]:
    with feeding(name, count) as feed:
        one, all_of_them = (replace(bench.work(some), kind=name, kind_port=feed.port) for some in (1, count))
        with bench.running("ours", one, runner=feed.run) as (system, broker):
            time.sleep(5)
            before = pss_kb(system.processes()["listener"])
            system.replace(all_of_them)
            wait_until_answering(all_of_them, broker.port, runner=feed.run)
            time.sleep(5)
            each = (pss_kb(system.processes()["listener"]) - before) / (count - 1)
            plan = Plan(broker.port, [Stream(0, count, rate=rate * count)], seconds=2 * bench.options.seconds)
            measured = measure(plan, system, broker.child.pid, runner=feed.run)
    title = f"{count} at {number(rate)}/s each"
    say_load(f"{name}, {title}; {number(each)} KB each in the listener", measured)
    delay = measured.load.streams[0].latency
    return [
        Figure("crowd", name, f"{title}: memory in the listener", each, "KB"),
        *(Figure("crowd", name, f"{title}: CPU a message: {role}", value, "µs") for role, value in measured.cpu_us.items()),
        Figure("crowd", name, f"{title}: p50", delay.p50, "ms"),
        Figure("crowd", name, f"{title}: p99", delay.p99, "ms"),
    ]


def still(bench: Bench) -> list[Figure]:
    """Many integrations of one type in one listener to which nothing comes: memory and CPU of each, threads of all."""
    figures: list[Figure] = []
    for kind in _chosen(bench):
        if not kind.idle:
            continue
        try:
            figures += _one_still(bench, kind.name, kind.idle)
        except BenchFailed as error:
            say(f"  {kind.name}: not measured: {error}")
    return figures


def _one_still(bench: Bench, name: str, count: int) -> list[Figure]:
    seconds = 2 * bench.options.seconds
    with feeding(name, count) as feed:
        one, all_of_them = (replace(bench.work(some), kind=name, kind_port=feed.port) for some in (1, count))
        with bench.running("ours", one, runner=feed.run) as (system, _):
            listener = system.processes()["listener"]
            before, used, _ = _look(listener, seconds)
            system.replace(all_of_them)
            time.sleep(15)
            after, more, threads = _look(listener, seconds)
    each = (after - before) / (count - 1)
    cost = (more - used) / (count - 1) / seconds * 1000
    say(f"  {name}, {count} idle: {number(each)} KB and {cost:.2f} ms/s of CPU each; {threads} threads")
    return [
        Figure("still", name, f"{count} idle: memory of each in the listener", each, "KB"),
        Figure("still", name, f"{count} idle: CPU of each in the listener", cost, "ms/s"),
        Figure("still", name, f"{count} idle: threads of the listener", threads, ""),
    ]


def _look(pid: int, seconds: float) -> tuple[int, float, int]:
    """Return memory (KB), CPU seconds used within so many seconds, and threads of a process."""
    began = cpu_seconds(pid)
    time.sleep(seconds)
    return pss_kb(pid), cpu_seconds(pid) - began, len(os.listdir(f"/proc/{pid}/task"))


TYPE_PARTS: dict[str, Callable[[Bench], list[Figure]]] = {"types": types, "crowd": crowd, "still": still}

"""The parts of the benchmark. Each sets up its work, loads it and returns figures."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.broker import Broker
from bench.load import Measured, Runner, measure, run_plan, wait_until_answering, wait_until_connected
from bench.options import Options
from bench.plan import Plan, Stream
from bench.procs import BenchFailed, pss_kb
from bench.report import Figure, exact, number, say, say_load
from bench.system import System, Work

INPUTS = 100
IDLE = 1_000
LATENCY_RATE = 500.0
NEIGHBOUR_RATE = 20.0
SCALE_RATE = 1_000.0


@dataclass
class Bench:
    """What every part needs: where to write, what was asked, and how to make each system."""

    folder: Path
    options: Options
    makers: dict[str, Callable[[Path], System]]
    count: int = 0

    def work(self, integrations: int, insight: bool = True) -> Work:
        """Return the plain work over so many inputs."""
        return Work(integrations, out_qos=self.options.out_qos, shared_out=not self.options.own_out, insight=insight)

    @contextmanager
    def running(
        self, name: str, work: Work, answering: bool = True, runner: Runner = run_plan
    ) -> Iterator[tuple[System, Broker]]:
        """Run a fresh system beside a fresh broker, ready for load."""
        self.count += 1
        folder = self.folder / f"{self.count:02d}-{name}"
        folder.mkdir(parents=True)
        broker = Broker(folder, self.options.nodelay)
        system = self.makers[name](folder / "state")
        try:
            system.start(work, broker.port)
            wait_until_connected(work, broker.port)
            if answering:
                wait_until_answering(work, broker.port, runner=runner)
            yield system, broker
        finally:
            try:
                system.stop()
            finally:
                broker.stop()


def saturation(bench: Bench) -> list[Figure]:
    """Closed loop over all inputs: the best of a few windows, then rounds at it, system after system."""
    found: dict[str, list[Measured]] = {name: [] for name in bench.makers}
    best: dict[str, int] = {}
    for turn in range(bench.options.rounds):
        for name in bench.makers:
            windows = [best[name]] if name in best else list(bench.options.windows)
            loads = _saturate(bench, name, windows)
            best[name] = max(loads, key=lambda window: loads[window].load.rate)
            found[name].append(loads[best[name]])
            say_load(f"{name}, round {turn + 1}, {best[name]} under way", loads[best[name]])
    return [figure for name in found for figure in _saturation_figures(name, found)]


def _saturate(bench: Bench, name: str, windows: list[int]) -> dict[int, Measured]:
    with bench.running(name, bench.work(INPUTS)) as (system, broker):
        loads = {}
        for window in windows:
            plan = Plan(broker.port, [Stream(0, INPUTS)], window=window, seconds=bench.options.seconds)
            loads[window] = measure(plan, system, broker.child.pid)
            if len(windows) > 1:
                say(f"  {name}, {window} under way: {number(loads[window].load.rate)}/s")
        return loads


def _saturation_figures(name: str, found: dict[str, list[Measured]]) -> list[Figure]:
    rounds = found[name]
    rate = median(one.load.rate for one in rounds)
    peers = [median(one.load.rate for one in other) for peer, other in found.items() if peer != "ours"]
    asked = name == "ours"
    against = rate >= peers[0] if asked and peers else None
    middle = sorted(rounds, key=lambda one: one.load.rate)[len(rounds) // 2]
    cost = median(one.own_us for one in rounds)
    figures = [Figure("saturation", name, "messages a second", rate, "/s", ">= the peer's", against)]
    figures.append(Figure("saturation", name, "CPU a message", cost, "µs", "<= 150", cost <= 150 if asked else None))
    each = middle.cpu_us | middle.others_us
    figures += [Figure("saturation", name, f"CPU a message: {role}", value, "µs") for role, value in each.items()]
    whole = all(exact(one) for one in rounds)
    figures.append(Figure("saturation", name, "exact rounds", sum(map(exact, rounds)), f"of {len(rounds)}", "all", whole))
    return figures


def latency(bench: Bench) -> list[Figure]:
    """Open loop at 500 messages a second over all inputs."""
    figures = []
    found: dict[str, list[Measured]] = {name: [] for name in bench.makers}
    for turn in range(bench.options.rounds):
        for name in bench.makers:
            with bench.running(name, bench.work(INPUTS)) as (system, broker):
                plan = Plan(broker.port, [Stream(0, INPUTS, rate=LATENCY_RATE)], seconds=bench.options.seconds * 1.5)
                found[name].append(measure(plan, system, broker.child.pid))
                say_load(f"{name}, round {turn + 1}, {LATENCY_RATE:.0f}/s", found[name][-1])
    for name, rounds in found.items():
        for share, limit in (("p50", 5.0), ("p90", 0.0), ("p99", 60.0)):
            value = median(getattr(one.load.streams[0].latency, share) for one in rounds)
            reached = value <= limit if name == "ours" and limit else None
            figures.append(Figure("latency", name, f"{share} at 500/s", value, "ms", f"<= {limit:.0f}", reached))
        cost = median(one.own_us for one in rounds)
        figures.append(Figure("latency", name, "CPU a message at 500/s", cost, "µs"))
    return figures


def idle(bench: Bench) -> list[Figure]:
    """Memory of the processes without integrations and with a thousand idle ones."""
    figures = []
    count = 200 if bench.options.quick else IDLE
    for name in bench.makers:
        with bench.running(name, Work(0), answering=False) as (system, broker):
            time.sleep(5)
            empty = {role: pss_kb(pid) for role, pid in system.processes().items()}
            system.replace(Work(count, shared_out=False))
            wait_until_connected(Work(count, shared_out=False), broker.port)
            time.sleep(15)
            full = {role: pss_kb(pid) for role, pid in system.processes().items()}
        for role in full:
            each = (full[role] - empty[role]) / count
            asked = role == "listener"
            say(f"  {role}: {empty[role] / 1024:.1f} MB without, {full[role] / 1024:.1f} MB with {count} idle integrations")
            reached = each <= 40 if asked else None
            figures.append(Figure("idle", name, f"{role}: memory an idle connection", each, "KB", "<= 40", reached))
    return figures


def neighbours(bench: Bench) -> list[Figure]:
    """Latency of one integration alone, beside a slow workflow and beside a heavy one, each at 20 a second."""
    kinds = {
        "alone": Work(2, throttled=True),
        "slow": Work(2, throttled=True, slow=(1,)),
        "heavy": Work(2, throttled=True, heavy=(1,)),
    }
    figures = []
    for kind, work in kinds.items():
        try:
            delay = _beside(bench, kind, work)
        except BenchFailed as error:
            say(f"  beside {kind}: not measured: {error}")
            continue
        figures += [
            Figure("neighbours", "ours", f"p50, {kind}", delay.load.streams[0].latency.p50, "ms"),
            Figure("neighbours", "ours", f"p99, {kind}", delay.load.streams[0].latency.p99, "ms"),
        ]
    return figures


def _beside(bench: Bench, kind: str, work: Work) -> Measured:
    from bench.hub import HEAVY_ITEMS

    with bench.running("ours", work) as (system, broker):
        streams = [Stream(0, 1, rate=NEIGHBOUR_RATE)]
        if kind != "alone":
            ballast = HEAVY_ITEMS * 7 if kind == "heavy" else 0
            streams.append(Stream(1, 1, rate=NEIGHBOUR_RATE, ballast=ballast, answered=False))
        # The slow one needs 10 s before its runs begin to end.
        plan = Plan(broker.port, streams, warmup=15.0 if kind != "alone" else 3.0, seconds=2 * bench.options.seconds)
        measured = measure(plan, system, broker.child.pid, books=kind == "alone")
        say_load(f"one integration at 20/s, {kind}", measured)
        return measured


def scale(bench: Bench) -> list[Figure]:
    """Cost of a message at the same total rate over 10 integrations and over 1,000."""
    costs = {}
    for count in (10, 200 if bench.options.quick else IDLE):
        with bench.running("ours", bench.work(count)) as (system, broker):
            time.sleep(5)
            plan = Plan(broker.port, [Stream(0, count, rate=SCALE_RATE)], seconds=2 * bench.options.seconds)
            measured = measure(plan, system, broker.child.pid)
            say_load(f"{SCALE_RATE:.0f}/s over {count} integrations", measured)
            costs[count] = measured.own_us
    few, many = costs.values()
    figures = [Figure("scale", "ours", f"CPU a message over {count}", cost, "µs") for count, cost in costs.items()]
    return [*figures, Figure("scale", "ours", "many against few", many / few, "times", "<= 1.2", many <= 1.2 * few)]


PART_BY_NAME: dict[str, Callable[[Bench], list[Figure]]] = {
    "saturation": saturation,
    "latency": latency,
    "idle": idle,
    "neighbours": neighbours,
    "scale": scale,
}
OURS_ONLY = ("neighbours", "scale")

"""Run the load generator against a running system and read everybody's processor time at the same moments."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.plan import LoadResult, Plan, Stream
from bench.procs import BenchFailed, connections, cpu_seconds, wait_for
from bench.system import Ledger, System, Work

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measured:
    """A load, what it cost each process in microseconds a message, and what the books say of it."""

    load: LoadResult
    cpu_us: dict[str, float]
    others_us: dict[str, float] = field(default_factory=dict)
    ledger: Ledger | None = None

    @property
    def own_us(self) -> float:
        """Microseconds a message of the system's processes together."""
        return sum(self.cpu_us.values())


def run_plan(plan: Plan, processes: dict[str, int]) -> tuple[LoadResult, dict[str, float]]:
    """Run a plan; return its result and the seconds each process used in the measured time."""
    command = [sys.executable, "-m", "bench.generator", plan.to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as generator:  # noqa: S603 - own command
        return read_result(generator.stdout or (), processes)


def read_result(lines: Iterable[str], processes: dict[str, int]) -> tuple[LoadResult, dict[str, float]]:
    """Follow a load by what its generator says."""
    used: dict[str, float] = {}
    for line in lines:
        if line == "begin\n":
            used = {name: cpu_seconds(pid) for name, pid in processes.items()}
        elif line == "end\n":
            used = {name: cpu_seconds(pid) - used[name] for name, pid in processes.items()}
        else:
            return LoadResult.from_json(line), used
    raise BenchFailed("the load generator ended without a result")


Runner = Callable[[Plan, dict[str, int]], tuple[LoadResult, dict[str, float]]]
"""What runs a plan: `run_plan`, or the feed of another type than MQTT."""


def measure(plan: Plan, system: System, broker_pid: int, books: bool = True, runner: Runner = run_plan) -> Measured:
    """Run a plan against a system. The ledger is that of this load alone; without `books` it is not read."""
    before = system.ledger() if books else None
    mine = system.processes()
    load, used = runner(plan, mine | {"broker": broker_pid})
    each = {name: seconds * 1e6 / max(1, load.arrived) for name, seconds in used.items()}
    others = {"broker": each.pop("broker"), "generator": load.cpu_seconds * 1e6 / max(1, load.arrived)}
    return Measured(load, each, others, _settled(system, before, load))


def _settled(system: System, before: Ledger | None, load: LoadResult) -> Ledger | None:
    """Return what the books gained, once they show all that was sent (they may be written a moment later)."""
    if before is None:
        return None
    sent = sum(stream.sent for stream in load.streams)
    gained = Ledger()

    def settled() -> bool:
        nonlocal gained
        gained = (system.ledger() or Ledger()).since(before)
        return gained.received >= sent and not gained.waiting

    with contextlib.suppress(BenchFailed):
        wait_for("the ledger", settled, 5)
    return gained


def wait_until_answering(work: Work, port: int, seconds: float = 60.0, runner: Runner = run_plan) -> None:
    """Wait until every input that is answered at all was answered: connected, subscribed, compiled."""
    quiet = {*work.slow, *work.heavy}
    answering = [number for number in range(work.integrations) if number not in quiet]
    rate = 10.0 * len(answering) if work.throttled else max(100.0, float(len(answering)))
    stream = Stream(answering[0], len(answering), rate=rate)
    plan = Plan(port, [stream], warmup=0.0, seconds=1.2, drain=3.0)

    def answered() -> bool:
        return runner(plan, {})[0].lost == 0

    wait_for("an answer on every input", answered, seconds)


def wait_until_connected(work: Work, port: int, seconds: float = 120.0) -> None:
    """Wait until the system holds all its connections."""
    wait_for(f"{work.connections} connections", lambda: connections(port) >= work.connections, seconds)

"""The load generator of a type other than MQTT: the type's server, and what it lets arrive, in one process.

It is told the type and the number of integrations, says the port of its server, then runs each plan given as a line of JSON on
its input, as `bench.generator` does: `begin`, `end`, result. What comes out is heard on the broker.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from bench.generator import Generator, Source, say
from bench.kinds.base import Kind, kinds
from bench.load import read_result
from bench.plan import LoadResult, Plan
from bench.procs import BenchFailed

ROOT = Path(__file__).resolve().parent.parent


class FeedGenerator(Generator):
    """Lets messages arrive through a type's server."""

    def __init__(self, plan: Plan, kind: Kind) -> None:
        super().__init__(replace(plan, publishers=0))
        self._kind = kind

    def publish(self, source: Source, count: int) -> None:
        """Hand over the next messages of a source."""
        for number, bodies in source.bodies(count).items():
            self._kind.publish(number, bodies)

    @property
    def acknowledged(self) -> int:
        """What was handed over: nobody says how much of it was taken."""
        return sum(source.sent for source in self.sources)


class Feed:
    """A running feed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int((process.stdout.readline() if process.stdout else "") or 0)
        if not self.port:
            raise BenchFailed("the server of the type did not start")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def run(self, plan: Plan, processes: dict[str, int]) -> tuple[LoadResult, dict[str, float]]:
        """Run a plan; return its result and the seconds each process used in the measured time."""
        if self._process.stdin is None:
            raise BenchFailed("the feed takes no plans")
        self._process.stdin.write(plan.to_json() + "\n")
        self._process.stdin.flush()
        return read_result(self._process.stdout or (), processes)


@contextmanager
def feeding(kind: str, integrations: int) -> Iterator[Feed]:
    """Run the server of a type for so many integrations."""
    command = [sys.executable, "-m", "bench.feed", kind, str(integrations)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, bufsize=1) as process:  # noqa: S603 - own command
        try:
            yield Feed(process)
        finally:
            process.terminate()


def main() -> None:
    """Serve, and run plans until there are no more."""
    gc.disable()
    kind = kinds.get(sys.argv[1])()
    say(str(kind.start(int(sys.argv[2]))))
    for line in sys.stdin:
        say(json.dumps(asdict(FeedGenerator(Plan.from_json(line), kind).run())))
        gc.collect()
    kind.stop()


if __name__ == "__main__":
    main()

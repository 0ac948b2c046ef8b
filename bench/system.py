"""What a system under test is to the benchmark."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Work:
    """The work to set up: `integrations` inputs `bench/in/<n>`, each answered on `bench/out/<n>`.

    `shared_out`: one connection of its own publishes for all; else each input's connection publishes its own answers.
    `slow` waits 10 s before it goes on, `heavy` computes for about a second; neither answers to `bench/out`. `throttled`
    leaves the product's default of 20 messages a second and integration in force.
    """

    integrations: int
    out_qos: int = 1
    shared_out: bool = True
    throttled: bool = False
    slow: frozenset[int] = frozenset()
    heavy: frozenset[int] = frozenset()

    def out_topic(self, number: int) -> str:
        """Return where input `number` is answered."""
        return f"bench/{'aside' if number in self.slow | self.heavy else 'out'}/{number:04d}"

    @property
    def connections(self) -> int:
        """Connections that the system holds to the broker."""
        return self.integrations + (1 if self.shared_out and self.integrations else 0)


@dataclass(frozen=True)
class Ledger:
    """What the product's own books say: events by outcome, summed over all integrations."""

    received: int = 0
    finished: int = 0
    parked: int = 0
    dropped: int = 0
    other: dict[str, int] = field(default_factory=dict)


class System(Protocol):
    """A running system. `stop` may be called at any time and twice."""

    name: str

    def start(self, work: Work, broker_port: int) -> None:
        """Set up the work and return when the processes run."""

    def add(self, work: Work) -> None:
        """Replace the work while running."""

    def processes(self) -> dict[str, int]:
        """Return the id of each process by its role."""

    def ledger(self) -> Ledger | None:
        """Return the books, where the system keeps any."""

    def stop(self) -> None:
        """End all processes."""

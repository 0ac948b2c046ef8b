"""What a system under test is to the benchmark."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol


@dataclass(frozen=True)
class Work:
    """The work to set up: `integrations` inputs `bench/in/<n>`, each answered on `bench/out/<n>`.

    `shared_out`: one connection of its own publishes for all; else each input's connection publishes its own answers.
    `slow` waits 10 s before it goes on, `heavy` computes for about a second; neither answers to `bench/out`. `throttled`
    leaves the product's default of 20 messages a second and integration in force. With another `kind` than MQTT messages
    come from its server at `kind_port`.
    """

    integrations: int
    out_qos: int = 1
    shared_out: bool = True
    throttled: bool = False
    slow: tuple[int, ...] = ()
    heavy: tuple[int, ...] = ()
    kind: str = ""
    """Public name of the inputs' type (`bench.kinds`); "": MQTT, from the broker."""
    kind_port: int = 0
    insight: bool = True
    """Whether it is recorded what workflows do."""

    def out_topic(self, number: int) -> str:
        """Return where input `number` is answered."""
        aside = number in self.slow or number in self.heavy
        return f"bench/{'aside' if aside else 'out'}/{number:04d}"

    @property
    def connections(self) -> int:
        """Connections that the system holds to the broker."""
        return self.rows - (self.integrations if self.kind else 0)

    @property
    def rows(self) -> int:
        """All its integrations."""
        return self.integrations + (1 if self.shared_out and self.integrations else 0)

    def to_json(self) -> str:
        """Return the form that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Work":
        """Read the form that `to_json` returns."""
        raw: dict[str, Any] = json.loads(text)
        return cls(**{**raw, "slow": tuple(raw["slow"]), "heavy": tuple(raw["heavy"])})


@dataclass(frozen=True)
class Ledger:
    """What the product's own books say: messages by outcome, summed over all integrations.

    `unbalanced` counts hours of which received is not finished, unmatched, parked, dropped and waiting together.
    """

    received: int = 0
    finished: int = 0
    unmatched: int = 0
    parked: int = 0
    dropped: int = 0
    waiting: int = 0
    unbalanced: int = 0

    def since(self, before: "Ledger") -> "Ledger":
        """Return what was added; what waits and what does not balance is as it is now."""
        counted = ("received", "finished", "unmatched", "parked", "dropped")
        gained = {name: getattr(self, name) - getattr(before, name) for name in counted}
        return Ledger(**gained, waiting=self.waiting, unbalanced=self.unbalanced)

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, field.name)} {field.name}" for field in fields(self))


class System(Protocol):
    """A running system. `stop` may be called at any time and twice."""

    name: str

    def start(self, work: Work, broker_port: int) -> None:
        """Set up the work and return when the processes run."""

    def replace(self, work: Work) -> None:
        """Set up other work while running."""

    def processes(self) -> dict[str, int]:
        """Return the id of each process by its role."""

    def ledger(self) -> Ledger | None:
        """Return the books, where the system keeps any."""

    def stop(self) -> None:
        """End all processes."""

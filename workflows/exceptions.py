"""What can go wrong with a workflow: it cannot be built, or a run of it ends early."""

from collections.abc import Sequence
from typing import NamedTuple

from wegnology.lib.types import JSONObject


class Fault(NamedTuple):
    """One thing wrong with a workflow: where ("nodes[2].config.expression") and what, for people."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class GraphInvalid(Exception):
    """Triggers and nodes that make no workflow. `faults` lists everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


class RunFailed(Exception):
    """A run ended by an error. The engine fills in where: the failing node, the payload there, the ids of the nodes visited."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "Error",
        node_id: str = "",
        node_label: str = "",
        payload: JSONObject | None = None,
        path: Sequence[str] = (),
    ) -> None:
        self.message = message
        self.name = name
        self.node_id = node_id
        self.node_label = node_label
        self.payload: JSONObject = {} if payload is None else payload
        self.path = tuple(path)
        super().__init__(message)


class RunLimitReached(RunFailed):
    """A run took longer, or visited more nodes, than it may. `RunContext.tick` raises it with a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message, name="RunLimitReached")


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated; the text says what and at which character."""

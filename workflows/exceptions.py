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


class VersionRefused(Exception):
    """Nothing was done to a version. The text says why and what to do; `field` names what was given wrong, if anything."""

    def __init__(self, message: str, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class VersionMissing(VersionRefused):
    """The workflow has no such version."""


class VersionNameTaken(VersionRefused):
    """The workflow has a version of that name, and it was not asked to replace it."""


class VersionInUse(VersionRefused):
    """Something else has to be done first: the version is the default one."""


class VersionInvalid(VersionRefused):
    """The content makes no workflow. `faults` lists everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


class VersionFixed(VersionRefused):
    """Somebody tried to change what never changes. A fault of the program: pages and commands do not offer it."""

    def __init__(self, name: str, fields: Sequence[str]) -> None:
        super().__init__(f"The version {name!r} never changes: {', '.join(fields)} cannot be saved. Create another version.")

"""Runs as they are kept for people: the way through the nodes with times, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from wegnology.lib.types import JSONObject

RUN_BYTES = 8 * 1024
SHORT_VISITS = 40
"""Visits that are kept of a run whose full way takes more than `RUN_BYTES`."""
ERROR_CHARACTERS = 1_000
ID_CHARACTERS = 64


class Visit(NamedTuple):
    """One visit of a node. Times in milliseconds, `start_ms` since the run began.

    `ms` is None for what was under way when the run ended. `output` is by which output it went on, -1 where the branch ended.
    """

    node_id: str
    label: str
    start_ms: float
    ms: float | None
    output: int | None


class Failure(NamedTuple):
    """Why a run failed, and at which node; blank where it never came to one."""

    name: str
    message: str
    node_id: str
    node_label: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `started_ms` is milliseconds since 1970, `ms` its wall time, `waited_ms` from the event's arrival to the start.

    `source_id` is the integration, or the workflow itself, whose event it was; `trigger` the type of the trigger, `kind` of the
    event. `visited` counts all visits, `visits` are the first of them.
    """

    event_id: str
    number: int
    version_id: str
    started_ms: int
    ms: float
    waited_ms: int
    source_id: str
    kind: str
    trigger: str
    visited: int
    visits: tuple[Visit, ...]
    failure: Failure | None = None

    @property
    def id(self) -> str:
        """Return what the run is known by: its event, and its number among the runs of that event."""
        return run_id(self.event_id, self.number)

    def to_json(self) -> bytes:
        """Return the stored form, `RUN_BYTES` at most: of a long way the beginning."""
        for visits in (self.visits, self.visits[:SHORT_VISITS], ()):
            text = orjson.dumps([*self._head(), {v.node_id: v.label for v in visits}, [(v[0], *v[2:]) for v in visits]])
            if len(text) <= RUN_BYTES:
                break
        return text

    def _head(self) -> list[Any]:
        about = [self.event_id, self.number, self.version_id, self.started_ms, round(self.ms, 3), self.waited_ms]
        return [*about, self.source_id, self.kind, self.trigger, self.visited, self.failure and list(self.failure)]

    @classmethod
    def from_json(cls, text: bytes) -> "Run":
        """Read the stored form."""
        *head, failure, labels, visits = orjson.loads(text)
        shown = tuple(Visit(node, labels.get(node, ""), *rest) for node, *rest in visits)
        about: Any = (*head, shown, Failure(*failure) if failure else None)
        return cls(*about)

    def as_json(self) -> JSONObject:
        """Return it for programs: what happened, and the nodes in the order in which they were visited."""
        return {
            "id": self.id,
            "eventId": self.event_id,
            "flowVersionId": self.version_id,
            "startedMs": self.started_ms,
            "ms": self.ms,
            "waitedMs": self.waited_ms,
            "sourceId": self.source_id,
            "kind": self.kind,
            "trigger": self.trigger,
            "outcome": "failed" if self.failure else "finished",
            "error": dict(self.failure._asdict()) if self.failure else None,
            "visited": self.visited,
            "path": [
                {"nodeId": v.node_id, "label": v.label, "startMs": v.start_ms, "ms": v.ms, "output": v.output}
                for v in self.visits
            ],
        }


def run_id(event_id: str, number: int) -> str:
    """Return what a run is known by."""
    return f"{event_id}-{number}"


def failure_of(error: Any) -> Failure:
    """Return what is kept of a `RunFailed`: not its payload, which parked runs have."""
    message, label = str(error.message)[:ERROR_CHARACTERS], str(error.node_label)[:ID_CHARACTERS]
    return Failure(_storable(error.name)[:ID_CHARACTERS], _storable(message), error.node_id[:ID_CHARACTERS], _storable(label))


def _storable(text: str) -> str:
    """Return a text that JSON and every database take: messages may hold NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def visits_of(began: float, visits: Sequence[list[Any]]) -> tuple[Visit, ...]:
    """Return the visits of a `Trace` as they are kept."""
    made = []
    for node, start, end, output in visits:
        took = None if end is None else round((end - start) * 1000, 3)
        label = _storable(node.label)[:ID_CHARACTERS]
        made.append(Visit(node.id[:ID_CHARACTERS], label, round((start - began) * 1000, 3), took, output))
    return tuple(made)

"""What travels from a connection to the workflows."""

from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from wegnology.lib.packed_json import packed
from wegnology.lib.types import JSONObject

SCHEMA_VERSION = 1
"""Version of the stored form. A worker reads this release's and the previous one's."""


class EventKind(StrEnum):
    """What happened on the connection."""

    MESSAGE = "message"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    FAILURE = "failure"


_KINDS = {str(kind): kind for kind in EventKind}
_ALWAYS = 5
"""Keys that the stored form of every event has; most have no other."""


class Origin(NamedTuple):
    """What fired an event that no integration brought: a button, a timer, a webhook, an error, another workflow.

    `trigger_type` and `trigger_id` are what a workflow finds under these names; `relay_type` and `relay_id` say who was behind it
    ("user", "flow", "public"; "" where nobody was). `depth` counts how many workflows have triggered each other to get here.
    """

    trigger_type: str
    trigger_id: str
    relay_type: str = ""
    relay_id: str = ""
    depth: int = 0


class TriggerEvent(NamedTuple):
    """One event as it is stored in an inbox.

    `id` is the idempotency key: 24 hex digits, the same in every run of the event. `time_ms` is when it arrived, in
    milliseconds since 1970. `data` is what a workflow finds under `data`. `replay_of`, when set, names the workflow
    that alone shall run again; `version`, when set, the version that shall run in place of the default one. `origin` is set where
    the source is a workflow itself and not an integration; its kind is MESSAGE then.
    """

    id: str
    kind: EventKind
    time_ms: int
    data: JSONObject
    replay_of: str = ""
    version: str = ""
    origin: Origin | None = None

    def to_json(self) -> bytes:
        """Return the stored form."""
        stored: dict[str, Any] = {"v": SCHEMA_VERSION, "id": self.id, "k": self.kind, "t": self.time_ms, "d": self.data}
        if self.replay_of:
            stored["r"] = self.replay_of
        if self.version:
            stored["w"] = self.version
        if self.origin is not None:
            stored["o"] = list(self.origin)
        return packed(stored)

    @classmethod
    def from_json(cls, text: bytes) -> "TriggerEvent":
        """Read the stored form; raises `EventUnreadable` for anything else and for a version this release does not know."""
        try:
            stored = orjson.loads(text)
            if stored["v"] == SCHEMA_VERSION:
                fields: tuple[Any, ...] = stored["id"], _KINDS[stored["k"]], stored["t"], stored["d"], "", "", None
                if len(stored) > _ALWAYS:
                    fields = (*fields[:4], *_further(stored))
                return tuple.__new__(cls, fields)  # a fifth of the cost of calling the class
        except (ValueError, KeyError, TypeError) as error:
            raise EventUnreadable(f"this is no stored event: {type(error).__name__}: {error}") from None
        raise EventUnreadable(f"stored event of version {stored['v']!r}, this release reads {SCHEMA_VERSION}")


def _further(stored: dict[str, Any]) -> tuple[str, str, Origin | None]:
    """Return what only some events have."""
    return stored.get("r", ""), stored.get("w", ""), Origin(*stored["o"]) if "o" in stored else None


def message_event(event_id: str, time_ms: int, data: JSONObject, version: str = "") -> bytes:
    """Return the stored form of a message: the same as `TriggerEvent.to_json`, at half the cost."""
    if version:
        return TriggerEvent(event_id, EventKind.MESSAGE, time_ms, data, version=version).to_json()
    return packed({"v": SCHEMA_VERSION, "id": event_id, "k": "message", "t": time_ms, "d": data})


class EventUnreadable(ValueError):
    """A stored event that this release cannot read."""

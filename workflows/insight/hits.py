"""Debug values: what Debug nodes and scripts show to whoever watches a workflow, as it is stored."""

import json
from typing import NamedTuple

import orjson

from wegnology.lib.types import JSONObject, JSONValue

VALUE_BYTES = 16 * 1024
MESSAGE_CHARACTERS = 1_000


class Hit(NamedTuple):
    """A value that a node shows. `node_id` is blank for the node visited last; `value` belongs to the run, which changes it."""

    message: str
    value: JSONValue
    level: str
    node_id: str


class ShownHit(NamedTuple):
    """A debug value as people see it. `id` orders the hits of a workflow; `value` is JSON text, cut short when `cut`.

    `missed` is for a line that stands for values which were not recorded: too many, or too large, within a second.
    """

    id: str
    time_ms: int
    level: str
    message: str
    value: str
    cut: bool
    node_id: str
    node_label: str
    path: list[str]
    run_id: str
    version_id: str
    missed: int = 0

    def as_json(self) -> JSONObject:
        """Return it for programs."""
        return dict(self._asdict())


def text_of(value: object) -> bytes:
    """Return a value as JSON text; what a workflow computed may be more than JSON can say."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, default=str).encode()


def stored_hit(shown: ShownHit) -> bytes:
    """Return the stored form, without the id that storing gives it."""
    return orjson.dumps(shown[1:])


def missed_hit(time_ms: int, missed: int) -> bytes:
    """Return the stored form of a line for values that were not recorded."""
    return stored_hit(ShownHit("", time_ms, "", "", "", False, "", "", [], "", "", missed))


def read_hit(identifier: str, stored: bytes) -> ShownHit:
    """Read what `stored_hit` returned."""
    return ShownHit(identifier, *orjson.loads(stored))


def cut_value(text: bytes) -> tuple[str, bool]:
    """Return as much of a JSON text as is kept, and whether that is not all."""
    return text[:VALUE_BYTES].decode(errors="ignore"), len(text) > VALUE_BYTES

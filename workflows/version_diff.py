"""The difference between two versions of a workflow, as people read it: nodes, triggers, wires, globals.

    found = difference(content_of(old), content_of(new))
    found.is_empty, found.to_json()

Nodes are the same when their ids are, triggers when type and key are. What only moved in the editor is told apart from what
changed. Values that look like a login are compared and never shown (see `version_masking`). Nothing here touches a database, and
content that makes no workflow can be compared like any other.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wegnology.lib.registry import UnknownName
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import nodes
from workflows.version_content import Content
from workflows.version_fields import ABSENT, Change, field_changes

_PLACE = ("x", "y")
_OF_THE_EDITOR = frozenset({*_PLACE, "uiId", "id", "triggerId", "category"})
"""Meta keys that say nothing about what the workflow does, nor what people read."""


class Part(NamedTuple):
    """A node or trigger: its id (of a trigger type and key), type and label, and what changed of it."""

    id: str
    type: str
    label: str
    changes: tuple[Change, ...] = ()

    def to_json(self) -> JSONObject:
        """Return it for programs."""
        named: JSONObject = {"id": self.id, "type": self.type, "label": self.label}
        return {**named, "changes": [change.to_json() for change in self.changes]} if self.changes else named


class Wire(NamedTuple):
    """From an output of a node or trigger to a node. `output` is its number, `output_name` what it is called, if anything."""

    source: Part
    output: int
    output_name: str
    target: Part

    def to_json(self) -> JSONObject:
        """Return it for programs."""
        return {"from": self.source.id, "output": self.output, "outputName": self.output_name, "to": self.target.id}


class Both(NamedTuple):
    """What one kind of part gained, lost and changed; `moved` only in the editor."""

    added: tuple[Part, ...] = ()
    removed: tuple[Part, ...] = ()
    changed: tuple[Part, ...] = ()
    moved: tuple[Part, ...] = ()

    @property
    def differ(self) -> bool:
        """Say whether there is anything."""
        return any(self)

    def to_json(self) -> JSONObject:
        """Return it for programs."""
        return {name: [part.to_json() for part in parts] for name, parts in self._asdict().items()}


class Difference(NamedTuple):
    """All that differs from the first version to the second."""

    nodes: Both
    triggers: Both
    wires_added: tuple[Wire, ...]
    wires_removed: tuple[Wire, ...]
    globals: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        """Say whether both hold the same, places in the editor included."""
        return not any([self.nodes.differ, self.triggers.differ, *self[2:]])

    def to_json(self) -> JSONObject:
        """Return it for programs."""
        return {
            "same": self.is_empty,
            "nodes": self.nodes.to_json(),
            "triggers": self.triggers.to_json(),
            "wires": {
                "added": [wire.to_json() for wire in self.wires_added],
                "removed": [wire.to_json() for wire in self.wires_removed],
            },
            "globals": [change.to_json() for change in self.globals],
        }


def difference(before: Content, after: Content) -> Difference:
    """Compare two versions."""
    old_nodes, new_nodes = _by_id(before.nodes), _by_id(after.nodes)
    old_triggers, new_triggers = _by_key(before.triggers), _by_key(after.triggers)
    old_wires = _wires(old_triggers, old_nodes)
    new_wires = _wires(new_triggers, new_nodes)
    return Difference(
        _both(old_nodes, new_nodes, _node_part),
        _both(old_triggers, new_triggers, _trigger_part),
        tuple(wire for key, wire in new_wires.items() if key not in old_wires),
        tuple(wire for key, wire in old_wires.items() if key not in new_wires),
        tuple(field_changes(before.globals, after.globals)),
    )


def _by_id(raw: Sequence[JSONValue]) -> dict[str, JSONObject]:
    """Return nodes by id; a second one of an id, and one without, gets its place as one."""
    found: dict[str, JSONObject] = {}
    for number, node in enumerate(raw):
        if isinstance(node, dict):
            name = str(node.get("id") or "")
            found[name if name and name not in found else f"{name}#{number}"] = node
    return found


def _by_key(raw: Sequence[JSONValue]) -> dict[str, JSONObject]:
    """Return triggers by type and key; several alike are counted."""
    found: dict[str, JSONObject] = {}
    seen: Counter[str] = Counter()
    for trigger in raw:
        if isinstance(trigger, dict):
            name = f"{trigger.get('type', '')}:{trigger.get('key') or ''}"
            seen[name] += 1
            found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = trigger
    return found


def _both(before: Mapping[str, JSONObject], after: Mapping[str, JSONObject], part: Callable[[str, JSONObject], Part]) -> Both:
    kept = [(name, before[name], new) for name, new in after.items() if name in before]
    changes = {name: tuple(_part_changes(old, new)) for name, old, new in kept}
    return Both(
        tuple(part(name, raw) for name, raw in after.items() if name not in before),
        tuple(part(name, raw) for name, raw in before.items() if name not in after),
        tuple(part(name, new)._replace(changes=changes[name]) for name, _, new in kept if changes[name]),
        tuple(part(name, new) for name, old, new in kept if not changes[name] and _place(old) != _place(new)),
    )


def _part_changes(before: JSONObject, after: JSONObject) -> Iterator[Change]:
    """Yield what differs of one node or trigger, without its wires and its place in the editor."""
    if before.get("type") != after.get("type"):
        yield Change("type", before.get("type", ABSENT), after.get("type", ABSENT))
    yield from field_changes(_object(before, "config"), _object(after, "config"), "config")
    yield from field_changes(_said(before), _said(after), "meta")


def _said(raw: JSONObject) -> JSONObject:
    return {name: value for name, value in _object(raw, "meta").items() if name not in _OF_THE_EDITOR}


def _object(raw: JSONObject, name: str) -> JSONObject:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _place(raw: JSONObject) -> list[JSONValue]:
    return [_object(raw, "meta").get(name) for name in _PLACE]


def _node_part(name: str, raw: JSONObject) -> Part:
    kind = str(raw.get("type", ""))
    return Part(name, kind, str(_object(raw, "meta").get("label") or _declared(kind, "label", kind)))


def _trigger_part(name: str, raw: JSONObject) -> Part:
    kind = str(raw.get("type", ""))
    return Part(name, kind, str(_object(raw, "meta").get("label") or kind))


def _declared(kind: str, name: str, otherwise: Any) -> Any:
    try:
        return getattr(nodes.get(kind), name)
    except UnknownName:
        return otherwise


def _wires(triggers: Mapping[str, JSONObject], raw_nodes: Mapping[str, JSONObject]) -> dict[tuple[str, int, str], Wire]:
    """Return the wires by source, output and target; one to a node that is not there shows the node's id."""
    parts = {name: _node_part(name, raw) for name, raw in raw_nodes.items()}
    sources = [(f"trigger {name}", _trigger_part(name, raw), raw) for name, raw in triggers.items()]
    sources += [(name, parts[name], raw) for name, raw in raw_nodes.items()]
    found: dict[tuple[str, int, str], Wire] = {}
    for name, part, raw in sources:
        for number, target in _targets(raw):
            outputs = _declared(part.type, "outputs", ())
            called = outputs[number] if len(outputs) > 1 and number < len(outputs) else ""
            found[name, number, target] = Wire(part, number, called, parts.get(target, Part(target, "", target)))
    return found


def _targets(raw: JSONObject) -> Iterator[tuple[int, str]]:
    outputs = raw.get("outputIds")
    for number, targets in enumerate(outputs if isinstance(outputs, list) else ()):
        for target in targets if isinstance(targets, list) else ():
            yield number, str(target)

"""Boxes and wires of a workflow version, with its faults and the path of a run on them. Pure; any JSON may come in.

Templates draw it as an inline SVG; ids in the page are made of positions in the lists, because ids of nodes may hold anything.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from wegnology.lib.registry import UnknownName
from wegnology.lib.types import JSONObject
from workflows.drawing.layout import GAP_X, GAP_Y, HEIGHT, WIDTH, Point, given_place, place
from workflows.exceptions import Fault
from workflows.graph import INTEGRATION
from workflows.nodes.base import AnyNodeClass
from workflows.nodes.base import nodes as known_nodes
from workflows.trigger_words import trigger_words
from workflows.version_masking import masked

MARGIN = 24.0
MAX_BOXES = 2_500
LABEL_LENGTH = 24
VALUE_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class Output:
    """One way out of a box: its name, where it leaves, and how many wires do."""

    name: str
    x: float
    y: float


@dataclass(slots=True)
class Box:
    """A trigger or a node. `id` is its id in the page, `name` its id in the workflow, `order` its visits in a run.

    `type` is as it stands in the workflow, `words` what people call that.
    """

    id: str
    name: str
    kind: str
    type: str
    label: str
    category: str
    words: str
    x: float = 0
    y: float = 0
    outputs: tuple[Output, ...] = ()
    settings: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    order: tuple[int, ...] = ()
    failed: bool = False
    group: str = ""
    supported: bool = True
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def short(self) -> str:
        """Return the label as far as it fits."""
        return self.label if len(self.label) <= LABEL_LENGTH else f"{self.label[: LABEL_LENGTH - 1]}…"

    @property
    def state(self) -> str:
        """Return how the box is drawn: failed, visited, faulty, unsupported, or plain."""
        named = (("failed", self.failed), ("faulty", bool(self.faults)), ("unsupported", not self.supported))
        return next((name for name, holds in named if holds), "visited" if self.order else "plain")


@dataclass(frozen=True, slots=True)
class Wire:
    """From an output to a box; `path` is what SVG calls `d`."""

    path: str
    name: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the body of a loop."""

    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. `other_faults` belong to no box."""

    boxes: list[Box]
    wires: list[Wire]
    frames: list[Frame]
    width: float
    height: float
    other_faults: list[str]


def picture(
    triggers: Any,
    nodes: Any,
    *,
    faults: Iterable[Fault] = (),
    visits: Sequence[tuple[str, int | None]] = (),
    failed: str = "",
    began: tuple[str, str] = ("", ""),
    sources: Mapping[str, str] | None = None,
) -> Picture:
    """Draw a version. `visits` are what a run visited, in order: the id of a node and by which output it was left; `failed` is
    the node at which it ended, `began` the type of its trigger and the integration, `sources` names of integrations by the key
    of their triggers.
    """
    first = [_trigger(raw, at, sources or {}) for at, raw in enumerate(_objects(triggers))]
    second = [_node(raw, at) for at, raw in enumerate(_objects(nodes))]
    boxes = [*first, *second][:MAX_BOXES]
    raws = [*_objects(triggers), *_objects(nodes)][:MAX_BOXES]
    by_name = {box.name: box for box in second}
    wired = [
        (box, number, by_name[name]) for box, raw in zip(boxes, raws, strict=True) for number, name in _targets(raw, by_name)
    ]
    _arrange(boxes, raws, wired)
    _mark(by_name, [name for name, _ in visits], failed)
    other = _tell(faults, first, second)
    width = max((box.x for box in boxes), default=0) + WIDTH + MARGIN
    height = max((box.y for box in boxes), default=0) + HEIGHT + MARGIN
    left = set(visits)
    begun = {box.id for box, raw in zip(first, _objects(triggers), strict=True) if _began(raw, *began)}
    drawn = [_wire(box, number, target, left, begun) for box, number, target in wired]
    return Picture(boxes, drawn, _frames(second), width, height, other)


def _began(raw: JSONObject, kind: str, source_id: str) -> bool:
    """Say whether a run can have begun at a trigger; of several of a type but integrations that is not known."""
    return not kind or (raw.get("type") == kind and (kind != INTEGRATION or raw.get("key") == source_id))


def _objects(raw: Any) -> list[JSONObject]:
    return [one if isinstance(one, dict) else {} for one in raw] if isinstance(raw, list) else []


def _trigger(raw: JSONObject, at: int, sources: Mapping[str, str]) -> Box:
    kind, key = str(raw.get("type", "?")), str(raw.get("key", ""))
    words = trigger_words(kind)
    label = _label(raw) or (f"{sources[key]}" if key in sources else words)
    settings = [("key", key)] if key else []
    settings += _settings(raw.get("config"))
    box = Box(f"trigger-{at}", "", "trigger", kind, label, "trigger", words, settings=settings)
    return _with_outputs(box, raw, ("",))


def _node(raw: JSONObject, at: int) -> Box:
    kind = str(raw.get("type", "?"))
    try:
        node_class: AnyNodeClass | None = known_nodes.get(kind)
    except UnknownName:
        node_class = None
    meta = raw.get("meta")
    group = meta.get("groupId") if isinstance(meta, dict) else ""
    box = Box(
        f"node-{at}",
        str(raw.get("id", f"#{at}")),
        "node",
        kind,
        _label(raw) or (gettext(node_class.label) if node_class else kind),
        node_class.category if node_class else "unsupported",
        gettext(node_class.label) if node_class else kind,
        settings=_settings(raw.get("config")),
        group=group if isinstance(group, str) else "",
        supported=node_class is not None,
    )
    return _with_outputs(box, raw, node_class.outputs if node_class else ())


def _with_outputs(box: Box, raw: JSONObject, names: Sequence[str]) -> Box:
    wired = raw.get("outputIds")
    count = max(len(names), len(wired) if isinstance(wired, list) else 0)
    named = [names[at] if at < len(names) else str(at) for at in range(min(count, 100))]
    box.outputs = tuple(Output(name if count > 1 else "", 0, 0) for name in named)
    return box


def _label(raw: JSONObject) -> str:
    meta = raw.get("meta")
    found = (meta.get("label") or meta.get("name")) if isinstance(meta, dict) else ""
    return found[:255] if isinstance(found, str) else ""


def _settings(config: Any) -> list[tuple[str, str]]:
    """Return settings as text, without what looks like a login."""
    if not isinstance(config, dict):
        return []
    shown = {name: masked(value, str(name)) for name, value in config.items()}
    return [(str(name), _text(value)) for name, value in shown.items() if value not in (None, "", [], {})]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return text if len(text) <= VALUE_LENGTH else f"{text[:VALUE_LENGTH]}…"


def _targets(raw: JSONObject, by_name: Mapping[str, Box]) -> list[tuple[int, str]]:
    outputs = raw.get("outputIds")
    return [
        (number, name)
        for number, names in enumerate(outputs if isinstance(outputs, list) else [])
        for name in (names if isinstance(names, list) else [])
        if isinstance(name, str) and name in by_name
    ]


def _arrange(boxes: list[Box], raws: list[JSONObject], wired: list[tuple[Box, int, Box]]) -> None:
    given = {box.id: point for box, raw in zip(boxes, raws, strict=True) if (point := given_place(raw.get("meta")))}
    places = place([box.id for box in boxes], [(box.id, target.id) for box, _, target in wired], given)
    for box in boxes:
        point = places.get(box.id, Point(0, 0))
        box.x, box.y = point.x + MARGIN, point.y + MARGIN
        step = WIDTH / (len(box.outputs) + 1)
        box.outputs = tuple(
            Output(one.name, round(box.x + step * (at + 1), 1), box.y + HEIGHT) for at, one in enumerate(box.outputs)
        )


def _mark(by_name: Mapping[str, Box], path: Sequence[str], failed: str) -> None:
    for order, name in enumerate(path, start=1):
        if name in by_name:
            by_name[name].order = (*by_name[name].order, order)
    if failed in by_name:
        by_name[failed].failed = True


def _tell(faults: Iterable[Fault], triggers: list[Box], nodes: list[Box]) -> list[str]:
    """Put each fault to its box; return those that belong to none."""
    other = []
    for fault in faults:
        part, _, rest = fault.place.partition("[")
        number, _, within = rest.partition("]")
        boxes = {"triggers": triggers, "nodes": nodes}.get(part, [])
        if number.isdecimal() and int(number) < len(boxes):
            boxes[int(number)].faults.append(f"{within.removeprefix('.')}: {fault.message}" if within else fault.message)
        else:
            other.append(str(fault))
    return other


def _wire(box: Box, number: int, target: Box, left: Collection[tuple[str, int | None]], begun: Collection[str]) -> Wire:
    out = box.outputs[number] if number < len(box.outputs) else Output("", box.x + WIDTH / 2, box.y + HEIGHT)
    x, y = round(target.x + WIDTH / 2, 1), target.y
    bend = max(abs(y - out.y) / 2, GAP_Y / 2)
    began = box.id in begun and 1 in target.order
    taken = bool(target.order) and (began or (box.kind == "node" and (box.name, number) in left))
    line = f"M{out.x} {out.y}C{out.x} {round(out.y + bend, 1)},{x} {round(y - bend, 1)},{x} {y}"
    return Wire(line, out.name, taken)


def _frames(boxes: list[Box]) -> list[Frame]:
    loops = {box.name: box for box in boxes}
    inside: dict[str, list[Box]] = {}
    for box in boxes:
        if box.group in loops:
            inside.setdefault(box.group, []).append(box)
    return [_frame(loops[name].label, body) for name, body in inside.items()]


def _frame(label: str, body: list[Box]) -> Frame:
    edge = GAP_X / 3
    left, top = min(box.x for box in body) - edge, min(box.y for box in body) - edge
    right, bottom = max(box.x for box in body) + WIDTH + edge, max(box.y for box in body) + HEIGHT + edge
    return Frame(label, left, top, right - left, bottom - top)

"""Array: operations on an array of the payload, in order."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import Field

from wegnology.lib import javascript
from wegnology.lib.lists import identity, ordered, total, unique
from wegnology.lib.paths import MAX_DEPTH, Path, copy_json, count_json, is_deeper, kind
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import Template
from wegnology.lib.types import JSONObject
from workflows.expressions import Expression, compile_expression
from workflows.nodes.base import (
    Category,
    Node,
    NodeFailed,
    Result,
    RunContext,
    compiled,
    nodes,
    optional_path,
    path_of,
    template_of,
)

MAX_ITEMS = 262_144
"""Elements an array may have (as many as the original product's Loop visits)."""
MAX_COPIED = 1_000_000
"""Values that one run of the node may copy into the payload."""
Kind = Literal[
    "compact", "concat", "deduplicate", "deduplicateBy", "filter", "flatten", "groupBy", "indexOf", "insertAt", "keyBy", "length",
    "lookupAt", "pop", "push", "removeAt", "replaceAt", "reverse", "shift", "slice", "sort", "sortBy", "sum", "unshift",
]  # fmt: skip


class ArrayRule(Schema):
    """One operation. Which of the other settings it needs depends on `type`; the node's help lists them."""

    type: Kind = Field(description="What to do.")
    input_template: str = Field(
        default="",
        max_length=32_768,
        description="concat, indexOf, insertAt, push, replaceAt, unshift: the value, a template. filter: an expression over "
        "{{value}}, {{index}}, {{array}} and {{payload}}. deduplicateBy, groupBy, keyBy, sortBy: a property of the elements. "
        "slice: where to start.",
    )
    index_template: str = Field(
        default="",
        max_length=1024,
        description="insertAt, lookupAt, removeAt, replaceAt: the position, a template. slice: where to stop.",
    )
    order: Literal["ascending", "descending"] = Field(default="ascending", description="sort, sortBy: the direction.")
    output_path: str = Field(
        default="",
        description="Payload path of what is found, removed, counted, grouped or picked; needed where the array itself is not "
        "changed.",
    )


class ArrayConfig(Schema):
    """Settings of `ArrayNode`."""

    source_array_path: str = Field(description="Payload path of the array.", examples=["working.readings"])
    dest_array_path: str = Field(
        default="",
        description="Payload path of the changed array; blank changes the array where it is.",
        examples=["working.hot"],
    )
    rules: list[ArrayRule] = Field(
        min_length=1,
        max_length=15,
        description="The operations, in order; each works on what those before it left.",
        examples=[[{"type": "filter", "inputTemplate": "{{value.temperature}} > 30", "outputPath": "working.hot"}]],
    )


class _Step(NamedTuple):
    """A compiled rule."""

    work: "_Work"
    text: str
    template: Template | None
    filter: Expression | None
    position: Template | None
    path: Path | None
    output: Path | None
    descending: bool


class _Outcome(NamedTuple):
    """What a rule leaves: the array, and what goes to `outputPath`."""

    items: list[Any]
    output: Any = None
    copies: bool = False
    """Whether `output` shares values with the array."""


class _Work(NamedTuple):
    call: Callable[[_Step, list[Any], JSONObject, RunContext], _Outcome]
    input: Literal["", "template", "expression", "property", "start"] = ""
    position: Literal["", "needed", "optional"] = ""
    output: Literal["", "needed", "optional"] = ""
    changes: bool = True


@nodes.register
class ArrayNode(Node[ArrayConfig]):
    """Filters, sorts, groups, joins, cuts or searches an array."""

    name = "ArrayNode"
    label = "Array"
    category = Category.LOGIC
    Config = ArrayConfig

    def __init__(self, config: ArrayConfig) -> None:
        super().__init__(config)
        self._source = path_of("sourceArrayPath", config.source_array_path)
        self._destination = optional_path("destArrayPath", config.dest_array_path) or self._source
        errors: dict[str, str] = {}
        self._steps: list[_Step] = []
        for at, rule in enumerate(config.rules):
            try:
                self._steps.append(_compiled(rule, f"rules.{at}."))
            except ConfigInvalid as error:
                errors |= error.errors
        if errors:
            raise ConfigInvalid(errors)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        source = self._source.get(payload)
        if not isinstance(source, list):
            raise NodeFailed(f"{self._source.text} is {kind(source)}, not an array")
        items = list(source) if self._destination is self._source else copy_json(source)
        budget = MAX_COPIED
        changed = False
        for step in self._steps:
            context.tick()
            outcome = step.work.call(step, items, payload, context)
            if len(outcome.items) > MAX_ITEMS:
                raise NodeFailed(f"the array would have more than {MAX_ITEMS} elements")
            items = outcome.items
            changed = changed or step.work.changes
            if step.output is not None:
                output = outcome.output
                if outcome.copies:
                    budget -= count_json(output, budget)
                    if budget < 0:
                        raise NodeFailed(f"the rules copy more than {MAX_COPIED} values")
                    output = copy_json(output)
                payload = step.output.set(payload, output)
        if changed:
            payload = self._destination.set(payload, items)
        return payload, 0


def _compiled(rule: ArrayRule, place: str) -> _Step:
    work = _WORKS[rule.type]
    errors: dict[str, str] = {}
    if work.input in ("template", "expression", "property") and not rule.input_template:
        errors[f"{place}inputTemplate"] = f"{rule.type} needs it."
    if work.position == "needed" and not rule.index_template:
        errors[f"{place}indexTemplate"] = f"{rule.type} needs a position."
    if work.output == "needed" and not rule.output_path:
        errors[f"{place}outputPath"] = f"{rule.type} does not change the array: say where the result goes."
    if errors:
        raise ConfigInvalid(errors)
    is_template = work.input in ("template", "start") and rule.input_template
    return _Step(
        work,
        rule.input_template,
        template_of(f"{place}inputTemplate", rule.input_template) if is_template else None,
        compiled(f"{place}inputTemplate", compile_expression, rule.input_template) if work.input == "expression" else None,
        template_of(f"{place}indexTemplate", rule.index_template) if rule.index_template else None,
        path_of(f"{place}inputTemplate", rule.input_template) if work.input == "property" else None,
        optional_path(f"{place}outputPath", rule.output_path),
        rule.order == "descending",
    )


def _value(step: _Step, payload: JSONObject) -> Any:
    """Return the rule's input: a lone `{{path}}` is the value there, else text that is JSON is what it says, else the text."""
    if step.template is None:
        return None
    if len(step.template.paths) == 1 and step.text.strip() == "{{" + step.template.paths[0] + "}}":
        return copy_json(Path.parse(step.template.paths[0]).get(payload))
    text = step.template.render(payload)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if is_deeper(value, MAX_DEPTH // 2):
        raise NodeFailed(f"the value is nested more than {MAX_DEPTH // 2} levels deep")
    return value


def _position(step: _Step, payload: JSONObject, most: int) -> int:
    """Return the rule's position; raises `NodeFailed` outside 0 to `most`."""
    text = step.position.render(payload) if step.position else ""
    value = javascript.number(text) if text.strip() else math.nan
    if not 0 <= value <= most or value != int(value):
        raise NodeFailed(f"the position must be a whole number from 0 to {most}, not {text[:80]!r}")
    return int(value)


def _bound(template: Template | None, payload: JSONObject) -> int | None:
    text = template.render(payload).strip() if template else ""
    if not text:
        return None
    value = javascript.number(text)
    if not -MAX_ITEMS <= value <= MAX_ITEMS:
        raise NodeFailed(f"slice needs whole numbers, not {text[:80]!r}")
    return int(value)


def _property(step: _Step, item: Any) -> Any:
    return step.path.get(item) if step.path and isinstance(item, (dict, list)) else None


def _filter(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    expression = step.filter
    kept = []
    for index, item in enumerate(items):
        if index % 100 == 0:
            context.tick()
        if expression and expression.is_true({"value": item, "index": index, "array": items, "payload": payload}):
            kept.append(item)
    return _Outcome(items, kept, copies=True)


def _group_by(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(_name(_property(step, item)), []).append(item)
    return _Outcome(items, groups, copies=True)


def _key_by(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    return _Outcome(items, {_name(_property(step, item)): item for item in items}, copies=True)


def _name(value: Any) -> str:
    return "undefined" if value is None else javascript.text(value)


def _index_of(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    wanted = identity(_value(step, payload))
    return _Outcome(items, next((at for at, item in enumerate(items) if identity(item) == wanted), -1))


def _concat(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    more = _value(step, payload)
    return _Outcome([*items, *(more if isinstance(more, list) else [more])])


def _insert_at(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    at = _position(step, payload, len(items))
    return _Outcome([*items[:at], _value(step, payload), *items[at:]])


def _replace_at(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    at = _position(step, payload, len(items) - 1)
    return _Outcome([*items[:at], _value(step, payload), *items[at + 1 :]], items[at])


def _remove_at(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    at = _position(step, payload, len(items) - 1)
    return _Outcome([*items[:at], *items[at + 1 :]], items[at])


def _lookup_at(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    at = _position(step, payload, MAX_ITEMS)
    return _Outcome(items, items[at] if at < len(items) else None, copies=True)


def _slice(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    return _Outcome(items[_bound(step.template, payload) : _bound(step.position, payload)])


def _flatten(step: _Step, items: list[Any], payload: JSONObject, context: RunContext) -> _Outcome:
    return _Outcome([inner for item in items for inner in (item if isinstance(item, list) else [item])])


_WORKS: dict[str, _Work] = {
    "compact": _Work(lambda step, items, payload, context: _Outcome([item for item in items if javascript.truthy(item)])),
    "concat": _Work(_concat, "template"),
    "deduplicate": _Work(lambda step, items, payload, context: _Outcome(unique(items, lambda item: item))),
    "deduplicateBy": _Work(
        lambda step, items, payload, context: _Outcome(items, unique(items, lambda item: _property(step, item)), copies=True),
        "property",
        output="needed",
        changes=False,
    ),
    "filter": _Work(_filter, "expression", output="needed", changes=False),
    "flatten": _Work(_flatten),
    "groupBy": _Work(_group_by, "property", output="needed", changes=False),
    "indexOf": _Work(_index_of, "template", output="needed", changes=False),
    "insertAt": _Work(_insert_at, "template", "needed"),
    "keyBy": _Work(_key_by, "property", output="needed", changes=False),
    "length": _Work(lambda step, items, payload, context: _Outcome(items, len(items)), output="needed", changes=False),
    "lookupAt": _Work(_lookup_at, "", "needed", "needed", changes=False),
    "pop": _Work(lambda step, items, payload, context: _Outcome(items[:-1], items[-1] if items else None), output="optional"),
    "push": _Work(lambda step, items, payload, context: _Outcome([*items, _value(step, payload)]), "template"),
    "removeAt": _Work(_remove_at, "", "needed", "optional"),
    "replaceAt": _Work(_replace_at, "template", "needed", "optional"),
    "reverse": _Work(lambda step, items, payload, context: _Outcome(items[::-1])),
    "shift": _Work(lambda step, items, payload, context: _Outcome(items[1:], items[0] if items else None), output="optional"),
    "slice": _Work(_slice, "start", "optional"),
    "sort": _Work(
        lambda step, items, payload, context: _Outcome(items, ordered(items, lambda item: item, step.descending), copies=True),
        output="needed",
        changes=False,
    ),
    "sortBy": _Work(
        lambda step, items, payload, context: _Outcome(
            items, ordered(items, lambda item: _property(step, item), step.descending), copies=True
        ),
        "property",
        output="needed",
        changes=False,
    ),
    "sum": _Work(lambda step, items, payload, context: _Outcome(items, total(items)), output="needed", changes=False),
    "unshift": _Work(lambda step, items, payload, context: _Outcome([_value(step, payload), *items]), "template"),
}

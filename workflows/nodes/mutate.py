"""Mutate: set, remove, copy and move values of the payload by rules, in order."""

from collections.abc import Callable
from typing import Any, Literal

import orjson
from pydantic import Field

from wegnology.lib.paths import MAX_DEPTH, Path, copy_json, count_json, is_deeper
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import Template, compile_template, parse_json_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, compiled, nodes

MAX_COPIED = 100_000
"""Values that one run of the node may copy: rules could otherwise double the payload a hundred times."""

_MISSING = object()
Step = Callable[[JSONObject, list[int]], JSONObject]
"""Takes the payload and how many values may still be copied; returns the payload."""


class MutateRule(Schema):
    """One rule. `set` needs `valueTemplate` and `destination`, `remove` a `source`, `copy` and `move` both paths."""

    type: Literal["set", "remove", "copy", "move"] = Field(description="What the rule does.")
    destination: str = Field(default="", description="Payload path to write to; not for remove.")
    value_template: str = Field(default="", max_length=32_768, description="The value that set writes; a template.")
    value_template_type: Literal["string", "json"] = Field(
        default="string", description="Whether set writes what the template gives as text (string) or reads it as JSON (json)."
    )
    source: str = Field(default="", description="Payload path to take from; not for set.")


class MutateConfig(Schema):
    """Settings of `MutateNode`."""

    rules: list[MutateRule] = Field(
        min_length=1,
        max_length=100,
        description="What to change, in order; each rule sees what those before it did.",
        examples=[
            [
                {
                    "type": "set",
                    "destination": "working.alert",
                    "valueTemplate": '{"hot": {{working.reading.temperature}}}',
                    "valueTemplateType": "json",
                },
                {"type": "remove", "source": "working.reading"},
            ]
        ],
    )


@nodes.register
class MutateNode(Node[MutateConfig]):
    """Changes the payload by rules."""

    name = "MutateNode"
    label = "Mutate"
    category = Category.LOGIC
    Config = MutateConfig

    def __init__(self, config: MutateConfig) -> None:
        super().__init__(config)
        errors: dict[str, str] = {}
        self._steps: list[Step] = []
        for index, rule in enumerate(config.rules):
            try:
                self._steps.append(_BUILDERS[rule.type](rule, f"rules.{index}."))
            except ConfigInvalid as error:
                errors |= error.errors
        if errors:
            raise ConfigInvalid(errors)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        budget = [MAX_COPIED]
        for step in self._steps:
            payload = step(payload, budget)
        return payload, 0


def _set(rule: MutateRule, place: str) -> Step:
    destination = compiled(f"{place}destination", Path.parse, rule.destination)
    put = destination.set
    template = compiled(f"{place}valueTemplate", compile_template, rule.value_template)
    constant = _constant(template, is_json=rule.value_template_type == "json")
    if constant is not _MISSING:
        return lambda payload, budget: put(payload, constant)
    if rule.value_template_type == "json":

        def set_json(payload: JSONObject, budget: list[int]) -> JSONObject:
            return put(payload, _bounded(parse_json_template(template, payload), destination))

        return set_json
    render = template.render
    return lambda payload, budget: put(payload, render(payload))


def _constant(template: Template, is_json: bool) -> Any:
    """Return what a template without tags gives over any payload, where runs may share it; else `_MISSING`."""
    if template.fixed is None:
        return _MISSING
    if not is_json:
        return template.fixed
    try:
        value = orjson.loads(template.fixed)
    except orjson.JSONDecodeError:
        return _MISSING  # the run that comes here fails
    return _MISSING if isinstance(value, (dict, list)) else value


def _remove(rule: MutateRule, place: str) -> Step:
    remove = compiled(f"{place}source", Path.parse, rule.source).remove
    return lambda payload, budget: remove(payload)


def _copy(rule: MutateRule, place: str) -> Step:
    """A missing source leaves nothing at the destination, as with a value of `undefined` in the original product."""
    source = compiled(f"{place}source", Path.parse, rule.source)
    destination = compiled(f"{place}destination", Path.parse, rule.destination)

    def step(payload: JSONObject, budget: list[int]) -> JSONObject:
        value = source.get_or(payload, _MISSING)
        if value is _MISSING:
            return destination.remove(payload)
        budget[0] -= count_json(value, budget[0])
        if budget[0] < 0:
            raise NodeFailed(f"the rules copy more than {MAX_COPIED} values")
        return destination.set(payload, copy_json(_bounded(value, destination)))

    return step


def _move(rule: MutateRule, place: str) -> Step:
    source = compiled(f"{place}source", Path.parse, rule.source)
    destination = compiled(f"{place}destination", Path.parse, rule.destination)

    def step(payload: JSONObject, budget: list[int]) -> JSONObject:
        value = source.get_or(payload, _MISSING)
        if value is _MISSING:
            return destination.remove(payload)
        return destination.set(source.remove(payload), _bounded(value, destination))

    return step


def _bounded(value: Any, destination: Path) -> Any:
    if isinstance(value, (dict, list)) and is_deeper(value, MAX_DEPTH - len(destination.keys)):
        raise NodeFailed(f"{destination.text} would be nested more than {MAX_DEPTH} levels deep")
    return value


_BUILDERS: dict[str, Callable[[MutateRule, str], Step]] = {"set": _set, "remove": _remove, "copy": _copy, "move": _move}

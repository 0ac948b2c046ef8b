"""Mutate: set, remove, copy and move values of the payload by rules, in order."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from wegnology.lib.paths import Path, copy_json, count_json
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import compile_template, parse_json_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, compiled, nodes

MAX_COPIED = 100_000
"""Values that one run of the node may copy: rules could otherwise double the payload a hundred times."""

_MISSING = object()
Step = Callable[[JSONObject], JSONObject]


class MutateRule(Schema):
    """One rule. `set` needs `valueTemplate` and `destination`, `remove` a `source`, `copy` and `move` both paths."""

    type: Literal["set", "remove", "copy", "move"]
    destination: str = ""
    value_template: str = Field(default="", max_length=32_768)
    value_template_type: Literal["string", "json"] = "string"
    source: str = ""


class MutateConfig(Schema):
    """Settings of `MutateNode`."""

    rules: list[MutateRule] = Field(min_length=1, max_length=100, description="What to change, in order.")


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
        for step in self._steps:
            payload = step(payload)
        return Result(payload)


def _set(rule: MutateRule, place: str) -> Step:
    put = compiled(f"{place}destination", Path.parse, rule.destination).set
    template = compiled(f"{place}valueTemplate", compile_template, rule.value_template)
    if rule.value_template_type == "json":
        return lambda payload: put(payload, parse_json_template(template, payload))
    render = template.render
    return lambda payload: put(payload, render(payload))


def _remove(rule: MutateRule, place: str) -> Step:
    return compiled(f"{place}source", Path.parse, rule.source).remove


def _copy(rule: MutateRule, place: str) -> Step:
    """A missing source leaves nothing at the destination, as with a value of `undefined` in the original product."""
    source = compiled(f"{place}source", Path.parse, rule.source)
    destination = compiled(f"{place}destination", Path.parse, rule.destination)

    def step(payload: JSONObject) -> JSONObject:
        value = source.get(payload, _MISSING)
        if value is _MISSING:
            return destination.remove(payload)
        if count_json(value, MAX_COPIED) > MAX_COPIED:
            raise NodeFailed(f"{source.text} holds more than {MAX_COPIED} values: too many to copy")
        return destination.set(payload, copy_json(value))

    return step


def _move(rule: MutateRule, place: str) -> Step:
    source = compiled(f"{place}source", Path.parse, rule.source)
    destination = compiled(f"{place}destination", Path.parse, rule.destination)

    def step(payload: JSONObject) -> JSONObject:
        value = source.get(payload, _MISSING)
        if value is _MISSING:
            return destination.remove(payload)
        return destination.set(source.remove(payload), value)

    return step


_BUILDERS: dict[str, Callable[[MutateRule, str], Step]] = {"set": _set, "remove": _remove, "copy": _copy, "move": _move}

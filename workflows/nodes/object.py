"""Object: operations on an object of the payload, in order."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pydantic import Field

from wegnology.lib import javascript
from wegnology.lib.paths import MAX_DEPTH, Path, copy_json, is_deeper, kind
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import Template, parse_json_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, optional_path, template_of


class ObjectOperation(Schema):
    """One operation."""

    type: Literal["assign", "entries", "fromPairs", "keys", "mergeDeep", "omit", "pick", "values", "zipObject"] = Field(
        description="What to do."
    )
    input_template: str = Field(
        default="",
        max_length=32_768,
        description="assign, mergeDeep: an object. omit, pick, zipObject: an array of names. A template that gives JSON.",
    )
    output_path: str = Field(default="", description="entries, fromPairs, keys, values: payload path of the result.")


class ObjectConfig(Schema):
    """Settings of `ObjectNode`."""

    source_path: str = Field(
        default="", description="Payload path of the object; blank or missing is an empty one.", examples=["working.device"]
    )
    dest_path: str = Field(
        default="",
        description="Payload path of the changed object; needed for assign, mergeDeep, omit, pick and zipObject.",
        examples=["working.summary"],
    )
    operations: list[ObjectOperation] = Field(
        min_length=1,
        max_length=10,
        description="The operations, in order; each works on what those before it left.",
        examples=[[{"type": "pick", "inputTemplate": '["id", "name"]'}]],
    )


class _Step(NamedTuple):
    type: str
    template: Template | None
    output: Path | None


@nodes.register
class ObjectNode(Node[ObjectConfig]):
    """Picks, leaves out, merges or lists the parts of an object."""

    name = "ObjectNode"
    label = "Object"
    category = Category.LOGIC
    Config = ObjectConfig

    def __init__(self, config: ObjectConfig) -> None:
        super().__init__(config)
        self._source = optional_path("sourcePath", config.source_path)
        self._destination = optional_path("destPath", config.dest_path)
        errors: dict[str, str] = {}
        self._steps: list[_Step] = []
        for at, operation in enumerate(config.operations):
            try:
                self._steps.append(_compiled(operation, f"operations.{at}."))
            except ConfigInvalid as error:
                errors |= error.errors
        if self._destination is None and any(step.type in _CHANGES for step in self._steps):
            errors["destPath"] = "Say where the changed object goes."
        if errors:
            raise ConfigInvalid(errors)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        source: Any = self._source.get(payload) if self._source else None
        source = {} if source is None else copy_json(source)
        for step in self._steps:
            context.tick()
            if step.type in _CHANGES:
                source = _CHANGES[step.type](source, parse_json_template(step.template, payload) if step.template else None)
            elif step.output is not None:
                payload = step.output.set(payload, copy_json(_READS[step.type](source)))
        if isinstance(source, (dict, list)) and is_deeper(source, MAX_DEPTH // 2):
            raise NodeFailed(f"the object would be nested more than {MAX_DEPTH // 2} levels deep")
        return (self._destination.set(payload, source) if self._destination else payload), 0


def _compiled(operation: ObjectOperation, place: str) -> _Step:
    changes = operation.type in _CHANGES
    if changes and not operation.input_template:
        raise ConfigInvalid({f"{place}inputTemplate": f"{operation.type} needs it."})
    if not changes and not operation.output_path:
        raise ConfigInvalid({f"{place}outputPath": f"{operation.type} does not change the object: say where the result goes."})
    template = template_of(f"{place}inputTemplate", operation.input_template) if changes else None
    return _Step(operation.type, template, optional_path(f"{place}outputPath", operation.output_path))


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NodeFailed(f"{what} is {kind(value)}, not an object")
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise NodeFailed(f"the names are {kind(value)}, not an array")
    return [javascript.text(name) for name in value]


def _assign(source: Any, more: Any) -> Any:
    return {**_object(source, "the source"), **_object(more, "what is assigned")}


def _merge_deep(source: Any, more: Any) -> Any:
    return _merged(_object(source, "the source"), _object(more, "what is merged"))


def _merged(left: Any, right: Any) -> Any:
    """Return both merged; what stands on the right wins, except that objects are merged key by key."""
    if isinstance(left, dict) and isinstance(right, dict):
        return {**left, **{key: _merged(left[key], value) if key in left else value for key, value in right.items()}}
    return right


def _omit(source: Any, names: Any) -> Any:
    left_out = set(_names(names))
    return {key: value for key, value in _object(source, "the source").items() if key not in left_out}


def _pick(source: Any, names: Any) -> Any:
    found = _object(source, "the source")
    return {name: found[name] for name in _names(names) if name in found}


def _zip_object(source: Any, names: Any) -> Any:
    if not isinstance(source, list):
        raise NodeFailed(f"the source is {kind(source)}, not an array of values")
    keys = _names(names)
    return dict(zip(keys, source + [None] * (len(keys) - len(source)), strict=False))


def _from_pairs(source: Any) -> Any:
    if not isinstance(source, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in source):
        raise NodeFailed("the source must be an array of [name, value] pairs")
    return {javascript.text(name): value for name, value in source}


def _pairs(source: Any) -> list[tuple[str, Any]]:
    if isinstance(source, list):
        return [(str(at), item) for at, item in enumerate(source)]
    return list(_object(source, "the source").items())


_CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "assign": _assign,
    "mergeDeep": _merge_deep,
    "omit": _omit,
    "pick": _pick,
    "zipObject": _zip_object,
}
_READS: dict[str, Callable[[Any], Any]] = {
    "entries": lambda source: [[key, value] for key, value in _pairs(source)],
    "fromPairs": _from_pairs,
    "keys": lambda source: [key for key, _ in _pairs(source)],
    "values": lambda source: [value for _, value in _pairs(source)],
}

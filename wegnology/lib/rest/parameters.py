"""Query parameters: nested ones in brackets (`triggerFilter[0][key]=…`), blank ones as not given."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from django.http import QueryDict
from pydantic import BaseModel, ValidationError

from wegnology.lib.rest.errors import ApiError, Invalid
from wegnology.lib.schema import Schema, errors_by_field

Q = TypeVar("Q", bound=BaseModel)
MAX_PARTS = 2_000
"""Parameters of one request."""
MAX_NESTING = 20
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_PART = re.compile(r"\[([^\[\]]*)\]")


class Flags(Schema):
    """What every operation takes: whether links, actions and embedded resources stand in the answer."""

    links: bool = True
    actions: bool = False
    embedded: bool = True


FLAG_NAMES = ("links", "actions", "embedded")


def nested(query: QueryDict) -> dict[str, Any]:
    """Return parameters by name; those with brackets as objects and lists. Of one that stands twice, the last counts."""
    if len(query) > MAX_PARTS:
        raise ApiError(f"A request may have {MAX_PARTS:,} query parameters.")
    found: dict[str, Any] = {}
    for name, value in query.items():
        if "\0" in name or "\0" in str(value):
            raise Invalid({name.replace("\0", ""): "The character U+0000 cannot stand in a parameter."})
        match = _NAME.match(name)
        path = [match[1], *_PART.findall(match[2])] if match else [name]
        if len(path) > MAX_NESTING:
            raise Invalid({path[0]: f"This is nested more than {MAX_NESTING} deep."})
        _put(found, path, value)
    return {name: _lists(value) for name, value in found.items()}


def _put(into: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = into.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = into[part] = {}
        into = inner
    into[path[-1]] = value


def _lists(value: Any) -> Any:
    """Turn objects whose keys are positions into lists."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdecimal() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=lambda key: (len(key), key))]
    return {key: _lists(part) for key, part in value.items()}


def read_query(model: type[Q], given: Mapping[str, Any]) -> Q:
    """Return what a model knows of the parameters; unknown ones are passed over, blank ones count as not given."""
    names = {field.alias or name for name, field in model.model_fields.items()}
    try:
        return model.model_validate({name: value for name, value in given.items() if name in names and value != ""})
    except ValidationError as error:
        raise Invalid(errors_by_field(error)) from None


def read_flags(given: Mapping[str, Any]) -> Flags:
    """Return the flags that every operation takes."""
    try:
        return read_query(Flags, {name: given[f"_{name}"] for name in FLAG_NAMES if f"_{name}" in given})
    except Invalid as error:
        raise Invalid({f"_{name}": text for name, text in error.errors.items()}) from None


def from_json(value: Any) -> Any:
    """Return a parameter that may be JSON text, as clients send objects, or in brackets."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("This is not JSON.") from None

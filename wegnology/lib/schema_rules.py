"""Judging settings whose templates are still open: whatever can be known without their values.

Fields are validated by pydantic with the open ones left out. The rules across fields then see a stand-in for each open
field: it is there, and whoever asks for more of it leaves the rule undecided until the settings are resolved.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from wegnology.lib.config_templates import is_template
from wegnology.lib.fault_texts import worded
from wegnology.lib.schema_leaves import Leaf, json_names, map_leaves, shape_of
from wegnology.lib.types import JSONObject, JSONValue

Fault = tuple[tuple[str | int, ...], str]
"""Place and text of a fault, as pydantic gives them."""


class _Undecided(Exception):
    """A rule asks for the value of a template."""


def _undecided(*_: object) -> NoReturn:
    raise _Undecided


class _Open:
    """Stands for a value that a template will give: there, and not known."""

    def __bool__(self) -> bool:
        return True

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _undecided
    __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = __str__ = __add__ = _undecided


def open_places(schema: type[BaseModel], raw: JSONObject) -> dict[str, str]:
    """Return the templates by their place."""
    found: dict[str, str] = {}

    def look(value: Any, leaf: Leaf) -> JSONValue:
        if leaf.templated and is_template(value):
            found[leaf.place] = value
        return value  # type: ignore[no-any-return]

    map_leaves(schema, raw, look)
    return found


def field_faults(schema: type[BaseModel], raw: JSONObject, places: Collection[str]) -> list[Fault]:
    """Return what is wrong with the fields that are not open; nothing is said of open ones and of what holds them."""
    try:
        schema.model_validate(_closed(raw, places))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        return [(fault["loc"], worded(fault)) for fault in found if fault["loc"] and not _premature(fault, places)]
    return []


def _premature(fault: Mapping[str, Any], places: Collection[str]) -> bool:
    """Say whether a fault is of an open value, or of a rule over an object that holds one."""
    place = ".".join(map(str, fault["loc"]))
    is_rule = fault["type"] in ("value_error", "assertion_error")
    return any(f"{place}.".startswith(f"{other}.") or (is_rule and other.startswith(f"{place}.")) for other in places)


def _closed(value: Any, places: Collection[str], place: str = "") -> Any:
    """Return a copy without the values at open places; a list keeps its length."""
    if isinstance(value, dict):
        inner = {key: f"{place}.{key}" if place else str(key) for key in value}
        return {key: _closed(item, places, inner[key]) for key, item in value.items() if inner[key] not in places}
    if isinstance(value, list):
        return [None if f"{place}.{at}" in places else _closed(item, places, f"{place}.{at}") for at, item in enumerate(value)]
    return value


def rule_faults(schema: type[BaseModel], raw: JSONObject) -> list[Fault]:
    """Return what the rules across fields find; call it when the fields themselves have no faults."""
    faults: list[Fault] = []
    instance = _stand_in(schema, raw)
    for decorator in schema.__pydantic_decorators__.model_validators.values():
        rule: Callable[[Any], Any] = decorator.func
        if decorator.info.mode != "after" or len(inspect.signature(rule).parameters) != 1:
            continue
        try:
            rule(instance)
        except (ValueError, AssertionError) as error:
            faults.append(((), str(error)))
        except (_Undecided, TypeError, AttributeError, LookupError):
            continue
    return faults


def _stand_in(schema: type[BaseModel], raw: JSONObject) -> BaseModel:
    values: dict[str, Any] = {}
    for python_name, field in schema.model_fields.items():
        name = field.alias or python_name
        if name in raw:
            values[python_name] = _known(field, raw[name])
    return schema.model_construct(None, **values)


def _known(field: FieldInfo, raw: JSONValue) -> Any:
    """Return the value of a field; `_Open` where templates leave it open."""
    shape = shape_of(field)
    items = shape.items
    if isinstance(raw, list) and items is not None and items.objects and all(isinstance(item, dict) for item in raw):
        rows = [(items.object_for(item), item) for item in raw if isinstance(item, dict)]
        return [_stand_in(row_schema, item) for row_schema, item in rows if row_schema is not None]
    if _holds_template(raw) and shape.templated:
        return _Open()
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(field.annotation or Any)
        return adapter.validate_python(raw)
    except ValidationError:
        return _Open()


def _holds_template(value: JSONValue) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_template(item) for item in (value.values() if isinstance(value, dict) else value))
    return is_template(value)


__all__ = ["Fault", "field_faults", "json_names", "open_places", "rule_faults"]

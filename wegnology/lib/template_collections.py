"""Helpers of templates that calculate, and that make and search objects and arrays."""

import math
from collections.abc import Callable
from typing import Any

import orjson

from wegnology.lib import javascript
from wegnology.lib.javascript import divide, number, settled
from wegnology.lib.paths import MAX_DEPTH, Path, PathError, is_deeper
from wegnology.lib.template_helpers import helper, shown

MAX_JSON = 1024 * 1024


@helper("ceil")
def _ceil(value: Any, /) -> Any:
    """The next whole number upwards."""
    return _whole(number(value), math.ceil)


@helper("floor")
def _floor(value: Any, /) -> Any:
    """The next whole number downwards."""
    return _whole(number(value), math.floor)


def _whole(value: int | float, towards: Callable[[float], int]) -> int | float:
    return towards(value) if math.isfinite(value) else value


@helper("max")
def _max(first: Any, *others: Any) -> Any:
    """The greatest of the values."""
    return _extreme([first, *others], max)


@helper("min")
def _min(first: Any, *others: Any) -> Any:
    """The least of the values."""
    return _extreme([first, *others], min)


def _extreme(values: list[Any], choose: Any) -> Any:
    numbers = [number(value) for value in values]
    return next((value for value in numbers if value != value), None) or choose(numbers)


@helper("scaleLinear")
def _scale_linear(low: Any, high: Any, to_low: Any, to_high: Any, value: Any, /) -> Any:
    """A value of one range, as a value of another."""
    share = divide(settled(number(value) - number(low)), settled(number(high) - number(low)))
    return settled(number(to_low) + share * (number(to_high) - number(to_low)))


@helper("jsonDecode")
def _json_decode(text: Any, /) -> Any:
    """The value that JSON text says."""
    written = shown(text)
    if len(written) > MAX_JSON:
        raise ValueError(f"the JSON is longer than {MAX_JSON} characters")
    try:
        value = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"this is not valid JSON: {error.msg.split(': line ')[0]} at position {error.pos}") from None
    if is_deeper(value, MAX_DEPTH):
        raise ValueError(f"the JSON is nested more than {MAX_DEPTH} levels deep")
    return value


@helper("obj")
def _obj(**values: Any) -> Any:
    """An object of the given values."""
    return values


@helper("array")
def _array(*values: Any) -> Any:
    """An array of the given values."""
    return list(values)


@helper("merge")
def _merge(*objects: Any, **values: Any) -> Any:
    """The objects as one; later ones win."""
    merged: dict[str, Any] = {}
    for each in (*objects, values):
        if isinstance(each, dict):
            merged |= each
    return merged


@helper("last")
def _last(items: Any, /) -> Any:
    """The last element or character."""
    return items[-1] if isinstance(items, (list, str)) and items else None


@helper("indexByKey")
def _index_by_key(items: Any, wanted: Any, key: Any = "id", /) -> int:
    """The position of the first element whose `key` is equal to the wanted value; -1 when there is none."""
    if not isinstance(items, list):
        return -1
    read = _reader(key)
    return next((at for at, item in enumerate(items) if javascript.strictly_equal(read(item), wanted)), -1)


@helper("valueByKey")
def _value_by_key(items: Any, wanted: Any, key: Any = "id", value: Any = None, /) -> Any:
    """The first element whose `key` is equal to the wanted value, or what it has at `value`."""
    at = _index_by_key(items, wanted, key)
    if at < 0:
        return None
    return items[at] if value is None else _reader(value)(items[at])


def _reader(key: Any) -> Any:
    try:
        path = Path.parse(shown(key))
    except PathError as error:
        raise ValueError(str(error)) from None
    return lambda item: path.get(item) if isinstance(item, (dict, list)) else None

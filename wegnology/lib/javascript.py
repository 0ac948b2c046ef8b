"""JavaScript's rules for JSON values: how they print, count as numbers, compare and count as true.

Templates and expressions of the original product follow these rules, so workflows written for it depend on them. One
deliberate difference: whole numbers keep all their digits, where JavaScript would round beyond 2**53.
"""

import math
import re
from typing import Any, Final

import orjson

MAX_TEXT = 4 * 1024 * 1024
"""Characters that one template or expression may produce."""


class Undefined:
    """The value of what is not there, as distinct from null."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\Z", re.ASCII)
_RADIX = {"0x": 16, "0o": 8, "0b": 2}
_DIGITS = re.compile(r"[0-9a-fA-F]+\Z")


def text(value: object) -> str:
    """Return `String(value)`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return number_text(value)  # type: ignore[arg-type]
    if value is None:
        return "null"
    if isinstance(value, list):
        return ",".join(["" if item is None or item is UNDEFINED else text(item) for item in value])
    if isinstance(value, dict):
        return "[object Object]"
    return str(value)


def number_text(value: float) -> str:
    """Return a float as JavaScript prints it: 1.0 is "1", 1e21 is "1e+21", 1e-7 is "1e-7"."""
    shortest = repr(value)
    if "e" not in shortest:
        if shortest.endswith(".0"):
            return shortest[:-2] if value else "0"
        return _NOT_FINITE.get(shortest, shortest)
    mantissa, _, exponent = shortest.partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    digits = mantissa.lstrip("-").replace(".", "")
    power = int(exponent)
    if -7 < power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    if 0 <= power < 21:
        return f"{sign}{digits.ljust(power + 1, '0')}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if power > 0 else '-'}{abs(power)}"


_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


def number(value: object) -> int | float:
    """Return `Number(value)`; what is no number is NaN."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[return-value]
    if kind is bool:
        return 1 if value else 0
    if value is None:
        return 0
    if kind is str:
        return _parsed(value)  # type: ignore[arg-type]
    if isinstance(value, list):
        return _parsed(text(value))
    return math.nan


def _parsed(written: str) -> int | float:
    written = written.strip()
    if not written:
        return 0
    if len(written) < 17 and written.isdecimal() and written.isascii():
        return int(written)
    if _NUMBER.match(written):
        return float(written)
    radix = _RADIX.get(written[:2].lower())
    if radix is not None and len(written) < 300 and _DIGITS.match(written, 2):
        try:
            return float(int(written[2:], radix))
        except ValueError:
            return math.nan
    return {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}.get(written, math.nan)


def truthy(value: object) -> bool:
    """Say whether a value counts as true: all but false, 0, NaN, "", null and undefined; [] and {} do."""
    if isinstance(value, (dict, list)):
        return True
    return bool(value) and value == value  # NaN differs from itself


def strictly_equal(left: object, right: object) -> bool:
    """Return `left === right`: same kind and value; objects and arrays only when they are the same one."""
    if isinstance(left, (dict, list)) or left is None or left is UNDEFINED:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) != isinstance(right, str):
        return False
    return left == right


def holds(items: list[Any], value: object) -> bool:
    """Return `items.includes(value)`: whether one of them is strictly equal."""
    if isinstance(value, (dict, list)):
        return any(item is value for item in items)
    return value in items and any(strictly_equal(item, value) for item in items)


def loosely_equal(left: object, right: object) -> bool:
    """Return `left == right`: null equals undefined; otherwise unlike kinds are compared as numbers."""
    if left is None or left is UNDEFINED:
        return right is None or right is UNDEFINED
    if right is None or right is UNDEFINED:
        return False
    left_is_object, right_is_object = isinstance(left, (dict, list)), isinstance(right, (dict, list))
    if left_is_object and right_is_object:
        return left is right
    if left_is_object:
        left = text(left)
    if right_is_object:
        right = text(right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return number(left) == number(right)


def less(left: object, right: object) -> bool:
    """Return `left < right`: texts alphabetically, all else as numbers; NaN is never less."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    return number(left) < number(right)


def less_or_equal(left: object, right: object) -> bool:
    """Return `left <= right`, by the rules of `less`."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return left <= right
    return number(left) <= number(right)


def _primitive(value: object) -> object:
    return text(value) if isinstance(value, (dict, list)) else value


def divide(left: int | float, right: int | float) -> int | float:
    """Return `left / right`, where a division by zero is Infinity or NaN."""
    if right == 0:
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    try:
        quotient = left / right
    except OverflowError:
        return math.nan
    return settled(quotient)


def settled(value: int | float) -> int | float:
    """Bound whole numbers: beyond 64 bits they become floats, so that arithmetic stays cheap."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def json_text(value: Any, sort_keys: bool = False) -> str:
    """Return compact JSON in which whole floats have no `.0`; raises `TypeError` for numbers beyond 64 bits."""
    option = orjson.OPT_SORT_KEYS if sort_keys else 0
    written = orjson.dumps(value, option=option)
    if b".0" in written:
        written = orjson.dumps(_without_fractions(value), option=option)
    return written.decode()


def _without_fractions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_fractions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_fractions(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e16 else value

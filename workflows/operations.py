"""What the expression language can do: operators and functions, with JavaScript's rules, as builders of closures."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from wegnology.lib.javascript import (
    MAX_TEXT,
    divide,
    holds,
    less,
    less_or_equal,
    loosely_equal,
    number,
    settled,
    strictly_equal,
    text,
    truthy,
)

Evaluate = Callable[[Any], Any]
"""A compiled expression: takes the payload, returns the value."""


class TextTooLong(ValueError):
    """An expression would make a text beyond the bound."""


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """Compile `||`: the left value if it counts as true, else the right one."""

    def evaluate(payload: Any) -> Any:
        value = left(payload)
        return value if truthy(value) else right(payload)

    return evaluate


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """Compile `&&`: the left value if it counts as false, else the right one."""

    def evaluate(payload: Any) -> Any:
        value = left(payload)
        return right(payload) if truthy(value) else value

    return evaluate


def choice(condition: Evaluate, yes: Evaluate, no: Evaluate) -> Evaluate:
    """Compile `condition ? yes : no`."""
    return lambda payload: yes(payload) if truthy(condition(payload)) else no(payload)


_NUMBERS = frozenset({int, float})


def _comparison(
    plain: Callable[[Any, Any], bool], general: Callable[[Any, Any], bool]
) -> Callable[[Evaluate, Evaluate], Evaluate]:
    """Compare numbers at once by `plain`, all else by `general`."""

    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        def evaluate(payload: Any) -> bool:
            a, b = left(payload), right(payload)
            if type(a) in _NUMBERS and type(b) in _NUMBERS:
                return plain(a, b)
            return general(a, b)

        return evaluate

    return build


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        return lambda payload: operation(number(left(payload)), number(right(payload)))

    return build


def _plus(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(payload: Any) -> Any:
        a, b = left(payload), right(payload)
        if not isinstance(a, (str, list, dict)) and not isinstance(b, (str, list, dict)):
            return settled(number(a) + number(b))
        joined = text(a), text(b)
        if len(joined[0]) + len(joined[1]) > MAX_TEXT:
            raise TextTooLong(f"the text is longer than {MAX_TEXT} characters")
        return "".join(joined)

    return evaluate


def _remainder(a: int | float, b: int | float) -> int | float:
    if b == 0 or not math.isfinite(a) or math.isnan(b):
        return math.nan
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) % abs(b) * (-1 if a < 0 else 1)
    return math.fmod(a, b)


def _power(a: int | float, b: int | float) -> int | float:
    if abs(a) == 1 and math.isinf(b):
        return math.nan
    try:
        result = float(a) ** float(b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ZeroDivisionError:
        return math.inf
    return math.nan if isinstance(result, complex) else result


def _int32(value: int | float) -> int:
    if not math.isfinite(value):
        return 0
    bits = int(value) & 0xFFFFFFFF
    return bits - (1 << 32) if bits >> 31 else bits


BINARY: dict[str, tuple[int, Callable[[Evaluate, Evaluate], Evaluate]]] = {
    "||": (2, either),
    "&&": (3, both),
    "==": (4, _comparison(lambda a, b: a == b, loosely_equal)),
    "!=": (4, _comparison(lambda a, b: a != b, lambda a, b: not loosely_equal(a, b))),
    "===": (4, _comparison(lambda a, b: a == b, strictly_equal)),
    "!==": (4, _comparison(lambda a, b: a != b, lambda a, b: not strictly_equal(a, b))),
    "<": (5, _comparison(lambda a, b: a < b, less)),
    "<=": (5, _comparison(lambda a, b: a <= b, less_or_equal)),
    ">": (5, _comparison(lambda a, b: a > b, lambda a, b: less(b, a))),
    ">=": (5, _comparison(lambda a, b: a >= b, lambda a, b: less_or_equal(b, a))),
    "<<": (6, _arithmetic(lambda a, b: _int32(_int32(a) << (_int32(b) & 31)))),
    ">>": (6, _arithmetic(lambda a, b: _int32(a) >> (_int32(b) & 31))),
    "+": (7, _plus),
    "-": (7, _arithmetic(lambda a, b: settled(a - b))),
    "*": (8, _arithmetic(lambda a, b: settled(a * b))),
    "/": (8, _arithmetic(divide)),
    "%": (8, _arithmetic(_remainder)),
    "^": (10, _arithmetic(_power)),
}
"""Binding power and builder of each operator; `^` alone binds to the right."""
UNARY_POWER = 9
RIGHT_BINDING = frozenset({"^"})

UNARY: dict[str, Callable[[Any], Any]] = {
    "!": lambda value: not truthy(value),
    "-": lambda value: -number(value),
    "+": number,
}


class Function(NamedTuple):
    """A function with the least and greatest number of values it takes."""

    call: Callable[..., Any]
    least: int
    most: int


def _tolerant(function: Callable[[float], float], at_edge: Callable[[float], float] = lambda x: math.nan) -> Function:
    """Make a function of the math library answer as JavaScript does where Python raises."""

    def call(value: Any) -> float:
        x = number(value)
        try:
            return function(x)
        except ValueError:
            return at_edge(x)
        except OverflowError:
            return -math.inf if function is math.sinh and x < 0 else math.inf

    return Function(call, 1, 1)


def _whole(function: Callable[[float], int]) -> Function:
    def call(value: Any) -> int | float:
        x = number(value)
        return function(x) if math.isfinite(x) else x

    return Function(call, 1, 1)


def _at_zero(x: float) -> float:
    return -math.inf if x == 0 else math.nan


def _at_one(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) == 1 else math.nan


def _extreme(pick: Callable[[list[Any]], Any]) -> Function:
    def call(*values: Any) -> Any:
        items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
        numbers = [number(item) for item in items]
        if not numbers or any(math.isnan(item) for item in numbers):
            return math.nan
        return pick(numbers)

    return Function(call, 1, 100)


def _length(value: Any) -> int | float:
    return len(value) if isinstance(value, (str, list, dict)) else math.nan


def _includes(collection: Any, value: Any) -> bool:
    if isinstance(collection, list):
        return holds(collection, value)
    return isinstance(collection, str) and text(value) in collection


FUNCTIONS: dict[str, Function] = {
    **{name: _tolerant(getattr(math, name)) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")},
    **{name: _tolerant(getattr(math, name)) for name in ("asinh", "acosh", "sqrt", "exp")},
    **{name: _tolerant(getattr(math, name), _at_zero) for name in ("log", "log10")},
    "atanh": _tolerant(math.atanh, _at_one),
    "atan2": Function(lambda y, x: math.atan2(number(y), number(x)), 2, 2),
    "pow": Function(lambda a, b: _power(number(a), number(b)), 2, 2),
    "abs": Function(lambda value: abs(number(value)), 1, 1),
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "trunc": _whole(math.trunc),
    "round": _whole(lambda x: x if isinstance(x, int) else math.floor(x + 0.5)),
    "min": _extreme(min),
    "max": _extreme(max),
    "length": Function(_length, 1, 1),
    "includes": Function(_includes, 2, 2),
}

"""Lists of JSON values by JavaScript's rules: what is equal, what comes first, what they sum up to."""

import functools
import math
from collections.abc import Callable
from typing import Any

from wegnology.lib import javascript


def identity(value: Any) -> tuple[str, Any]:
    """Return what is equal for strictly equal values and can be a key; objects and arrays are equal by content."""
    if isinstance(value, (dict, list)):
        return "json", javascript.json_text(value, sort_keys=True)
    if isinstance(value, bool) or value is None:
        return "word", value
    return ("text" if isinstance(value, str) else "number"), value


def unique(items: list[Any], of: Callable[[Any], Any]) -> list[Any]:
    """Return the items without those that equal an earlier one in what `of` gives."""
    first: dict[tuple[str, Any], Any] = {}
    for item in items:
        first.setdefault(identity(of(item)), item)
    return list(first.values())


def ordered(items: list[Any], of: Callable[[Any], Any], descending: bool) -> list[Any]:
    """Return the items sorted by what `of` gives; those where it gives nothing come last."""
    pairs = [(of(item), item) for item in items]
    present = [pair for pair in pairs if pair[0] is not None]
    absent = [item for by, item in pairs if by is None]
    kinds = {type(by) for by, _ in present}
    compared: Callable[[Any], Any] = _by_value if kinds <= {int, float} or kinds == {str} else functools.cmp_to_key(_compare)
    return [item for _, item in sorted(present, key=lambda pair: compared(pair[0]), reverse=descending)] + absent


def _by_value(value: Any) -> Any:
    """Numbers among themselves, and texts, are in the order that Python has for them: a tenth of the time."""
    return value


def _compare(left: Any, right: Any) -> int:
    return -1 if javascript.less(left, right) else int(javascript.less(right, left))


def total(items: list[Any]) -> int | float:
    """Return the sum of the numbers among the items."""
    summed = math.fsum(item for item in items if isinstance(item, (int, float)) and not isinstance(item, bool))
    return int(summed) if summed.is_integer() and abs(summed) < 2**53 else summed

"""The helpers that templates may call, `{{name value ...}}`. To add one, write a function and register it here.

A helper takes JSON values (None for what is missing) and the tag's `key=value` options as keywords, and returns a JSON
value. Text that must not be HTML-escaped is returned as `SafeString`. Helpers in `CONDITIONS` also work as blocks.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from dotpromptz_handlebars import SafeString

from wegnology.lib import javascript
from wegnology.lib.javascript import MAX_TEXT, divide, number, settled, truthy

Helper = Callable[..., Any]
H = TypeVar("H", bound=Helper)

helpers: dict[str, Helper] = {}
CONDITIONS: set[str] = set()
"""Helpers whose answer is yes or no; they also work as a block: {{#eq a b}}...{{else}}...{{/eq}}."""
CONTEXTUAL: set[str] = set()
"""Helpers that get the context they are called in before their values."""


def helper(name: str, *, condition: bool = False, contextual: bool = False) -> Callable[[H], H]:
    """Register a function under the name that templates use."""

    def register(function: H) -> H:
        helpers[name] = function
        if condition:
            CONDITIONS.add(name)
        if contextual:
            CONTEXTUAL.add(name)
        return function

    return register


def unknown_helper(name: str) -> str:
    """Say that a template calls what is no helper."""
    if name == "dashboardUrl":
        return "dashboardUrl has no meaning here, where there are no dashboards: write the address out"
    return f"there is no helper {name!r}"


def arity_fault(name: str, values: int, options: list[str]) -> str:
    """Say what is wrong with a call of `name` with so many values, or return ""."""
    signature = inspect.signature(helpers[name])
    own = 1 if name in CONTEXTUAL else 0
    try:
        signature.bind(*[None] * (values + own), **dict.fromkeys(options))
    except TypeError:
        wanted = [each.name for each in signature.parameters.values() if each.kind is each.POSITIONAL_ONLY][own:]
        return f"the helper {name} takes {len(wanted)} value(s) ({', '.join(wanted)}), here are {values}"
    return ""


def shown(value: Any) -> str:
    """Return the value as a template prints it: what is missing prints nothing."""
    return "" if value is None else javascript.text(value)


@helper("eq", condition=True)
def _eq(a: Any, b: Any, /) -> bool:
    return javascript.loosely_equal(a, b)


@helper("ne", condition=True)
def _ne(a: Any, b: Any, /) -> bool:
    return not javascript.loosely_equal(a, b)


@helper("gt", condition=True)
def _gt(a: Any, b: Any, /) -> bool:
    return javascript.less(b, a)


@helper("gte", condition=True)
def _gte(a: Any, b: Any, /) -> bool:
    return javascript.less_or_equal(b, a)


@helper("lt", condition=True)
def _lt(a: Any, b: Any, /) -> bool:
    return javascript.less(a, b)


@helper("lte", condition=True)
def _lte(a: Any, b: Any, /) -> bool:
    return javascript.less_or_equal(a, b)


@helper("includes", condition=True)
def _includes(collection: Any, value: Any, /) -> bool:
    if isinstance(collection, list):
        return javascript.holds(collection, value)
    return isinstance(collection, str) and shown(value) in collection


@helper("add")
def _add(a: Any, b: Any, /) -> Any:
    return settled(number(a) + number(b))


@helper("subtract")
def _subtract(a: Any, b: Any, /) -> Any:
    return settled(number(a) - number(b))


@helper("multiply")
def _multiply(a: Any, b: Any, /) -> Any:
    return settled(number(a) * number(b))


@helper("divide")
def _divide(a: Any, b: Any, /) -> Any:
    return divide(number(a), number(b))


@helper("upper")
def _upper(value: Any, /) -> str:
    return shown(value).upper()


@helper("lower")
def _lower(value: Any, /) -> str:
    return shown(value).lower()


@helper("trim")
def _trim(value: Any, /) -> str:
    return shown(value).strip()


@helper("length")
def _length(value: Any, /) -> int:
    return len(value) if isinstance(value, (str, list, dict)) else 0


@helper("join")
def _join(values: Any, separator: Any = ",", /) -> str:
    if not isinstance(values, list):
        return shown(values)
    between = shown(separator)
    if len(between) * len(values) > MAX_TEXT:
        raise ValueError(f"the joined text would be longer than {MAX_TEXT} characters")
    return between.join(map(shown, values))


@helper("defaultTo")
def _default_to(value: Any, default: Any, /) -> Any:
    return default if value is None or value != value else value  # NaN differs from itself


@helper("jsonEncode")
def _json_encode(value: Any = None, /) -> SafeString:
    return SafeString(javascript.json_text(value))


@helper("lookup")
def _lookup(collection: Any, key: Any, /) -> Any:
    if isinstance(collection, dict):
        return collection.get(shown(key))
    if isinstance(collection, list) and shown(key).isdecimal():
        index = int(number(key))
        return collection[index] if index < len(collection) else None
    return None


__all__ = ["CONDITIONS", "SafeString", "arity_fault", "helper", "helpers", "truthy", "unknown_helper"]

"""Plain tags: paths and calls of helpers, compiled to functions.

A plain tag is a path (`data.items.[0]`, `data.[key with spaces]`, `this.x`, `@root.x`) or a call of a helper with paths,
texts, numbers and calls in parentheses. Everything else is left to the Handlebars library.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from wegnology.lib.paths import follower
from wegnology.lib.template_library import CONTEXTUAL, arity_fault, helpers, unknown_helper

Reader = Callable[[Any], Any]
"""Takes the context, returns the value or None where nothing is there."""

BUILT_IN_BLOCKS = frozenset({"if", "unless", "each", "with"})
_MAX_CALL_DEPTH = 20

_NAME = r"[^\s!\"#%&'()*+,./;<=>@\[\\\]^`{|}~]+"
_SEGMENT = rf"(?:{_NAME}|\[[^\]\s'\"][^\]'\"]*\])"
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>-?[0-9]+(?:\.[0-9]+)?)(?=[\s()]|\Z)
    |(?P<path>(?:@root(?=[\s()]|\Z)|(?:@root[./]|this[./]|\./)?{_SEGMENT}(?:[./]{_SEGMENT})*|\.(?=[\s()]|\Z)))(?=[\s()]|\Z)
    |(?P<text>"[^"\\]*"|'[^'\\]*')(?=[\s()]|\Z)
    |(?P<open>\()
    |(?P<close>\))
    )""",
    re.VERBOSE,
)
_PART = re.compile(_SEGMENT)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "undefined": None}


class TagFault(Exception):
    """A tag that can mean nothing; the text says why."""


class Unplain(Exception):
    """A tag that is not plain; the library decides what it means."""


class Value(NamedTuple):
    """A plain tag: how to read it, the paths it mentions, and the path itself when it is nothing but one."""

    read: Reader
    paths: tuple[str, ...]
    keys: tuple[str, ...] | None = None


def plain(body: str) -> Value:
    """Compile a plain tag; raises `Unplain` for others and `TagFault` for a call that cannot work."""
    tokens = _tokens(body)
    if not tokens:
        raise TagFault("the tag is empty")
    kind, first = tokens[0]
    if kind != "path" or first in _WORDS:
        raise Unplain
    if first in helpers:
        value, used = _call(tokens, 0, 0)
        if used != len(tokens):
            raise TagFault("there is a parenthesis too many")
        return value
    if len(tokens) > 1:
        raise Unplain if first in BUILT_IN_BLOCKS else TagFault(unknown_helper(first))
    return _path_value(first)


def _tokens(body: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    body = body.strip()
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None or match.lastgroup is None:
            raise Unplain
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _call(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[Value, int]:
    """Compile the call whose name stands at `at`, up to the end or its closing parenthesis."""
    name = tokens[at][1]
    if depth > _MAX_CALL_DEPTH:
        raise TagFault(f"calls are nested more than {_MAX_CALL_DEPTH} deep")
    if name not in helpers:
        raise TagFault(unknown_helper(name))
    values: list[Value] = []
    at += 1
    while at < len(tokens) and tokens[at][0] != "close":
        if tokens[at][0] == "open":
            if at + 1 >= len(tokens) or tokens[at + 1][0] != "path":
                raise TagFault("a parenthesis must hold a call of a helper")
            value, at = _call(tokens, at + 1, depth + 1)
            if at >= len(tokens):
                raise TagFault("a parenthesis is not closed")
        else:
            value = _literal(*tokens[at])
        values.append(value)
        at += 1
    fault = arity_fault(name, len(values), [])
    if fault:
        raise TagFault(fault)
    paths = tuple(path for value in values for path in value.paths)
    readers = [value.read for value in values]
    if name in CONTEXTUAL:
        readers.insert(0, lambda context: context)
    return Value(_calling(helpers[name], readers), paths), at


def _calling(helper: Callable[..., Any], readers: list[Reader]) -> Reader:
    if len(readers) == 1:
        only = readers[0]
        return lambda context: helper(only(context))
    if len(readers) == 2:
        first, second = readers
        return lambda context: helper(first(context), second(context))
    return lambda context: helper(*[read(context) for read in readers])


def _literal(kind: str, written: str) -> Value:
    if kind == "path":
        return _constant(_WORDS[written]) if written in _WORDS else _path_value(written)
    if kind == "number":
        return _constant(float(written) if "." in written else int(written))
    return _constant(written[1:-1])


def _constant(value: Any) -> Value:
    return Value(lambda context: value, ())


def _path_value(written: str) -> Value:
    keys = _keys(written)
    return Value(follower(keys, follow), (written,), keys)


def _keys(written: str) -> tuple[str, ...]:
    """Return the keys of a path; raises `Unplain` where only the library knows the scope."""
    rest = re.sub(r"\A(?:@root|this|\.)(?:[./]|\Z)", "", written)
    keys: list[str] = []
    for part in _PART.findall(rest):
        key = part[1:-1] if part[0] == "[" else part
        if part[0] != "[" and _NUMBER.match(part):
            raise TagFault(f"{written} is not a path: write a number as [{part}]")
        if key in {".", "..", "this"}:
            raise Unplain
        keys.append(key)
    return tuple(keys)


def follow(value: Any, keys: tuple[str, ...]) -> Any:
    """Follow keys one by one; None where the way ends."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list):
            value = element(value, key)
        else:
            return None
    return value


def element(items: list[Any], key: str) -> Any:
    """Return an array's element by its number as text, or its `length`."""
    if key.isdecimal() and key.isascii() and len(key) < 10:
        index = int(key)
        return items[index] if index < len(items) else None
    return len(items) if key == "length" else None

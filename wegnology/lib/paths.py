"""Payload paths: `data.message`, `data.items.[0]`, `data.[key with spaces]`, or `.` for the whole payload.

`data.items.0` and `data.items[0]` are understood too. A number is an index in an array and a key in an object.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from wegnology.lib.types import JSONObject, JSONValue

MAX_KEYS = 50
MAX_INDEX = 10_000
"""An array may be lengthened up to this by setting an element beyond its end."""
MAX_LENGTH = 1024
MAX_DEPTH = 200
"""Levels of objects and arrays in a payload: what is much deeper can neither be stored nor copied."""

_KEY = re.compile(r"\.?\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^.\[\]]+)|\.(?P<dotted>[^.\[\]]+)")
_INDEX = re.compile(r"[0-9]{1,9}\Z")


class PathError(ValueError):
    """A path that cannot be read, or cannot be followed in this payload; the text is for people."""


def follower(keys: tuple[str, ...], otherwise: Callable[[Any, tuple[str, ...]], Any]) -> Callable[[Any], Any]:
    """Return a function that follows keys through objects all the way, as they nearly always lead; where they do not,
    `otherwise` finds the value. It is made for the number of keys, as a loop would cost twice as much.
    """
    if len(keys) == 2:
        first, second = keys

        def follow_two(value: Any) -> Any:
            try:
                return value[first][second]
            except (KeyError, TypeError):
                return otherwise(value, keys)

        return follow_two
    if len(keys) == 3:
        first, second, third = keys

        def follow_three(value: Any) -> Any:
            try:
                return value[first][second][third]
            except (KeyError, TypeError):
                return otherwise(value, keys)

        return follow_three

    def follow(value: Any) -> Any:
        found = value
        try:
            for key in keys:
                found = found[key]
        except (KeyError, TypeError):
            return otherwise(value, keys)
        return found

    return follow


Setter = Callable[[JSONObject, JSONValue], JSONObject]


def _setter(keys: tuple[str, ...], otherwise: Setter) -> Setter:
    """Return a function that sets what is in an object in the payload, as nearly all paths lead; elsewhere `otherwise` does."""
    if len(keys) == 2:
        return _setter_of_two(*keys, otherwise)
    if len(keys) == 3:
        return _setter_of_three(*keys, otherwise)
    return _setter_of_more(keys, otherwise) if keys else otherwise


def _setter_of_two(first: str, last: str, otherwise: Setter) -> Setter:
    def set_two(payload: JSONObject, value: JSONValue) -> JSONObject:
        holder = payload.get(first)
        if type(holder) is dict:
            holder[last] = value
        elif holder is None:
            payload[first] = {last: value}  # the first that a run notes under `working`, mostly
        else:
            return otherwise(payload, value)
        return payload

    return set_two


def _setter_of_three(first: str, second: str, last: str, otherwise: Setter) -> Setter:
    def set_three(payload: JSONObject, value: JSONValue) -> JSONObject:
        try:
            holder: Any = payload[first][second]  # type: ignore[call-overload, index]
        except (KeyError, TypeError):
            return otherwise(payload, value)
        if type(holder) is not dict:
            return otherwise(payload, value)
        holder[last] = value
        return payload

    return set_three


def _setter_of_more(keys: tuple[str, ...], otherwise: Setter) -> Setter:
    last = keys[-1]
    holder_of = follower(keys[:-1], lambda payload, keys: None)

    def set_there(payload: JSONObject, value: JSONValue) -> JSONObject:
        holder = holder_of(payload)
        if type(holder) is not dict:
            return otherwise(payload, value)
        holder[last] = value
        return payload

    return set_there


class Path:
    """A compiled path."""

    __slots__ = ("get", "keys", "set", "text")

    def __init__(self, text: str, keys: tuple[str, ...]) -> None:
        self.text = text
        self.keys = keys
        self.get: Callable[[Any], Any] = follower(keys, _found)
        """Return the value there, None where the path leads nowhere."""
        self.set: Setter = _setter(keys, self._set)
        """Set the value and return the payload, which is changed in place; objects on the way are made.

        `.` replaces the whole payload, which must stay an object. An array is lengthened with nulls where needed.
        """

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    @staticmethod
    def parse(text: str) -> "Path":
        """Compile a path; raises `PathError`."""
        return _parsed(text)

    def get_or(self, payload: Any, default: Any) -> Any:
        """Return the value there, or `default` where the path leads nowhere."""
        return _found(payload, self.keys, default)

    def _set(self, payload: JSONObject, value: JSONValue) -> JSONObject:
        if not self.keys:
            if not isinstance(value, dict):
                raise PathError(f"the whole payload can only be replaced by an object, not by {kind(value)}")
            return value
        holder: Any = payload
        for number, key in enumerate(self.keys[:-1]):
            following = holder.get(key) if type(holder) is dict else self._element(holder, key, number)
            if following is None:
                following = {}
                self._put(holder, key, following, number)
            holder = following
        self._put(holder, self.keys[-1], value, len(self.keys) - 1)
        return payload

    def remove(self, payload: JSONObject) -> JSONObject:
        """Remove the value and return the payload, which is changed in place; nothing happens where nothing is."""
        if not self.keys:
            return {}
        holder: Any = payload
        for key in self.keys[:-1]:
            if type(holder) is dict:
                holder = holder.get(key)
            elif type(holder) is list and _INDEX.match(key) and int(key) < len(holder):
                holder = holder[int(key)]
            else:
                return payload
        last = self.keys[-1]
        if type(holder) is dict:
            holder.pop(last, None)
        elif type(holder) is list and _INDEX.match(last) and int(last) < len(holder):
            del holder[int(last)]
        return payload

    def _element(self, holder: Any, key: str, number: int) -> Any:
        if type(holder) is not list:
            raise PathError(f"{self._upto(number)} is {kind(holder)}: nothing can be set inside it")
        if not _INDEX.match(key):
            raise PathError(f"{self._upto(number)} is an array: {key!r} is no index")
        return holder[int(key)] if int(key) < len(holder) else None

    def _put(self, holder: Any, key: str, value: Any, number: int) -> None:
        if type(holder) is dict:
            holder[key] = value
            return
        self._element(holder, key, number)
        index = int(key)
        if index >= MAX_INDEX and index > len(holder):
            raise PathError(f"{self._upto(number)} has {len(holder)} elements: setting element {index} would leave a gap")
        holder.extend([None] * (index + 1 - len(holder)))
        holder[index] = value

    def _upto(self, number: int) -> str:
        return ".".join(self.keys[:number]) or "the payload"


def _found(value: Any, keys: tuple[str, ...], default: Any = None) -> Any:
    for key in keys:
        if type(value) is dict:
            if key not in value:
                return default
            value = value[key]
        elif type(value) is list and _INDEX.match(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return default
    return value


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Path:
    return Path(text, _keys(text.strip()))


def _keys(text: str) -> tuple[str, ...]:
    if text == ".":
        return ()
    if not text:
        raise PathError("a path is needed, such as data.message")
    if "{{" in text:
        raise PathError(f"{text[:80]!r} is a template; a path is written without braces, such as data.message")
    if len(text) > MAX_LENGTH:
        raise PathError(f"the path is longer than {MAX_LENGTH} characters")
    keys: list[str] = []
    position = 0
    while position < len(text):
        match = _KEY.match(text, position)
        if match is None or (match["dotted"] and not keys) or (match["plain"] and keys):
            raise PathError(f"{text!r} is not a path: it cannot be read from character {position + 1} on")
        keys.append(match["bracketed"] or match["plain"] or match["dotted"])
        position = match.end()
    if len(keys) > MAX_KEYS:
        raise PathError(f"the path has more than {MAX_KEYS} keys")
    return tuple(keys)


def kind(value: object) -> str:
    """Name the kind of a JSON value for people: "an object", "text", "nothing"."""
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if type(value) is dict:
        return {key: copy_json(item) if type(item) is dict or type(item) is list else item for key, item in value.items()}
    if type(value) is list:
        return [copy_json(item) if type(item) is dict or type(item) is list else item for item in value]
    return value


def is_deeper(value: Any, levels: int) -> bool:
    """Say whether objects and arrays are nested more than so many levels deep."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        if not level:
            return False
        inner = [each for item in level for each in (item.values() if isinstance(item, dict) else item)]
        level = [item for item in inner if isinstance(item, (dict, list))]
    return bool(level)


def count_json(value: Any, most: int) -> int:
    """Return how many values a JSON value consists of; counting stops beyond `most`."""
    count, todo = 0, [value]
    while todo and count <= most:
        item = todo.pop()
        count += 1
        if type(item) is dict:
            todo.extend(item.values())
        elif type(item) is list:
            todo.extend(item)
    return count

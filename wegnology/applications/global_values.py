"""What a global may hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.lib.paths import MAX_DEPTH, is_deeper
from wegnology.lib.types import JSONValue

MAX_GLOBALS = 100
"""Globals of one application."""
MAX_VALUE = 32_767
"""Characters of a value as compact JSON."""
MAX_DESCRIPTION = 1024
KEY = r"^[0-9a-zA-Z_-]{1,255}$"
KEY_SAID = gettext_lazy("Use letters, digits, _ and - only.")
_LARGEST = 2**63 - 1


def as_text(value: JSONValue) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def key_fault(key: str) -> str:
    """Say why this cannot be the key of a global; "" when it can."""
    return (
        ""
        if re.fullmatch(KEY, key) and not key.endswith("\n")
        else _("%(key_said)s A key has 1 to 255 characters.") % {"key_said": KEY_SAID}
    )


def value_fault(value: JSONValue) -> str:
    """Say why a value cannot be a global, without repeating it; "" when it can."""
    if fault := stored_fault(value):
        return fault
    length = len(as_text(value))
    return (
        _("The value has %(length)s characters; %(max_value)s are possible.") % {"length": length, "max_value": MAX_VALUE}
        if length > MAX_VALUE
        else ""
    )


def stored_fault(value: JSONValue) -> str:
    """Say why a value cannot be stored, or not come back as it was, in either kind of database; "" when it can."""
    if is_deeper(value, MAX_DEPTH):
        return _("This is nested more than %(max_depth)s deep.") % {"max_depth": MAX_DEPTH}
    for part in _parts(value):
        if isinstance(part, str) and ("\0" in part or any("\ud800" <= character <= "\udfff" for character in part)):
            return _("A text holds a character that cannot be stored: \\u0000 or half of a surrogate pair.")
        if isinstance(part, float) and part in (float("inf"), float("-inf")):
            return _("A number is too large.")
        if isinstance(part, int) and not -_LARGEST <= part <= _LARGEST:
            return _("A whole number is larger than %(largest)s; write it as text, in quotes.") % {"largest": _LARGEST}
    return ""


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parts(item)

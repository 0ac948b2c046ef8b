"""Helpers of templates that change, encode and compare text."""

import base64
import binascii
from typing import Any
from urllib.parse import quote, unquote, urlencode

from wegnology.lib import javascript
from wegnology.lib.patterns import compile_pattern
from wegnology.lib.template_helpers import helper, shown

_COMPONENT = "-_.!~*'()"
_WHOLE_URI = _COMPONENT + ";/?:@&=+$,#"


@helper("match", condition=True)
def _match(text: Any, pattern: Any, /) -> bool:
    """Whether a regular expression is found in the text."""
    return compile_pattern(shown(pattern)).found_in(shown(text))


@helper("titleCase")
def _title_case(text: Any, /) -> str:
    """Each word with a capital first letter, the rest small."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in shown(text).split(" "))


@helper("substring")
def _substring(text: Any, start: Any = 0, end: Any = None, /) -> str:
    """The text from a position to another, not included."""
    whole = shown(text)
    first = _position(start, len(whole))
    last = len(whole) if end is None else _position(end, len(whole))
    return whole[min(first, last) : max(first, last)]


def _position(value: Any, length: int) -> int:
    number = javascript.number(value)
    return int(min(max(number, 0), length)) if number == number else 0  # NaN differs from itself


@helper("typeof")
def _typeof(value: Any, /) -> str:
    """The kind of a value. What is missing is taken for null: templates cannot tell them apart here."""
    if value is None:
        return "undefined"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "object")


@helper("encodeURIComponent")
def _encode_component(text: Any, /) -> str:
    """Text as a part of a URL."""
    return quote(shown(text), safe=_COMPONENT)


@helper("encodeURI")
def _encode_uri(text: Any, /) -> str:
    """A URL with what no URL may hold encoded."""
    return quote(shown(text), safe=_WHOLE_URI)


@helper("decodeURIComponent")
def _decode_component(text: Any, /) -> str:
    """Text that was encoded as a part of a URL."""
    return _decoded(shown(text))


@helper("decodeURI")
def _decode_uri(text: Any, /) -> str:
    """A URL with what was encoded decoded."""
    return _decoded(shown(text))


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the text is not URL-encoded UTF-8") from None


@helper("encodeBase64")
def _encode_base64(text: Any, /) -> str:
    """The text's UTF-8 as base64."""
    return base64.b64encode(shown(text).encode()).decode()


@helper("decodeBase64")
def _decode_base64(text: Any, /) -> str:
    """The UTF-8 text that base64 holds."""
    try:
        return base64.b64decode(shown(text) + "==", altchars=b"-_" if set(shown(text)) & set("-_") else None).decode()
    except (binascii.Error, ValueError):
        raise ValueError("the text is not base64 of UTF-8") from None


@helper("queryStringEncode")
def _query_string(values: Any, /) -> str:
    """An object as the query of a URL; an array gives its name once for each element."""
    if not isinstance(values, dict):
        return ""
    pairs = [(key, item) for key, value in values.items() for item in (value if isinstance(value, list) else [value])]
    return urlencode([(key, shown(item)) for key, item in pairs], quote_via=quote, safe=_COMPONENT)

"""What of a workflow's settings is not shown in a comparison: values that look like a login.

Nodes have no secret fields of their own, since whoever may see a workflow reads it. A comparison is passed on, though, into the
log of a deployment for instance; so a value is hidden there that is called like a secret, or stands beside such a name. One that
is nothing but a template (`{{globals.token}}`) holds no secret and is shown.
"""

import re

from wegnology.lib.known_globals import MASK
from wegnology.lib.types import JSONObject, JSONValue

_SECRET = re.compile(
    r"secret|passw|passphrase|^pass|token|connection.?string|(?:api|access|private|account|shared).?key|authori[sz]ation|cookie"
    r"|jwt|key.?json|signature",
    re.I,
)
_HARMLESS = re.compile(r"(?:encoding|path|type|method|name)(?:template)?$", re.I)
_NAMES = re.compile(r"^(?:key|name|header|headerkey)(?:template)?$", re.I)
_VALUE = re.compile(r"value", re.I)
_ALONE = re.compile(r"\s*\{\{\{?[^{}]*\}?\}\}\s*")
_USERINFO = re.compile(r"://[^/@\s]*@")
_LOGIN = "authCredentials"
"""Settings of HTTP nodes, of which only the user is told."""


def masked(value: JSONValue, *path: str) -> JSONValue:
    """Return a value as it may be shown; `path` are the names that lead to it, as far as they are known."""
    if any(_hides(path[:end]) for end in range(1, len(path) + 1)):
        return _hidden(value)
    if isinstance(value, dict):
        return {name: masked(part, *path, name) for name, part in _without_pairs(value).items()}
    if isinstance(value, list):
        return [masked(part, *path) for part in value]
    return _USERINFO.sub("://…@", value) if isinstance(value, str) else value


def hides_pair(holder: JSONObject, name: str) -> bool:
    """Say whether a name in an object tells a value whose sibling says that it is secret: {key: "Authorization", value: ...}."""
    if not _VALUE.search(name):
        return False
    siblings = [text for other, text in holder.items() if _NAMES.match(other)]
    return any(isinstance(text, str) and _SECRET.search(text) for text in siblings)


def _without_pairs(value: JSONObject) -> JSONObject:
    return {name: _hidden(part) if hides_pair(value, name) else part for name, part in value.items()}


def _hides(path: tuple[str, ...]) -> bool:
    *before, name = path
    if before and before[-1] == _LOGIN:
        return not name.lower().startswith("user")
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)


def _hidden(value: JSONValue) -> JSONValue:
    """Hide each text and number in a value; what is nothing, or a template alone, holds no secret."""
    if isinstance(value, dict):
        return {name: _hidden(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_hidden(part) for part in value]
    if value is None or value == "" or isinstance(value, bool):
        return value
    return value if isinstance(value, str) and (value == MASK or _ALONE.fullmatch(value)) else MASK

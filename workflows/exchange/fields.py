"""Reading single fields of a file: of the right kind and length, else a fault with its place."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from wegnology.applications.global_values import MAX_GLOBALS, as_text, key_fault, value_fault
from wegnology.lib.fields import parse_json
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.parts import Bundle

NAME_LENGTH = 255
TEXT_LENGTH = 32_767


def text(raw: Mapping[str, Any], key: str, place: str, into: Bundle, *, most: int = TEXT_LENGTH, needed: bool = False) -> str:
    """Return a field that is a text; "" where it is missing."""
    value = raw.get(key)
    if value is None:
        value = ""
    if not isinstance(value, str):
        into.fault(inside(place, key), _("This must be a text."))
        return ""
    if needed and not value.strip():
        into.fault(inside(place, key), _("This is needed."))
    if len(value) > most:
        into.fault(
            inside(place, key), _("This has %(count)s characters; %(most)s are possible.") % {"count": len(value), "most": most}
        )
    return value


def flag(raw: Mapping[str, Any], key: str, place: str, into: Bundle, *, otherwise: bool) -> bool:
    """Return a field that is true or false."""
    value = raw.get(key, otherwise)
    if not isinstance(value, bool):
        into.fault(inside(place, key), _("This must be true or false."))
        return otherwise
    return value


def objects(raw: Mapping[str, Any], key: str, place: str, into: Bundle, *, most: int = 10_000) -> list[JSONObject]:
    """Return a field that is a list of objects; empty where it is missing."""
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        into.fault(inside(place, key), _("This must be a list: [ ... ]."))
        return []
    if len(value) > most:
        into.fault(
            inside(place, key), _("There are %(count)s; at most %(most)s are allowed.") % {"count": len(value), "most": most}
        )
        return []
    for at, item in enumerate(value):
        if not isinstance(item, dict):
            into.fault(inside(place, f"{key}[{at}]"), _("This must be an object: { ... }."))
    return [item for item in value if isinstance(item, dict)]


def config(raw: Mapping[str, Any], key: str, place: str, into: Bundle) -> JSONObject:
    """Return a field that is an object."""
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        into.fault(inside(place, key), _("This must be an object: { ... }."))
        return {}
    return value


def read_globals(raw: Mapping[str, Any], place: str, into: Bundle) -> JSONObject:
    """Return a workflow's globals by key; `json` is the text of a value. Old files name some without a value."""
    found: JSONObject = {}
    for at, each in enumerate(objects(raw, "globals", place, into, most=MAX_GLOBALS)):
        where = inside(place, f"globals[{at}]")
        key = each.get("key")
        if not isinstance(key, str) or key_fault(key):
            into.fault(f"{where}.key", key_fault(key) if isinstance(key, str) else _("This is needed."))
        elif key in found:
            into.fault(f"{where}.key", _("The global %(key)s stands here twice.") % {"key": f"{key!r}"})
        elif "json" not in each:
            into.to_fill_in.append(
                Fault(where, _("The file has no value for the workflow's global %(key)s: add it.") % {"key": f"{key!r}"})
            )
        else:
            found[key] = json_value(each["json"], f"{where}.json", into)
    return found


def json_value(raw: Any, place: str, into: Bundle) -> JSONValue:
    """Return the value whose JSON text stands in a field."""
    if not isinstance(raw, str):
        into.fault(place, _("This must be a text that holds JSON."))
        return None
    try:
        value = parse_json(raw)
    except ValidationError as error:
        into.fault(place, " ".join(error.messages))
        return None
    if fault := value_fault(value):
        into.fault(place, fault)
    return value


def write_globals(values: JSONObject) -> list[JSONValue]:
    """Return globals as files hold them."""
    return [{"key": key, "json": as_text(value)} for key, value in values.items()]


def said(name: object) -> str:
    """Return a word out of a file as it may stand in a sentence."""
    return f"“{str(name)[:80]}”"

"""What an audit entry may say about a change: plain values old and new, of everything else only that it changed.

Secrets are compared and never kept: they live in `Hidden`, which shows nothing.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import models

from wegnology.applications.sealing import SealedConfig
from wegnology.lib.crypto import KeyMissing, SealBroken, is_sealed

IGNORED = frozenset({"id", "application", "created_at", "updated_at", "revision", "stopped_until", "last_login"})
SHOWN_CHARACTERS = 200
_USERINFO = re.compile(r"://[^/@\s]*@")

Values = Mapping[str, Any]


class Hidden:
    """A value that is compared and never shown."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and bool(self._value == other._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        raise TypeError("what is hidden is no key")

    def __repr__(self) -> str:
        return "Hidden()"


class _Related(NamedTuple):
    """What a row points to; looked up only when it is shown."""

    model: Any
    key: Any

    def __str__(self) -> str:
        return str(self.model._base_manager.filter(pk=self.key).first() or self.key)


def values_of(row: models.Model, hidden: frozenset[str]) -> Values:
    """Return the values of a row by field, settings one by one; `hidden` fields and secrets as `Hidden`."""
    values: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or field.name in IGNORED:
            continue
        if field.name == "config" and isinstance(row, SealedConfig):
            values |= _settings(row)
            continue
        value = getattr(row, field.attname)
        if field.name in hidden or _has_sealed(value):
            value = Hidden(value)
        elif field.related_model and value is not None:
            value = _Related(field.related_model, value)
        values[field.name] = value
    return values


def _settings(row: SealedConfig) -> dict[str, Any]:
    """Return the settings, secrets opened for comparison; settings that cannot be opened or read are one hidden whole."""
    try:
        raw = row.raw_config()
        marked: dict[str, Any] = row.config_schema.map_secrets(raw, lambda value, _place: Hidden(value))  # type: ignore[arg-type,return-value]
    except (KeyMissing, SealBroken, LookupError):
        return {"settings": Hidden(row.config)}
    return marked


def _has_sealed(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_sealed(part) for part in value.values())
    if isinstance(value, list):
        return any(_has_sealed(part) for part in value)
    return is_sealed(value)


def _is_hidden(value: Any) -> bool:
    """Say whether a value is, or holds, something that is not shown."""
    if isinstance(value, dict):
        return any(_is_hidden(part) for part in value.values())
    if isinstance(value, list):
        return any(_is_hidden(part) for part in value)
    return isinstance(value, Hidden)


def is_shown(value: Any) -> bool:
    """Say whether there is a value and all of it may be shown."""
    return not _is_empty(value) and not _is_hidden(value)


def difference(before: Values, after: Values) -> dict[str, Any]:
    """Return what changed: field -> [old, new] as they may be shown, or "set", "removed", "changed"."""
    changes: dict[str, Any] = {}
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        if old == new or (_is_empty(old) and _is_empty(new)):
            continue
        if _is_hidden(old) or _is_hidden(new):
            changes[name] = "set" if _is_empty(old) else "removed" if _is_empty(new) else "changed"
        else:
            changes[name] = [shown(old), shown(new)]
    return changes


def beginning(values: Values) -> dict[str, Any]:
    """Return what a new row has: like a difference from nothing, without what is off."""
    return difference({}, {name: value for name, value in values.items() if value is not False})


def _is_empty(value: Any) -> bool:
    if isinstance(value, Hidden):
        return not value
    return value is None or value == "" or value == [] or value == {}


def shown(value: Any) -> Any:
    """Return a value as an entry keeps it: JSON, cut to size, without a password in an address."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, datetime):
        value = f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    elif isinstance(value, _Related):
        value = str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = _USERINFO.sub("://…@", text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"

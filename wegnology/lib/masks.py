"""Settings that come back as they were shown: a mask in place of a secret keeps the secret that is stored."""

from collections.abc import Mapping
from typing import Any

from wegnology.lib.known_globals import MASK
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.schema_leaves import map_leaves
from wegnology.lib.types import JSONObject, JSONValue

_NOTHING_STORED = "This is the mask of a secret, and none is stored here. Send the secret itself."


def has_masks(schema: type[Schema], raw: JSONObject) -> bool:
    """Say whether a mask stands in place of a secret."""
    return bool(_masks(schema, raw))


def unmasked(schema: type[Schema], raw: JSONObject, stored: Mapping[str, JSONValue]) -> JSONObject:
    """Return raw settings with the stored secrets in place of masks. Raises `ConfigInvalid` where there is none.

    In a list, an item's secrets are those of the stored item that says the same besides, wherever it stands.
    """
    places = _masks(schema, raw)
    if not places:
        return raw
    shown = schema.masked(dict(stored))
    faults: dict[str, str] = {}
    copy: Any = _copied(raw)
    for place in places:
        path = place.split(".")
        value = _stored_at(path, raw, shown, dict(stored))
        if value is None:
            faults[place] = _NOTHING_STORED
        else:
            _set(copy, path, value)
    if faults:
        raise ConfigInvalid(faults)
    return copy  # type: ignore[no-any-return]


def _masks(schema: type[Schema], raw: JSONObject) -> list[str]:
    places: list[str] = []

    def look(value: Any, leaf: Any) -> JSONValue:
        if leaf.secret and value == MASK:
            places.append(leaf.place)
        return value  # type: ignore[no-any-return]

    map_leaves(schema, raw, look)
    return places


def _stored_at(path: list[str], raw: Any, shown: Any, stored: Any) -> JSONValue:
    """Follow a path through what was sent and what is stored side by side."""
    for part in path:
        if isinstance(raw, list) and isinstance(stored, list):
            item = raw[int(part)]
            at = _same(item, int(part), shown)
            if at is None:
                return None
            raw, shown, stored = item, shown[at], stored[at]
        elif isinstance(raw, dict) and isinstance(stored, dict) and part in stored:
            raw, shown, stored = raw[part], shown[part], stored[part]
        else:
            return None
    return stored if isinstance(stored, str) else None


def _same(item: Any, at: int, shown: Any) -> int | None:
    """Return where the item stands in what is stored: first where it stood, then anywhere."""
    order = [at, *range(len(shown))] if at < len(shown) else range(len(shown))
    return next((place for place in order if shown[place] == item), None)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _set(value: Any, path: list[str], secret: JSONValue) -> None:
    for part in path[:-1]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    value[int(path[-1]) if isinstance(value, list) else path[-1]] = secret

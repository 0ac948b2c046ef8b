"""Settings of integrations and credentials without their secrets: null stands where one was, and asks to be filled in.

A secret that is nothing but a template of one global (`{{globals.token}}`) only says where the secret is; it stays.
"""

import re
from collections.abc import Callable
from typing import Any

from wegnology.applications.sealing import SealedConfig
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.schema_leaves import Leaf, map_leaves
from wegnology.lib.types import JSONObject, JSONValue

_GLOBAL_ALONE = re.compile(r"\s*\{\{\{?\s*globals\.[0-9a-zA-Z_-]+\s*\}?\}\}\s*\Z")
_NOTHING = "\0"
"""Stands for null while settings are walked, which passes over nulls; no stored text holds it."""
_OPEN = "{{globals.secret}}"


def public_config(row: SealedConfig) -> JSONObject:
    """Return a row's settings as a file may hold them."""
    try:
        raw = row.raw_config()
    except (KeyMissing, SealBroken):
        raw = row.config
    return map_leaves(
        row.config_schema, raw, lambda value, leaf: None if leaf.secret and not _is_reference(value, leaf) else value
    )


def _is_reference(value: Any, leaf: Leaf) -> bool:
    return leaf.templated and isinstance(value, str) and bool(_GLOBAL_ALONE.match(value))


def missing_secrets(schema: type[Schema], config: JSONObject) -> list[str]:
    """Return the places where a secret has to be filled in."""
    places: list[str] = []

    def note(place: str) -> JSONValue:
        places.append(place)
        return _NOTHING

    _fill(schema, config, note)
    return places


def secret_places(schema: type[Schema], config: JSONObject) -> list[str]:
    """Return the places where a secret stands."""
    places: list[str] = []

    def note(value: Any, place: str) -> JSONValue:
        places.append(place)
        return value  # type: ignore[no-any-return]

    schema.map_secrets(config, note)
    return places


def with_secrets_of(schema: type[Schema], config: JSONObject, stored: JSONObject) -> JSONObject:
    """Return settings with what is missing taken from stored ones, and without what is missing there, too."""

    def take(place: str) -> JSONValue:
        *way, name = place.split(".")
        found = _at(stored, [*way, name])
        same = not way or _beside(_at(config, way), name) == _beside(_at(stored, way), name)
        return found if isinstance(found, str) and same else _NOTHING

    filled = _fill(schema, config, take)
    return {key: _without(value) for key, value in filled.items() if value != _NOTHING}


def setting_faults(schema: type[Schema], config: JSONObject) -> dict[str, str]:
    """Return what is wrong with settings by place, beside the secrets that are missing."""
    missing = missing_secrets(schema, config)
    try:
        schema.check(_fill(schema, config, lambda place: _OPEN))
    except ConfigInvalid as error:
        return {place: text for place, text in error.errors.items() if place not in missing and (place or not missing)}
    return {}


def _fill(schema: type[Schema], config: JSONObject, give: Callable[[str], JSONValue]) -> JSONObject:
    """Return settings with `give(place)` wherever a secret is null."""

    def swap(value: Any, leaf: Leaf) -> JSONValue:
        if value != _NOTHING:
            return value  # type: ignore[no-any-return]
        return give(leaf.place) if leaf.secret else None

    return map_leaves(schema, {key: _marked(value) for key, value in config.items()}, swap)


def _marked(value: JSONValue) -> JSONValue:
    if value is None:
        return _NOTHING
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return {key: _marked(item) for key, item in value.items()} if isinstance(value, dict) else value


def _without(value: JSONValue) -> JSONValue:
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if item != _NOTHING}
    return value


def _at(value: JSONValue, way: list[str]) -> JSONValue:
    for step in way:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _beside(row: JSONValue, name: str) -> JSONValue:
    """Return what identifies a row of a list: what stands beside its secret."""
    return {key: item for key, item in row.items() if key != name} if isinstance(row, dict) else None

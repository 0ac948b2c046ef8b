"""Globals in the API: JSON texts by key. A secret one shows a mask, which sent back keeps what is stored."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import Field

from wegnology.applications.global_values import MAX_DESCRIPTION, MAX_GLOBALS, MAX_VALUE, as_text, value_fault
from wegnology.applications.models import Application, Global
from wegnology.lib.known_globals import MASK
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONValue

KEY = r"^[0-9a-zA-Z_-]{1,255}$"
SHOWN_MASK = as_text(MASK)


class GlobalEntry(Schema):
    """One global."""

    key: str = Field(pattern=KEY, examples=["brokerHost"])
    json_text: str = Field(
        alias="json", min_length=1, max_length=MAX_VALUE, description="The value as JSON text.", examples=['"broker.example.com"']
    )
    cloud_only: bool = Field(False, description="Taken for compatibility: there are no edge devices here.")
    description: str = Field("", max_length=MAX_DESCRIPTION)
    secret: bool = Field(False, description="Sealed, shown as a mask, and only for settings of integrations and credentials.")


class GlobalChange(Schema):
    """A change of one global; `json: null` removes it."""

    key: str = Field(pattern=KEY)
    json_text: str | None = Field("", alias="json", max_length=MAX_VALUE)
    cloud_only: bool = False
    description: str = Field("", max_length=MAX_DESCRIPTION)
    secret: bool = False


def shown_globals(rows: Sequence[Global]) -> list[dict[str, Any]]:
    """Return globals as they are answered."""
    return [
        {
            "key": row.key,
            "json": SHOWN_MASK if row.secret else as_text(row.value),
            "cloudOnly": False,
            "description": row.description,
            "secret": row.secret,
        }
        for row in rows
    ]


def replace_globals(application: Application, entries: Sequence[GlobalEntry]) -> None:
    """Let the application have exactly these; call it in a transaction. Raises `Invalid` with every fault."""
    known = {row.key: row for row in application.globals.all()}
    faults: dict[str, str] = {}
    wanted: dict[str, Global] = {}
    for at, entry in enumerate(entries):
        if entry.key in wanted:
            faults[f"globals.{at}.key"] = f"There is another global {entry.key}."
            continue
        row = known.get(entry.key) or Global(application=application, key=entry.key)
        wanted[entry.key] = row
        row.description = entry.description
        if fault := _assign(row, entry.json_text, entry.secret):
            faults[f"globals.{at}.json"] = fault
    _finish(known, wanted, faults)


def change_globals(application: Application, changes: Sequence[GlobalChange]) -> None:
    """Add, change and remove single ones; call it in a transaction. Raises `Invalid` with every fault."""
    known = {row.key: row for row in application.globals.all()}
    wanted = dict(known)
    faults: dict[str, str] = {}
    for at, change in enumerate(changes):
        named = change.model_fields_set
        if "json_text" in named and change.json_text is None:
            wanted.pop(change.key, None)
            continue
        row = wanted.setdefault(change.key, Global(application=application, key=change.key))
        if "description" in named:
            row.description = change.description
        secret = change.secret if "secret" in named else row.secret
        text = change.json_text if change.json_text is not None and "json_text" in named else _stored_text(row)
        if fault := _assign(row, text, secret):
            faults[f"{at}.json"] = fault
    if len(wanted) > MAX_GLOBALS:
        faults[""] = f"An application has at most {MAX_GLOBALS} globals."
    _finish(known, wanted, faults)


def _stored_text(row: Global) -> str:
    if row._state.adding:
        return ""
    return SHOWN_MASK if row.secret else as_text(row.value)


def _assign(row: Global, text: str, secret: bool) -> str:
    """Give a row its value; returns what is wrong with it."""
    was_secret = row.secret and not row._state.adding
    if text == SHOWN_MASK and was_secret:
        return "" if secret else "Send the value: a stored secret is never shown."
    if not text:
        return "This field is required."
    try:
        value: JSONValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "This is not JSON. Text stands in quotes."
    if fault := value_fault(value):
        return fault
    if secret or row.secret or row._state.adding or row.value != value:
        row.set_value(value, secret=secret)
    return ""


def _finish(known: Mapping[str, Global], wanted: Mapping[str, Global], faults: Mapping[str, str]) -> None:
    if faults:
        raise Invalid(faults)
    for key, row in known.items():
        if key not in wanted:
            row.delete()
    for row in wanted.values():
        row.save()

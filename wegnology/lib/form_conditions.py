"""What the script of a form reads of conditions, as attributes of inputs; and the input of a choice."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext

from wegnology.lib.choices import Choice, Values, When
from wegnology.lib.theme import Select
from wegnology.lib.types import JSONValue


def choice_field(choice: Choice, prefix: str) -> forms.ChoiceField:
    """Return the field of a choice. Nothing sent says nothing chosen: then the settings say it."""
    attrs = {}
    if conditional := {option.name: _conditions(option.when, prefix) for option in choice.options if option.when}:
        attrs["data-options-when"] = json.dumps(conditional)
    return forms.ChoiceField(
        choices=[(option.name, gettext(option.label)) for option in choice.options],
        label=gettext(choice.title),
        help_text=escape(gettext(choice.description)),
        required=False,
        widget=Select(attrs=attrs),
    )


def add_hints(attrs: dict[str, Any], said: Mapping[str, Any], when: When, prefix: str) -> None:
    """Add what a field says to forms (`schema.hints`) to the attributes of its input."""
    if said.get("placeholder"):
        attrs.setdefault("placeholder", gettext(said["placeholder"]))
    if when:
        attrs["data-when"] = json.dumps(_conditions(when, prefix))
    if said.get("follows"):
        follows = {prefix + other: _texts(values) for other, values in said["follows"].items()}
        attrs["data-follows"] = json.dumps(follows)


def as_option(value: object) -> str:
    """Return a value as an input holds it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _conditions(when: When, prefix: str) -> dict[str, JSONValue]:
    return {prefix + other: _as_options(values) for other, values in when.items()}


def _as_options(values: Values) -> JSONValue:
    if isinstance(values, Mapping):
        return {"not": [as_option(value) for value in values["not"]]}
    return [as_option(value) for value in values]


def _texts(values: Mapping[str, JSONValue]) -> dict[str, str]:
    return {name: as_option(value) for name, value in values.items()}

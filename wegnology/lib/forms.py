"""The form of a `Schema`: one field a setting, and the way back from what was typed to raw JSON.

Nothing here knows a connector or a node: labels, help, sections and conditions come from the schema (`schema.ui`).
"""

import re
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wegnology.lib.fields import JSONTextField, LinesField, Secret, SecretField
from wegnology.lib.form_conditions import add_hints, as_option, choice_field
from wegnology.lib.row_fields import Column, Kept, RowsField, restored
from wegnology.lib.schema import ConfigInvalid, Schema, When, fits, hints, is_secret, is_templated
from wegnology.lib.schema_leaves import json_names, shape_of
from wegnology.lib.speaking import in_language
from wegnology.lib.theme import DecimalInput, NumberInput, Select, SwitchInput, Textarea, TextInput
from wegnology.lib.types import JSONObject, JSONValue

TEMPLATE_SUFFIX = " Template"
"""Ends titles of fields that are always templates; labels of others get it where they may hold one."""
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?$")
_EMPTY: tuple[object, ...] = (None, "", [])


class SchemaFields:
    """The form fields of one schema. Their names are the JSON names behind `prefix`."""

    def __init__(self, schema: type[Schema], prefix: str = "config_", *, templates: bool = True) -> None:
        """`templates`: labels say which fields may hold one."""
        self.schema = schema
        self._templates = templates
        self.prefix = prefix

    def form_fields(self, stored: Mapping[str, JSONValue]) -> dict[str, forms.Field]:
        """Return the fields by name. Of `stored`, secrets are only asked whether they are there."""
        fields = {self.prefix + name: self._form_field(name, field, stored) for name, field in self.schema.fields().items()}
        return fields | {self.prefix + choice.name: choice_field(choice, self.prefix) for choice in self.schema.choices}

    def initial(self, stored: Mapping[str, JSONValue]) -> dict[str, Any]:
        """Return what the inputs show: stored values, else defaults; never a secret."""
        values = {**self._defaults(), **self.schema.masked(dict(stored))}
        shown = self.schema.fields().keys() - self.schema.secret_fields()
        chosen = {choice.name: choice.option_of(stored).name if stored else choice.default for choice in self.schema.choices}
        visible = [*((name, value) for name, value in values.items() if name in shown), *chosen.items()]
        return {self.prefix + name: value for name, value in visible}

    def sections(self) -> dict[str, list[str]]:
        """Return the names of the form fields by section, in order of declaration; a choice stands before its settings."""
        sections: dict[str, list[str]] = {}
        asked = list(self.schema.choices)
        for name, field in self.schema.fields().items():
            names = sections.setdefault(hints(field).get("section", ""), [])
            for choice in [choice for choice in asked if choice.options_with(name)]:
                asked.remove(choice)
                names.append(self.prefix + choice.name)
            names.append(self.prefix + name)
        return sections

    def chosen(self, cleaned: Mapping[str, Any], raw: Mapping[str, JSONValue]) -> dict[str, str]:
        """Return the option of each choice by its name: what was chosen, else what raw settings imply."""
        given = {choice.name: cleaned.get(self.prefix + choice.name) for choice in self.schema.choices}
        return {choice.name: given[choice.name] or choice.option_of(raw).name for choice in self.schema.choices}

    def choice_faults(self, chosen: Mapping[str, str], raw: Mapping[str, JSONValue]) -> dict[str, str]:
        """Return what is wrong with what was chosen, by JSON name."""
        values = {**self._defaults(), **raw}
        faults = [choice.faults(chosen[choice.name], values) for choice in self.schema.choices]
        return {name: gettext(text) for found in faults for name, text in found.items()}

    def to_raw(self, cleaned: Mapping[str, Any], stored: Callable[[str], JSONValue]) -> JSONObject:
        """Return raw settings: JSON types, templates as text, kept secrets from `stored(name)`, empty inputs left out."""
        raw: JSONObject = {}
        for name, field in self.schema.fields().items():
            value = cleaned.get(self.prefix + name)
            if value is Secret.CLEAR:
                continue
            if isinstance(value, list) and (columns := _columns(field)):
                value = self._rows(value, columns, name, stored)
            if value is Secret.KEEP:
                value = stored(name)
            elif is_templated(field):
                value = _typed(value, field)
            if value not in _EMPTY:
                raw[name] = value.value if isinstance(value, Enum) else value
        return raw

    def irrelevant(self, raw: JSONObject) -> list[str]:
        """Return the JSON names of settings that the other settings and choices among them switch off."""
        values = {**self._defaults(), **self.chosen({}, raw), **raw}
        return [name for name in raw if name in self.schema.fields() and not self._applies(name, values, set())]

    def add_errors(self, form: forms.BaseForm, error: ConfigInvalid) -> None:
        """Put each fault beside its field; a fault deep in a value is shown at the field that holds it."""
        for name, english in error.errors.items():
            text = in_language(english)
            holder, _, place = name.partition(".")
            field = self.prefix + holder
            if field in form.fields:
                rows = form.fields[field]
                place = rows.place(place) if place and isinstance(rows, RowsField) else place
                form.add_error(field, f"{place}: {text}" if place else text)
            else:
                form.add_error(None, f"{name}: {text}" if name else text)

    def _rows(self, rows: list[Any], columns: list[Column], name: str, stored: Callable[[str], JSONValue]) -> list[JSONValue]:
        kept = any(isinstance(cell, Kept) for row in rows for cell in row.values())
        try:
            return restored(rows, stored(name) if kept else None, columns[0].name)
        except LookupError:
            raise ConfigInvalid({name: gettext("A row was changed by somebody else meanwhile: enter its secret anew.")}) from None

    def label(self, name: str) -> str:
        """Return a field's label; one that may hold a template says so, as the product does."""
        field = self.schema.fields()[name]
        label = field.title or words_of(name)
        if not is_templated(field):
            return gettext(label)
        label = gettext(label.removesuffix(TEMPLATE_SUFFIX))
        return gettext("%(label)s Template") % {"label": label} if self._templates else label

    def _defaults(self) -> dict[str, JSONValue]:
        defaults = {name: field.get_default(call_default_factory=True) for name, field in self.schema.fields().items()}
        return {name: _plain(value) for name, value in defaults.items() if value is not PydanticUndefined and value is not None}

    def _applies(self, name: str, values: Mapping[str, Any], seen: set[str]) -> bool:
        field = self.schema.fields().get(name)  # None: what stands beside the settings, such as a chosen credential
        conditions = self._when(name, field) if field else {}
        return all(
            other not in seen and fits(values.get(other), allowed) and self._applies(other, values, seen | {name})
            for other, allowed in conditions.items()
        )

    def _form_field(self, name: str, field: FieldInfo, stored: Mapping[str, JSONValue]) -> forms.Field:
        common = {
            "label": self.label(name),
            "help_text": escape(gettext(field.description) if field.description else ""),
            "required": field.is_required(),
        }
        if is_secret(field):
            form_field: forms.Field = SecretField(stored=name in stored, multiline=bool(hints(field).get("multiline")), **common)
        else:
            form_field = _plain_field(field, common)
        add_hints(form_field.widget.attrs, hints(field), self._when(name, field), self.prefix)
        return form_field

    def _when(self, name: str, field: FieldInfo) -> When:
        """Return under which condition a setting matters."""
        choices = {choice.name: choice.options_with(name) for choice in self.schema.choices}
        return {**hints(field).get("when", {}), **{asked: options for asked, options in choices.items() if options}}


def _plain_field(field: FieldInfo, common: dict[str, Any]) -> forms.Field:
    """Choose the form field by the annotation; templates over numbers and switches are typed as text."""
    inner, optional = _unwrapped(field.annotation)
    if is_templated(field):
        return _text_field(field, common)
    if inner is bool:
        return forms.BooleanField(widget=SwitchInput(), **{**common, "required": False})
    if options := _options(inner):
        return _choice_field(options, optional, common)
    if inner is int or inner is float:
        return _number_field(inner, field, common)
    if columns := _columns(field):
        return RowsField(columns, **common)
    if shape_of(field).holds_secrets():
        raise TypeError("a form can show secrets in rows of texts only")
    if get_origin(inner) in (list, tuple) or inner in (list, tuple):
        texts = (get_args(inner) or (Any,))[0] is str
        return LinesField(**common) if texts else JSONTextField(**common)
    if inner is str:
        return _text_field(field, common)
    return JSONTextField(**common)


def _columns(field: FieldInfo) -> list[Column]:
    """Return the cells of a list of objects that hold nothing but texts; of anything else nothing."""
    items = shape_of(field).items
    if items is None or len(items.objects) != 1:
        return []
    columns: list[Column] = []
    for name, part in json_names(items.objects[0]).items():
        inner, _ = _unwrapped(part.annotation)
        if inner is not str and not is_secret(part):
            return []
        placeholder = hints(part).get("placeholder", "")
        columns.append(
            Column(name, gettext(part.title or words_of(name)), is_secret(part), part.is_required(), gettext(placeholder))
        )
    return columns if columns and not columns[0].secret else []


def _text_field(field: FieldInfo, common: dict[str, Any]) -> forms.Field:
    multiline = bool(hints(field).get("multiline"))
    widget: forms.Widget = TextInput(attrs={"spellcheck": "false"})
    if multiline:
        widget = Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "wg-code"})
    return forms.CharField(widget=widget, strip=not multiline, **common)


def _choice_field(options: list[Any], optional: bool, common: dict[str, Any]) -> forms.Field:
    by_text = {as_option(value): value for value in options}
    choices = [(text, gettext(option_words(text))) for text in by_text]
    if optional:
        choices.insert(0, ("", "—"))
    return forms.TypedChoiceField(choices=choices, coerce=by_text.__getitem__, empty_value=None, widget=Select(), **common)


def _number_field(number: type, field: FieldInfo, common: dict[str, Any]) -> forms.Field:
    limits = {"min_value": _limit(field, "ge"), "max_value": _limit(field, "le")}
    if number is int:
        return forms.IntegerField(widget=NumberInput(), **limits, **common)
    return forms.FloatField(widget=DecimalInput(attrs={"step": "any"}), **limits, **common)


def _typed(value: object, field: FieldInfo) -> Any:
    """Turn the text of a templated setting into the JSON type that it stands for; a template stays text."""
    kinds = {_unwrapped(part)[0] for part in (get_args(field.annotation) or (field.annotation,))}
    if not isinstance(value, str) or "{{" in value:
        return value
    if kinds & {int, float} and _NUMBER.match(value):
        return float(value) if "." in value else int(value)
    if bool in kinds and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """Return the type without "or None", and whether None was allowed."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        optional = len(inner) < len(get_args(annotation))
        return (inner[0] if len(inner) == 1 else annotation), optional
    return annotation, False


def _options(inner: Any) -> list[Any]:
    if get_origin(inner) is Literal:
        return list(get_args(inner))
    if isinstance(inner, type) and issubclass(inner, Enum):
        return [member.value for member in inner]
    return []


def _limit(field: FieldInfo, name: str) -> Any:
    return next((getattr(mark, name) for mark in field.metadata if hasattr(mark, name)), None)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def option_words(value: str) -> str:
    """Return a value to choose in words."""
    return value if value.islower() else words_of(value)


def words_of(name: str) -> str:
    """Turn a JSON name into words: "clientId" reads "Client id"; a name of one word stays as it is."""
    words = re.sub(r"(?<=[a-z0-9])([A-Z])", r" \1", name)
    return words if words == name and not name.isalpha() else words[:1].upper() + words[1:].lower()

"""What templates in settings give, for people: shown beside the field, secrets masked."""

from collections.abc import Mapping
from typing import Any

from django.forms import BaseForm
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext

from wegnology.lib.config_templates import is_template, render_config
from wegnology.lib.known_globals import MASK, KnownGlobals, known_globals
from wegnology.lib.row_fields import RowsField
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.schema_leaves import Leaf, map_leaves
from wegnology.lib.template_names import global_names
from wegnology.lib.templating import TemplateError
from wegnology.lib.types import JSONObject, JSONValue

_LONGEST = 200


class Resolved:
    """What a template gives: the text to show, or what is wrong."""

    __slots__ = ("fault", "text")

    def __init__(self, text: str = "", fault: str = "") -> None:
        self.text = text
        self.fault = fault


def resolved_preview(schema: type[Schema], raw: JSONObject, context: JSONObject) -> dict[str, Resolved]:
    """Return by place what each template gives over the globals, and every other fault of the settings; "" is the whole.

    What is secret, or may come from a secret global, is a mask: rendered over globals without secrets, so it cannot slip through.
    """
    known = known_globals(context)
    masked: JSONObject = {**context, "globals": known.masked()}
    shown: dict[str, Resolved] = {}

    def look(value: Any, leaf: Leaf) -> JSONValue:
        if leaf.templated and is_template(value):
            shown[leaf.place] = Resolved(_text(value, leaf, known, masked))
        return value  # type: ignore[no-any-return]

    map_leaves(schema, raw, look)
    try:
        schema.resolve(raw, context)
    except ConfigInvalid as error:
        shown |= {place: Resolved(fault=text) for place, text in error.errors.items()}
    return shown


def _text(template: str, leaf: Leaf, known: KnownGlobals, masked: JSONObject) -> str:
    if leaf.secret or known.names_secret(global_names(template)):
        return MASK
    try:
        text = render_config(template, masked)
    except TemplateError:
        return ""  # resolving says why
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def show_beside(form: BaseForm, prefix: str, shown: Mapping[str, Resolved]) -> None:
    """Put each result below the help of its field; `prefix` stands before the names of the form's fields."""
    for place, resolved in shown.items():
        holder, _, rest = place.partition(".")
        field = form.fields.get(prefix + holder)
        if field is None:
            continue
        where = f"{field.place(rest)}: " if rest and isinstance(field, RowsField) else ""
        if resolved.fault:
            line = format_html('<span class="wg-resolved wg-danger">{}{}</span>', where, resolved.fault)
        elif resolved.text:
            line = format_html('<span class="wg-resolved">{}{} <code>{}</code></span>', where, gettext("now"), resolved.text)
        else:
            continue
        field.help_text = format_html("{}{}", mark_safe(field.help_text or ""), line)  # noqa: S308  (our own, escaped before)

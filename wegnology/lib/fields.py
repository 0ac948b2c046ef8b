"""Form fields that Django does not have: lines of text, JSON as text, and secrets that are never shown."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NoReturn

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from wegnology.lib.theme import PasswordInput, Textarea
from wegnology.lib.types import JSONValue


class Secret(Enum):
    """What a secret field may say besides a new value."""

    KEEP = "keep"
    CLEAR = "clear"


class LinesField(forms.CharField):
    """A list of texts, one a line; blank lines and white space around a line do not count."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", Textarea(attrs={"rows": 4}))
        super().__init__(**kwargs)

    def prepare_value(self, value: object) -> object:
        """Show a list as lines."""
        return "\n".join(str(line) for line in value) if isinstance(value, list | tuple) else value

    def to_python(self, value: object) -> Any:
        """Return the lines."""
        text = str(value or "")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def has_changed(self, initial: object, data: object) -> bool:
        """Compare lists, not texts."""
        return bool((initial or []) != self.to_python(data))


class JSONTextField(forms.CharField):
    """A JSON value as text. Faults name their line and column; NaN and doubled keys are faults."""

    def __init__(self, *, rows: int = 4, **kwargs: Any) -> None:
        kwargs.setdefault("widget", Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "wg-code"}))
        kwargs.setdefault("strip", True)
        super().__init__(**kwargs)

    def prepare_value(self, value: object) -> object:
        """Show a stored value as indented JSON; what the user typed stays as it is."""
        if isinstance(value, _Typed) or value is None:
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def bound_data(self, data: Any, initial: object) -> Any:
        """Mark what was typed, so that a faulty text comes back unchanged."""
        return _Typed(data) if data is not None else None

    def to_python(self, value: object) -> Any:
        """Return the value; an empty text is None."""
        text = str(value or "").strip()
        return parse_json(text) if text else None

    def validate(self, value: object) -> None:
        """Only a missing text is missing: 0, false, [] and {} are values."""
        if value is None and self.required:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: object) -> None:
        """The validators of a text field do not fit a JSON value."""

    def has_changed(self, initial: object, data: object) -> bool:
        """Compare values, not their spelling."""
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class _Typed(str):
    """Text as a person typed it."""

    __slots__ = ()


def parse_json(text: str) -> JSONValue:
    """Parse JSON as a person typed it; `ValidationError` says what is wrong and where."""
    try:
        value: JSONValue = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1] if error.lineno <= len(text.splitlines()) else ""
        near = line[max(error.colno - 12, 0) : error.colno + 12].strip()
        place = {"line": error.lineno, "column": error.colno, "near": near, "fault": error.msg}
        text = _("Line %(line)s, column %(column)s near “%(near)s”: %(fault)s.")
        raise ValidationError(text if near else _("Line %(line)s, column %(column)s: %(fault)s."), "json", place) from None
    except RecursionError:
        raise ValidationError(_("This is nested too deeply."), code="json") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValidationError(_("%(name)s is not a JSON value.") % {"name": name}, code="json")


def _object(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    result: dict[str, JSONValue] = {}
    for key, value in pairs:
        if key in result:
            raise ValidationError(_("The key “%(key)s” stands twice in one object.") % {"key": key}, code="json")
        result[key] = value
    return result


class _SecretWidget(forms.Widget):
    """Shows an empty input and, when something is stored, a box that clears it. Never renders a value."""

    stored = False

    def clear_name(self, name: str) -> str:
        """Return the name of the box."""
        return f"{name}-clear"

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render without the value, whatever it is."""
        html = super().render(name, None, attrs, renderer)
        if not self.stored:
            return html
        identifier = f"{(attrs or {}).get('id', name)}-clear"
        return format_html(
            '{}<label class="wg-clear" for="{}"><input type="checkbox" name="{}" id="{}" value="1"> {}</label>',
            html,
            identifier,
            self.clear_name(name),
            identifier,
            _("Remove the stored value"),
        )

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return a new text, or what shall happen to the stored one."""
        text = data.get(name)
        if text:
            return text
        return Secret.CLEAR if data.get(self.clear_name(name)) else Secret.KEEP

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """An empty input says something: keep."""
        return False


class SecretInput(_SecretWidget, PasswordInput):
    """A secret of one line."""


class SecretTextarea(_SecretWidget, Textarea):
    """A secret of several lines, such as a PEM key."""


class SecretField(forms.Field):
    """A secret: cleans to a new text, `Secret.KEEP` or `Secret.CLEAR`."""

    def __init__(self, *, stored: bool, multiline: bool = False, **kwargs: Any) -> None:
        attrs: dict[str, Any] = {"autocomplete": "new-password", "spellcheck": "false"}
        if stored:
            attrs["placeholder"] = _("A value is stored and not shown. Leave empty to keep it.")
        if multiline:
            attrs |= {"rows": 4, "class": "wg-code"}
        widget = (SecretTextarea if multiline else SecretInput)(attrs=attrs)
        widget.stored = stored and not kwargs.get("required", True)  # what is required cannot be removed
        self.stored = stored
        super().__init__(widget=widget, **kwargs)

    def prepare_value(self, value: object) -> None:
        """Nothing goes back into the page, not even what was just typed."""

    def clean(self, value: Any) -> Any:
        """Refuse a required secret that would be missing."""
        missing = value is Secret.CLEAR or (value is Secret.KEEP and not self.stored)
        if self.required and missing:
            raise ValidationError(self.error_messages["required"], code="required")
        return value

    def has_changed(self, initial: object, data: object) -> bool:
        """Only a new text or clearing is a change."""
        return data is not Secret.KEEP

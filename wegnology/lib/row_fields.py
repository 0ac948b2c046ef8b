"""A list of small objects as rows of inputs, such as the headers of a request. Works without JavaScript.

A secret cell is never shown. A stored row carries the name by which its secret is found again: its first cell as it was
stored, and the how many-th of that name it is; so a row may be renamed and moved and keeps its secret.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from wegnology.lib.theme import PasswordInput, TextInput
from wegnology.lib.types import JSONObject, JSONValue

SPARE_ROWS = 2
MOST_ROWS = 500


class Column(NamedTuple):
    """One cell of each row: its JSON name and label, whether it is secret and may be left empty."""

    name: str
    label: str
    secret: bool
    required: bool
    placeholder: str = ""


class Was(NamedTuple):
    """Which stored row a row was: its first cell, and the how many-th of that text."""

    text: str
    number: int


class Kept(NamedTuple):
    """Stands in a cell whose stored secret is kept."""

    was: Was


class Row(NamedTuple):
    """A row as it stands in the page: the texts of its cells, and the stored row it came from."""

    cells: Mapping[str, str]
    was: Was | None
    removed: bool = False


class RowsWidget(forms.Widget):
    """A line of inputs a row, and some empty ones."""

    def __init__(self, columns: Sequence[Column], attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(attrs or {}))
        self.columns = columns

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[Row]:
        """Return the rows that are not empty."""
        rows: list[Row] = []
        for at in range(MOST_ROWS):
            if f"{name}-{at}-{self.columns[0].name}" not in data:
                break
            cells = {column.name: data.get(f"{name}-{at}-{column.name}", "").strip() for column in self.columns}
            text, _, number = data.get(f"{name}-{at}-was", "").rpartition("#")
            was = Was(text, int(number)) if number.isdecimal() and len(number) < 6 else None
            if was or any(cells.values()):
                rows.append(Row(cells, was, bool(data.get(f"{name}-{at}-remove"))))
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Say whether the page did not have these rows."""
        return f"{name}-0-{self.columns[0].name}" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render the rows, secrets as empty inputs."""
        rows: list[Row] = [*(value or []), *[Row({}, None)] * SPARE_ROWS]
        identifier = (attrs or {}).get("id", name)
        lines = format_html_join("", "{}", ((self._line(name, identifier, at, row),) for at, row in enumerate(rows)))
        when = self.attrs.get("data-when")
        marked = format_html(' data-when="{}" data-rows="{}"', when, name) if when else ""
        return format_html('<div class="wg-rows" id="{}"{}>{}</div>', identifier, marked, lines)

    def _line(self, name: str, identifier: str, at: int, row: Row) -> SafeString:
        cells = format_html_join("", "{}", ((self._cell(column, name, at, row),) for column in self.columns))
        if row.was is None:
            return format_html(
                '<div class="wg-rows-line" role="group" aria-label="{}">{}<span></span></div>', _row(at + 1), cells
            )
        return format_html(
            '<div class="wg-rows-line" role="group" aria-label="{}">{}<label class="wg-clear"><input type="checkbox" '
            'name="{}-{}-remove" value="1"{}> {}</label><input type="hidden" name="{}-{}-was" value="{}"></div>',
            _row(at + 1),
            cells,
            name,
            at,
            SafeString(" checked") if row.removed else "",
            gettext("Remove"),
            name,
            at,
            f"{row.was.text}#{row.was.number}",
        )

    def _cell(self, column: Column, name: str, at: int, row: Row) -> SafeString:
        attrs = {
            "aria-label": gettext("%(label)s, row %(at)s") % {"label": column.label, "at": at + 1},
            "spellcheck": "false",
            "autocomplete": "off",
        }
        attrs["placeholder"] = (
            gettext("Stored, not shown. Type to replace.") if column.secret and row.was else column.placeholder or column.label
        )
        if column.secret:
            attrs["autocomplete"] = "new-password"
            return PasswordInput(attrs=attrs).render(f"{name}-{at}-{column.name}", None)
        return TextInput(attrs=attrs).render(f"{name}-{at}-{column.name}", row.cells.get(column.name, ""))


class RowsField(forms.Field):
    """Cleans to a list of objects; a secret that is kept is `Kept`, to be put back by `restored`."""

    widget: RowsWidget

    def __init__(self, columns: Sequence[Column], **kwargs: Any) -> None:
        self.columns = columns
        super().__init__(widget=RowsWidget(columns), **kwargs)

    def prepare_value(self, value: Any) -> list[Row]:
        """Show stored objects (secrets in them masked or not) or what was typed; secrets of neither."""
        return [Row(row.cells, row.was, row.removed) for row in value] if _typed(value) else _rows(value or [], self.columns)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Return the objects; every row must be whole."""
        faults: list[str] = []
        kept = [row for row in value or [] if not (row.removed or (row.was and not row.cells[self.columns[0].name]))]
        objects = [self._object(row, at, faults) for at, row in enumerate(kept, 1)]
        if faults:
            raise ValidationError(faults)
        if self.required and not objects:
            raise ValidationError(self.error_messages["required"], code="required")
        return objects

    def _object(self, row: Row, at: int, faults: list[str]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for column in self.columns:
            text = row.cells.get(column.name, "")
            if text:
                made[column.name] = text
            elif column.secret and row.was:
                made[column.name] = Kept(row.was)
            elif column.required:
                faults.append(gettext("Row %(at)s: %(label)s is missing.") % {"at": at, "label": column.label})
        return made

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Say whether a text differs, a secret was typed or a row removed."""
        shown = _rows(initial or [], self.columns)
        typed = [Row(row.cells, row.was, row.removed) for row in data or []]
        return typed != shown

    def place(self, rest: str) -> str:
        """Return "0.headerKey" as people read it: "Row 1, Name"."""
        at, _, name = rest.partition(".")
        label = next((column.label for column in self.columns if column.name == name), name)
        return _row(int(at) + 1) + (f", {label}" if label else "") if at.isdecimal() else rest


def restored(objects: list[dict[str, Any]], stored: JSONValue, key: str) -> list[JSONValue]:
    """Return cleaned objects with kept secrets from the stored ones, which are told apart by the cell `key`.

    Raises `LookupError` when a stored row is not there any more.
    """
    by_name: dict[Was, JSONObject] = {}
    seen: Counter[str] = Counter()
    for item in stored if isinstance(stored, list) else []:
        if isinstance(item, dict):
            by_name[Was(str(item.get(key, "")), seen[str(item.get(key, ""))])] = item
            seen[str(item.get(key, ""))] += 1
    return [
        {name: by_name[cell.was][name] if isinstance(cell, Kept) else cell for name, cell in made.items()} for made in objects
    ]


def _row(number: int) -> str:
    return gettext("Row %(number)s") % {"number": number}


def _typed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Row) for row in value)


def _rows(objects: Sequence[Any], columns: Sequence[Column]) -> list[Row]:
    """Return stored objects as rows; a secret cell is empty."""
    seen: Counter[str] = Counter()
    rows: list[Row] = []
    for item in objects:
        if isinstance(item, dict):
            cells = {column.name: "" if column.secret else str(item.get(column.name, "")) for column in columns}
            first = cells[columns[0].name]
            rows.append(Row(cells, Was(first, seen[first])))
            seen[first] += 1
    return rows

"""Short texts as rows of inputs, such as topics. Without JavaScript some empty rows stand at the end; an emptied one is left out.

A program may send them as lines under the field's own name instead.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from wegnology.lib.fields import LinesField
from wegnology.lib.theme import Textarea, TextInput

SPARE_ROWS = 2
MOST_SHOWN = 200
"""More are shown as lines of one text."""
MOST_ROWS = 1_000


class TextRowsWidget(forms.Widget):
    """An input a text. `faults` says by position what is wrong with one; `label` is what one is called."""

    def __init__(self, label: str, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(attrs or {}))
        self.label = label
        self.faults: Mapping[int, str] = {}

    def id_for_label(self, id_: str) -> str:
        """Return the id of the first input."""
        return f"{id_}-0" if id_ else id_

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return the texts of the rows, or lines."""
        if name in data:
            return data[name]
        rows: list[str] = []
        while len(rows) < MOST_ROWS and f"{name}-{len(rows)}" in data:
            rows.append(data[f"{name}-{len(rows)}"])
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Say whether the page had neither rows nor lines."""
        return name not in data and f"{name}-0" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render a row a text, and some empty ones."""
        texts, identifier = list(value or []), (attrs or {}).get("id", name)
        if len(texts) > MOST_SHOWN:
            return Textarea(attrs={"rows": 12, "id": f"{identifier}-0"}).render(name, "\n".join(texts))
        rows = enumerate([*texts, *[""] * SPARE_ROWS])
        lines = format_html_join("", "{}", ((self._line(name, identifier, at, text),) for at, text in rows))
        asks = format_html(' data-judge="{}"', self.attrs["data-judge"]) if "data-judge" in self.attrs else ""
        return format_html('<div class="wg-text-rows" data-text-rows="{}"{}>{}</div>', name, asks, lines)

    def _line(self, name: str, identifier: str, at: int, text: str) -> SafeString:
        place, fault = f"{identifier}-{at}", self.faults.get(at, "")
        attrs = {"id": place, "aria-label": f"{self.label} {at + 1}", "spellcheck": "false", "autocomplete": "off"}
        attrs |= {"aria-describedby": f"{place}-fault"} | ({"aria-invalid": "true"} if fault else {})
        field = TextInput(attrs=attrs).render(f"{name}-{at}", text)
        return format_html(
            '<div class="wg-text-row">{}<p class="wg-fault" id="{}-fault" aria-live="polite">{}</p></div>', field, place, fault
        )


class TextRowsField(LinesField):
    """A list of texts in rows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=TextRowsWidget(str(kwargs.get("label", ""))), **kwargs)

    def prepare_value(self, value: object) -> list[str]:
        """Show texts or lines, without blank ones, so that faults stand at their place."""
        found: list[str] = self.to_python(value)
        return found

    def to_python(self, value: object) -> Any:
        """Return the texts that are not blank."""
        if isinstance(value, list | tuple):
            return [str(text).strip() for text in value if str(text).strip()]
        return super().to_python(value)

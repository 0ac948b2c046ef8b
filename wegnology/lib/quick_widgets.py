"""Fields of forms written without templates, as the templates would: a page of 100 globals has 700 of them.

A template takes a third of a millisecond for an input and for each choice of a select. Widgets that are not here, and those that
use what is not here, go through their templates.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import escape
from django.utils.safestring import SafeData, SafeString

Widget = Mapping[str, Any]
_OPTION = "django/forms/widgets/select_option.html"
_BESIDE = ("prefix", "prefix_icon", "suffix", "suffix_icon")
_ARROW = (
    '<span class="material-symbols-outlined absolute group-[.primary]:text-white pointer-events-none mr-[12px] right-0 '
    "text-base-400 top-0 top-1/2 hover:text-base-700 dark:text-base-500 dark:hover:text-base-200 "
    '-translate-y-1/2">expand_more</span>'
)


class QuickRenderer(DjangoTemplates):
    """Writes what it knows, and asks templates for the rest."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        """Return the HTML of a widget, form or list of errors."""
        write = _WRITERS.get(template_name)
        found = write(context["widget"]) if write else None
        return str(super().render(template_name, context, request)) if found is None else SafeString(found)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, SafeData) else escape(str(value))


def _attrs(widget: Widget) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{_text(value)}"'
        for name, value in widget["attrs"].items()
        if value is not False
    )


def _input(widget: Widget) -> str:
    value = widget["value"]
    given = "" if value is None else f' value="{_text(value)}"'
    return f'<input type="{_text(widget["type"])}" name="{_text(widget["name"])}"{given}{_attrs(widget)}>'


def _framed_input(widget: Widget) -> str | None:
    """The theme's inputs may have something beside them."""
    if any(widget.get(name) for name in _BESIDE):
        return None
    return f'<div class="max-w-2xl relative w-full">{_input(widget)}</div>'


def _textarea(widget: Widget) -> str:
    return f'<textarea name="{_text(widget["name"])}"{_attrs(widget)}>{_text(widget["value"] or "")}</textarea>'


def _select(widget: Widget) -> str | None:
    parts = [f'<select name="{_text(widget["name"])}"{_attrs(widget)}>']
    for group, options, _ in widget["optgroups"]:
        if any(option["template_name"] != _OPTION for option in options):
            return None
        parts += [f'<optgroup label="{_text(group)}">'] if group else []
        parts += [f'<option value="{_text(one["value"])}"{_attrs(one)}>{_text(one["label"])}</option>' for one in options]
        parts += ["</optgroup>"] if group else []
    return "\n".join([*parts, "</select>"])


def _framed_select(widget: Widget) -> str | None:
    found = _select(widget)
    return f'<div class="grow relative max-w-2xl">{found}{_ARROW}</div>' if found else None


_WRITERS: Mapping[str, Callable[[Widget], str | None]] = {
    **{f"django/forms/widgets/{name}.html": _input for name in ("checkbox", "hidden", "number", "password", "text")},
    "django/forms/widgets/select.html": _select,
    "unfold/widgets/text.html": _framed_input,
    "unfold/widgets/textarea.html": _textarea,
    "unfold/widgets/select.html": _framed_select,
}

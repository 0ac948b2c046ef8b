"""Widgets written without templates are what their templates would have written."""

import re
from copy import deepcopy
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates, get_default_renderer
from django.utils.safestring import SafeString

from wegnology.lib.quick_widgets import QuickRenderer
from wegnology.lib.theme import DecimalInput, NumberInput, PasswordInput, Select, SwitchInput, Textarea, TextInput

CHOICES = [("", "—"), ("a", "<A> & more"), (3, "three"), ("Group & <b>", [("x", "in it"), ("y", SafeString("<i>safe</i>"))])]
ATTRS: dict[str, Any] = {
    "class": 'a "quoted" <b>',
    "required": True,
    "disabled": False,
    "maxlength": 1234,
    "data-safe": SafeString("a &amp; b"),
    "aria-label": "Größe & Maß",
}
WIDGETS: list[forms.Widget] = [
    *(kind(attrs=ATTRS) for kind in (forms.TextInput, forms.HiddenInput, forms.NumberInput, forms.CheckboxInput)),
    *(kind(attrs=ATTRS) for kind in (TextInput, NumberInput, DecimalInput, SwitchInput, Textarea)),
    forms.PasswordInput(render_value=True),
    PasswordInput(),
    TextInput(attrs={"prefix": "EUR", "suffix_icon": "euro"}),
    forms.Select(attrs=ATTRS, choices=CHOICES),
    Select(attrs=ATTRS, choices=CHOICES),
    forms.SelectMultiple(choices=CHOICES),
    forms.RadioSelect(choices=CHOICES),
]
VALUES: list[Any] = [None, "", "a", 3, 1234567, "<script>\"'&</script>", SafeString("<b>"), True]


def squeezed(html: str) -> str:
    """Without blanks between tags, which no page shows."""
    return re.sub(r"\s*(<[^>]+>)\s*", r"\1", html).strip()


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: f"{type(widget).__module__}.{type(widget).__name__}")
def test_what_is_written_is_what_the_template_writes(widget: forms.Widget) -> None:
    for value in VALUES:
        quick, template = (
            deepcopy(widget).render("name", value, {"id": "id_x"}, renderer=made) for made in (QuickRenderer(), DjangoTemplates())
        )
        assert squeezed(quick) == squeezed(template), value


def test_it_is_in_use() -> None:
    assert isinstance(get_default_renderer(), QuickRenderer)


def test_choices_with_a_template_of_their_own_keep_it() -> None:
    class Marked(forms.Select):
        option_template_name = "django/forms/widgets/radio_option.html"

    assert "<label" in Marked(choices=[("a", "A")]).render("name", "a", {"id": "id_x"})

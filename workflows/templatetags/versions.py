"""Filters that show a difference between versions."""

from django import template

from workflows.version_diff_text import shown
from workflows.version_fields import Absent, Change, Side

register = template.Library()
_CLASSES = {"+": "wg-plus", "-": "wg-minus", "@": "wg-at"}


@register.filter
def as_value(side: Side) -> str:
    """Return one side of a change as JSON, cut to size."""
    return shown(side)


@register.filter
def has_before(change: Change) -> bool:
    """Say whether there was a value before."""
    return not isinstance(change.before, Absent)


@register.filter
def has_after(change: Change) -> bool:
    """Say whether there is a value afterwards."""
    return not isinstance(change.after, Absent)


@register.filter
def line_class(line: str) -> str:
    """Return how a line of a comparison is coloured; its sign says the same."""
    return _CLASSES.get(line[:1], "")

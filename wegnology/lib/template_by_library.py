"""Rendering by the Handlebars library: whatever is more than text and plain tags."""

import contextlib
from collections.abc import Callable
from typing import Any

from dotpromptz_handlebars import Handlebars, HelperOptions, SafeString, StrictModeError

from wegnology.lib.javascript import MAX_TEXT
from wegnology.lib.template_errors import TemplateError, ValueMissing, fault_at, too_long
from wegnology.lib.template_tags import LITERAL, Part, Tag, without_quoted_braces
from wegnology.lib.template_views import IterationLimit, configure, view

MAX_MARKS = 1000
"""Tags that are rendered again, at most, to find the one that failed."""

_MARK = "wegnology:mark"
_FAULTS = (ValueError, TypeError, ArithmeticError, RecursionError, IterationLimit, StrictModeError)


def library_render(source: str, parts: list[Part], escape: bool, strict: bool) -> Callable[[Any], str]:
    """Compile a template; strict refuses what is missing, and objects and arrays. Raises `TemplateError`, as does the result."""
    library, safe = _library(source, parts, escape, strict)
    try:
        rendered = library.compile(safe)
    except (ValueError, IndexError) as error:
        raise TemplateError(str(error)) from None

    def render(context: Any) -> str:
        try:
            text = rendered(view(context, strict))
        except _FAULTS as error:
            position = _failing(source, parts, strict, context)
            if isinstance(error, StrictModeError):
                raise ValueMissing(str(error.path), source, position) from None
            raise fault_at(str(error), source, position) from None
        if strict and "[object Object]" in text:
            raise TemplateError("an object stands where text is expected")
        if len(text) > MAX_TEXT:
            raise too_long()
        return text

    return render


def _library(
    source: str, parts: list[Part], escape: bool, strict: bool, mark: Callable[[Tag], str] = lambda tag: ""
) -> tuple[Handlebars, str]:
    """Return the library with our helpers, and the source in a form that it understands."""
    library = configure(Handlebars(escape_html=escape, strict=strict))
    safe, texts = without_quoted_braces(source, parts, mark)
    library.register_helper(LITERAL, lambda values, options: texts[int(values[0])])
    return library, safe


def _failing(source: str, parts: list[Part], strict: bool, context: Any) -> int | None:
    """Return where the tag begins at which rendering fails; None where that cannot be known.

    The library keeps no positions. So the template is rendered once more with a mark before each tag: only those that fail pay.
    """
    reached: list[int] = []

    def mark(values: list[Any], options: HelperOptions) -> SafeString:
        if len(reached) == MAX_MARKS:
            raise _Enough
        reached.append(int(values[0]))
        return SafeString("")

    library, marked = _library(source, parts, True, strict, _mark_before)
    library.register_helper(_MARK, mark)
    with contextlib.suppress(_Enough):
        try:
            library.compile(marked)(view(context, strict))
        except (*_FAULTS, IndexError):
            return reached[-1] if reached else None
    return None


class _Enough(Exception):
    """More marks were met than are looked at."""


def _mark_before(tag: Tag) -> str:
    body = tag.body
    reads = body[:1] not in {"/", "!"} and body != "^" and body.split(None, 1)[:1] != ["else"]
    return f"{{{{{_MARK} {tag.start}}}}}" if reads else ""

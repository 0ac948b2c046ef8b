"""Handlebars templates, as users write them in node and connection settings.

Templates of text and plain tags are compiled to a list of parts and rendered in about a microsecond. Blocks, comments and
the rarer forms are rendered by the Handlebars library over read-only views of the context, which make numbers print as in
JavaScript and bound how much a template may iterate.
"""

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
from dotpromptz_handlebars import SafeString

from wegnology.lib import javascript
from wegnology.lib.javascript import MAX_TEXT
from wegnology.lib.template_by_library import library_render
from wegnology.lib.template_errors import TemplateError, ValueMissing, fault_at, too_long
from wegnology.lib.template_helpers import helper, shown
from wegnology.lib.template_tags import Tag, check_blocks, scan
from wegnology.lib.template_values import Reader, TagFault, Unplain, Value, plain
from wegnology.lib.types import JSONObject, JSONValue

MAX_SOURCE = 128 * 1024
"""Characters of a template's source."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;"})
_special = re.compile("[&<>\"'`=]").search
Render = Callable[[Any], str]


__all__ = ["Template", "TemplateError", "ValueMissing", "check_template", "compile_template", "parse_json_template"]


class Template:
    """A compiled template. Make it with `compile_template`."""

    __slots__ = ("_sure", "field", "fixed", "paths", "render", "render_strictly", "source")

    def __init__(
        self,
        source: str,
        paths: tuple[str, ...],
        render: Render,
        render_strictly: Render,
        field: str = "",
        sure: bool = False,
        fixed: str | None = None,
    ) -> None:
        """`sure`: `render` raises no `TemplateError`."""
        self._sure = sure
        self.source = source
        self.field = field
        """The setting that it stands in, where it is known; errors of rendering begin with it."""
        self.paths = paths
        """The paths that plain tags mention, as written."""
        self.fixed = fixed
        """What it gives over any context, where it has no tags."""
        self.render = render
        """Render over a context; what is missing prints nothing. Raises `TemplateError`."""
        self.render_strictly = render_strictly
        """As `render`, but what is missing, or is an object or array, is a `TemplateError` that names it."""

    def named(self, field: str) -> "Template":
        """Return the same template as that of a setting, which its errors then name."""
        render = self.render if self._sure else _naming(field, self.render)
        return Template(self.source, self.paths, render, _naming(field, self.render_strictly), field, self._sure, self.fixed)


def _naming(field: str, render: Render) -> Render:
    def named(context: Any) -> str:
        try:
            return render(context)
        except ValueMissing:
            raise
        except TemplateError as error:
            raise TemplateError(f"{field}: {error}") from None

    return named


_CACHED_SOURCE = 4096


def compile_template(text: str, escape: bool = True) -> Template:
    """Compile a template, with or without HTML escaping of `{{x}}`; raises `TemplateError` with line and column."""
    return _cached(text, escape) if len(text) <= _CACHED_SOURCE else _compile(text, escape)


@lru_cache(maxsize=2048)
def _cached(text: str, escape: bool) -> Template:
    return _compile(text, escape)


def check_template(text: str) -> None:
    """Raise `TemplateError` when `text` is not a valid template."""
    compile_template(text)


MAX_INNER_SOURCE = 4096
_inside = ContextVar("inside the helper template", default=False)


@helper("template", contextual=True)
def _template(context: Any, source: Any, /) -> SafeString:
    """Render a text as a template over the same context; such a template may not render another."""
    text = shown(source)
    if len(text) > MAX_INNER_SOURCE:
        raise ValueError(f"the template is longer than {MAX_INNER_SOURCE} characters")
    if _inside.get():
        raise ValueError("a template that the helper template renders may not use it again")
    token = _inside.set(True)
    try:
        return SafeString(compile_template(text).render(context))
    except TemplateError as error:
        raise ValueError(f"in the inner template: {error}") from None
    finally:
        _inside.reset(token)


def parse_json_template(template: Template, context: JSONObject) -> JSONValue:
    """Render a template whose result must be JSON and return the value; raises `TemplateError`."""
    rendered = template.render(context)
    try:
        return orjson.loads(rendered)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError as error:
        near = rendered[max(error.pos - 10, 0) : error.pos + 20]
        place = f"{template.field}: " if template.field else ""
        fault = f"the template did not give valid JSON: {error.msg} at position {error.pos}, near {near!r}"
        raise TemplateError(place + fault) from None


def _compile(source: str, escape: bool, by_library: bool = False) -> Template:
    """Compile; tests force the library with `by_library` to compare both ways."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"the template is longer than {MAX_SOURCE} characters")
    try:
        parts, values_only = scan(source)
    except TagFault as fault:
        raise fault_at(str(fault.args[0]), source, fault.args[1]) from None
    tags = [part for part in parts if isinstance(part, Tag)]
    compiled = [_plain(tag, source) for tag in tags] if values_only else []
    paths = tuple(dict.fromkeys(path for value in compiled if value for path in value.paths))
    if values_only and all(compiled) and not by_library:
        values = iter(compiled)
        pieces = [part if isinstance(part, str) else (next(values), part) for part in parts]
        sure = not compiled or (len(parts) == 1 and all(value and value.keys is not None for value in compiled))
        fixed = None if tags else "".join(parts)  # type: ignore[arg-type]
        fast, strict = _fast(source, pieces, escape), _fast_strict(source, pieces, escape)  # type: ignore[arg-type]
        return Template(source, paths, fast, strict, sure=sure, fixed=fixed)
    try:
        check_blocks(tags)
    except TagFault as fault:
        raise fault_at(str(fault.args[0]), source, fault.args[1]) from None
    render, strictly = (library_render(source, parts, escape, strict) for strict in (False, True))
    return Template(source, paths, render, strictly)


def _plain(tag: Tag, source: str) -> Value | None:
    try:
        return plain(tag.body)
    except Unplain:
        return None
    except TagFault as fault:
        raise fault_at(str(fault.args[0]), source, tag.start) from None


# ---- the fast way


def _fast(source: str, pieces: list[str | tuple[Value, Tag]], escape: bool) -> Render:
    if all(isinstance(piece, str) for piece in pieces):
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return lambda context: text
    steps: list[Any] = [piece if isinstance(piece, str) else _printer(source, *piece, escape) for piece in pieces]
    if len(steps) == 1:
        return steps[0]  # type: ignore[no-any-return]

    def render(context: Any) -> str:
        text = "".join([step if type(step) is str else step(context) for step in steps])
        if len(text) > MAX_TEXT:
            raise too_long()
        return text

    def render_many(context: Any) -> str:
        return _joined(step if type(step) is str else step(context) for step in steps)

    return render if len(steps) <= 12 else render_many


def _joined(texts: Iterable[str]) -> str:
    """Join, and stop as soon as it is too much: each text may be long and dear to make."""
    kept: list[str] = []
    length = 0
    for text in texts:
        kept.append(text)
        length += len(text)
        if length > MAX_TEXT:
            raise too_long()
    return "".join(kept)


_ODD = (ValueError, TypeError, ArithmeticError, RecursionError)
"""What a helper raises on odd values; it becomes a `TemplateError`."""


def _printer(source: str, value: Value, tag: Tag, escape: bool) -> Render:
    read = value.read
    escape = escape and not tag.raw

    def printed(context: Any) -> str:
        try:
            found = read(context)
        except _ODD as error:
            raise fault_at(str(error), source, tag.start) from None
        if type(found) is str:
            text: str = found
        elif isinstance(found, SafeString):
            return str(found)
        else:
            text = "" if found is None else javascript.text(found)
        return text.translate(_ESCAPES) if escape and _special(text) else text

    return printed


def _guarded(source: str, value: Value, tag: Tag) -> Reader:
    call = value.read

    def guarded(context: Any) -> Any:
        try:
            return call(context)
        except _ODD as error:
            raise fault_at(str(error), source, tag.start) from None

    return guarded


def _fast_strict(source: str, pieces: list[str | tuple[Value, Tag]], escape: bool) -> Render:
    def render(context: Any) -> str:
        texts: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            value, tag = piece
            _check_present(_guarded(source, value, tag)(context), source, tag)
            texts.append(_printer(source, value, tag, escape)(context))
        return _joined(texts)

    return render


def _check_present(value: Any, source: str, tag: Tag) -> None:
    if value is None:
        raise ValueMissing(tag.body, source, tag.start)
    if isinstance(value, (dict, list)):
        kind = "an object" if isinstance(value, dict) else "an array"
        raise fault_at(f"{tag.body} is {kind}, where text is expected", source, tag.start)

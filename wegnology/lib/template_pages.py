"""Helpers of templates that the original product has for its web pages and dashboards: HTML from parsed documents, and map pins.

A parsed document is JSON as the npm library xml-js writes it without `compact`: elements have `name`, `attributes` and
`elements`, texts have `text`, each with its `type`.
"""

import re
from html import escape
from typing import Any
from urllib.parse import quote

from wegnology.lib.javascript import MAX_TEXT
from wegnology.lib.template_helpers import SafeString, helper, shown

MAX_DEPTH = 200
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
_AS_IT_IS = frozenset(["script", "style"])
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:.-]*\Z")
_COLOUR = re.compile(r"#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})\Z")
_PIN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="36" viewBox="0 0 24 36"><path fill="#{}" stroke="#333" '
    'd="M12 1C6 1 1 6 1 12c0 8 11 23 11 23s11-15 11-23C23 6 18 1 12 1z"/><circle cx="12" cy="12" r="4" fill="#fff"/></svg>'
)


@helper("toHtml")
def _to_html(document: Any = None, /) -> SafeString:
    """A parsed document, or a list of its parts, as HTML."""
    pieces: list[str] = []
    _write(document, pieces, 0, as_it_is=False)
    html = "".join(pieces)
    if len(html) > MAX_TEXT:
        raise ValueError(f"the HTML would be longer than {MAX_TEXT} characters")
    return SafeString(html)


def _write(part: Any, pieces: list[str], depth: int, *, as_it_is: bool) -> None:
    """Append a part and what it holds. What is no part of a document is text."""
    if depth > MAX_DEPTH:
        raise ValueError(f"the document is nested deeper than {MAX_DEPTH} elements")
    if isinstance(part, list):
        for each in part:
            _write(each, pieces, depth + 1, as_it_is=as_it_is)
    elif not isinstance(part, dict):
        text = shown(part)
        pieces.append(text.replace("</", "<\\/") if as_it_is else escape(text, quote=False))
    elif (kind := part.get("type")) == "element" or (kind is None and "name" in part):
        _write_element(part, pieces, depth)
    elif kind == "text":
        _write(shown(part.get("text")), pieces, depth, as_it_is=as_it_is)
    elif kind in ("comment", "cdata", "doctype"):
        pieces.append(_special(kind, shown(part.get(kind))))
    else:
        _write(part.get("elements"), pieces, depth + 1, as_it_is=False)


def _write_element(part: dict[str, Any], pieces: list[str], depth: int) -> None:
    name = _name(part.get("name"))
    attributes = part.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ValueError("the attributes of an element must be an object")
    written = "".join(f' {_name(key)}="{escape(shown(value))}"' for key, value in attributes.items())
    pieces.append(f"<{name}{written}>")
    if name.lower() not in _VOID:
        _write(part.get("elements"), pieces, depth + 1, as_it_is=name.lower() in _AS_IT_IS)
        pieces.append(f"</{name}>")


def _special(kind: str, text: str) -> str:
    """Return a comment or a doctype, which must not end before its end, or marked text, which is text to HTML."""
    if kind == "comment":
        return f"<!--{text.replace('>', '&gt;')}-->"
    return f"<!DOCTYPE {text.replace('>', '')}>" if kind == "doctype" else escape(text, quote=False)


def _name(name: Any) -> str:
    if not isinstance(name, str) or _NAME.match(name) is None:
        raise ValueError(f"{shown(name)[:40]!r} is no name of an element or attribute")
    return name


@helper("colorMarker")
def _color_marker(colour: Any, /) -> str:
    """The URL of a picture, a map pin in a colour such as #27AE60. The picture is in the URL itself."""
    found = _COLOUR.match(shown(colour))
    if found is None:
        raise ValueError("colorMarker takes a colour such as '#27AE60'")
    return f"data:image/svg+xml,{quote(_PIN.format(found[1]), safe='')}"

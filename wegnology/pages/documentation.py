"""The documentation that belongs to this very release, readable where people work: the files of `docs/`, as pages."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from wegnology.lib.slugs import slug_of

FIRST = "guide"
_COMMENT = re.compile(r"<!--.*?-->\s*", re.S)


class Heading(NamedTuple):
    """One chapter, and its id in the page."""

    id: str
    text: str


class Page(NamedTuple):
    """A rendered page."""

    title: str
    html: SafeString
    chapters: list[Heading]


def documentation(request: HttpRequest, page: str = FIRST) -> HttpResponse:
    """Show a page of the documentation; the route asks for who may log in."""
    path = pages().get(page)
    if path is None:
        raise Http404
    found = _rendered(path, path.stat().st_mtime_ns, page)
    others = [(name, _title(other)) for name, other in pages().items()]
    context = {**admin.site.each_context(request), "title": found.title, "page": found, "others": others, "current": page}
    return TemplateResponse(request, "pages/documentation.html", context)


def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a picture of the documentation."""
    path = next((one for one in (_folder() / "images").glob("*.png") if one.name == name), None)
    if path is None:
        raise Http404
    return HttpResponse(path.read_bytes(), content_type="image/png")


def pages() -> dict[str, Path]:
    """Return the files by the name in their address: "guide", "reference/nodes"."""
    folder = _folder()
    files = sorted(folder.rglob("*.md"), key=lambda path: (path.parent != folder, path.stem != FIRST, path.name))
    return {str(path.relative_to(folder).with_suffix("")): path for path in files}


def _folder() -> Path:
    return Path(settings.BASE_DIR) / "docs"


@lru_cache(maxsize=32)
def _rendered(path: Path, _changed: int, page: str) -> Page:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(_COMMENT.sub("", path.read_text(encoding="utf-8")))
    chapters = list(_headings(tokens))
    for token in tokens:
        for part in token.children or ():
            _turn(part, page)
    html = markdown.renderer.render(tokens, markdown.options, {}).replace("<pre>", '<pre tabindex="0">')  # keys scroll it
    return Page(_title(path), SafeString(html), chapters)


def _headings(tokens: list[Token]) -> Iterator[Heading]:
    """Give each heading the id by which links know it; yield the chapters."""
    seen: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(part.content for part in tokens[at + 1].children or ())
        slug = slug_of(text)
        seen[slug] = seen.get(slug, -1) + 1
        identifier = f"{slug}-{seen[slug]}" if seen[slug] else slug
        token.attrSet("id", identifier)
        if token.tag == "h2":
            yield Heading(identifier, text)


def _turn(token: Token, page: str) -> None:
    """Let a link to another file lead to its page."""
    name = {"link_open": "href", "image": "src"}.get(token.type)
    address = urlsplit(str(token.attrGet(name) or "")) if name else None
    if name is None or address is None or address.scheme or not address.path:
        return
    target = normpath(join(dirname(page), address.path))
    if token.type == "image" and target.startswith("images/"):
        token.attrSet(name, reverse("documentation_picture", args=[target.removeprefix("images/")]))
    elif target.removesuffix(".md") in pages():
        fragment = f"#{address.fragment}" if address.fragment else ""
        token.attrSet(name, reverse("documentation", args=[target.removesuffix(".md")]) + fragment)


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        line = next((line for line in file if line.startswith("# ")), "")
    return line.removeprefix("# ").strip() or path.stem

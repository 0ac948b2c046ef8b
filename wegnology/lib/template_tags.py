"""Finding the tags of a template, and checking what the Handlebars library would only notice when rendering."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from wegnology.lib.template_helpers import CONDITIONS, helpers, unknown_helper
from wegnology.lib.template_values import BUILT_IN_BLOCKS, TagFault, Unplain, plain

LITERAL = "wegnology:literal"
"""A helper that templates cannot call; a name without a colon would hide a field of that name."""

_QUOTED = re.compile(r"""\"[^\"]*\"|'[^']*'|\[[^\]]*\]""")
_FIRST = re.compile(r"(?:\[[^\]]*\]|[^\s\[])+")
_ELSE = re.compile(r"else(?: (?:if|unless) .+)?\Z", re.DOTALL)


class Tag(NamedTuple):
    """One `{{tag}}`: its text without braces, where it starts, and whether it is plain text free of HTML escaping."""

    body: str
    start: int
    end: int
    raw: bool


Part = str | Tag


def scan(source: str) -> tuple[list[Part], bool]:
    """Split a template into texts and tags; the flag says whether every tag is a value (no block, comment, `~`, escape).

    With a raw block (`{{{{`) nothing is split: the library alone understands those. Raises `TagFault` as `(text, position)`.
    """
    parts: list[Part] = []
    values_only, position = True, 0
    while (start := source.find("{{", position)) >= 0:
        if source.startswith("{{{{", start):
            return [], False
        if source[start - 1 : start] == "\\":
            values_only = False
            if source[start - 2 : start - 1] != "\\":
                parts.append(source[position : start + 2])
                position = start + 2
                continue
        if start > position:
            parts.append(source[position:start])
        raw = source.startswith(("{{{", "{{~{"), start)
        closer = _closer(source, start, raw)
        end = _end_of(source, start + 2, closer)
        if end < 0:
            raise TagFault(f"the tag is not closed: {closer} is missing", start)
        position = end + len(closer)
        if raw and "}~}}" in source[start:position]:
            values_only = False
        body = source[start + 2 + raw : end]
        if body[:1] in {"~", "!", "#", "^", "/", ">", "*", "&"} or body[-1:] == "~" or body.strip()[:4] == "else":
            values_only = False
        parts.append(Tag(body.strip("~ \t\r\n"), start, position, raw))
    if position < len(source):
        parts.append(source[position:])
    return parts, values_only


def _end_of(source: str, start: int, closer: str) -> int:
    """Return where a tag ends; braces inside of quotes and brackets do not end it. -1: nowhere."""
    end = source.find(closer, start)
    if end < 0 or closer == "--}}" or source[start : start + 2].lstrip("~").startswith("!"):
        return end
    for quoted in _QUOTED.finditer(source, start):
        if quoted.start() >= end:
            break
        if quoted.end() > end:
            end = source.find(closer, quoted.end())
    return end


def without_quoted_braces(source: str, parts: list[Part], before: Callable[[Tag], str]) -> tuple[str, list[str]]:
    """Return the source with each quoted text that holds braces replaced by a call of `LITERAL` with its number, and those texts.

    The library ends a tag at the first braces, wherever they stand. `before` gives what is put before a tag.
    """
    texts: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        if match[0][0] == "[" or ("{{" not in match[0] and "}}" not in match[0]):
            return match[0]
        texts.append(match[0][1:-1])
        return f"({LITERAL} {len(texts) - 1})"

    pieces = [p if isinstance(p, str) else before(p) + _QUOTED.sub(replaced, source[p.start : p.end]) for p in parts]
    return ("".join(pieces) if parts else source, texts)


def _closer(source: str, start: int, raw: bool) -> str:
    if source.startswith(("{{!--", "{{~!--"), start):
        return "--}}" if source.find("--~}}", start) < 0 else "}}"
    return "}}}" if raw and source.find("}~}}", start) < 0 else "}}"


def check_blocks(tags: list[Tag]) -> None:
    """Raise `TagFault` with a position for unknown helpers and for blocks that are not opened or closed in turn."""
    opened: list[tuple[str, int]] = []
    for tag in tags:
        body = tag.body
        if body.startswith("!"):
            continue
        if body.startswith((">", "#>", "*", "#*")):
            raise TagFault("partials and decorators are not available", tag.start)
        name = _first_word(body.lstrip("#^/& "))
        if body.startswith("/"):
            if not opened or opened[-1][0] != name:
                expected = f"; {{{{/{opened[-1][0]}}}}} is expected" if opened else ""
                raise TagFault(f"{{{{/{name}}}}} closes a block that is not open{expected}", tag.start)
            opened.pop()
        elif body.startswith(("#", "^")) and body != "^":
            _check_call(body[1:].strip(), tag.start, BUILT_IN_BLOCKS | CONDITIONS, helpers.keys() | BUILT_IN_BLOCKS)
            opened.append((name, tag.start))
        elif name == "else":
            if _ELSE.match(body) is None:
                raise TagFault(f"{{{{{body}}}}} is not possible: after else stands nothing, if or unless", tag.start)
        else:
            _check_call(body.lstrip("& "), tag.start, frozenset(), helpers.keys())
    if opened:
        name, start = opened[-1]
        raise TagFault(f"the block is not closed: {{{{/{name}}}}} is missing", start)


def _first_word(body: str) -> str:
    """Return the path that a tag begins with; a key in brackets may hold blanks."""
    match = _FIRST.match(body)
    return match[0] if match else ""


def _check_call(body: str, start: int, blocks: Any, known: Any) -> None:
    """Refuse what the library would only refuse when rendering."""
    try:
        plain(body)
    except Unplain:
        pass
    except TagFault as fault:
        raise TagFault(str(fault), start) from None
    else:
        if not blocks:
            return
    name = _first_word(body)
    rest = body[len(name) :]
    if blocks and name in helpers and name not in blocks:
        raise TagFault(f"the helper {name} is no block; write {{{{{name} ...}}}}", start)
    if rest.strip() and not rest.strip().startswith("as |") and name not in known:
        raise TagFault(unknown_helper(name), start)

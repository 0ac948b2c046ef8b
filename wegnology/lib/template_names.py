"""Which globals a template of a connection's settings names, without rendering it.

Careful rather than clever: what reads `globals` (or everything) as a whole names all of them.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from wegnology.lib.template_helpers import CONDITIONS
from wegnology.lib.template_tags import Tag, scan
from wegnology.lib.template_values import TagFault

_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|[()]|[^\s()\"'=|]+")
_SEGMENT = re.compile(r"\[[^\]]*\]?|[^./\[\]]+")
_ROOTS = {"@root", "this"}
_SCOPES = {"each", "with"}
_TOLERANT = {"defaultTo", "if", "unless", *_SCOPES, *CONDITIONS}


class GlobalNames(NamedTuple):
    """The globals that a template names. `whole` says that it reads all of them.

    `needed` are those that must be there: named outside of blocks, conditions and `defaultTo`.
    """

    keys: frozenset[str]
    needed: frozenset[str]
    whole: bool

    def mentions(self, key: str) -> bool:
        """Say whether the template may read this global."""
        return self.whole or key in self.keys


@lru_cache(maxsize=2048)
def global_names(text: str) -> GlobalNames:
    """Return the globals that a template names; one that cannot be parsed is looked through as far as it goes."""
    if "{{" not in text:
        return GlobalNames(frozenset(), frozenset(), False)
    try:
        parts, _ = scan(text)
    except TagFault:
        parts = []
    bodies = [part.body for part in parts if isinstance(part, Tag)]
    if not (bodies or parts):  # a raw block, or what cannot be parsed
        bodies = [text.replace("{", " ").replace("}", " ")]
    return _read(bodies)


def _read(bodies: Iterable[str]) -> GlobalNames:
    keys: set[str] = set()
    needed: set[str] = set()
    whole = False
    blocks: list[str] = []
    for body in bodies:
        if body.startswith("!"):
            continue
        if body.startswith("/"):
            del blocks[-1:]
            continue
        opens = body.startswith(("#", "^")) and body != "^"
        if (body == "^" or body[:4] == "else") and blocks:
            blocks[-1] = ""  # the scope of an else is that of what surrounds its block
        scoped = any(name in _SCOPES for name in blocks)
        for path, tolerant in _paths(body.lstrip("#^&")):
            if path[:1] == ("globals",) and len(path) > 1:
                keys.add(path[1])
                if not (tolerant or opens or blocks):
                    needed.add(path[1])
            elif path == ("globals",) or path == ("..",) or (not path and not scoped) or path == ("@root",):
                whole = True
        if opens:
            blocks.append(body.lstrip("#^").split(None, 1)[0])
    return GlobalNames(frozenset(keys), frozenset(needed), whole)


def _paths(body: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield each path as its keys, and whether what is missing there may be missing. The current object is ()."""
    calls: list[str] = []
    first = True
    for token in _TOKEN.findall(body):
        if token == "(":  # noqa: S105  (a parenthesis)
            calls.append("")
        elif token == ")":  # noqa: S105
            del calls[-1:]
        elif token[0] in "\"'":
            continue
        else:
            if calls and not calls[-1]:
                calls[-1] = token
            elif first:
                calls.insert(0, token)
            yield _keys(token), any(name in _TOLERANT for name in calls)
        first = False


def _keys(token: str) -> tuple[str, ...]:
    if set(token) <= {".", "/"}:
        return ("..",) if ".." in token else ()
    keys = [segment.strip("[]") for segment in _SEGMENT.findall(token)]
    if keys == ["@root"]:
        return ("@root",)
    while keys and keys[0] in _ROOTS:
        keys.pop(0)
    return tuple(keys)

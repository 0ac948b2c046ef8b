"""Finds English in code and scripts that people see and that no translator would get."""

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MARKS = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "npgettext", "marked"})
_LOGS = frozenset({"logger", "logging", "_logger"})
_FOR_CODE = frozenset(
    {"path", "reverse", "redirect", "connect", "record", "Http404", "Thread", "get", "pop", "startswith", "endswith"}
    | {"removeprefix", "removesuffix", "TypeVar", "compile", "getattr", "filter", "order_by", "values_list", "strftime"}
    | {"operation", "create_task", "ImproperlyConfigured", "RuntimeError", "TypeError", "LookupError", "replace", "Literal"}
    | {"Index", "Field", "ui", "cast", "setdefault", "execute", "EventUnreadable"}
)
"""What is called with texts that are names, patterns, keys, or for who reads the log."""
_FOR_CODE_KEYWORDS = frozenset({"dispatch_uid", "template", "related_name", "content_type", "autocomplete"})
_SAID = frozenset({"label", "help_text", "description", "title", "verbose_name", "verbose_name_plural", "search_help_text"})
"""Keywords and attributes whose texts are always read, also short ones."""
_PUT_IN = re.compile(r"<[^>]*>|\{[^}]*\}|%\([a-z_]+\)s|&[a-z]+;")
_WORDS = re.compile(r"[A-Za-z]{2,}[^A-Za-z].*[A-Za-z]{2,}|^[A-Z][a-z]+( …)?$|[a-z]\.$|^[, (]+[a-z]{2,}")
_FORMAT = re.compile(r"%[sd]|\{\}")


class Found(NamedTuple):
    """A line, and the text that stands there."""

    line: int
    text: str


def unmarked(source: str) -> list[Found]:
    """Return the English texts of a module that are not marked."""
    return sorted(_texts(ast.parse(source)))


def badly_marked(source: str) -> list[Found]:
    """Return what is marked and cannot be translated: texts put together before, or places in them without a name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node) in MARKS:
            for argument in node.args:
                text = _text(argument)
                whole = not isinstance(argument, ast.JoinedStr | ast.BinOp)
                if not whole or (text is not None and _FORMAT.search(text)):
                    found.append(Found(node.lineno, ast.unparse(argument)))
    return found


def _texts(node: ast.AST) -> Iterator[Found]:
    if isinstance(node, ast.Call):
        yield from _in_call(node)
    elif isinstance(node, ast.ClassDef):
        yield from _in_class(node)
    elif (text := _text(node)) is not None:
        yield from [Found(node.lineno, text)] if _english(text) else ()  # type: ignore[attr-defined]
    else:
        for part in _parts(node):
            yield from _texts(part)


def _in_class(node: ast.ClassDef) -> Iterator[Found]:
    for part in node.body:
        names = {one.id for one in part.targets if isinstance(one, ast.Name)} if isinstance(part, ast.Assign) else set()
        yield from _said(part.value) if isinstance(part, ast.Assign) and names & _SAID else _texts(part)


def _in_call(node: ast.Call) -> Iterator[Found]:
    name = _name(node)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if name in MARKS or (isinstance(owner, ast.Name) and owner.id in _LOGS):
        return
    yield from _texts(node.func)
    if name in _FOR_CODE:
        return
    for argument in [*node.args, *(word.value for word in node.keywords if word.arg not in _FOR_CODE_KEYWORDS | _SAID)]:
        yield from _texts(argument)
    for word in node.keywords:
        yield from _said(word.value) if word.arg in _SAID else ()


def _said(node: ast.AST) -> Iterator[Found]:
    """Yield a text that people read for sure."""
    if (text := _text(node)) is None:
        yield from _texts(node)
    elif re.search("[A-Za-z]{2}", text):
        yield Found(node.lineno, text)  # type: ignore[attr-defined]


def _parts(node: ast.AST) -> Iterable[ast.AST]:
    """Return the parts that may hold texts: no docstrings, annotations, keys, exports, and nothing that is only compared."""
    if isinstance(node, ast.Compare) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return ()
    if isinstance(node, ast.Subscript | ast.AnnAssign):
        return [node.value] if node.value else []
    if isinstance(node, ast.Dict):
        return node.values
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [*node.decorator_list, *node.args.defaults, *(one for one in node.args.kw_defaults if one), *node.body]
    exports = isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
    return () if exports else ast.iter_child_nodes(node)


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _text(node: ast.AST) -> str | None:
    """Return a text as it stands there; what an f-string puts in is "{}"."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _english(text: str) -> bool:
    """Say whether a person would read it as English: several words, or one that begins like a sentence or label."""
    words = _PUT_IN.sub(" ", re.sub(r"%-?[A-Za-z](?![a-z(])", " ", text)).strip()
    if text.startswith(("<", "wg-", "http", "--", "^")) or re.match(r"\s*[a-z-]+=\"", text):
        return False
    if " " not in text.strip():
        return bool(re.fullmatch(r"[A-Z][a-z]+", text))
    if " " not in words:
        return bool(re.fullmatch(r"[A-Za-z][a-z]{2,}[.:,]?", words))
    return bool(_WORDS.search(words)) and not re.fullmatch(r"[a-z]+(-[a-z]+)+( [a-z-]+)*", words)


_SCRIPT_TEXT = re.compile(r""""((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`""")
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\\])//[^\n]*", re.DOTALL)
_SELECTOR = re.compile(r"""[.#\[>=:;{]|^(wg|field)-|^use strict$|\bwg-""")
_KEYS = frozenset({"Enter", "Escape", "Tab", "Files", "Accept", "Event"})


def unmarked_in_script(source: str) -> list[str]:
    """Return the English texts of a script: what it says comes from the page, as `data-` attributes."""
    found = []
    for match in _SCRIPT_TEXT.finditer(_COMMENT.sub("", source)):
        text = re.sub(r"\$\{[^}]*\}", " ", next((part for part in match.groups() if part is not None), "")).strip()
        sentence = re.search(r"[A-Za-z]{2,} [a-z]{2,}", text) and not _SELECTOR.search(text.rstrip(".:"))
        if (
            sentence
            or re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", text)
            or (re.fullmatch(r"[A-Z][a-z]+", text) and text not in _KEYS)
        ):
            found.append(text)
    return found

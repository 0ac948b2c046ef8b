"""Splitting an expression into tokens, each with its place."""

import re
from typing import NamedTuple

from workflows.exceptions import ExpressionError

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<tag>\{\{\{(?P<raw>[^{}]*)\}\}\}|\{\{(?P<body>[^{}]*)\}\})
    |(?P<number>0[xX][0-9a-fA-F]{1,16}\b|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?(?![\w.]))
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>[A-Za-z_$][\w$.]*)
    |(?P<operator>===|!==|==|!=|<=|>=|<<|>>|&&|\|\||[-+*/%^!<>?:(),])
    )""",
    re.VERBOSE,
)
_HINTS = {"=": "compare by == or ===", "&": "write && for and", "|": "write || for or", "{": "a value is written {{data.name}}"}


class Token(NamedTuple):
    """`kind` is tag, number, text, word, operator or end; a tag's text stands without its braces."""

    kind: str
    text: str
    position: int


def tokens_of(source: str) -> list[Token]:
    """Return the tokens, closed by one of kind `end`; raises `ExpressionError`."""
    tokens, position, end = [], 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None:
            raise _unreadable(source, position)
        kind = next(name for name in ("tag", "number", "text", "word", "operator") if match[name] is not None)
        if kind == "tag":
            tokens.append(Token(kind, match["raw"] if match["body"] is None else match["body"], match.start(kind)))
        else:
            tokens.append(Token(kind, match[kind], match.start(kind)))
        position = match.end()
    tokens.append(Token("end", "", end))
    return tokens


def _unreadable(source: str, position: int) -> ExpressionError:
    while source[position].isspace():
        position += 1
    character = source[position]
    if character in "\"'":
        return fault("the text that starts here is not closed", position)
    hint = f"; {_HINTS[character]}" if character in _HINTS else ""
    return fault(f"{character!r} cannot be read{hint}", position)


def fault(message: str, position: int) -> ExpressionError:
    """Return an error that names its character, counted from 1."""
    return ExpressionError(f"{message} (character {position + 1})")

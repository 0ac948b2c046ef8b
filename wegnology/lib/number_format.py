"""Numbers by D3's format specifiers: `[[fill]align][sign][symbol][0][width][,][.precision][~][type]`.

https://d3js.org/d3-format#locale_format; the locale is en-US.
"""

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from wegnology.lib.javascript import number_text

DEFAULT = ",.6"
MAX_WIDTH = 1000
_SPECIFIER = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[+\-( ])?(?P<symbol>[$#])?(?P<zero>0)?(?P<width>\d+)?(?P<comma>,)?"
    r"(?:\.(?P<precision>\d+))?(?P<trim>~)?(?P<type>[a-zA-Z%])?",
    re.DOTALL,
)
_PREFIXES = ("y", "z", "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y")
MINUS = "\N{MINUS SIGN}"


class FormatError(ValueError):
    """Not a format specifier; the text is for people."""


class _Specifier(NamedTuple):
    fill: str
    align: str
    sign: str
    symbol: str
    width: int
    comma: bool
    precision: int | None
    trim: bool
    type: str


def is_specifier(text: str) -> bool:
    """Say whether a text is a format specifier for numbers."""
    match = _SPECIFIER.fullmatch(text)
    return match is not None and (match["type"] or "") in {"", "n", *_TYPES, *"bodxXcs"}


@lru_cache(maxsize=256)
def _specifier(text: str) -> _Specifier:
    match = _SPECIFIER.fullmatch(text)
    if match is None or not is_specifier(text):
        raise FormatError(f"{text[:40]!r} is no number format; write it like .2f or ,.0f")
    fill, align = match["fill"] or " ", match["align"] or ">"
    if match["zero"]:
        fill, align = "0", "="
    kind = match["type"] or ""
    trim = bool(match["trim"])
    precision = int(match["precision"]) if match["precision"] else None
    comma = bool(match["comma"])
    if kind == "n":
        comma, kind = True, "g"
    elif kind == "":
        precision, trim, kind = (12 if precision is None else precision), True, "g"
    width = int(match["width"] or 0)
    if width > MAX_WIDTH:
        raise FormatError(f"the width is greater than {MAX_WIDTH}")
    return _Specifier(fill, align, match["sign"] or "-", match["symbol"] or "", width, comma, precision, trim, kind)


def format_number(value: float, text: str = DEFAULT) -> str:
    """Return the number in the format; raises `FormatError`."""
    spec = _specifier(text)
    if not math.isfinite(value):
        return _padded("NaN" if math.isnan(value) else _signed("Infinity", value < 0, spec), spec)
    if spec.type == "c":
        return _aligned(_symbol(spec), number_text(value), "", spec)
    body, suffix = _body(abs(value), spec)
    if spec.trim:
        body = _trimmed(body)
    negative = value < 0 and (spec.sign == "+" or not _is_zero(body))
    prefix = _sign(negative, spec.sign) + _symbol(spec)
    if negative and spec.sign == "(":
        suffix += ")"
    if spec.comma and spec.align != "=":
        body = _grouped(body)
    return _aligned(prefix, body, suffix, spec)


def _is_zero(body: str) -> bool:
    return not body.partition("e")[0].strip("0.")


def _sign(negative: bool, sign: str) -> str:
    if negative:
        return "(" if sign == "(" else MINUS
    return sign if sign in "+ " else ""


def _signed(text: str, negative: bool, spec: _Specifier) -> str:
    return _sign(negative, spec.sign) + text


def _symbol(spec: _Specifier) -> str:
    if spec.symbol == "$":
        return "$"
    return f"0{spec.type.lower()}" if spec.symbol == "#" and spec.type in "boxX" else ""


def _grouped(body: str) -> str:
    match = re.match(r"\d+", body)
    return f"{int(match[0]):,}" + body[match.end() :] if match and match[0] == str(int(match[0])) else body


def _aligned(prefix: str, body: str, suffix: str, spec: _Specifier) -> str:
    missing = max(spec.width - len(prefix) - len(body) - len(suffix), 0)
    if spec.comma and spec.align == "=":
        if spec.fill == "0":
            body = _grouped_zeros(body, spec.width - len(prefix) - len(suffix))
            return prefix + body + suffix
        body = _grouped(body)
        missing = max(spec.width - len(prefix) - len(body) - len(suffix), 0)
    filling = spec.fill * missing
    if spec.align == "<":
        return prefix + body + suffix + filling
    if spec.align == "=":
        return prefix + filling + body + suffix
    if spec.align == "^":
        half = missing // 2
        return filling[:half] + prefix + body + suffix + filling[half:]
    return filling + prefix + body + suffix


def _grouped_zeros(body: str, width: int) -> str:
    """Fill with zeros so that the groups of three go on through them."""
    match = re.match(r"\d+", body)
    whole = match[0] if match else ""
    rest = body[len(whole) :]
    while len(_threes(whole) + rest) < width:
        whole = "0" + whole
    return _threes(whole) + rest


def _threes(digits: str) -> str:
    head = len(digits) % 3 or 3
    return ",".join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))]) if digits else ""


def _padded(text: str, spec: _Specifier) -> str:
    return _aligned("", text, "", spec._replace(comma=False, fill=" " if spec.fill == "0" else spec.fill, align=">"))


def _trimmed(body: str) -> str:
    mantissa, e, exponent = body.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + e + exponent


def _body(value: float, spec: _Specifier) -> tuple[str, str]:
    """Return the digits without sign, and what follows them."""
    if spec.type in _WHOLE:
        return _WHOLE[spec.type](_whole(value)), ""
    precision = 6 if spec.precision is None else spec.precision
    significant = spec.type in "gprs"
    precision = max(1, min(21, precision)) if significant else max(0, min(20, precision))
    if spec.type == "s":
        return _prefixed(value, precision)
    body = _TYPES[spec.type](value, precision)
    return body, "%" if spec.type in "%p" else ""


def _whole(value: float) -> int:
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def _decimal(value: int) -> str:
    """Write in tens; of what is too large to be exact, only the digits that tell it from its neighbours."""
    return str(value) if value < 10**21 else f"{Decimal(repr(float(value))):f}"


def _parts(value: float, digits: int) -> tuple[str, int]:
    """Return so many significant figures, rounded half up as JavaScript does, and the exponent of the first."""
    if not value:
        return "0" * digits, 0
    exact = Decimal(value)
    exponent = exact.adjusted()
    figures = str(int(exact.scaleb(digits - 1 - exponent).to_integral_value(ROUND_HALF_UP)))
    if len(figures) > digits:  # 9.99 became 10.0
        return figures[:-1], exponent + 1
    return figures, exponent


def _placed(figures: str, point: int) -> str:
    """Put the decimal point behind `point` figures."""
    if point <= 0:
        return "0." + "0" * -point + figures
    if point >= len(figures):
        return figures + "0" * (point - len(figures))
    return f"{figures[:point]}.{figures[point:]}"


def _fixed(value: float, places: int) -> str:
    if value >= 1e21:
        return number_text(value)
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"


def _exponential(value: float, places: int) -> str:
    figures, exponent = _parts(value, places + 1)
    return f"{_placed(figures, 1)}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"


def _precise(value: float, digits: int) -> str:
    """Return JavaScript's `toPrecision`."""
    figures, exponent = _parts(value, digits)
    if exponent < -6 or exponent >= digits:
        return _exponential(value, digits - 1)
    return _placed(figures, exponent + 1)


def _rounded(value: float, digits: int) -> str:
    """Round to significant digits, without an exponent."""
    figures, exponent = _parts(value, digits)
    return _placed(figures, exponent + 1) if value else "0"


def _prefixed(value: float, digits: int) -> tuple[str, str]:
    figures, exponent = _parts(value, digits)
    power = max(-8, min(8, exponent // 3)) * 3
    return _placed(figures, exponent - power + 1), _PREFIXES[8 + power // 3]


_TYPES: dict[str, Callable[[float, int], str]] = {
    "%": lambda value, places: _fixed(value * 100, places),
    "e": _exponential,
    "f": _fixed,
    "g": _precise,
    "p": lambda value, digits: _rounded(value * 100, digits),
    "r": _rounded,
}
_WHOLE: dict[str, Callable[[int], str]] = {
    "b": lambda value: f"{value:b}",
    "d": _decimal,
    "o": lambda value: f"{value:o}",
    "x": lambda value: f"{value:x}",
    "X": lambda value: f"{value:X}",
}

"""Reading dates that workflows hold: ISO 8601, Unix time, or text in a Moment.js format (see `moments`)."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from wegnology.lib.moments import MAX_FORMAT, MONTHS, TOKEN, MomentError, expanded, from_ms

MAX_TEXT = 1_000
"""Characters of a date. With each part of a format there once, no text of this length can keep its expression busy."""


def read(value: object, written: str = "", where: tzinfo = UTC) -> datetime:
    """Return the moment that a value says: ISO 8601, milliseconds since 1970, or text in the format `written`.

    A text without an offset is a time in `where`; the result is in `where`. Raises `MomentError`.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise MomentError("a date is text or a number of milliseconds")
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise MomentError(f"a date is not longer than {MAX_TEXT} characters")
        return _parsed(value, written, where) if written else _from_iso(value, where)
    if written in ("X", "x"):
        return from_ms(value * 1000 if written == "X" else value, where)
    return from_ms(value, where)


def _from_iso(text: str, where: tzinfo) -> datetime:
    text = text.strip()
    if re.fullmatch(r"-?\d{9,}(\.\d+)?", text):
        return from_ms(float(text), where)
    padded = re.sub(r"(?<=\d)\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)
    for candidate in (padded, f"{padded}-01" if re.fullmatch(r"\d{4}-\d\d", padded) else "", f"{padded}-01-01"):
        try:
            moment = datetime.fromisoformat(candidate)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=where)).astimezone(where)
    raise MomentError(f"{text[:80]!r} is not a date; write it like 2026-01-31T12:00:00Z or give its format")


_READ: dict[str, str] = {
    "YYYY": r"(?P<year>\d{4})", "Y": r"(?P<year>\d{1,6})", "YY": r"(?P<short_year>\d\d)",
    "MMMM": r"(?P<month_name>[A-Za-z]+)", "MMM": r"(?P<month_name>[A-Za-z]+)",
    "MM": r"(?P<month>\d\d?)", "M": r"(?P<month>\d\d?)",
    "DD": r"(?P<day>\d\d?)", "D": r"(?P<day>\d\d?)", "Do": r"(?P<day>\d\d?)(?:st|nd|rd|th)",
    "DDDD": r"(?P<yearday>\d{3})", "DDD": r"(?P<yearday>\d{1,3})",
    "dddd": r"(?P<weekday>[A-Za-z]+)", "ddd": r"(?P<weekday>[A-Za-z]+)", "dd": r"(?P<weekday>[A-Za-z]+)",
    "HH": r"(?P<hour>\d\d?)", "H": r"(?P<hour>\d\d?)", "hh": r"(?P<hour>\d\d?)", "h": r"(?P<hour>\d\d?)",
    "kk": r"(?P<hour>\d\d?)", "k": r"(?P<hour>\d\d?)",
    "mm": r"(?P<minute>\d\d?)", "m": r"(?P<minute>\d\d?)", "ss": r"(?P<second>\d\d?)", "s": r"(?P<second>\d\d?)",
    "A": r"(?P<half>[AaPp])\.?[Mm]\.?", "a": r"(?P<half>[AaPp])\.?[Mm]\.?",
    "Z": r"(?P<offset>Z|[+-]\d\d:?\d\d)", "ZZ": r"(?P<offset>Z|[+-]\d\d:?\d\d)",
    "X": r"(?P<unix>-?\d+(?:\.\d+)?)", "x": r"(?P<unix_ms>-?\d+)",
}  # fmt: skip


@lru_cache(maxsize=256)
def _pattern(written: str) -> re.Pattern[str]:
    if len(written) > MAX_FORMAT:
        raise MomentError(f"the format is longer than {MAX_FORMAT} characters")
    written = expanded(written)
    parts, position = [], 0
    for match in TOKEN.finditer(written):
        parts.append(re.escape(written[position : match.start()]))
        token = match[0]
        if token[0] in "[\\":
            parts.append(re.escape(token[1:-1] if token[0] == "[" else token[1:]))
        elif token[0] == "S":
            parts.append(rf"(?P<fraction>\d{{1,{max(len(token), 1)}}})")
        elif token in _READ:
            parts.append(_READ[token])
        else:
            raise MomentError(f"{token} cannot be used to read a date")
        position = match.end()
    parts.append(re.escape(written[position:]))
    try:
        return re.compile(r"\s*" + "".join(parts) + r"\s*", re.ASCII)
    except re.error:
        raise MomentError(f"{written[:80]!r} names the same part of a date twice") from None


def _parsed(text: str, written: str, where: tzinfo) -> datetime:
    match = _pattern(written).match(text)
    if match is None:
        raise MomentError(f"{text[:80]!r} is not a date in the format {written[:80]}")
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    if "unix" in found or "unix_ms" in found:
        return from_ms(float(found["unix"]) * 1000 if "unix" in found else float(found["unix_ms"]), where)
    try:
        moment = datetime(**_parts(found, datetime.now(where).year))  # type: ignore[arg-type]
        if "yearday" in found:
            moment += timedelta(days=int(found["yearday"]) - 1)
        return _placed(moment, found.get("offset"), where)
    except (ValueError, OverflowError):
        raise MomentError(f"there is no date {text[:80]!r}") from None


def _parts(found: dict[str, str], this_year: int) -> dict[str, int]:
    short = int(found.get("short_year", "0"))
    year = (
        int(found["year"]) if "year" in found else short + (1900 if short > 68 else 2000) if "short_year" in found else this_year
    )
    hour = int(found.get("hour", "0"))
    if "half" in found:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    fraction = int(found.get("fraction", "0").ljust(6, "0")[:6])
    rest = {name: int(found.get(name, "0")) for name in ("minute", "second")}
    return {
        "year": year,
        "month": _month(found),
        "day": int(found.get("day", "1")),
        "hour": hour % 24,
        **rest,
        "microsecond": fraction,
    }


def _month(found: dict[str, str]) -> int:
    name = found.get("month_name", "").lower()
    if name:
        return next((at for at, month in enumerate(MONTHS, 1) if month.lower() == name or month.lower()[:3] == name), 0)
    return int(found.get("month", "1"))


def _placed(moment: datetime, offset: str | None, where: tzinfo) -> datetime:
    if offset is None:
        return moment.replace(tzinfo=where)
    if offset == "Z":
        return moment.replace(tzinfo=UTC).astimezone(where)
    sign = -1 if offset[0] == "-" else 1
    away = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return (moment - away).replace(tzinfo=UTC).astimezone(where)

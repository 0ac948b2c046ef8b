"""Dates as the original product's workflows write them: Moment.js tokens, ISO 8601 and Unix time.

https://momentjs.com/docs/#/displaying/format/ and https://momentjs.com/docs/#/parsing/string-format/. English names only.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MAX_FORMAT = 1024
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LONG = {
    "LTS": "h:mm:ss A",
    "LT": "h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "LLL": "MMMM D, YYYY h:mm A",
    "LL": "MMMM D, YYYY",
    "L": "MM/DD/YYYY",
    "llll": "ddd, MMM D, YYYY h:mm A",
    "lll": "MMM D, YYYY h:mm A",
    "ll": "MMM D, YYYY",
    "l": "M/D/YYYY",
}
TOKEN = re.compile(
    r"\[[^\]]*\]|\\.|LTS|LT|L{1,4}|l{1,4}|YYYYYY|YYYY|YY|Y|GGGG|GG|gggg|gg|Qo|Q|MMMM|MMM|MM|Mo|M|DDDD|DDDo|DDD|DD|Do|D"
    r"|dddd|ddd|dd|do|d|E|e|WW|Wo|W|ww|wo|w|A|a|HH|H|hh|h|kk|k|mm|m|ss|s|S{1,9}|zz|z|ZZ|Z|X|x"
)


class MomentError(ValueError):
    """A date, a zone or a format that cannot be read; the text is for people."""


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name; blank is UTC. Raises `MomentError`."""
    if not name or name.upper() in ("UTC", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MomentError(f"there is no time zone {name[:80]!r}; write it like Europe/Berlin") from None


def from_ms(milliseconds: float, where: tzinfo = UTC) -> datetime:
    """Return the moment so many milliseconds after 1970. Raises `MomentError` outside of the years 1 to 9999."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)).astimezone(where)
    except (OverflowError, ValueError):
        raise MomentError(f"{milliseconds:g} milliseconds is too far from today") from None


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def iso(moment: datetime) -> str:
    """Return the moment as JSON writes dates: UTC with milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def show(moment: datetime, written: str) -> str:
    """Return the moment in a Moment.js format; a blank one is ISO 8601 with the offset."""
    if len(written) > MAX_FORMAT:
        raise MomentError(f"the format is longer than {MAX_FORMAT} characters")
    written = expanded(written or "YYYY-MM-DDTHH:mm:ssZ")
    return TOKEN.sub(lambda match: _shown(match[0], moment), written)


def expanded(written: str) -> str:
    """Replace `L`, `LTS` and their like by what they stand for."""
    return TOKEN.sub(lambda match: _LONG.get(match[0], match[0]), written)


def _shown(token: str, moment: datetime) -> str:
    if token[0] in "[\\":
        return token[1:-1] if token[0] == "[" else token[1:]
    if token[0] == "S":
        return f"{moment.microsecond:06d}000"[: len(token)]
    return _SHOW[token](moment)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _saturday(moment: datetime) -> datetime:
    """Return the last day of the week as counted in the United States: the first week of a year holds January 1."""
    return moment + timedelta(days=6 - moment.isoweekday() % 7)


def _week(moment: datetime) -> int:
    return (_saturday(moment).timetuple().tm_yday - 1) // 7 + 1


def _offset(moment: datetime, colon: str) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


_SHOW: dict[str, Callable[[datetime], str]] = {
    "YYYYYY": lambda m: f"+{m.year:06d}",
    "YYYY": lambda m: f"{m.year:04d}",
    "YY": lambda m: f"{m.year % 100:02d}",
    "Y": lambda m: str(m.year),
    "GGGG": lambda m: f"{m.isocalendar()[0]:04d}",
    "GG": lambda m: f"{m.isocalendar()[0] % 100:02d}",
    "gggg": lambda m: f"{_saturday(m).year:04d}",
    "gg": lambda m: f"{_saturday(m).year % 100:02d}",
    "Q": lambda m: str((m.month + 2) // 3),
    "Qo": lambda m: _ordinal((m.month + 2) // 3),
    "MMMM": lambda m: MONTHS[m.month - 1],
    "MMM": lambda m: MONTHS[m.month - 1][:3],
    "MM": lambda m: f"{m.month:02d}",
    "Mo": lambda m: _ordinal(m.month),
    "M": lambda m: str(m.month),
    "DDDD": lambda m: f"{m.timetuple().tm_yday:03d}",
    "DDDo": lambda m: _ordinal(m.timetuple().tm_yday),
    "DDD": lambda m: str(m.timetuple().tm_yday),
    "DD": lambda m: f"{m.day:02d}",
    "Do": lambda m: _ordinal(m.day),
    "D": lambda m: str(m.day),
    "dddd": lambda m: _DAYS[m.isoweekday() % 7],
    "ddd": lambda m: _DAYS[m.isoweekday() % 7][:3],
    "dd": lambda m: _DAYS[m.isoweekday() % 7][:2],
    "do": lambda m: _ordinal(m.isoweekday() % 7),
    "d": lambda m: str(m.isoweekday() % 7),
    "e": lambda m: str(m.isoweekday() % 7),
    "E": lambda m: str(m.isoweekday()),
    "WW": lambda m: f"{m.isocalendar()[1]:02d}",
    "Wo": lambda m: _ordinal(m.isocalendar()[1]),
    "W": lambda m: str(m.isocalendar()[1]),
    "ww": lambda m: f"{_week(m):02d}",
    "wo": lambda m: _ordinal(_week(m)),
    "w": lambda m: str(_week(m)),
    "A": lambda m: "AM" if m.hour < 12 else "PM",
    "a": lambda m: "am" if m.hour < 12 else "pm",
    "HH": lambda m: f"{m.hour:02d}",
    "H": lambda m: str(m.hour),
    "hh": lambda m: f"{m.hour % 12 or 12:02d}",
    "h": lambda m: str(m.hour % 12 or 12),
    "kk": lambda m: f"{m.hour or 24:02d}",
    "k": lambda m: str(m.hour or 24),
    "mm": lambda m: f"{m.minute:02d}",
    "m": lambda m: str(m.minute),
    "ss": lambda m: f"{m.second:02d}",
    "s": lambda m: str(m.second),
    "z": lambda m: m.tzname() or "",
    "zz": lambda m: m.tzname() or "",
    "Z": lambda m: _offset(m, ":"),
    "ZZ": lambda m: _offset(m, ""),
    "X": lambda m: str(to_ms(m) // 1000),
    "x": lambda m: str(to_ms(m)),
}


def month_days(moment: datetime) -> int:
    """Return how many days the moment's month has."""
    return monthrange(moment.year, moment.month)[1]

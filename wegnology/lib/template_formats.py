"""Helpers of templates that write numbers, dates and places."""

import math
import time
from datetime import datetime
from typing import Any

from wegnology.lib import javascript
from wegnology.lib.moments import from_ms, show, zone
from wegnology.lib.moments_reading import read
from wegnology.lib.number_format import DEFAULT, format_number, is_specifier
from wegnology.lib.template_helpers import helper, shown
from wegnology.lib.template_places import point

DATE_DEFAULT = "L LTS"
_PRESETS = {
    "date-time-local": "L LTS",
    "date-local": "L",
    "time-local": "LTS",
    "date-time-utc": "L LTS",
    "date-utc": "L",
    "time-utc": "LTS",
}
_SPANS = (
    (44, "a few seconds", 0),
    (89, "a minute", 0),
    (2_669, "{} minutes", 60),
    (5_399, "an hour", 0),
    (77_399, "{} hours", 3_600),
    (129_599, "a day", 0),
    (2_203_199, "{} days", 86_400),
    (3_944_639, "a month", 0),
    (27_612_359, "{} months", 2_629_746),
    (47_335_439, "a year", 0),
    (math.inf, "{} years", 31_556_952),
)
"""Seconds up to which Moment.js says so (`humanize`), and the length of the unit that is counted."""


def _now() -> datetime:
    return from_ms(time.time() * 1000)


@helper("format")
def _format(value: Any, written: Any = None, /, tz: Any = None, locale: Any = None) -> str:
    """A number in D3's format, a date (ISO 8601 text) in Moment.js's; other values as they are."""
    text = shown(written)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not text or is_specifier(text):
            return format_number(value, text or DEFAULT)
        return show(from_ms(value, zone(shown(tz))), _PRESETS.get(text, text))
    if not isinstance(value, str):
        return shown(value)
    number = javascript.number(value)
    if text and is_specifier(text) and value.strip() and not math.isnan(number):
        return format_number(number, text)
    try:
        moment = read(value, "", zone(shown(tz)))
    except ValueError:
        return value
    return show(moment, _PRESETS.get(text, text) or DATE_DEFAULT)


@helper("formatDate")
def _format_date(value: Any, written: Any = None, /, tz: Any = None, locale: Any = None) -> str:
    """A date in a Moment.js format, in a time zone."""
    if value is None or value == "":
        return ""
    return show(read(value, "", zone(shown(tz))), shown(written))


@helper("currentDateTime")
def _current_date_time(written: Any = None, /, tz: Any = None, locale: Any = None) -> str:
    """Now, in a Moment.js format, in a time zone."""
    return show(_now().astimezone(zone(shown(tz))), shown(written))


@helper("formatDateRelative")
def _format_date_relative(value: Any, to: Any = None, /, locale: Any = None) -> str:
    """How long ago, or until when, in words."""
    if value is None or value == "":
        return ""
    other = _now() if to is None or to == "" else read(to)
    seconds = (read(value) - other).total_seconds()
    words, unit = next((words, unit) for most, words, unit in _SPANS if round(abs(seconds)) <= most)
    text = words.format(max(2, round(abs(seconds) / unit))) if unit else words
    return f"in {text}" if seconds > 0 else f"{text} ago"


@helper("formatGps")
def _format_gps(value: Any, /) -> str:
    """A place in degrees, minutes and seconds."""
    place = point(value)
    if place is None:
        return shown(value)
    latitude, longitude = place
    return f"{_degrees(latitude, 'NS')} {_degrees(longitude, 'EW')}"


def _degrees(value: float, sides: str) -> str:
    tenths = round(abs(value) * 36_000)
    degrees, rest = divmod(tenths, 36_000)
    minutes, seconds = divmod(rest, 600)
    return f"{degrees}°{minutes:02d}'{seconds / 10:04.1f}\"{sides[value < 0]}"

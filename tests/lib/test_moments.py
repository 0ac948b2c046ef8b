"""Dates by Moment.js's rules; the expected texts are what Moment.js 2.30 gives."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wegnology.lib.moments import MomentError, from_ms, iso, month_days, show, to_ms, zone
from wegnology.lib.moments_reading import read

MOMENT = datetime(2024, 2, 9, 15, 4, 5, 67_000, tzinfo=UTC)  # a Friday
SUNDAY = datetime(2023, 12, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("", "2024-02-09T15:04:05+00:00"),
        ("YYYY-MM-DD HH:mm:ss.SSS", "2024-02-09 15:04:05.067"),
        ("YY M D H m s S SS", "24 2 9 15 4 5 0 06"),
        ("dddd, MMMM Do YYYY, h:mm:ss a", "Friday, February 9th 2024, 3:04:05 pm"),
        ("ddd dd d E DDD DDDo DDDD", "Fri Fr 5 5 40 40th 040"),
        ("Q Qo W Wo WW w ww GGGG", "1 1st 6 6th 06 6 06 2024"),
        ("LT|LTS|L|LL|LLL|LLLL", "3:04 PM|3:04:05 PM|02/09/2024|February 9, 2024|February 9, 2024 3:04 PM|"
         "Friday, February 9, 2024 3:04 PM"),
        ("l|ll", "2/9/2024|Feb 9, 2024"),
        ("[at] HH [o'clock, YYYY]", "at 15 o'clock, YYYY"),
        ("X x", "1707491045 1707491045067"),
        ("Z ZZ z", "+00:00 +0000 UTC"),
        ("k kk hh A", "15 15 03 PM"),
    ],
)  # fmt: skip
def test_formats(written: str, text: str) -> None:
    assert show(MOMENT, written) == text


def test_formats_at_the_edges() -> None:
    assert show(SUNDAY, "GGGG-[W]WW-E e h k A") == "2023-W52-7 0 12 24 AM"
    assert show(MOMENT.astimezone(ZoneInfo("America/New_York")), "HH:mm Z z") == "10:04 -05:00 EST"
    assert show(MOMENT.replace(day=22), "Do") == "22nd"
    assert show(MOMENT.replace(day=11), "Do") == "11th"


@pytest.mark.parametrize(
    ("value", "written", "expected"),
    [
        ("2024-02-09T15:04:05.067Z", "", MOMENT),
        ("2024-02-09T16:04:05.067+01:00", "", MOMENT),
        ("2024-02-09", "", datetime(2024, 2, 9, tzinfo=UTC)),
        ("2024-02", "", datetime(2024, 2, 1, tzinfo=UTC)),
        ("2024", "", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-02-09 15:04", "", datetime(2024, 2, 9, 15, 4, tzinfo=UTC)),
        (1707491045067, "", MOMENT),
        ("1707491045067", "", MOMENT),
        (1707491045, "X", MOMENT.replace(microsecond=0)),
        ("1707491045", "X", MOMENT.replace(microsecond=0)),
        ("09.02.2024 15:04", "DD.MM.YYYY HH:mm", datetime(2024, 2, 9, 15, 4, tzinfo=UTC)),
        ("Feb 9th, 24 3:04 pm", "MMM Do, YY h:mm a", datetime(2024, 2, 9, 15, 4, tzinfo=UTC)),
        ("12:30 AM 2024", "hh:mm A YYYY", datetime(2024, 1, 1, 0, 30, tzinfo=UTC)),
        ("2024 040", "YYYY DDDD", datetime(2024, 2, 9, tzinfo=UTC)),
        ("2024-02-09T15 -0500", "YYYY-MM-DD[T]HH ZZ", datetime(2024, 2, 9, 20, tzinfo=UTC)),
        ("2024-02-09 1.067", "YYYY-MM-DD H.SSS", datetime(2024, 2, 9, 1, 0, 0, 67_000, tzinfo=UTC)),
    ],
)
def test_reading(value: object, written: str, expected: datetime) -> None:
    assert read(value, written) == expected


def test_a_text_without_an_offset_is_a_time_of_the_zone() -> None:
    berlin = zone("Europe/Berlin")
    assert read("2024-07-01 12:00", "", berlin) == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert read("01/07/2024 12", "DD/MM/YYYY HH", berlin) == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert iso(read("2024-07-01T12:00Z", "", berlin)) == "2024-07-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "written", "text"),
    [
        ("tomorrow", "", "'tomorrow' is not a date; write it like 2026-01-31T12:00:00Z or give its format"),
        ("2024-13-01", "", "is not a date"),
        (None, "", "a date is text or a number of milliseconds"),
        (True, "", "a date is text or a number of milliseconds"),
        ("2024-02-31", "YYYY-MM-DD", "there is no date '2024-02-31'"),
        ("31.01.", "YYYY-MM-DD", "is not a date in the format YYYY-MM-DD"),
        ("1", "WW", "WW cannot be used to read a date"),
        ("1 1", "D D", "names the same part of a date twice"),
        ("a" * 60, "dddd" * 12 + "[!]", "names the same part of a date twice"),
        ("a" * 1000, "MMMMddddHH", "is not a date in the format"),
        ("1" * 1001, "", "a date is not longer than 1000 characters"),
        (1e300, "", "too far from today"),
        ("1" * 400, "", "too far from today"),
    ],
)
def test_what_is_no_date_says_why(value: object, written: str, text: str) -> None:
    with pytest.raises(MomentError, match=text):
        read(value, written)


def test_zones_and_months() -> None:
    assert zone("") is zone("utc") is UTC
    with pytest.raises(MomentError, match="there is no time zone 'Mars/North'"):
        zone("Mars/North")
    with pytest.raises(MomentError, match="there is no time zone"):
        zone("../etc/passwd")
    assert month_days(MOMENT) == 29
    assert to_ms(from_ms(-1)) == -1
    with pytest.raises(MomentError, match="longer than"):
        show(MOMENT, "Y" * 2000)

"""Date/Time. The context's clock says 2023-11-14T22:13:20Z, a Tuesday."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

AT = "2024-02-09T15:04:05.067Z"


def done(operation: str, at: Any = AT, **config: Any) -> Any:
    settings = {"operation": operation, "sourcePath": "at", "resultPath": "x", **config}
    return run("DateTimeNode", settings, {"at": at, "n": 2, "other": "2024-01-31T00:00:00Z"}).payload["x"]


@pytest.mark.parametrize(
    ("operation", "config", "result"),
    [
        ("add", {"numberValue": "{{n}}", "unit": "day"}, "2024-02-11T15:04:05.067Z"),
        ("add", {"numberValue": 1, "unit": "month"}, "2024-03-09T15:04:05.067Z"),
        ("subtract", {"numberValue": "1", "unit": "quarter"}, "2023-11-09T15:04:05.067Z"),
        ("subtract", {"numberValue": "90", "unit": "minute"}, "2024-02-09T13:34:05.067Z"),
        ("add", {"numberValue": "1", "unit": "year"}, "2025-02-09T15:04:05.067Z"),
        ("format", {"resultFormatString": "YYYY-MM-DD HH:mm", "timezone": "Europe/Berlin"}, "2024-02-09 16:04"),
        ("format", {"timezone": "America/New_York"}, "2024-02-09T10:04:05-05:00"),
        ("getDatePart", {"unit": "month"}, 1),
        ("getDatePart", {"unit": "day"}, 9),
        ("getDatePart", {"unit": "dayOfWeek"}, 5),
        ("getDatePart", {"unit": "dayOfYear"}, 40),
        ("getDatePart", {"unit": "week"}, 6),
        ("getDatePart", {"unit": "quarter"}, 1),
        ("getDatePart", {"unit": "millisecond"}, 67),
        ("setDatePart", {"unit": "month", "numberValue": "11"}, "2024-12-09T15:04:05.067Z"),
        ("setDatePart", {"unit": "hour", "numberValue": "0", "timezone": "Europe/Berlin"}, "2024-02-08T23:04:05.067Z"),
        ("setDatePart", {"unit": "year", "numberValue": "2020"}, "2020-02-09T15:04:05.067Z"),
        ("daysInMonth", {}, 29),
        ("startOfTime", {"unit": "week"}, "2024-02-04T00:00:00.000Z"),
        ("startOfTime", {"unit": "quarter"}, "2024-01-01T00:00:00.000Z"),
        ("startOfTime", {"unit": "day", "timezone": "America/New_York"}, "2024-02-09T05:00:00.000Z"),
        ("startOfTime", {"unit": "minute"}, "2024-02-09T15:04:00.000Z"),
        ("startOfTime", {"unit": "second"}, "2024-02-09T15:04:05.000Z"),
        ("toArray", {}, [2024, 1, 9, 15, 4, 5, 67]),
        ("unixTimestampSeconds", {}, 1707491045),
        ("unixTimestampMilliseconds", {}, 1707491045067),
        ("diff", {"unit": "day", "diffDataPath": "other"}, 9),
        ("diff", {"unit": "month", "diffDataPath": "other"}, 0),
        ("diff", {"unit": "hour"}, 2080),
    ],
)
def test_operations(operation: str, config: dict[str, Any], result: Any) -> None:
    assert done(operation, **config) == result


def test_more() -> None:
    assert done("toObject") == {
        "years": 2024, "months": 1, "date": 9, "hours": 15, "minutes": 4, "seconds": 5, "milliseconds": 67
    }  # fmt: skip
    assert done("add", "2024-01-31", numberValue="1", unit="month") == "2024-02-29T00:00:00.000Z"
    assert done("diff", "2024-03-31", unit="month", diffDataPath="other") == 2
    assert done("diff", "2023-12-01", unit="month", diffDataPath="other") == -1
    assert done("format", "9.2.24", sourceFormatString="D.M.YY", resultFormatString="LL") == "February 9, 2024"
    assert done("format", sourcePath="", resultFormatString="x") == "1700000000000"


def test_hours_pass_on_the_clock_and_days_on_the_calendar() -> None:
    """In Berlin, 2024-03-31 has 23 hours."""
    berlin = {"timezone": "Europe/Berlin", "numberValue": "24"}
    assert done("add", "2024-03-30T12:00:00", unit="hour", **berlin) == "2024-03-31T11:00:00.000Z"
    assert done("add", "2024-03-30T12:00:00", unit="day", timezone="Europe/Berlin", numberValue="1") == "2024-03-31T10:00:00.000Z"


@pytest.mark.parametrize(
    ("at", "config", "text"),
    [
        ("soon", {"operation": "daysInMonth"}, "'soon' is not a date"),
        (None, {"operation": "daysInMonth"}, "a date is text or a number"),
        (AT, {"operation": "format", "timezone": "Moon"}, "there is no time zone 'Moon'"),
        (AT, {"operation": "add", "numberValue": "few"}, "numberValue must give a number, not 'few'"),
        (AT, {"operation": "add", "numberValue": "99999", "unit": "year"}, "outside of 1 to 9999"),
        (AT, {"operation": "add", "numberValue": "9999999999", "unit": "day"}, "out of range|too large|must have magnitude"),
    ],
)
def test_failures(at: Any, config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        done(config.pop("operation"), at, **config)


def test_faults() -> None:
    assert faults("DateTimeNode", {"operation": "add", "resultPath": "x"}) == {"numberValue": "add needs a number."}

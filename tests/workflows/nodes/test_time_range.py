"""Time Range."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

OFFICE = {"startTimeTemplate": "09:00", "endTimeTemplate": "17:00", "timeZoneTemplate": "UTC"}
NIGHT = {"startTimeTemplate": "22:00", "endTimeTemplate": "06:00", "timeZoneTemplate": "UTC"}
ONLY_FRIDAY = {"days": [False, False, False, False, False, True, False]}


@pytest.mark.parametrize(
    ("config", "time", "inside"),
    [
        (OFFICE, "2024-02-09T09:00:00Z", True),
        (OFFICE, "2024-02-09T16:59:59Z", True),
        (OFFICE, "2024-02-09T17:00:00Z", False),
        (OFFICE, "2024-02-09T08:59:59Z", False),
        ({**OFFICE, "timeZoneTemplate": "{{tz}}"}, "2024-02-09T08:30:00Z", True),  # 09:30 in Berlin
        ({**OFFICE, **ONLY_FRIDAY}, "2024-02-09T12:00:00Z", True),
        ({**OFFICE, **ONLY_FRIDAY}, "2024-02-10T12:00:00Z", False),
        (NIGHT, "2024-02-09T23:00:00Z", True),
        (NIGHT, "2024-02-09T05:59:00Z", True),
        (NIGHT, "2024-02-09T12:00:00Z", False),
        ({**NIGHT, **ONLY_FRIDAY}, "2024-02-10T01:00:00Z", True),  # the night from Friday to Saturday
        ({**NIGHT, **ONLY_FRIDAY}, "2024-02-09T01:00:00Z", False),
        ({**OFFICE, "daysType": "path", "daysPath": "days"}, "2024-02-09T12:00:00Z", True),
        ({**OFFICE, "daysType": "path", "daysPath": "days"}, "2024-02-08T12:00:00Z", False),
        ({**OFFICE, "endTimeTemplate": "24:00"}, "2024-02-09T23:59:00Z", True),
        ({**OFFICE, "sourcePath": "at"}, "2024-02-09T03:00:00Z", True),
    ],
)
def test_ranges(config: dict[str, Any], time: str, inside: bool) -> None:
    payload = {"time": time, "tz": "Europe/Berlin", "days": [5, 6], "at": "2024-02-09T10:00:00Z"}
    result = run("TimeRangeNode", {**config, "branchPath": "inside"}, payload)
    assert (result.output, result.payload["inside"]) == (int(inside), inside)


def test_without_a_time_it_is_now() -> None:
    assert run("TimeRangeNode", {**OFFICE, "startTimeTemplate": "22:00", "endTimeTemplate": "23:00"}, {}).output == 1


@pytest.mark.parametrize(
    ("config", "payload", "text"),
    [
        ({"startTimeTemplate": "{{s}}"}, {"s": "25:00"}, "startTimeTemplate must give a time as HH:MM, not '25:00'"),
        ({"timeZoneTemplate": "{{s}}"}, {"s": "Moon"}, "there is no time zone 'Moon'"),
        ({"daysType": "path", "daysPath": "d"}, {"d": [7]}, "an array of days from 0"),
        ({"sourcePath": "at"}, {"at": "x"}, "'x' is not a date"),
    ],
)
def test_failures(config: dict[str, Any], payload: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        run("TimeRangeNode", {**OFFICE, **config}, payload)


def test_faults() -> None:
    assert faults("TimeRangeNode", {**OFFICE, "startTimeTemplate": "9 am"}) == {
        "startTimeTemplate": "Write the time as HH:MM, such as 09:30."
    }
    assert faults("TimeRangeNode", {**OFFICE, "daysType": "path"}) == {"daysPath": "Say where the days are."}
    assert "days" in faults("TimeRangeNode", {**OFFICE, "days": [True]})

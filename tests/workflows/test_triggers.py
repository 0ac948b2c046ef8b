"""Settings of triggers: when a timer fires, and what is refused with a reason."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from wegnology.lib.types import JSONObject
from workflows.exceptions import GraphInvalid
from workflows.graph import Graph
from workflows.triggers import TimerConfig


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def times(start: str, count: int, **config: object) -> list[str]:
    """Return the next times of a timer, in UTC."""
    timer, at = TimerConfig.model_validate(config), ms(start)
    found = []
    for _ in range(count):
        at = timer.after(at, at)
        found.append(datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"seconds": 90}, ["03-29 22:01:30", "03-29 22:03:00"]),
        ({"seconds": 1.5}, ["03-29 22:00:01", "03-29 22:00:03"]),
        ({"cron": "0 9 * * *"}, ["03-30 09:00:00", "03-31 09:00:00"]),
        ({"cron": "0 9 * * *", "tz": "Europe/Berlin"}, ["03-30 08:00:00", "03-31 07:00:00"]),  # summer time begins
        ({"cron": "*/20 * * * * *"}, ["03-29 22:00:20", "03-29 22:00:40"]),
        ({"cron": "0 0 * * MON,wed"}, ["04-01 00:00:00", "04-03 00:00:00"]),
        ({"cron": "@monthly"}, ["04-01 00:00:00", "05-01 00:00:00"]),
    ],
)
def test_times(config: JSONObject, found: list[str]) -> None:
    assert times("2024-03-29T22:00:00+00:00", 2, **config) == found


def test_what_was_missed_stays_missed_and_the_step_is_kept() -> None:
    timer = TimerConfig.model_validate({"seconds": 60})
    assert timer.after(1_000, 1_000) == 61_000
    assert timer.after(1_000, 3_600_000) == 3_601_000
    assert timer.after(1_000, 60_999) == 61_000


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({}, "either seconds or a cron"),
        ({"seconds": 5, "cron": "@daily"}, "either seconds or a cron"),
        ({"seconds": 0.5}, "greater than or equal to 1"),
        ({"seconds": 40_000_000}, "less than or equal to"),
        ({"cron": "* * *"}, "five fields"),
        ({"cron": "@reboot"}, "five fields"),
        ({"cron": "0 0 L * *"}, "'L' is not taken"),
        ({"cron": "0 0 ? * *"}, "'\\?' is not taken"),
        ({"cron": "0 9 * * 1#2"}, "'1#2' is not taken"),
        ({"cron": "99 * * * *"}, "cannot be used"),
        ({"cron": "0 0 30 2 *"}, "cannot be used"),
        ({"cron": "@daily", "tz": "Mars/Base"}, "no time zone 'Mars/Base'"),
    ],
)
def test_what_is_no_timer_is_refused_with_the_reason(config: JSONObject, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TimerConfig.model_validate(config)


@pytest.mark.parametrize(
    ("trigger", "place"),
    [
        ({"type": "timer", "config": {}}, "triggers[0].config"),
        ({"type": "flowError", "config": {"scope": "planet"}}, "triggers[0].config.scope"),
        ({"type": "webhook", "config": {"waitForReply": "perhaps"}}, "triggers[0].config.waitForReply"),
    ],
)
def test_a_graph_names_what_is_wrong_with_a_trigger(trigger: JSONObject, place: str) -> None:
    with pytest.raises(GraphInvalid) as caught:
        Graph.parse([trigger], [])
    assert [fault.place for fault in caught.value.faults] == [place]


def test_types_that_never_fire_here_are_kept() -> None:
    graph = Graph.parse([{"type": "deviceTag", "key": "x", "config": {"any": 1}}], [])
    assert [trigger.type for trigger in graph.all_triggers()] == ["deviceTag"]

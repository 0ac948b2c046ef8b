"""Usual pauses between messages: what a silence is measured by."""

import pytest

from integrations.runtime.pace import Pace, silence_ms

HOUR, DAY = 3_600_000, 86_400_000


def after(*pauses: int) -> Pace:
    pace = Pace()
    for pause in pauses:
        pace.note(pause)
    return pace


@pytest.mark.parametrize(
    ("pauses", "usual_ms"),
    [
        ([60_000] * 30, 64_000),
        ([*[5] * 99, HOUR - 500] * 3, 4_096_000),  # a hundred at once, every hour
        ([60_000] * 2_000 + [HOUR], 64_000),  # one bad hour among many good ones
        ([*[60_000] * 900, 9 * HOUR] * 3, 32_768_000),  # nothing comes at night
    ],
)
def test_the_usual_pause_is_where_most_of_the_time_goes(pauses: list[int], usual_ms: int) -> None:
    assert after(*pauses).usual_ms() == usual_ms


@pytest.mark.parametrize("pauses", [[], [60_000] * 10, [1_000] * 100])
def test_too_little_says_nothing(pauses: list[int]) -> None:
    assert after(*pauses).usual_ms() == 0


def test_what_is_old_counts_less() -> None:
    pace = after(*[HOUR] * 24 * 3)
    for _ in range(9 * DAY // 60_000):
        pace.note(60_000)
    assert pace.usual_ms() == 4_096_000  # a third of it is hours still
    for _ in range(9 * DAY // 60_000):
        pace.note(60_000)
    assert pace.usual_ms() == 64_000


def test_it_is_stored_and_read() -> None:
    pace = after(*[60_000] * 30, 7 * HOUR)
    again = Pace(pace.to_json())
    assert (again.count, again.usual_ms()) == (pace.count, pace.usual_ms())
    assert again.changed is False


def test_a_pause_longer_than_any_class_is_in_the_last() -> None:
    assert after(*[400 * DAY] * 30).usual_ms() == 1_000 << 23


def test_a_silence_is_three_usual_pauses_and_at_least_a_minute() -> None:
    assert silence_ms(1_000) == 60_000
    assert silence_ms(64_000) == 192_000

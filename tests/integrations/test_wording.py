"""States in words, and the ledger as bars."""

import pytest

from integrations.chart import HEIGHT, chart, day_chart, sum_lines
from integrations.ledger_reading import by_day
from integrations.runtime.ledger import HOUR_MS, LedgerLine
from integrations.runtime.status import ConnectionState, Status
from integrations.wording import ago, badge, span

NOW = 1_000 * HOUR_MS + 60_000


@pytest.mark.parametrize("state", list(ConnectionState))
def test_every_state_has_words(state: ConnectionState) -> None:
    assert badge(Status(state), enabled=True, now_ms=NOW).words


def test_connected_is_never_said_without_its_troubles() -> None:
    refused = Status(ConnectionState.DEGRADED, latest_cause="1 of 2 topics refused: a.")
    assert badge(refused, enabled=True, now_ms=NOW)[1:] == ("Degraded", "warning", "1 of 2 topics refused: a.")
    flapping = Status(ConnectionState.CONNECTED, flapping=4)
    assert badge(flapping, enabled=True, now_ms=NOW)[1:] == ("Connected, flapping", "warning", "Lost 4 times in ten minutes.")
    flapping = Status(ConnectionState.DISCONNECTED, flapping=4, latest_cause="No route.")
    assert badge(flapping, enabled=True, now_ms=NOW)[1:] == (
        "Disconnected, flapping",
        "danger",
        "Lost 4 times in ten minutes. No route.",
    )
    noticed = Status(ConnectionState.CONNECTED, notices=["Deleting is denied."])
    assert badge(noticed, enabled=True, now_ms=NOW).detail == "Deleting is denied."


def test_trouble_names_its_cause_and_the_next_attempt() -> None:
    status = Status(ConnectionState.DISCONNECTED, latest_cause="No route.", next_attempt_ms=NOW + 30_000)
    assert badge(status, enabled=True, now_ms=NOW).detail == "No route. Next attempt in 30 s."


def test_unknown_of_a_disabled_row_is_disabled() -> None:
    assert badge(Status(), enabled=False, now_ms=NOW).words == "Disabled"
    assert badge(Status(), enabled=True, now_ms=NOW).words == "Unknown"


@pytest.mark.parametrize(("milliseconds", "words"), [(999, "0 s"), (99_000, "99 s"), (720_000, "12 min"), (7_200_000, "2 h")])
def test_spans_have_sensible_units(milliseconds: int, words: str) -> None:
    assert span(milliseconds) == words


def test_never_is_never() -> None:
    assert ago(0, NOW) == "never"
    assert ago(NOW + 5, NOW) == "0 s ago"


def test_bars_stand_by_hour_and_fit() -> None:
    last = LedgerLine(1_000 * HOUR_MS, received=10, messages=10, finished=6, parked={"failed": 4})
    drawn = chart([last, LedgerLine(998 * HOUR_MS, received=5, messages=5)], NOW, hours=4)
    assert [len(bar.segments) for bar in drawn.bars] == [0, 0, 0, 2]
    assert (drawn.top, drawn.total) == (10, 15)
    assert sum(part.height for part in drawn.bars[-1].segments) == HEIGHT
    assert [bar.balanced for bar in drawn.bars] == [True, False, True, True]
    assert "does not balance" in drawn.bars[1].title


def test_bars_are_of_messages_and_words_tell_what_else_came() -> None:
    """Of three messages one is parked; a connection that came and one that went ended without a workflow."""
    line = LedgerLine(1_000 * HOUR_MS, received=5, messages=3, finished=2, unmatched=2, parked={"failed": 1})
    quiet = LedgerLine(999 * HOUR_MS, received=2, messages=0, unmatched=2)
    drawn = chart([line, quiet], NOW, hours=2)
    assert (drawn.top, drawn.total, drawn.besides) == (3, 3, 4)
    assert [part.height for part in drawn.bars[1].segments] == [HEIGHT * 2 / 3, HEIGHT / 3]
    assert drawn.bars[0].segments == []
    assert "3 messages and 2 other events (connections, replays): 4 finished, 1 parked" in drawn.bars[1].title
    assert day_chart(by_day([line]), NOW, days=1).besides == 2


def test_what_went_wrong_with_other_events_is_seen_too() -> None:
    line = LedgerLine(1_000 * HOUR_MS, received=3, messages=1, finished=1, parked={"failed": 2})
    (bar,) = chart([line], NOW, hours=1).bars
    assert [part.kind for part in bar.segments] == ["parked"]
    assert bar.segments[0].height == HEIGHT


def test_events_of_a_workflow_s_own_are_all_drawn() -> None:
    line = LedgerLine(1_000 * HOUR_MS, received=3, messages=1, finished=3)
    drawn = chart([line], NOW, hours=1, messages=False)
    assert (drawn.total, drawn.besides, "messages" in drawn.bars[0].title) == (3, 0, False)


def test_lines_add_up_by_hour() -> None:
    one = LedgerLine(HOUR_MS, received=3, finished=2, parked={"failed": 1})
    other = LedgerLine(HOUR_MS, received=2, parked={"failed": 1}, dropped={"too large": 1})
    (total,) = sum_lines([one, other])
    assert (total.received, total.parked, total.dropped, total.balanced) == (5, {"failed": 2}, {"too large": 1}, True)

"""Stored hours of many integrations, added up quickly, say what adding up their lines says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from integrations.ledger_reading import stored_line, stored_sent_line, sum_lines, sum_sent, sum_stored
from integrations.models import LedgerHour
from integrations.panel import stored_ledger

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
NAMES = [
    "messages",
    "signals",
    "finished",
    "unmatched",
    "parked:failed",
    "parked:too long",
    "dropped:deleted",
    "out:queued",
    "out:sent",
]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2).map(lambda back: NOON - timedelta(hours=back)),
        st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(ROWS)
def test_the_quick_sum_is_the_sum_of_the_lines(rows: list[tuple[datetime, dict[str, int]]]) -> None:
    by_hour: dict[datetime, list[dict[str, int]]] = {}
    for hour, counts in rows:
        by_hour.setdefault(hour, []).append(counts)
    found = sum_stored(by_hour.items())
    assert found.received == sum_lines(stored_line(hour, counts) for hour, counts in rows)
    sent = sum_sent(stored_sent_line(hour, counts) for hour, counts in rows)
    assert [(line.hour_ms, line.queued, line.sent) for line in found.sent] == [
        (line.hour_ms, line.queued, line.sent) for line in sent if line.queued
    ]


@pytest.mark.django_db
def test_stored_hours_are_read_and_added_up_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    counts = {"messages": 3, "signals": 1, "finished": 2, 'dropped:a "quoted", reason': 1, "out:queued": 9}
    rows = [LedgerHour(integration_id=name, hour=now - timedelta(hours=at), counts=counts) for name in "ab" for at in range(3)]
    LedgerHour.objects.bulk_create([*rows, LedgerHour(integration_id="a", hour=now - timedelta(hours=9), counts=counts)])
    with django_assert_num_queries(1):
        found = stored_ledger(["a"], 5)
    assert found.received == [stored_line(row.hour, counts) for row in rows[:3]]
    assert [line.queued for line in found.sent] == [9, 9, 9]
    assert [(line.messages, line.waiting, line.balanced) for line in stored_ledger(None, 2).received] == [(6, 2, True)] * 2
    assert stored_ledger(["c"], 5).received == []

"""Stored hours of many integrations, added up quickly, say what adding up their lines says."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.ledger_reading import stored_line, sum_lines, sum_stored

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
    assert sum_stored(rows) == sum_lines(stored_line(hour, counts) for hour, counts in rows)

"""Server-sent events, however they are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib import sse
from wegnology.lib.sse import EventReader, EventTooLarge, ServerEvent

STREAM = (
    b":ok\n\n\n\nevent: a/b\ndata: one\n\n\nevent: c\r\ndata: two\r\ndata: lines\r\n\r\n: comment\n\ndata: no name: at all\n\n"
    b"event: empty\n\n"
    b"event: d\ndata: gr\xc3\xbcn\n\nevent: e\ndata: \xff\n\nid: 7\nretry: 5\nunknown: 1\ndata:tight\n\nevent: begun\ndata: x\n"
)
EVENTS = [
    ServerEvent("a/b", "one"),
    ServerEvent("c", "two\nlines"),
    ServerEvent("message", "no name: at all"),
    ServerEvent("d", "grün"),
    ServerEvent("e", "\ufffd"),
    ServerEvent("message", "tight"),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_the_same_however_the_bytes_come(cuts: list[int]) -> None:
    reader = EventReader()
    places = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in itertools.pairwise(places) for event in reader.feed(STREAM[start:end])]
    assert found == EVENTS


def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES", 100)
    reader = EventReader()
    assert list(reader.feed(b"data: " + b"x" * 90)) == []
    with pytest.raises(EventTooLarge):
        reader.feed(b"x" * 10)


def test_keep_alives_are_not_kept() -> None:
    reader = EventReader()
    for _ in range(1000):
        assert list(reader.feed(b"\n")) == []
    assert len(reader._begun) < 3

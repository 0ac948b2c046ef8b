"""What was accepted before is known again, in bounds."""

import pytest

from wegnology.lib.seen import Seen


def test_the_latest_are_known_of_each_source() -> None:
    known = Seen(sources=2, most=2)
    known.of("a").add(["1", "2", "3"])
    assert [one in known.of("a") for one in ("1", "2", "3")] == [False, True, True]
    known.of("b").add(["1"])
    known.of("c").add(["1"])
    assert "3" not in known.of("a")


def test_they_are_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("wegnology.lib.seen.time.monotonic", lambda: now)
    known = Seen(sources=1, most=10, seconds=60.0)
    known.of("a").add(["1"])
    assert "1" in known.of("a")
    now = 161.0
    assert "1" not in known.of("a")

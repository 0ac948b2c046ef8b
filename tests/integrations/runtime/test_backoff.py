"""Delays between attempts."""

import pytest

from integrations.runtime.backoff import CAP_SECONDS, REFUSED_CAP_SECONDS, STABLE_SECONDS, Backoff


def bounds() -> tuple[Backoff, list[tuple[float, float]]]:
    asked: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        asked.append((low, high))
        return high

    return Backoff(longest), asked


def test_delays_double_up_to_the_cap_with_full_jitter() -> None:
    backoff, asked = bounds()
    assert [backoff.next_seconds() for _ in range(9)] == [1, 2, 4, 8, 16, 32, CAP_SECONDS, CAP_SECONDS, CAP_SECONDS]
    assert all(low <= 0.05 for low, _ in asked)


def test_a_refused_login_waits_longer_and_at_least_half() -> None:
    backoff, asked = bounds()
    delays = [backoff.next_seconds(refused=True) for _ in range(15)]
    assert delays[-1] == REFUSED_CAP_SECONDS
    assert asked[-1] == (REFUSED_CAP_SECONDS / 2, REFUSED_CAP_SECONDS)


@pytest.mark.parametrize(("lived", "delay"), [(STABLE_SECONDS, 1), (STABLE_SECONDS - 1, 16)])
def test_only_a_connection_that_lived_begins_anew(lived: float, delay: float) -> None:
    backoff, _ = bounds()
    for _ in range(4):
        backoff.next_seconds()
    backoff.connected_for(lived)
    assert backoff.next_seconds() == delay


def test_a_thousand_attempts_do_not_overflow() -> None:
    backoff, _ = bounds()
    assert {backoff.next_seconds() for _ in range(1_100)} <= {1, 2, 4, 8, 16, 32, CAP_SECONDS}

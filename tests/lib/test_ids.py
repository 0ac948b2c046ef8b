"""Identifiers are unique and sort by the time they were made."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from wegnology.lib import ids
from wegnology.lib.ids import new_id


def test_identifiers_are_unique_in_all_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = [one for some in pool.map(lambda _: [new_id() for _ in range(5_000)], range(4)) for one in some]
    assert len(set(found)) == 20_000
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in found)


def test_identifiers_sort_by_the_second_and_the_counter_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(1_700_000_000)
    monkeypatch.setattr(ids, "time", lambda: next(seconds) + 0.5)
    found = [new_id() for _ in range(20)]
    assert found == sorted(found)
    assert [int(one[:8], 16) for one in found] == list(range(1_700_000_000, 1_700_000_020))
    numbers = [int(one[-6:], 16) for one in found]
    assert numbers == [(numbers[0] + step) % (1 << 24) for step in range(20)]

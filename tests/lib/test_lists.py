"""Lists by JavaScript's rules."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wegnology.lib import javascript
from wegnology.lib.lists import ordered, total, unique


@pytest.mark.parametrize(
    ("items", "descending", "wanted"),
    [
        ([3, 1.5, 2], False, [1.5, 2, 3]),
        (["b", "a", "B"], False, ["B", "a", "b"]),
        ([2, "10", "1"], False, ["1", 2, "10"]),
        ([2, None, 1], True, [2, 1, None]),
        ([True, 0, "5"], False, [0, True, "5"]),
        ([], False, []),
    ],
)
def test_order(items: list[Any], descending: bool, wanted: list[Any]) -> None:
    assert ordered(items, lambda item: item, descending) == wanted


def test_what_is_equal_keeps_its_order() -> None:
    items = [{"k": 1, "n": 1}, {"k": 0, "n": 2}, {"k": 1, "n": 3}, {"n": 4}]
    assert [item["n"] for item in ordered(items, lambda item: item.get("k"), False)] == [2, 1, 3, 4]
    assert [item["n"] for item in ordered(items, lambda item: item.get("k"), True)] == [1, 3, 2, 4]


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.lists(st.integers() | st.floats(allow_nan=False)), st.lists(st.text())), st.booleans())
def test_the_fast_way_is_the_same(items: list[Any], descending: bool) -> None:
    found = ordered(items, lambda item: item, descending)
    pairs = itertools.pairwise(found)
    assert not any(javascript.less(a, b) if descending else javascript.less(b, a) for a, b in pairs)


def test_unique_and_total() -> None:
    assert unique([1, 1.0, "1", True, {"a": 1}, {"a": 1}, None, None], lambda item: item) == [1, "1", True, {"a": 1}, None]
    assert total([1, 2.5, True, "3", None]) == 3.5

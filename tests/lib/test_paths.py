"""Payload paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib.paths import MAX_INDEX, Path, PathError, copy_json, count_json, is_deeper

PAYLOAD: dict[str, Any] = {
    "data": {"message": "m", "items": [1, {"x": 2}], "key with spaces": 3, "a.b": 4, "0": "zero", "none": None},
    "top": 5,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".", PAYLOAD),
        ("top", 5),
        (" data.message ", "m"),
        ("data.items.[0]", 1),
        ("data.items.0", 1),
        ("data.items[1].x", 2),
        ("data.[key with spaces]", 3),
        ("data[a.b]", 4),
        ("[data].0", "zero"),
        ("data.none", None),
        ("data.missing", "default"),
        ("data.message.deeper", "default"),
        ("data.items.[2]", "default"),
        ("data.items.-1", "default"),
        ("data.items.x", "default"),
    ],
)
def test_get(text: str, value: Any) -> None:
    path = Path.parse(text)
    assert path.get_or(PAYLOAD, "default") == value
    assert path.get(PAYLOAD) == (None if value == "default" else value)


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("a", {}, {"a": 9}),
        ("a.b.c", {}, {"a": {"b": {"c": 9}}}),
        ("a.b", {"a": None}, {"a": {"b": 9}}),
        ("a.[0]", {"a": [1]}, {"a": [9]}),
        ("a.2", {"a": [1]}, {"a": [1, None, 9]}),
        ("a.[1].b", {"a": [1]}, {"a": [1, {"b": 9}]}),
        ("a.0", {}, {"a": {"0": 9}}),
        ("a.[k k]", {"a": {}}, {"a": {"k k": 9}}),
    ],
)
def test_set(text: str, payload: dict[str, Any], expected: dict[str, Any]) -> None:
    changed = Path.parse(text).set(payload, 9)
    assert changed is payload
    assert changed == expected


def test_setting_the_whole_payload_replaces_it() -> None:
    assert Path.parse(".").set({"a": 1}, {"b": 2}) == {"b": 2}


@pytest.mark.parametrize(
    ("text", "payload", "message"),
    [
        (".", {}, "the whole payload can only be replaced by an object, not by a number"),
        ("a.b", {"a": 5}, "a is a number: nothing can be set inside it"),
        ("a.b.c", {"a": {"b": "x"}}, "a.b is text: nothing can be set inside it"),
        ("a.b", {"a": [1]}, "a is an array: 'b' is no index"),
        (f"a.{MAX_INDEX + 1}", {"a": [1]}, "a has 1 elements: setting element 10001 would leave a gap"),
        (f"a.{MAX_INDEX + 1}.b", {"a": [1]}, "a has 1 elements: setting element 10001 would leave a gap"),
    ],
)
def test_set_says_why_it_cannot(text: str, payload: dict[str, Any], message: str) -> None:
    with pytest.raises(PathError) as caught:
        Path.parse(text).set(payload, 9)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("a", {"a": 1, "b": 2}, {"b": 2}),
        ("a.b", {"a": {"b": 1}}, {"a": {}}),
        ("a.[0]", {"a": [1, 2]}, {"a": [2]}),
        (".", {"a": 1}, {}),
        ("a.b.c", {"a": 1}, {"a": 1}),
        ("a.9", {"a": [1]}, {"a": [1]}),
        ("x.y", {"a": 1}, {"a": 1}),
    ],
)
def test_remove(text: str, payload: dict[str, Any], expected: dict[str, Any]) -> None:
    assert Path.parse(text).remove(payload) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a path is needed, such as data.message"),
        ("{{data.a}}", "'{{data.a}}' is a template; a path is written without braces, such as data.message"),
        ("a..b", "'a..b' is not a path: it cannot be read from character 2 on"),
        (".a", "'.a' is not a path: it cannot be read from character 1 on"),
        ("a.[b", "'a.[b' is not a path: it cannot be read from character 2 on"),
        ("a[]", "'a[]' is not a path: it cannot be read from character 2 on"),
        ("[a]b", "'[a]b' is not a path: it cannot be read from character 4 on"),
        ("a" * 2000, "the path is longer than 1024 characters"),
        (".".join("a" * 60), "the path has more than 50 keys"),
    ],
)
def test_what_is_no_path(text: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        Path.parse(text)
    assert str(caught.value) == message


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "1"]), inner, max_size=3),
    max_leaves=10,
)
_objects = st.dictionaries(st.sampled_from(["a", "b", "0", "1"]), _json, max_size=3)


@given(text=st.text("ab01.[] {}\\-", max_size=12), payload=_objects, value=_json)
def test_nothing_but_path_errors(text: str, payload: dict[str, Any], value: Any) -> None:
    try:
        path = Path.parse(text)
        path.get(payload)
        assert path.set(copy_json(payload), value) is not None
        path.remove(payload)
    except PathError as error:
        assert str(error)  # noqa: PT017


@given(keys=st.lists(st.sampled_from(["a", "b", "0", "[1]", "[a b]"]), min_size=1, max_size=4), payload=_objects, value=_json)
def test_what_was_set_is_there_and_can_be_removed(keys: list[str], payload: dict[str, Any], value: Any) -> None:
    path = Path.parse(".".join(keys))
    try:
        changed = path.set(payload, value)
    except PathError:
        return
    assert path.get(changed) == value
    holder = path.remove(changed)
    assert path.get_or(holder, "missing") == "missing" or any(key.strip("[]").isdecimal() for key in keys)


@given(_json)
def test_a_copy_is_equal_and_its_own(value: Any) -> None:
    twin = copy_json(value)
    assert twin == value
    assert repr(twin) == repr(value)
    if isinstance(value, (dict, list)):
        assert twin is not value


def test_a_copy_is_deep() -> None:
    value: dict[str, Any] = {"a": [{"b": []}]}
    twin = copy_json(value)
    twin["a"][0]["b"].append(1)
    assert value == {"a": [{"b": []}]}


@pytest.mark.parametrize(("value", "count"), [(1, 1), ([], 1), ({"a": [1, 2]}, 4), (list(range(100)), 11)])
def test_counting_stops_beyond_the_bound(value: Any, count: int) -> None:
    assert min(count_json(value, 10), 11) == count


@pytest.mark.parametrize(("value", "depth"), [(5, 0), ({}, 1), ([[]], 2), ({"a": [1, {"b": []}], "c": 1}, 4)])
def test_depth(value: Any, depth: int) -> None:
    assert [is_deeper(value, levels) for levels in range(6)] == [levels < depth for levels in range(6)]

"""Array."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

PEOPLE = [{"n": "b", "age": 3, "k": "x"}, {"n": "a", "age": 1, "k": "y"}, {"n": "c", "k": "x"}]


def rule(kind: str, given: str = "", at: str = "", order: str = "", to: str = "") -> dict[str, Any]:
    filled = {"inputTemplate": given, "indexTemplate": at, "order": order, "outputPath": to}
    return {"type": kind, **{name: value for name, value in filled.items() if value}}


def done(items: Any, *rules: dict[str, Any], payload: dict[str, Any] | None = None, to: str = "") -> dict[str, Any]:
    config = {"sourceArrayPath": "items", "rules": [*rules], **({"destArrayPath": to} if to else {})}
    return run("ArrayNode", config, {"items": items, **(payload or {})}).payload


@pytest.mark.parametrize(
    ("items", "one", "left"),
    [
        ([0, 1, "", "a", None, False, [], {}], rule("compact"), [1, "a", [], {}]),
        ([1], rule("concat", "{{more}}"), [1, 2, 3]),
        ([1], rule("concat", "[5, 6]"), [1, 5, 6]),
        ([1, 1.0, "1", 2, 1, None, None, True], rule("deduplicate"), [1, "1", 2, None, True]),
        ([1, [2, [3]], 4], rule("flatten"), [1, 2, [3], 4]),
        ([1, 3], rule("insertAt", "2", at="1"), [1, 2, 3]),
        ([1], rule("insertAt", "{{word}}", at="{{n}}"), [1, "hi"]),
        ([1, 2, 3], rule("pop"), [1, 2]),
        ([], rule("pop"), []),
        ([1], rule("push", "{{object}}"), [1, {"a": 1}]),
        ([1], rule("push", "plain text"), [1, "plain text"]),
        ([1, 2, 3], rule("removeAt", at="1"), [1, 3]),
        ([1, 2, 3], rule("replaceAt", "9", at="1"), [1, 9, 3]),
        ([1, 2, 3], rule("reverse"), [3, 2, 1]),
        ([1, 2, 3], rule("shift"), [2, 3]),
        ([1, 2, 3, 4], rule("slice", "1", at="3"), [2, 3]),
        ([1, 2, 3, 4], rule("slice", "-2"), [3, 4]),
        ([1, 2, 3, 4], rule("slice"), [1, 2, 3, 4]),
        ([1], rule("unshift", "0"), [0, 1]),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_changes_the_array(items: list[Any], one: dict[str, Any], left: list[Any]) -> None:
    payload = {"more": [2, 3], "word": "hi", "n": 1, "object": {"a": 1}}
    assert done(items, one, payload=payload) == {"items": left, **payload}
    assert done(items, one, payload=payload, to="out") == {"items": items, "out": left, **payload}


@pytest.mark.parametrize(
    ("items", "one", "output"),
    [
        (PEOPLE, rule("deduplicateBy", "k"), [PEOPLE[0], PEOPLE[1]]),
        ([5, 40, 12], rule("filter", "{{value}} > 10"), [40, 12]),
        ([5, 6, 7], rule("filter", "{{index}} > 0 && {{value}} < {{payload.limit}}"), [6]),
        ([5, 6], rule("filter", "{{value}} == {{array.[1]}}"), [6]),
        (PEOPLE, rule("groupBy", "k"), {"x": [PEOPLE[0], PEOPLE[2]], "y": [PEOPLE[1]]}),
        (PEOPLE, rule("keyBy", "n"), {"b": PEOPLE[0], "a": PEOPLE[1], "c": PEOPLE[2]}),
        (PEOPLE, rule("groupBy", "age"), {"3": [PEOPLE[0]], "1": [PEOPLE[1]], "undefined": [PEOPLE[2]]}),
        (["a", "b"], rule("indexOf", "b"), 1),
        ([{"a": 1}], rule("indexOf", '{"a": 1}'), 0),
        ([1, 2], rule("indexOf", "3"), -1),
        ([1, 2, 3], rule("length"), 3),
        ([1, 2, 3], rule("lookupAt", at="2"), 3),
        ([1, 2, 3], rule("lookupAt", at="7"), None),
        ([10, 9, 1, None], rule("sort"), [1, 9, 10, None]),
        (["b", "a"], rule("sort", order="descending"), ["b", "a"]),
        (PEOPLE, rule("sortBy", "age"), [PEOPLE[1], PEOPLE[0], PEOPLE[2]]),
        (PEOPLE, rule("sortBy", "age", order="descending"), [PEOPLE[0], PEOPLE[1], PEOPLE[2]]),
        ([1, 2.5, "x", True, None], rule("sum"), 3.5),
        ([0.1] * 10, rule("sum"), 1),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) and "type" in value else "",
)
def test_what_finds_something(items: list[Any], one: dict[str, Any], output: Any) -> None:
    assert done(items, {**one, "outputPath": "out"}, payload={"limit": 7}) == {"items": items, "out": output, "limit": 7}


@pytest.mark.parametrize(
    ("one", "removed"), [(rule("pop"), 3), (rule("shift"), 1), (rule("removeAt", at="1"), 2), (rule("replaceAt", "9", at="1"), 2)]
)
def test_what_is_removed_can_be_kept(one: dict[str, Any], removed: int) -> None:
    assert done([1, 2, 3], {**one, "outputPath": "out"})["out"] == removed


def test_rules_follow_each_other_and_results_are_copies() -> None:
    result = done([3, 1, 3], rule("deduplicate"), rule("push", "7"), rule("length", to="n"), rule("sort", to="sorted"))
    assert result == {"items": [3, 1, 7], "n": 3, "sorted": [1, 3, 7]}
    result = done([{"a": 1}], rule("lookupAt", at="0", to="first"))
    result["first"]["a"] = 2
    assert result["items"] == [{"a": 1}]


@pytest.mark.parametrize(
    ("items", "one", "text"),
    [
        ("text", rule("length", to="n"), "items is text, not an array"),
        (None, rule("length", to="n"), "items is nothing, not an array"),
        ([1], rule("removeAt", at="1"), "a whole number from 0 to 0, not '1'"),
        ([1], rule("insertAt", "0", at="x"), "a whole number from 0 to 1, not 'x'"),
        ([1], rule("slice", "now"), "slice needs whole numbers, not 'now'"),
        ([[1] * 1000] * 300, rule("flatten"), "more than 262144 elements"),
    ],
)
def test_failures(items: Any, one: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        done(items, one)


def test_results_are_bounded() -> None:
    grows = [rule("groupBy", "k", to=f"o{at}") for at in range(15)]
    with pytest.raises(NodeFailed, match="copy more than 1000000 values"):
        done([{"k": at, "more": [0] * 10} for at in range(10_000)], *grows)


def test_faults_name_the_rule() -> None:
    config = {
        "sourceArrayPath": "a",
        "rules": [rule("push"), rule("filter", "{{value}} >", to="x"), rule("sum"), rule("removeAt")],
    }
    found = faults("ArrayNode", config)
    assert found.pop("rules.1.inputTemplate").startswith("a value is missing")
    assert found == {
        "rules.0.inputTemplate": "push needs it.",
        "rules.2.outputPath": "sum does not change the array: say where the result goes.",
        "rules.3.indexTemplate": "removeAt needs a position.",
    }

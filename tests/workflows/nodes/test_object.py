"""Object."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

DEVICE = {"id": "d1", "name": "Pump", "tags": {"site": "north", "floor": 1}}


def operation(kind: str, given: str = "", to: str = "") -> dict[str, Any]:
    return {"type": kind, **({"inputTemplate": given} if given else {}), **({"outputPath": to} if to else {})}


def done(source: Any, *operations: dict[str, Any], to: str = "out", **payload: Any) -> dict[str, Any]:
    config = {"sourcePath": "source", "operations": [*operations], **({"destPath": to} if to else {})}
    return run("ObjectNode", config, {"source": source, **payload}).payload


@pytest.mark.parametrize(
    ("source", "one", "result"),
    [
        (DEVICE, operation("pick", '["id", "{{which}}", "none"]'), {"id": "d1", "name": "Pump"}),
        (DEVICE, operation("omit", '["tags"]'), {"id": "d1", "name": "Pump"}),
        (DEVICE, operation("assign", '{"tags": 1, "new": {{jsonEncode which}}}'), {**DEVICE, "tags": 1, "new": "name"}),
        (
            DEVICE,
            operation("mergeDeep", '{"tags": {"floor": 2, "room": 7}, "id": [1]}'),
            {"id": [1], "name": "Pump", "tags": {"site": "north", "floor": 2, "room": 7}},
        ),
        ([1, 2], operation("zipObject", '["a", "b", "c"]'), {"a": 1, "b": 2, "c": None}),
        (None, operation("assign", '{"a": 1}'), {"a": 1}),
    ],
    ids=lambda value: value.get("type", "") if isinstance(value, dict) else "",
)
def test_what_changes_the_object(source: Any, one: dict[str, Any], result: Any) -> None:
    assert done(source, one, which="name") == {"source": source, "which": "name", "out": result}


@pytest.mark.parametrize(
    ("source", "kind", "result"),
    [
        ({"a": 1, "b": 2}, "entries", [["a", 1], ["b", 2]]),
        ({"a": 1, "b": 2}, "keys", ["a", "b"]),
        ({"a": 1, "b": 2}, "values", [1, 2]),
        (["x", "y"], "entries", [["0", "x"], ["1", "y"]]),
        ([["a", 1], [2, "b"]], "fromPairs", {"a": 1, "2": "b"}),
    ],
)
def test_what_reads_the_object(source: Any, kind: str, result: Any) -> None:
    assert done(source, operation(kind, to="read"), to="") == {"source": source, "read": result}


def test_operations_follow_each_other_and_the_source_stays() -> None:
    steps = [operation("pick", '["id", "tags"]'), operation("keys", to="keys"), operation("mergeDeep", '{"tags": {"floor": 9}}')]
    result = done(DEVICE, *steps)
    assert result["keys"] == ["id", "tags"]
    assert result["out"] == {"id": "d1", "tags": {"site": "north", "floor": 9}}
    assert result["source"] == DEVICE


@pytest.mark.parametrize(
    ("source", "one", "text"),
    [
        ([1], operation("assign", "{}"), "the source is an array, not an object"),
        (DEVICE, operation("assign", "[]"), "what is assigned is an array, not an object"),
        (DEVICE, operation("pick", '"id"'), "the names are text, not an array"),
        (DEVICE, operation("fromPairs", to="x"), r"the source must be an array of \[name, value\] pairs"),
        ("text", operation("keys", to="x"), "the source is text, not an object"),
        (DEVICE, operation("zipObject", "[]"), "not an array of values"),
    ],
)
def test_failures(source: Any, one: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        done(source, one)


def test_faults() -> None:
    config = {"operations": [operation("pick"), operation("keys"), operation("omit", '["a"]')]}
    assert faults("ObjectNode", config) == {
        "operations.0.inputTemplate": "pick needs it.",
        "operations.1.outputPath": "keys does not change the object: say where the result goes.",
        "destPath": "Say where the changed object goes.",
    }

"""Latch."""

from typing import Any

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import Result, build, faults
from wegnology.lib.eager import start

HOT = {"latchExpression": "{{c}} > 90", "resetExpression": "{{c}} < 70", "latchIdTemplate": "{{id}}"}
PATHS = {
    "latchResultPath": "o.latch",
    "resetResultPath": "o.reset",
    "wasLatchedPath": "o.was",
    "isLatchedPath": "o.is",
    "branchPath": "o.branch",
}


def ran(readings: list[tuple[str, int]], **config: Any) -> list[Result]:
    context = FakeRunContext()
    node = build("LatchNode", {**HOT, **PATHS, **config})
    node.node_id = "n"
    results: list[Result] = []
    for device, celsius in readings:
        assert start(node.run({"id": device, "c": celsius}, context), lambda one: results.append(Result(*one))) is None
    return results


def test_it_fires_once_until_it_is_reset() -> None:
    readings = [("a", 80), ("a", 95), ("a", 99), ("b", 95), ("a", 80), ("a", 60), ("a", 60), ("a", 91)]
    assert [result.output for result in ran(readings)] == [0, 1, 0, 1, 0, 0, 0, 1]


def test_what_it_notes() -> None:
    notes = [result.payload["o"] for result in ran([("a", 95), ("a", 60)])]
    assert notes == [
        {"latch": True, "reset": False, "was": False, "is": True, "branch": 1},
        {"latch": False, "reset": True, "was": True, "is": False, "branch": 0},
    ]


def test_without_expressions_nothing_happens() -> None:
    assert [result.output for result in ran([("a", 95)], latchExpression="")] == [0]
    assert [result.output for result in ran([("a", 95), ("a", 60), ("a", 95)], resetExpression="")] == [1, 0, 0]


def test_faults() -> None:
    assert set(faults("LatchNode", {"latchExpression": "1 +", "branchPath": "{{x}}"})) == {"latchExpression"}

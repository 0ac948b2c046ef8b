"""Throttle."""

from typing import Any

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import Result, build, faults
from wegnology.lib.eager import start


def outputs(times: list[tuple[int, str]], **config: Any) -> list[tuple[int, Any]]:
    """Run at these times (ms) for these devices; returns output and time since."""
    context = FakeRunContext()
    node = build("ThrottleNode", {"throttleIdTemplate": "{{id}}", "timeSincePath": "since", **config})
    node.node_id = "n"
    results: list[Result] = []
    for at, device in times:
        context.storage.now_ms = at
        assert start(node.run({"id": device}, context), lambda one: results.append(Result(*one))) is None
    return [(result.output, result.payload["since"]) for result in results]


def test_one_passes_in_each_interval_for_each_id() -> None:
    times = [(0, "a"), (500, "a"), (500, "b"), (999, "a"), (1000, "a"), (1999, "a"), (5000, "a")]
    assert outputs(times, ratePerMinute=60) == [(1, None), (0, 500), (1, None), (0, 999), (1, 1000), (0, 999), (1, 4000)]


def test_slow_rates() -> None:
    assert outputs([(0, "a"), (3_599_999, "a"), (3_600_001, "a")], ratePerMinute=1 / 60) == [
        (1, None),
        (0, 3_599_999),
        (1, 3_600_001),
    ]


def test_faults() -> None:
    assert "ratePerMinute" in faults("ThrottleNode", {"ratePerMinute": 0})
    assert "ratePerMinute" in faults("ThrottleNode", {"ratePerMinute": 601})

"""On Change."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import Result, build, faults
from wegnology.lib.eager import start
from workflows.nodes.base import NodeFailed


def ran(values: list[Any], payload: dict[str, Any] | None = None, **config: Any) -> list[Result]:
    context = FakeRunContext()
    node = build("BranchOnChangeNode", {"valuePath": "v", "prevValuePath": "was", **config})
    node.node_id = "n"
    results: list[Result] = []
    for value in values:
        assert start(node.run({"v": value, **(payload or {})}, context), lambda one: results.append(Result(*one))) is None
    return results


@pytest.mark.parametrize(
    ("config", "values", "outputs"),
    [
        ({}, [1, 1, 1.0, 2, "2", None, None, {"a": 1}, {"a": 1}, [1]], [0, 0, 0, 1, 1, 1, 0, 1, 0, 1]),
        ({"changeType": "all"}, [1, 2], [0, 1]),
        ({"changeType": "value", "changeThreshold": 5}, [0, 4, 9, 4, 4], [0, 0, 1, 1, 0]),
        ({"changeType": "valueInc", "changeThreshold": "5"}, [0, 5, 0, 4], [0, 1, 0, 0]),
        ({"changeType": "valueDec", "changeThreshold": "5"}, [0, 5, 0, -4], [0, 0, 1, 0]),
        ({"changeType": "percent", "changeThreshold": "10"}, [100, 109, 120, 100], [0, 0, 1, 1]),
        ({"changeType": "percentInc", "changeThreshold": "10"}, [100, 110, 90], [0, 1, 0]),
        ({"changeType": "percentDec", "changeThreshold": "10"}, [-100, -110, -90], [0, 1, 0]),
        ({"changeType": "percent", "changeThreshold": "10"}, [0, 1, 0], [0, 1, 1]),
        ({"changeType": "value", "changeThreshold": "1"}, ["5", "7", "x", 9, None, True], [0, 1, 0, 0, 0, 0]),
        ({"changeType": "value", "changeThreshold": "0"}, [1, 1, 2], [0, 0, 1]),
    ],
)
def test_changes(config: dict[str, Any], values: list[Any], outputs: list[int]) -> None:
    assert [result.output for result in ran(values, **config)] == outputs


def test_the_value_before_and_ids() -> None:
    first, second = ran([1, 2])
    assert "was" not in first.payload
    assert second.payload["was"] == 1
    config = {"onChangeIdTemplate": "{{id}}"}
    assert [result.output for result in ran([1, 2], {"id": "a"}, **config)] == [0, 1]


def test_a_threshold_that_is_none() -> None:
    with pytest.raises(NodeFailed, match="changeThreshold must give a number from 0 up, not 'much'"):
        ran([1, 2], {"t": "much"}, changeType="value", changeThreshold="{{t}}")
    assert faults("BranchOnChangeNode", {"valuePath": "v", "changeType": "value"}) == {
        "changeThreshold": "Say by how much the value must change."
    }

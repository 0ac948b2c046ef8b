"""Storage: Set Value."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed


def stored(before: dict[str, Any], payload: dict[str, Any] | None = None, **config: Any) -> tuple[dict[str, Any], Any]:
    """Return what is stored afterwards, and what came to the result path."""
    context = FakeRunContext()
    context.storage.stored = before
    result = run(
        "StoreValueNode", {"keyName": "k-{{id}}", "resultPath": "x", **config}, payload or {"id": 1, "v": [1, {}]}, context
    )
    return context.storage.stored, result.payload["x"]


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"valueType": "template", "value": "v{{id}}"}, "v1"),
        ({"valueType": "template"}, ""),
        ({"valueType": "json", "value": '{"n": {{id}}}'}, {"n": 1}),
        ({"valueType": "number", "value": "{{id}}.5"}, 1.5),
        ({"valueType": "number", "value": 7}, 7),
        ({"valueType": "path", "value": "v"}, [1, {}]),
        ({"valueType": "path", "valuePath": "v"}, [1, {}]),
        ({"valueType": "path", "value": "nothing"}, None),
        ({"valueType": "incr", "value": "2"}, 12),
        ({"valueType": "decr", "value": "{{id}}"}, 9),
    ],
)
def test_storing(config: dict[str, Any], value: Any) -> None:
    assert stored({"k-1": 10}, **config) == ({"k-1": value}, value)


def test_clearing() -> None:
    assert stored({"k-1": 10, "other": 1}, valueType="clear") == ({"other": 1}, None)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"valueType": "incr", "value": "{{nothing}}"}, "the value must be a number, not ''"),
        ({"valueType": "number", "value": "many"}, "the value must be a number, not 'many'"),
    ],
)
def test_failures(config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        stored({}, **config)


def test_faults() -> None:
    assert faults("StoreValueNode", {"keyName": "k", "valueType": "incr"}) == {"value": "incr needs a value."}
    assert "keyName" in faults("StoreValueNode", {"keyName": "", "valueType": "clear"})

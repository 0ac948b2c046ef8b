"""Storage: Get Value."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import faults, run
from wegnology.lib.templating import TemplateError


def got(stored: dict[str, Any], payload: dict[str, Any] | None = None, **config: Any) -> Any:
    context = FakeRunContext()
    context.storage.stored = stored
    return run("GetValueNode", {"valuePath": "x", **config}, payload or {}, context).payload["x"]


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"keyName": "a-{{id}}"}, [1]),
        ({"keyName": "none"}, None),
        ({"keyName": "none", "defaultValue": "text {{id}}"}, "text 7"),
        ({"keyName": "none", "defaultValue": '{"n": {{id}}}', "defaultValueType": "json"}, {"n": 7}),
        ({"keyName": "none", "defaultValue": "deep.er", "defaultValueType": "path"}, {"y": 1}),
        ({"keyName": "zero", "defaultValue": "9"}, 0),
        ({"getAll": True}, {"a-7": [1], "zero": 0}),
    ],
)
def test_reading(config: dict[str, Any], value: Any) -> None:
    assert got({"a-7": [1], "zero": 0}, {"id": 7, "deep": {"er": {"y": 1}}}, **config) == value


def test_failures() -> None:
    with pytest.raises(TemplateError, match="did not give valid JSON"):
        got({}, keyName="none", defaultValue="{", defaultValueType="json")
    assert faults("GetValueNode", {"valuePath": "x"}) == {"keyName": "Say which key to read, or get all."}
    assert "defaultValue" in faults(
        "GetValueNode", {"valuePath": "x", "keyName": "a", "defaultValue": "{{a}}", "defaultValueType": "path"}
    )

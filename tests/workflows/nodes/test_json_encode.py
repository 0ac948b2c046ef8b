"""JSON Encode."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

CONFIG = {"source": "data", "destination": "working.text"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True], "ä": "<"}, '{"a":[1,2.5,null,true],"ä":"<"}'),
        ([35.0, {"t": -0.5}], '[35,{"t":-0.5}]'),
        ("text", '"text"'),
        (None, "null"),
    ],
)
def test_encodes(value: Any, text: str) -> None:
    assert run("JsonEncodeNode", CONFIG, {"data": value}).payload == {"data": value, "working": {"text": text}}


def test_the_whole_payload() -> None:
    assert run("JsonEncodeNode", {"source": ".", "destination": "text"}, {"a": 1}).payload == {"a": 1, "text": '{"a":1}'}


@pytest.mark.parametrize(("payload", "text"), [({}, "data has no value"), ({"data": 1 << 70}, "data cannot be written as JSON")])
def test_failures(payload: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        run("JsonEncodeNode", CONFIG, payload)


def test_faults() -> None:
    assert faults("JsonEncodeNode", {**CONFIG, "source": "a..b"}) == {
        "source": "'a..b' is not a path: it cannot be read from character 2 on"
    }

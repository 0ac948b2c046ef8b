"""JSON Decode."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from wegnology.lib.paths import MAX_DEPTH
from workflows.nodes.base import NodeFailed

CONFIG = {"source": "data.message", "destination": "working.reading"}
NOTE = {**CONFIG, "errorBehavior": "payloadPath", "errorPath": "working.error"}


def payload(message: Any) -> dict[str, Any]:
    return {"data": {"message": message}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"device": "s1", "temperature": 35}', {"device": "s1", "temperature": 35}),
        ("[1, 2.5, null]", [1, 2.5, None]),
        ('"text"', "text"),
        (" 5 ", 5),
        ('"\\u00e4\\ud83d\\ude00"', "ä😀"),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
    ],
)
def test_decodes(text: str, value: Any) -> None:
    result = run("JsonDecodeNode", CONFIG, payload(text))
    reading = result.payload["working"]["reading"]  # type: ignore[index, call-overload]
    assert reading == value or value is None
    assert result.payload["data"] == {"message": text}


def test_source_and_destination_may_be_the_same() -> None:
    config = {"source": "data.message", "destination": "data.message"}
    assert run("JsonDecodeNode", config, payload("[1]")).payload == payload([1])


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("{oops", "data.message is not valid JSON: unexpected character, expected a string key at position 1"),
        ('{"a": 1', "data.message is not valid JSON: unexpected end of data at position 7"),
        ("", "data.message is not valid JSON: "),
        ("NaN", "data.message is not valid JSON: "),
        ({"a": 1}, "data.message is an object, not text with JSON"),
        (5, "data.message is a number, not text with JSON"),
        (None, "data.message is nothing, not text with JSON"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "data.message is JSON nested more than 200 levels deep"),
        ("[" * 100_000, "data.message is not valid JSON: "),
    ],
)
def test_what_is_no_json_ends_the_run_or_is_noted(message: Any, text: str) -> None:
    with pytest.raises(NodeFailed) as caught:
        run("JsonDecodeNode", CONFIG, payload(message))
    assert str(caught.value).startswith(text)
    assert caught.value.name == "SyntaxError"
    noted = run("JsonDecodeNode", NOTE, payload(message)).payload
    assert noted == {**payload(message), "working": {"error": {"name": "SyntaxError", "message": str(caught.value)}}}


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert run("JsonDecodeNode", CONFIG, payload("[" + "[]," * 500 + "[]]"))


@pytest.mark.parametrize(
    ("config", "errors"),
    [
        ({"source": "a"}, {"destination": "This field is required."}),
        ({**CONFIG, "source": ""}, {"source": "a path is needed, such as data.message"}),
        ({**CONFIG, "errorBehavior": "payloadPath"}, {"errorPath": "A path is needed when errors go to the payload."}),
        ({**CONFIG, "errorBehavior": "ignore"}, {"errorBehavior": "Input should be 'throw' or 'payloadPath'."}),
    ],
)
def test_faults(config: dict[str, Any], errors: dict[str, str]) -> None:
    assert faults("JsonDecodeNode", config) == errors

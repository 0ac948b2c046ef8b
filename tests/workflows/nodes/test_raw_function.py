"""Function; what scripts may do is in `tests/lib/test_script_pool.py`."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import run
from wegnology.lib.paths import MAX_DEPTH
from workflows.nodes.base import NodeFailed


def done(gives: bytes, payload: dict[str, Any], **config: Any) -> tuple[Any, list[tuple[str, bytes]]]:
    context = FakeRunContext()
    context.script_gives = gives
    result = run("RawFunctionNode", {"script": "the script", **config}, payload, context)
    return result.payload, context.scripts


def test_the_payload_goes_in_and_comes_out() -> None:
    assert done(b'{"b": 2}', {"a": 1}) == ({"b": 2}, [("the script", b'{"a":1}')])


def test_a_part_of_the_payload() -> None:
    payload, scripts = done(b"[2]", {"a": {"b": 1}, "c": 3}, scopePath="a.b")
    assert payload == {"a": {"b": [2]}, "c": 3}
    assert scripts == [("the script", b"1")]
    assert done(b"null", {}, scopePath="a") == ({"a": None}, [("the script", b"null")])


@pytest.mark.parametrize(
    ("gives", "text"),
    [
        (b"5", "the script returned a number; the payload must be an object"),
        (b'"\\ud800"', "the script gave what is no JSON"),
        (b"null", "the script returned nothing; the payload must be an object"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested more than 200 levels deep"),
    ],
)
def test_what_is_no_payload(gives: bytes, text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        done(gives, {})

"""Conditional."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.exceptions import ExpressionError


@pytest.mark.parametrize(
    ("expression", "payload", "output"),
    [
        ("{{data.temperature}} > {{globals.threshold}}", {"data": {"temperature": 35}, "globals": {"threshold": 30}}, 1),
        ("{{data.temperature}} > {{globals.threshold}}", {"data": {"temperature": 29.9}, "globals": {"threshold": 30}}, 0),
        ("{{data.temperature}} > {{globals.threshold}}", {}, 0),
        ("{{data}}", {"data": {}}, 1),
        ("{{data}}", {"data": ""}, 0),
        ("!{{working.error}} && {{data.data}}", {"data": {"data": 1}}, 1),
    ],
)
def test_leaves_by_the_expression(expression: str, payload: dict[str, Any], output: int) -> None:
    assert run("ConditionalNode", {"expression": expression}, payload) == (payload, output)


@pytest.mark.parametrize(
    ("config", "errors"),
    [
        ({}, {"expression": "This field is required."}),
        ({"expression": "1 >"}, {"expression": "a value is missing: the expression ends here (character 4)"}),
        ({"expression": "1", "expresion": "2"}, {"expresion": "There is no such field."}),
    ],
)
def test_faults(config: dict[str, Any], errors: dict[str, str]) -> None:
    assert faults("ConditionalNode", config) == errors


def test_an_expression_may_fail() -> None:
    with pytest.raises(ExpressionError, match="longer than"):
        run("ConditionalNode", {"expression": "{{a}} + {{a}}"}, {"a": "x" * 3_000_000})


def test_what_goes_wrong_in_a_run_names_the_setting() -> None:
    with pytest.raises(ExpressionError, match=r"^expression: the expression failed: "):
        run("ConditionalNode", {"expression": "{{jsonDecode text}} > 1"}, {"text": "{"})

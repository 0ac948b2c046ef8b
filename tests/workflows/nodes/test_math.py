"""Math."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed


def config(*statements: tuple[str, str]) -> dict[str, Any]:
    return {"statements": [{"expression": text, "resultPath": path} for text, path in statements]}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{{c}} * 9 / 5 + 32", 212),
        ("round({{pi}} * 100) / 100", 3.14),
        ("2 ^ 10", 1024),
        ("{{text}} * 2", 14),
        ("{{c}} > 50", True),
        ("length({{list}})", 3),
        ("{{missing}}", None),
        ("min({{c}}, 3, 8)", 3),
    ],
)
def test_results(expression: str, value: Any) -> None:
    payload = {"c": 100, "pi": 3.14159, "text": "7", "list": [1, 2, 3]}
    assert run("MathNode", config((expression, "working.x")), payload).payload == {**payload, "working": {"x": value}}


def test_statements_see_earlier_results() -> None:
    result = run("MathNode", config(("{{a}} + 1", "b"), ("{{b}} * 2", "a")), {"a": 1})
    assert result.payload == {"a": 4, "b": 2}


@pytest.mark.parametrize("expression", ["1 / 0", "{{missing}} + 1", "sqrt(-1)", "log(0)"])
def test_what_is_not_a_finite_number_ends_the_run(expression: str) -> None:
    with pytest.raises(NodeFailed, match="is not a finite number"):
        run("MathNode", config((expression, "x")), {})


def test_faults_name_the_statement() -> None:
    found = faults("MathNode", config(("1 +", "x"), ("1", "")))
    assert set(found) == {"statements.0.expression", "statements.1.resultPath"}
    assert faults("MathNode", {"statements": []}) == {"statements": "List should have at least 1 item after validation, not 0."}

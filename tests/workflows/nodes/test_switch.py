"""Switch."""

from typing import Any

import pytest

from tests.workflows.nodes import build, faults, run


def config(switch: str, *cases: str) -> dict[str, Any]:
    return {"switchTemplate": switch, "cases": [{"caseTemplate": case, "caseLabel": f"is {case}"} for case in cases]}


@pytest.mark.parametrize(
    ("switch", "cases", "output"),
    [
        ("{{kind}}", ("alarm", "ok"), 1),
        ("{{kind}}", ("ok", "alarm"), 2),
        ("{{kind}}", ("ok", "fine"), 0),
        ("{{kind}}", (), 0),
        ("{{kind}}", ("alarm", "alarm"), 1),
        ("{{n}}", ("5",), 1),
        ("{{flag}}", ("true",), 1),
        ("{{missing}}", ("",), 1),
        ("{{html}}", ("<b>",), 1),
        ("{{n}}", ("{{other}}",), 1),
    ],
)
def test_the_first_equal_case_decides(switch: str, cases: tuple[str, ...], output: int) -> None:
    payload = {"kind": "alarm", "n": 5, "other": 5.0, "flag": True, "html": "<b>"}
    assert run("SwitchNode", config(switch, *cases), payload) == (payload, output)


def test_an_output_for_each_case_beside_the_default() -> None:
    assert build("SwitchNode", config("x", "a", "b")).outputs == ("default", "case 0", "case 1")


def test_faults_name_the_case() -> None:
    assert faults("SwitchNode", config("{{a}}", "ok", "{{#if b}}")) == {
        "cases.1.caseTemplate": "the block is not closed: {{/if}} is missing (line 1, column 1)"
    }
    assert faults("SwitchNode", config("x", *["a"] * 100)) == {
        "cases": "List should have at most 99 items after validation, not 100."
    }

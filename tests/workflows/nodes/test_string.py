"""String."""

from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed


def done(method: str, source: str, *arguments: Any, payload: dict[str, Any] | None = None) -> Any:
    config = {"sourceData": source, "method": method, "methodArgs": [*arguments], "resultPath": "x"}
    return run("StringNode", config, payload or {}).payload["x"]


@pytest.mark.parametrize(
    ("method", "source", "arguments", "result"),
    [
        ("split", "a,b,,c", [","], ["a", "b", "", "c"]),
        ("split", "abc", [""], ["a", "b", "c"]),
        ("replaceFirst", "a-b-c", ["-", "+"], "a+b-c"),
        ("replaceAll", "a-b-c", ["-", "+"], "a+b+c"),
        ("replaceAll", "a.b", [".", "x"], "axb"),
        ("replaceAll", "abc", ["", "x"], "abc"),
        ("indexOf", "hello", ["l"], 2),
        ("indexOf", "hello", ["l", "3"], 3),
        ("indexOf", "hello", ["z"], -1),
        ("toUpper", "straße", [], "STRASSE"),
        ("toLower", "ABC", [], "abc"),
        ("trim", "  a b ", [], "a b"),
        ("trimStart", "  a ", [], "a "),
        ("trimEnd", " a  ", [], " a"),
        ("toNumber", " 12.5 ", [], 12.5),
        ("toNumber", "0x10", [], 16),
        ("toNumber", "twelve", [], None),
        ("concat", "a", ["b", "c"], "abc"),
        ("pad", "ab", [6, "-"], "--ab--"),
        ("pad", "ab", [5, "-"], "-ab--"),
        ("padStart", "7", [3, "0"], "007"),
        ("padStart", "abc", [2, "0"], "abc"),
        ("padEnd", "ab", [5, "xy"], "abxyx"),
        ("padEnd", "ab", [4], "ab  "),
        ("truncate", "a long sentence", [9], "a long..."),
        ("truncate", "short", [9], "short"),
        ("truncate", "a long sentence", [8, "…"], "a long …"),
        ("truncate", "x" * 40, [0], "x" * 27 + "..."),
    ],
)
def test_methods(method: str, source: str, arguments: list[Any], result: Any) -> None:
    assert done(method, source, *arguments) == result


def test_source_and_arguments_are_templates_that_escape_nothing() -> None:
    assert done("split", "{{text}}", "{{between}}", payload={"text": "<a>&<b>", "between": "&"}) == ["<a>", "<b>"]


@pytest.mark.parametrize(
    ("method", "source", "arguments", "text"),
    [
        ("padStart", "a", ["1001"], "the length must be a number up to 1000, not '1001'"),
        ("padStart", "a", ["much"], "the length must be a number up to 1000, not 'much'"),
        ("truncate", "a", ["Infinity"], "the length must be a number"),
        ("indexOf", "a", ["a", "{{missing}}"], "the position to search from must be a number"),
        ("replaceAll", "a" * 5000, ["a", "b" * 1000], "longer than"),
    ],
)
def test_failures(method: str, source: str, arguments: list[str], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        done(method, source, *arguments)


def test_faults() -> None:
    config = {"sourceData": "a", "method": "split", "methodArgs": [], "resultPath": "x"}
    assert faults("StringNode", config) == {"methodArgs": "split takes 1 to 1 arguments, here are 0."}
    assert faults("StringNode", {**config, "method": "toUpper", "methodArgs": ["a"]}) == {
        "methodArgs": "toUpper takes no arguments, here are 1."
    }

"""Mutate."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import build, faults, run
from wegnology.lib.paths import PathError
from wegnology.lib.templating import TemplateError
from workflows.nodes.base import NodeFailed


def rule(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": kind, **fields}


def put(destination: str, template: str, kind: str = "string") -> dict[str, Any]:
    return rule("set", destination=destination, valueTemplate=template, valueTemplateType=kind)


DATA = {"data": {"a": 1.0, "list": [1, 2], "text": "<b>"}}
TABLE: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("set text", [put("working.x", "v={{data.a}}")], {**DATA, "working": {"x": "v=1"}}),
    ("set escapes", [put("x", "{{data.text}}|{{{data.text}}}")], {**DATA, "x": "&lt;b&gt;|<b>"}),
    ("set number", [put("x", "{{data.a}}", "json")], {**DATA, "x": 1}),
    ("set object", [put("x", '{"l": {{jsonEncode data.list}}, "t": true}', "json")], {**DATA, "x": {"l": [1, 2], "t": True}}),
    (
        "set constants",
        [put("x", " 5 ", "json"), put("y", "null", "json"), put("z", "")],
        {**DATA, "x": 5, "y": None, "z": ""},
    ),
    ("set is text by default", [rule("set", destination="x", valueTemplate="5")], {**DATA, "x": "5"}),
    ("set everything", [put(".", '{"a": 1}', "json")], {"a": 1}),
    ("rules see earlier ones", [put("x", "1"), put("y", "{{x}}2")], {**DATA, "x": "1", "y": "12"}),
    ("remove", [rule("remove", source="data.list")], {"data": {"a": 1.0, "text": "<b>"}}),
    (
        "remove an element",
        [rule("remove", source="data.list.[0]"), rule("remove", source="data.text")],
        {"data": {"a": 1.0, "list": [2]}},
    ),
    ("remove nothing", [rule("remove", source="no.such")], DATA),
    ("remove all", [rule("remove", source=".")], {}),
    ("copy", [rule("copy", source="data.list", destination="l"), rule("remove", source="data")], {"l": [1, 2]}),
    ("copy is deep", [rule("copy", source="data.list", destination="l"), put("l.[0]", "9", "json")], {**DATA, "l": [9, 2]}),
    ("copy what is missing", [put("x", "1"), rule("copy", source="no", destination="x")], DATA),
    ("move", [rule("move", source="data.list", destination="l")], {"data": {"a": 1.0, "text": "<b>"}, "l": [1, 2]}),
    ("move into itself", [rule("move", source="data", destination="data.data")], {"data": {"data": DATA["data"]}}),
    ("move what is missing", [rule("move", source="no", destination="data.a")], {"data": {"list": [1, 2], "text": "<b>"}}),
]


@pytest.mark.parametrize(("rules", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_rules(rules: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert run("MutateNode", {"rules": rules}, DATA) == (expected, 0)


@pytest.mark.parametrize(
    ("rules", "errors"),
    [
        ([], {"rules": "List should have at least 1 item after validation, not 0."}),
        ([rule("put")], {"rules.0.type": "Input should be 'set', 'remove', 'copy' or 'move'."}),
        ([rule("remove", source="a", path="b")], {"rules.0.path": "There is no such field."}),
        (
            [put("a", "{{#if b}}"), rule("copy", source="{{a}}", destination="b")],
            {
                "rules.0.valueTemplate": "the block is not closed: {{/if}} is missing (line 1, column 1)",
                "rules.1.source": "'{{a}}' is a template; a path is written without braces, such as data.message",
            },
        ),
        ([rule("set", valueTemplate="1")], {"rules.0.destination": "a path is needed, such as data.message"}),
    ],
)
def test_faults(rules: list[dict[str, Any]], errors: dict[str, str]) -> None:
    assert faults("MutateNode", {"rules": rules}) == errors


@pytest.mark.parametrize(
    ("one", "error", "text"),
    [
        (put("x", "{{data.text}}", "json"), TemplateError, "did not give valid JSON"),
        (put("data.a.b", "1"), PathError, "data.a is a number: nothing can be set inside it"),
        (put(".", "1"), PathError, "the whole payload can only be replaced by an object, not by text"),
    ],
)
def test_failures(one: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        run("MutateNode", {"rules": [one]}, DATA)


def test_what_one_run_sets_is_not_what_the_next_one_gets() -> None:
    node = build("MutateNode", {"rules": [put("x", "[1]", "json"), put("x.[0]", "2", "json")]})
    first, _ = node.run({}, FakeRunContext())
    assert node.run({}, FakeRunContext()) == ({"x": [2]}, 0)
    first["x"].append(3)
    assert node.run({}, FakeRunContext()) == ({"x": [2]}, 0)


def test_a_constant_that_is_no_json_fails_the_run() -> None:
    with pytest.raises(TemplateError, match=r"^rules\.0\.valueTemplate: the template did not give valid JSON"):
        run("MutateNode", {"rules": [put("x", "{", "json")]}, DATA)


def test_a_payload_cannot_be_doubled_without_end() -> None:
    doubling = [rule("copy", source=".", destination=f"k{n}") for n in range(100)]
    with pytest.raises(NodeFailed, match="copy more than 100000 values"):
        run("MutateNode", {"rules": doubling}, {"a": 1})


def test_a_payload_cannot_be_nested_without_end() -> None:
    deep = ".".join("a" * 50)
    with pytest.raises(NodeFailed, match="more than 200 levels deep"):
        run("MutateNode", {"rules": [rule("move", source="a", destination=deep)] * 5}, {"a": {}})
    assert run("MutateNode", {"rules": [rule("move", source="a", destination=deep)] * 4}, {"a": {}})


def test_a_text_cannot_be_doubled_without_end() -> None:
    with pytest.raises(TemplateError, match="more than"):
        run("MutateNode", {"rules": [put("a", "{{a}}{{a}}")] * 100}, {"a": "x"})


def test_what_goes_wrong_in_a_run_names_the_setting() -> None:
    bad = put("x", "{{jsonDecode data.text}}")
    with pytest.raises(TemplateError, match=r"^rules\.1\.valueTemplate: this is not valid JSON"):
        run("MutateNode", {"rules": [put("y", "1"), bad]}, DATA)
    with pytest.raises(TemplateError, match=r"^rules\.0\.valueTemplate: the template did not give valid JSON"):
        run("MutateNode", {"rules": [put("x", "{{data.text}}", "json")]}, DATA)

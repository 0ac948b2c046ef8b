"""Validate Payload."""

import json
from typing import Any

import pytest

from tests.workflows.nodes import Result, faults, run
from workflows.nodes.base import NodeFailed

READING = {
    "type": "object",
    "required": ["device"],
    "properties": {"device": {"type": "string", "pattern": "^s[0-9]+$"}, "list": {"type": "array", "uniqueItems": True}},
    "patternProperties": {"^n_": {"type": "number", "maximum": 10}},
    "additionalProperties": False,
}


def checked(value: Any, schema: Any = READING, **config: Any) -> Result:
    settings = {"schema": json.dumps(schema), "toValidatePath": "value", "errorsPath": "errors", **config}
    return run("ValidatePayloadNode", settings, {"value": value, "rule": schema})


@pytest.mark.parametrize(
    "value",
    [{"device": "s1"}, {"device": "s12", "n_a": 3, "list": [1, "1", [1], {"a": 1}, True, None]}, {"device": "s0", "list": []}],
)
def test_valid(value: Any) -> None:
    result = checked(value)
    assert result.output == 1
    assert "errors" not in result.payload


@pytest.mark.parametrize(
    ("value", "place", "rule"),
    [
        ({}, "instance", "required"),
        ([], "instance", "type"),
        ({"device": "x"}, "instance.device", "pattern"),
        ({"device": 1}, "instance.device", "type"),
        ({"device": "s1", "n_a": 11}, "instance.n_a", "maximum"),
        ({"device": "s1", "other": 1}, "instance", "additionalProperties"),
        ({"device": "s1", "list": [{"a": 1}, {"a": 1.0}]}, "instance.list", "uniqueItems"),
    ],
)
def test_invalid_says_where_and_why(value: Any, place: str, rule: str) -> None:
    result = checked(value)
    assert result.output == 0
    errors: Any = result.payload["errors"]
    assert [(error["property"], error["name"]) for error in errors] == [(place, rule)]
    assert errors[0]["message"]


def test_a_place_in_an_array() -> None:
    result = checked([1, "a"], {"type": "array", "items": {"type": "number"}})
    assert result.payload["errors"] == [{"property": "instance[1]", "message": "'a' is not of type 'number'", "name": "type"}]


def test_the_schema_may_be_in_the_payload_and_the_value_the_payload() -> None:
    at_path = {"schemaType": "path", "schema": "rule", "toValidatePath": "value"}
    assert run("ValidatePayloadNode", at_path, {"value": {"device": "s1"}, "rule": READING}).output == 1
    assert run("ValidatePayloadNode", at_path, {"value": {}, "rule": READING}).output == 0
    assert run("ValidatePayloadNode", {"schema": '{"required": ["a"]}'}, {"a": 1}).output == 1


def test_references_inside_the_schema() -> None:
    tree = {
        "definitions": {"t": {"properties": {"t": {"$ref": "#/definitions/t"}}, "required": ["n"]}},
        "$ref": "#/definitions/t",
    }
    assert checked({"n": 1, "t": {"n": 2}}, tree).output == 1
    assert checked({"n": 1, "t": {}}, tree).output == 0


@pytest.mark.parametrize(
    ("value", "schema", "text"),
    [
        (
            1,
            {"$ref": "http://127.0.0.1:1/schema.json"},
            "the schema refers to 'http://127.0.0.1:1/schema.json', which is not in it",
        ),
        (1, {"definitions": {"a": {"$ref": "#/definitions/a"}}, "$ref": "#/definitions/a"}, "refers to itself without end"),
        ("a" * 5000 + "b", {"pattern": "(?:a|aa|a?a)+$"}, "took longer than"),
    ],
)
def test_failures(value: Any, schema: Any, text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        checked(value, schema)


def test_a_schema_in_the_payload_that_is_none() -> None:
    with pytest.raises(NodeFailed, match="the schema cannot be used: a schema is an object, this is nothing"):
        run("ValidatePayloadNode", {"schemaType": "path", "schema": "none"}, {})


def test_faults() -> None:
    assert faults("ValidatePayloadNode", {"schema": '{"type": '})["schema"].startswith("This is not valid JSON: ")
    assert (
        "is not valid under any of the given schemas" in faults("ValidatePayloadNode", {"schema": '{"type": "thing"}'})["schema"]
    )
    assert "is not a 'regex'" in faults("ValidatePayloadNode", {"schema": '{"pattern": "("}'})["schema"]
    assert faults("ValidatePayloadNode", {"schema": "[]"}) == {"schema": "a schema is an object, this is an array."}


def test_a_schema_that_branches_without_end() -> None:
    """Each definition asks twice for the next: 2^40 ways, none of which fits."""
    definitions: dict[str, Any] = {f"d{at}": {"anyOf": [{"$ref": f"#/definitions/d{at + 1}"}] * 2} for at in range(40)}
    definitions["d40"] = {"not": {}}
    with pytest.raises(NodeFailed, match="validating took longer than 1 s"):
        checked({}, {"definitions": definitions, "$ref": "#/definitions/d0"})

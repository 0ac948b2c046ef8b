"""Generate ID."""

import re
import uuid
from typing import Any

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed

DNS = str(uuid.NAMESPACE_DNS)


def made(payload: dict[str, Any] | None = None, **config: Any) -> str:
    value = run("GenerateIdNode", {"destinationPath": "id", **config}, payload or {}).payload["id"]
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("uuidv1", r"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("uuidv4", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        (" UUIDv4 ", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("objectId", r"[0-9a-f]{24}"),
        ("nanoid", r"[A-Za-z0-9_-]{21}"),
        ("{{kind}}", r"[0-9a-f]{24}"),
    ],
)
def test_kinds(kind: str, form: str) -> None:
    ids = {made({"kind": "objectId"}, idTypeTemplate=kind) for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(form, text) for text in ids)


def test_uuidv1_does_not_tell_the_address_of_the_machine() -> None:
    nodes = {uuid.UUID(made(idTypeTemplate="uuidv1")).node for _ in range(5)}
    assert uuid.getnode() not in nodes
    assert all(node >> 40 & 1 for node in nodes)  # the bit that says: not an address


@pytest.mark.parametrize(("kind", "make"), [("uuidv3", uuid.uuid3), ("uuidv5", uuid.uuid5)])
def test_named_ids_are_always_the_same(kind: str, make: Any) -> None:
    config = {"idTypeTemplate": kind, "namespaceTemplate": DNS, "valueTemplate": "{{host}}"}
    assert made({"host": "example.com"}, **config) == str(make(uuid.NAMESPACE_DNS, "example.com"))


def test_length_of_a_nanoid() -> None:
    assert len(made(idTypeTemplate="nanoid", numCharactersTemplate="256")) == 256
    assert len(made({"n": 5}, idTypeTemplate="nanoid", numCharactersTemplate="{{n}}")) == 5


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"idTypeTemplate": "uuid"}, "there is no kind of id 'uuid'"),
        ({"idTypeTemplate": "uuidv5", "namespaceTemplate": DNS}, "valueTemplate gave an empty text"),
        ({"idTypeTemplate": "uuidv3", "valueTemplate": "x", "namespaceTemplate": "dns"}, "must give a UUID, not 'dns'"),
        ({"idTypeTemplate": "nanoid", "numCharactersTemplate": "0"}, "from 1 to 256, not '0'"),
        ({"idTypeTemplate": "nanoid", "numCharactersTemplate": "1.5"}, "from 1 to 256, not '1.5'"),
        ({"idTypeTemplate": "nanoid", "numCharactersTemplate": "many"}, "from 1 to 256, not 'many'"),
    ],
)
def test_failures(config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=re.escape(text)):
        made(**config)


def test_faults() -> None:
    assert faults("GenerateIdNode", {"destinationPath": ""}) == {"destinationPath": "a path is needed, such as data.message"}

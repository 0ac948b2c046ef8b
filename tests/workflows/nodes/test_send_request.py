"""Output nodes that send by request, shown by a connector of the test's own."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from pydantic import Field

from integrations.connectors.base import Connector, Delivery
from integrations.events import EventKind
from integrations.exceptions import SendFailed
from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import finished
from wegnology.lib.outgoing import Content, Pairs, Scalar, Setting
from wegnology.lib.schema import ConfigInvalid, Schema, Templated
from wegnology.lib.templating import TemplateError
from wegnology.lib.types import JSONObject
from workflows.nodes.base import NodeFailed
from workflows.nodes.send import SendNode, send_node


class ParcelConfig(Schema):
    """Settings of `ParcelConnector`."""

    depot: Templated[str]
    token: Templated[str | None] = None


class ParcelOutgoing(Schema):
    """A parcel to send."""

    data: Annotated[str, Content("data")] = Field(description="What is in it.")
    note: Annotated[str, Content("note", ("jsonTemplate", "payloadPath"))] = Field("", description="A note.")
    labels: Annotated[dict[str, Scalar], Pairs("label", most=2)] = Field({}, description="What stands on it.")
    group: Templated[str | None] = Field(None, min_length=1, description="With which it goes.")


class ParcelDirect(Schema):
    """A depot of the node's own."""

    credential_name: Templated[str | None] = None
    token: Templated[str | None] = None
    depot: Annotated[Templated[str | None], Setting("depot")] = None


class ParcelConnector(Connector[ParcelConfig, ParcelOutgoing]):
    """Speaks nothing at all."""

    name = "parcel"
    label = "Parcel"
    Config = ParcelConfig
    Outgoing = ParcelOutgoing
    Direct = ParcelDirect
    direct_ways = (("credentialName", "depot"), ("token", "depot"))
    send_node = "ParcelSendNode"
    payloads = dict.fromkeys(EventKind, dict)

    async def connect(self) -> JSONObject:
        return {}

    async def receive(self) -> Sequence[Delivery]:
        return []

    async def probe(self) -> None: ...

    async def close(self) -> None: ...


ParcelNode = send_node(ParcelConnector)
PAYLOAD: dict[str, Any] = {
    "data": {"text": "<b>", "object": {"a": 1}, "number": 2.0, "flat": {"n": 1, "s": "x"}, "token": "a&b=<", "none": None}
}


def build(**config: Any) -> SendNode:
    return ParcelNode(ParcelNode.Config.resolve(config, {}))


def run(context: FakeRunContext, /, **config: Any) -> JSONObject:
    return asyncio.run(finished(build(**config), dict(PAYLOAD), context)).payload


def message(**config: Any) -> JSONObject:
    context = FakeRunContext()
    run(context, integrationId="i2", **config)
    [(integration_id, sent)] = context.sent
    assert integration_id == "i2"
    return sent


def test_has_exactly_the_declared_settings() -> None:
    assert list(ParcelNode.Config.fields()) == [
        "integrationId",
        "credentialNameTemplate",
        "tokenTemplate",
        "depot",
        "dataMethod",
        "dataTemplate",
        "dataPayloadPath",
        "noteMethod",
        "noteTemplate",
        "notePayloadPath",
        "labelMethod",
        "labelFields",
        "labelTemplate",
        "labelPayloadPath",
        "groupTemplate",
        "resultPath",
    ]
    assert ParcelNode.needs_task


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"dataTemplate": "{{data.number}}"}, {"data": "2"}),
        ({"dataTemplate": "not used", "dataMethod": "payloadPath", "dataPayloadPath": "data.text"}, {"data": "<b>"}),
        ({"dataMethod": "payloadPath", "dataPayloadPath": "data.object"}, {"data": '{"a":1}'}),
        ({"dataMethod": "payloadPath", "dataPayloadPath": "data.number"}, {"data": "2.0"}),
        ({"dataTemplate": "x", "noteTemplate": '{"n": {{data.number}}}'}, {"data": "x", "note": '{"n":2}'}),
        ({"dataTemplate": "x", "groupTemplate": "{{data.missing}}"}, {"data": "x"}),
        ({"dataTemplate": "x", "groupTemplate": "g{{data.number}}"}, {"data": "x", "group": "g2"}),
        (
            {"dataTemplate": "x", "labelFields": [{"keyTemplate": "k{{data.number}}", "valueTemplate": "{{data.number}}"}]},
            {"data": "x", "labels": {"k2": "2"}},
        ),
        (
            {"dataTemplate": "x", "labelMethod": "jsonTemplate", "labelTemplate": '{"n": 1, "s": "{{data.flat.s}}"}'},
            {"data": "x", "labels": {"n": 1, "s": "x"}},
        ),
        (
            {"dataTemplate": "x", "labelMethod": "payloadPath", "labelPayloadPath": "data.flat"},
            {"data": "x", "labels": {"n": 1, "s": "x"}},
        ),
        (
            {"dataTemplate": "x", "labelMethod": "payloadPath", "labelPayloadPath": "data.missing"},
            {"data": "x", "labels": {}},
        ),
    ],
)
def test_renders(config: dict[str, Any], expected: JSONObject) -> None:
    assert message(**config) == expected


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"dataTemplate": "{{data.missing}}"}, "dataTemplate gave an empty text"),
        ({"dataMethod": "payloadPath", "dataPayloadPath": "data.none"}, "dataPayloadPath gave an empty text"),
        ({"dataTemplate": "x", "labelFields": [{"keyTemplate": "{{data.no}}"}]}, r"labelFields\[0\].keyTemplate gave an empty"),
        ({"dataTemplate": "x", "labelMethod": "payloadPath", "labelPayloadPath": "data"}, "flat object: 'object' is an object"),
        ({"dataTemplate": "x", "labelMethod": "payloadPath", "labelPayloadPath": "data.text"}, "an object of names"),
        ({"dataTemplate": "x", "labelMethod": "jsonTemplate", "labelTemplate": '{"a":1,"b":2,"c":3}'}, "gave 3 names; at most 2"),
    ],
)
def test_what_does_not_fit_fails_the_node(config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        message(resultPath="working.sent", **config)


def test_a_template_that_gives_no_json_fails_the_node() -> None:
    with pytest.raises(TemplateError, match="valid JSON"):
        message(dataTemplate="x", noteTemplate="{", resultPath="working.sent")


@pytest.mark.parametrize(
    ("config", "errors"),
    [
        ({"integrationId": "i2"}, {"dataTemplate": "This field is required."}),
        ({"integrationId": "i2", "dataMethod": "payloadPath"}, {"dataPayloadPath": "This field is required."}),
        (
            {"dataTemplate": "x"},
            {"integrationId": "Choose an integration, or give credentialNameTemplate with depot or tokenTemplate with depot."},
        ),
        ({"dataTemplate": "x", "tokenTemplate": "t"}, {"depot": "Needed beside tokenTemplate."}),
        (
            {"integrationId": "i2", "dataTemplate": "{{x", "groupTemplate": "{{y"},
            {
                "dataTemplate": "the tag is not closed: }} is missing (line 1, column 1)",
                "groupTemplate": "the tag is not closed: }} is missing (line 1, column 1)",
            },
        ),
        (
            {"integrationId": "i2", "dataTemplate": "x", "labelFields": [{"keyTemplate": "{{x"}]},
            {"labelFields.0.keyTemplate": "the tag is not closed: }} is missing (line 1, column 1)"},
        ),
        ({"integrationId": "i2", "dataTemplate": "x", "data": "x"}, {"data": "There is no such field."}),
        ({"integrationId": "i2", "dataTemplate": "x", "dataMethod": "other"}, {"dataMethod": None}),
        ({"integrationId": "i2", "dataTemplate": "x", "resultPath": "{{x}}"}, {"resultPath": None}),
    ],
)
def test_faults(config: dict[str, Any], errors: dict[str, str | None]) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        build(**config)
    assert caught.value.errors.keys() == errors.keys()
    assert {name: text for name, text in caught.value.errors.items() if errors[name] is not None} == {
        name: text for name, text in errors.items() if text is not None
    }


def test_a_login_of_its_own_is_rendered_as_it_is_and_hidden() -> None:
    context = FakeRunContext()
    run(context, dataTemplate="x", tokenTemplate="{{data.token}}", depot="d{{data.number}}")
    [(login, sent)] = context.sent_directly
    assert (login.connector, login.settings, login.credential_name) == ("parcel", {"token": "a&b=<", "depot": "d2"}, "")
    assert sent == {"data": "x"}
    assert "a&b" not in repr(login)


def test_a_credential_goes_before_entered_values() -> None:
    context = FakeRunContext()
    run(context, dataTemplate="x", credentialNameTemplate="Ours", tokenTemplate="t", depot="d")
    [(login, _)] = context.sent_directly
    assert (login.settings, login.credential_name) == ({"depot": "d"}, "Ours")


def test_a_login_that_comes_out_empty_fails_the_node() -> None:
    with pytest.raises(NodeFailed, match="tokenTemplate gave an empty text"):
        run(FakeRunContext(), dataTemplate="x", tokenTemplate="{{data.missing}}", depot="d", resultPath="working.sent")


def test_the_answer_stands_at_the_result_path() -> None:
    context = FakeRunContext()
    context.answer = {"success": True, "id": "7"}
    assert run(context, integrationId="i2", dataTemplate="x", resultPath="working.sent")["working"] == {"sent": context.answer}
    assert run(context, integrationId="i2", dataTemplate="x") == PAYLOAD


def test_a_refusal_of_the_service_stands_at_the_result_path_or_fails_the_node() -> None:
    refusing = FakeRunContext(fail_send=SendFailed("too heavy"))
    payload = run(refusing, integrationId="i2", dataTemplate="x", resultPath="working.sent")
    assert payload["working"] == {"sent": {"success": False, "error": {"message": "too heavy"}}}
    with pytest.raises(NodeFailed, match="too heavy") as caught:
        run(refusing, integrationId="i2", dataTemplate="x")
    assert caught.value.name == "SendFailed"


def test_what_is_wrong_on_our_side_fails_the_node_even_with_a_result_path() -> None:
    with pytest.raises(NodeFailed, match="disabled"):
        run(FakeRunContext(fail_send=NodeFailed("it is disabled")), integrationId="i2", dataTemplate="x", resultPath="r")

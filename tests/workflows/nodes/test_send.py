"""The output nodes made from connectors, shown by a connector of the test's own."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import Field

from integrations.connectors.base import Connector, Delivery
from integrations.events import EventKind
from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import finished
from wegnology.lib.eager import start
from wegnology.lib.schema import ConfigInvalid, Schema, Templated
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, NodeFailed
from workflows.nodes.send import SendNode, register_send_nodes, send_node


class PostConfig(Schema):
    """Settings of `PostConnector`: none."""


class PostOutgoing(Schema):
    """A message to post."""

    topic: Templated[str] = Field(min_length=1, max_length=100, description="Where to.")
    message: Templated[str] = ""
    qos: int = Field(default=1, ge=0, le=2, description="How sure.")
    retain: bool = False
    time_to_live: Templated[int | None] = None


class PostConnector(Connector[PostConfig, PostOutgoing]):
    """Speaks nothing at all."""

    name = "post"
    label = "Post"
    Config = PostConfig
    Outgoing = PostOutgoing
    send_node = "PostMessageNode"
    sends_live = True
    payloads = dict.fromkeys(EventKind, dict)

    async def connect(self) -> JSONObject:
        return {}

    async def receive(self) -> Sequence[Delivery]:
        return []

    async def probe(self) -> None: ...

    async def close(self) -> None: ...


class MuteConnector(PostConnector):
    """Cannot send."""

    name = "mute"
    Outgoing = None  # type: ignore[assignment]
    send_node = ""


PostNode = send_node(PostConnector)


def build(config: dict[str, Any]) -> SendNode:
    return PostNode(PostNode.Config.resolve(config, {}))


def sent(config: dict[str, Any], payload: dict[str, Any]) -> tuple[str, JSONObject]:
    context = FakeRunContext()
    outcomes: list[Any] = []
    assert start(finished(build(config), payload, context), outcomes.append) is None
    assert outcomes == [(payload, 0)]
    (only,) = context.sent
    return only


def test_is_made_from_the_declaration() -> None:
    assert (PostNode.name, PostNode.label, PostNode.category, PostNode.__name__) == (
        "PostMessageNode",
        "Post",
        Category.OUTPUT,
        "PostMessageNode",
    )
    assert list(PostNode.Config.fields()) == [
        "integrationId",
        "topicTemplate",
        "messageTemplate",
        "qos",
        "retain",
        "timeToLiveTemplate",
    ]


PAYLOAD: dict[str, Any] = {"data": {"topic": "demo/out", "to": "i9", "n": 1.0, "text": "<b>"}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"integrationId": "i2", "topicTemplate": "{{data.topic}}/{{data.n}}"},
            ("i2", {"topic": "demo/out/1", "qos": 1, "retain": False}),
        ),
        (
            {
                "integrationId": "{{data.to}}",
                "topicTemplate": "t",
                "messageTemplate": '{"a": {{jsonEncode data.text}}}',
                "qos": 2,
                "retain": True,
                "timeToLiveTemplate": "60",
            },
            ("i9", {"topic": "t", "message": '{"a": "<b>"}', "qos": 2, "retain": True, "timeToLive": "60"}),
        ),
        (
            {"integrationId": "i2", "topicTemplate": "t", "messageTemplate": "{{data.missing}}"},
            ("i2", {"topic": "t", "message": "", "qos": 1, "retain": False}),
        ),
    ],
)
def test_renders_and_sends(config: dict[str, Any], expected: tuple[str, JSONObject]) -> None:
    assert sent(config, PAYLOAD) == expected
    PostOutgoing.model_validate(expected[1])


@pytest.mark.parametrize(
    ("config", "errors"),
    [
        ({"integrationId": "i2"}, {"topicTemplate": "This field is required."}),
        (
            {"integrationId": "losant", "topicTemplate": "t"},
            {"integrationId": "Choose an integration: this hub has no broker of its own."},
        ),
        ({"topicTemplate": "t"}, {"integrationId": "Choose an integration: this hub has no broker of its own."}),
        ({"integrationId": "i2", "topicTemplate": "t", "qos": 3}, {"qos": "Input should be less than or equal to 2."}),
        (
            {"integrationId": "i2", "topicTemplate": "{{t"},
            {"topicTemplate": "the tag is not closed: }} is missing (line 1, column 1)"},
        ),
        ({"integrationId": "i2", "topicTemplate": "t", "topic": "t"}, {"topic": "There is no such field."}),
    ],
)
def test_faults(config: dict[str, Any], errors: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        build(config)
    assert caught.value.errors == errors


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"integrationId": "i2", "topicTemplate": "{{data.missing}}"}, "topicTemplate gave an empty text"),
        ({"integrationId": "{{data.missing}}", "topicTemplate": "t"}, "integrationId gave an empty text"),
    ],
)
def test_what_is_required_must_not_be_empty(config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        finished(build(config), PAYLOAD, FakeRunContext()).send(None)


def test_a_message_that_waits_for_its_connection_is_sent_at_once() -> None:
    context = FakeRunContext(queues=True)
    result = build({"integrationId": "{{data.to}}", "topicTemplate": "t/{{data.to}}", "qos": 1}).run(
        {"data": {"to": "i7"}}, context
    )
    assert result == ({"data": {"to": "i7"}}, 0)
    assert context.sent == [("i7", {"topic": "t/i7", "qos": 1, "retain": False})]


def test_a_refused_send_fails_the_node() -> None:
    context = FakeRunContext(fail_send=NodeFailed("the integration is disabled"))
    with pytest.raises(NodeFailed, match="disabled"):
        finished(build({"integrationId": "i2", "topicTemplate": "t"}), PAYLOAD, context).send(None)


class AskingConnector(PostConnector):
    """Waits for the outcome of a send."""

    name = "asking"
    send_node = "AskNode"
    send_waits = True


def test_a_node_that_waits_for_the_outcome_gets_a_task_of_its_own() -> None:
    assert send_node(AskingConnector).needs_task
    assert not PostNode.needs_task


def test_what_cannot_send_has_no_node() -> None:
    register_send_nodes([MuteConnector])
    with pytest.raises(ValueError, match="mute cannot send"):
        send_node(MuteConnector)

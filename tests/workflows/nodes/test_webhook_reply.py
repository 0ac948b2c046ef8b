"""Webhook Reply: what it answers, and what it refuses to say."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.nodes.base import NodeFailed, nodes

PAYLOAD: JSONObject = {"data": {"replyId": "w.1", "name": "<Jane>", "list": [1, {"a": None}]}}


def made(**config: Any) -> Any:
    node_class = nodes.get("WebhookReplyNode")
    return node_class(node_class.Config.resolve(config, {}))


def reply(**config: Any) -> JSONObject:
    context = FakeRunContext()
    asyncio.run(made(**config).run(dict(PAYLOAD), context))
    ((reply_id, answer),) = context.starts.replies
    assert reply_id == "w.1"
    return answer


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"status": 200, "headers": [], "body": ""}),
        ({"bodyTemplate": "Hello {{data.name}}"}, {"status": 200, "headers": [], "body": "Hello <Jane>"}),
        ({"bodyTemplate": "data.list", "bodyTemplateType": "path"}, {"status": 200, "headers": [], "body": '[1,{"a":null}]'}),
        ({"bodyTemplate": "data.none", "bodyTemplateType": "path"}, {"status": 200, "headers": [], "body": ""}),
        ({"responseCodeTemplate": "404"}, {"status": 404, "headers": [], "body": ""}),
        ({"responseCodeTemplate": "teapot"}, {"status": 200, "headers": [], "body": ""}),
        ({"responseCodeTemplate": "100"}, {"status": 200, "headers": [], "body": ""}),
        (
            {"headerInfo": [{"keyTemplate": "X-{{data.replyId}}", "valueTemplate": "{{data.name}}"}]},
            {"status": 200, "headers": [["X-w.1", "<Jane>"]], "body": ""},
        ),
    ],
)
def test_it_answers(config: JSONObject, expected: JSONObject) -> None:
    assert reply(**config) == expected


@pytest.mark.parametrize(
    "header",
    [
        {"keyTemplate": "Set-Cookie", "valueTemplate": "sessionid=1"},
        {"keyTemplate": "content-security-policy", "valueTemplate": "none"},
        {"keyTemplate": "Transfer-Encoding", "valueTemplate": "chunked"},
        {"keyTemplate": "X Y", "valueTemplate": "1"},
        {"keyTemplate": "X-Two", "valueTemplate": "a\r\nSet-Cookie: b"},
        {"keyTemplate": "X-Name", "valueTemplate": "\u00e4"},
    ],
)
def test_headers_that_are_not_the_workflows_to_say_are_refused(header: JSONObject) -> None:
    with pytest.raises(NodeFailed) as caught:
        reply(headerInfo=[header])
    assert caught.value.name == "HeaderInvalid"


def test_a_body_that_is_too_large_fails() -> None:
    payload: JSONObject = {"data": {"replyId": "w.1", "text": "x" * 300_000}}
    with pytest.raises(NodeFailed, match="262144 bytes"):
        asyncio.run(made(bodyTemplate="{{data.text}}").run(payload, FakeRunContext()))


def test_without_a_reply_id_it_says_what_to_do() -> None:
    with pytest.raises(NodeFailed, match="must be set to wait for a reply"):
        asyncio.run(made(replyIdPath="data.other").run(dict(PAYLOAD), FakeRunContext()))


def test_a_reply_that_nobody_waits_for_is_shown_and_fails_nothing() -> None:
    context = FakeRunContext()
    context.starts.waits = False
    asyncio.run(made().run(dict(PAYLOAD), context))
    assert "Nobody waits" in context.debugged[0][0]


def test_it_speaks_no_websocket() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        made(isWebsocketMessage=True)
    assert caught.value.errors.keys() == {"isWebsocketMessage"}

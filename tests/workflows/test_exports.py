"""Workflows as exports of the original product hold them: keys, blanks and numbers as seen there, in shortened workflows."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import build
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.graph import Graph
from workflows.http_call import HttpAnswer

CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("DebugNode", {"message": "", "property": ""}),
    ("DebugNode", {"level": "verbose", "message": "Seen", "property": "working.seen"}),
    ("AnnotationNode", {}),
    ("ConditionalNode", {"expression": "{{working.answer.body.[Level Now]}} > 0.5 && {{length data.list}} > 0"}),
    ("ConditionalNode", {"expression": "!{{working.error}} && {{data.data}} && !!{{data.replyId}}"}),
    ("ConditionalNode", {"expression": "{{working.result.error}} === undefined"}),
    ("MutateNode", {"rules": [{"destination": "working.key", "type": "set", "valueTemplate": "{{working.items.[0].kind}}-x"}]}),
    ("MutateNode", {"rules": [{"destination": "a", "type": "set", "valueTemplate": "No.", "valueTemplateType": "string"}]}),
    ("MutateNode", {"rules": [{"destination": "a.b", "source": "working.c", "type": "copy"}]}),
    ("RawFunctionNode", {"scopePath": "", "script": "payload.working ??= {};"}),
    ("RawFunctionNode", {"script": "payload.working = {};"}),
    ("LoopNode", {"currentItemPath": "working.item", "loopSourcePath": "working.items", "mapResultPath": "", "parallel": False}),
    ("LoopCapNode", {"loopNodeId": "l", "mapValuePath": "", "shouldBreak": False}),
    ("ThrottleNode", {"ratePerMinute": 2, "throttleIdTemplate": "", "timeSincePath": ""}),
    (
        "LatchNode",
        {
            "branchPath": "",
            "isLatchedPath": "",
            "latchExpression": "{{working.answer.body.[Level Now]}} === 1",
            "latchIdTemplate": "{{device.id}}",
            "latchResultPath": "",
            "resetExpression": "{{working.answer.body.level}} === 0",
            "resetResultPath": "",
            "wasLatchedPath": "",
        },
    ),
    (
        "HttpNode",
        {
            "authCredentials": {},
            "authType": "none",
            "bodyTemplate": '{\n  "Data":[ {{jsonEncode data}} ]\n}',
            "caCertTemplate": "",
            "disableSSLVerification": False,
            "encodingTemplate": "utf8",
            "errorBehavior": "payloadPath",
            "errorPath": "working.answer",
            "headerInfo": [{"key": "Content-Type", "valueTemplate": "application/json"}],
            "method": "POST",
            "requestEncodingTemplate": "utf8",
            "responsePath": "working.answer",
            "timeoutTemplate": "",
            "uriTemplate": "{{globals.service}}",
        },
    ),
    ("DelayNode", {"delay": 5}),
    ("RandomNumberNode", {"min": "0", "max": "10", "resultPath": "working.n"}),
    ("GenerateIdNode", {"idTypeTemplate": "uuidv4", "destinationPath": "working.id"}),
    ("JsonDecodeNode", {"source": "data", "destination": "data", "errorBehavior": "payloadPath", "errorPath": "working.error"}),
    ("StoreValueNode", {"keyName": "{{globals.prefix}}{{data.id}}", "valueType": "clear", "resultPath": ""}),
    ("StoreValueNode", {"keyName": "k", "valueType": "path", "value": "working.clients"}),
    ("GetValueNode", {"getAll": True, "valuePath": "working.all"}),
    ("SwitchNode", {"switchTemplate": "{{data.type}}", "cases": [{"caseTemplate": "a", "caseLabel": "A", "dontBreak": False}]}),
    ("ArrayNode", {"sourceArrayPath": "working.urls", "destArrayPath": "", "rules": [{"type": "compact"}]}),
]


@pytest.mark.parametrize(("kind", "config"), CONFIGS, ids=lambda value: value if isinstance(value, str) else "")
def test_settings_as_exports_hold_them(kind: str, config: dict[str, Any]) -> None:
    build(kind, config)


def place(name: str, kind: str, config: Any, outputs: list[list[str]], label: str, group: str = "") -> JSONObject:
    """Return a node with all that the canvas keeps beside it."""
    meta: JSONObject = {"category": "logic", "description": "", "label": label, "name": kind.lower(), "x": 40, "y": 140}
    if group:
        meta["groupId"] = group
    return {"id": name, "type": kind, "config": config, "meta": meta, "outputIds": outputs}


def trigger(*targets: str) -> JSONObject:
    return {
        "type": "integration",
        "key": "i",
        "config": {"message": True},
        "meta": {"category": "trigger", "label": "MQTT", "uiId": "BmZ"},
        "outputIds": [list(targets)],
    }


def test_ask_a_service_and_raise_an_alarm_once() -> None:
    """Throttle, HTTP with its error in the place of the answer, Conditional, Latch: outlined after a template on predictions."""
    context = FakeRunContext()
    context.http_gives = HttpAnswer(200, {}, b'{"Level Now": 1}', {}, 3)
    named = dict(reversed(CONFIGS))
    nodes = [
        place("t", "ThrottleNode", named["ThrottleNode"], [[], ["h"]], "Throttle"),
        place("h", "HttpNode", named["HttpNode"], [["c"]], "Ask"),
        place("c", "ConditionalNode", {"expression": "{{working.answer.statusCode}} === 200"}, [["no"], ["l"]], "200?"),
        place("l", "LatchNode", named["LatchNode"], [[], ["yes"]], "Latch"),
        place("yes", "DebugNode", {"message": "", "property": ""}, [], "Debug"),
        place("no", "DebugNode", {"message": "It failed.", "property": ""}, [], "Debug"),
        place("note", "AnnotationNode", {}, [], "Note"),
    ]
    graph = Graph.parse([trigger("t")], nodes)

    async def once(payload: JSONObject) -> list[str]:
        return (await engine.run(graph.triggers("integration", "i")[0], payload, context)).path

    message: JSONObject = {"data": {"n": 1}, "globals": {"service": "https://example.com"}, "device": {"id": "d"}}
    assert asyncio.run(once(message)) == ["t", "h", "c", "l", "yes"]
    assert context.calls[0].body == b'{\n  "Data":[ {"n":1} ]\n}'
    assert context.calls[0].headers == {"Content-Type": "application/json"}
    context.storage.now_ms += 60_000
    assert asyncio.run(once({**message, "working": {}})) == ["t", "h", "c", "l"]


def test_a_list_worked_on_item_by_item() -> None:
    """Mutate, Function, Loop with its Next, Array: outlined after a template on a queue of requests."""
    context = FakeRunContext()
    loop = {"currentItemPath": "working.item", "loopSourcePath": "data.items", "mapResultPath": "working.urls", "parallel": False}
    rule = {"destination": "working.url", "type": "set", "valueTemplate": "{{working.item.value}}"}
    nodes = [
        place("l", "LoopNode", loop, [["a"], ["m"]], "Loop"),
        place("m", "MutateNode", {"rules": [rule]}, [["cap"]], "Mutate", "l"),
        place("cap", "LoopCapNode", {"loopNodeId": "l", "mapValuePath": "working.url", "shouldBreak": False}, [], "Next", "l"),
        place("a", "ArrayNode", {"sourceArrayPath": "working.urls", "rules": [{"type": "compact"}]}, [["d"]], "Array"),
        place("d", "DebugNode", {"message": "", "property": "working.urls"}, [], "Debug"),
    ]
    graph = Graph.parse([trigger("l")], nodes)

    async def story() -> None:
        await engine.run(graph.triggers("integration", "i")[0], {"data": {"items": ["x", "", "y"]}}, context)

    asyncio.run(story())
    assert context.debugged == [("", ["x", "y"], "verbose")]

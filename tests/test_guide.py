"""What docs/guide.md shows is what happens."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from integrations.events import EventKind, TriggerEvent
from integrations.runtime.keys import partition_of
from tests.workflows.fakes import FakeRunContext
from wegnology.applications.models import Application
from wegnology.lib.paths import Path as PayloadPath
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.catalog import Catalog, Known
from workflows.expressions import compile_expression
from workflows.flight import payload_of
from workflows.graph import Graph
from workflows.http_call import HttpAnswer
from workflows.models import Workflow, WorkflowVersion
from workflows.nodes.base import NodeFailed
from workflows.trace import Trace

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "guide.md").read_text()


def shown() -> list[Any]:
    """Return what the first blocks of JSON hold: triggers, nodes, and the payload."""
    return _blocks(GUIDE)[:3]


def _blocks(text: str) -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def run_workflow(message: str) -> list[tuple[str, Any]]:
    triggers, nodes, payload = shown()
    [trigger] = Graph.parse(triggers, nodes).triggers("integration", triggers[0]["key"])
    context = FakeRunContext()
    payload["data"]["message"] = message
    asyncio.run(engine.run(trigger, payload, context))
    return context.sent


def test_the_workflow_does_what_the_guide_says() -> None:
    [(integration_id, message)] = run_workflow('{"temperature": 31, "vent": "closed"}')
    assert integration_id == shown()[0][0]["key"]
    assert message["topic"] == "greenhouse/alerts"
    assert f"gives `{message['message']}`" in GUIDE
    assert run_workflow('{"temperature": 31, "vent": "open"}') == []


def test_the_example_of_debugging_shows_what_the_guide_says() -> None:
    [look] = _blocks(GUIDE.partition("## What a workflow did")[2].partition("\n## ")[0])
    triggers, nodes, payload = shown()
    nodes[0]["outputIds"] = [[look["id"]]]
    [trigger] = Graph.parse(triggers, [*nodes, look]).triggers("integration", triggers[0]["key"])
    context, trace = FakeRunContext(), Trace()
    payload["data"]["message"] = '{"temperature": 31, "vent": "Closed"}'
    asyncio.run(engine.run(trigger, payload, context, trace))
    assert context.sent == []
    assert (trace.path[-1], trace.visits[-1][3]) == ("compare", 0)
    [(_, value, _)] = context.debugged
    assert f"the value appears: `{json.dumps(value, separators=(',', ':'))}`" in GUIDE


def test_the_example_of_the_nodes_does_what_the_guide_says() -> None:
    [nodes] = _blocks(GUIDE.partition("### Nodes")[2].partition("\n## ")[0])
    trigger: JSONObject = {"type": "integration", "key": "i", "outputIds": [["slow"]]}
    [compiled] = Graph.parse([trigger], nodes).triggers("integration", "i")
    context = FakeRunContext()
    for risk in ("0.5", "0.9", "0.95", "0.1", "0.9"):
        context.http_gives = HttpAnswer(200, {}, f'{{"risk": {risk}}}'.encode(), {}, 5)
        asyncio.run(engine.run(compiled, {"working": {"climate": {"temperature": 31}}}, context))
        context.storage.now_ms += 30_000
    context.http_gives = NodeFailed("nobody there", "ConnectionError")
    asyncio.run(engine.run(compiled, {}, context))
    assert [message["message"] for _, message in context.sent] == ['{"risk": 0.9}', '{"risk": 0.9}']
    assert context.calls[0].body == b'{"reading":{"temperature":31}}'
    assert len(context.calls) == 6


@pytest.mark.django_db(transaction=True)
def test_a_payload_begins_as_the_guide_says() -> None:
    triggers, nodes, payload = shown()
    integration_id = triggers[0]["key"]
    application = Application.objects.create(id=payload["applicationId"], name=payload["applicationName"])
    for key, value in payload["globals"].items():
        application.globals.create(key=key, value=value)
    workflow = Workflow.objects.create(id=payload["flowId"], name=payload["flowName"], application=application)
    WorkflowVersion.objects.create(workflow=workflow, triggers=triggers, nodes=nodes)
    catalog = Catalog()
    catalog.refresh()
    known = Known(integration_id, application.pk, partition_of(integration_id), True, None, None, "Greenhouse broker")
    [match] = catalog.match(known, EventKind.MESSAGE)
    event = TriggerEvent("0" * 24, EventKind.MESSAGE, 1_769_862_011_460, payload["data"])
    assert payload_of(match.plan, known, event, own_copy=False) == payload


def test_the_expressions_of_the_guide_mean_something() -> None:
    section = GUIDE.partition("### Expressions")[2].partition("## ")[0]
    whole = [text for text in re.findall(r"`([^`]+)`", section) if "{{" in text or text.startswith("1 +")]
    payload = shown()[2] | {"working": {"climate": {"vent": "closed"}, "list": [1, 2, 3, 4]}}
    assert len(whole) >= 4
    for text in whole:
        assert compile_expression(text).is_true(payload), text


def test_the_paths_of_the_guide_can_be_read() -> None:
    line = next(line for line in GUIDE.splitlines() if line.startswith("`time` is when"))
    after = GUIDE.partition(line)[2].partition("\n\n")[0]
    paths = [text for text in re.findall(r"`([^`]+)`", line + after) if text not in ("time", "data")]
    assert len(paths) >= 4
    for text in paths:
        PayloadPath.parse(text)

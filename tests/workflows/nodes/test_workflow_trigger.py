"""Workflow Trigger: what it asks for, and what it makes of settings, payloads and times."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Button, NodeFailed, nodes

TARGET = {"triggerWorkflowId": "w1", "triggerVirtualButtonId": "w1-k"}


def made(**config: Any) -> Any:
    node_class = nodes.get("WorkflowTriggerNode")
    return node_class(node_class.Config.resolve(config, {}))


def run(context: FakeRunContext, payload: JSONObject, **config: Any) -> JSONObject:
    return asyncio.run(made(**config).run(payload, context))[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("config", "data"),
    [
        ({"payloadTemplate": '{"n": {{data.n}}}'}, {"n": 3}),
        ({"payloadTemplate": "n is {{data.n}} & more", "payloadTemplateType": "string"}, "n is 3 & more"),
        ({"payloadTemplate": "data", "payloadTemplateType": "path"}, {"n": 3}),
        ({}, {}),
    ],
)
def test_it_starts_a_run_with_its_payload(config: JSONObject, data: object) -> None:
    context = FakeRunContext()
    payload = run(context, {"data": {"n": 3}}, **TARGET, **config, flowVersionTemplate="v{{data.n}}", resultPath="working.r")
    assert context.starts.started == [(Button("w1", "w1-k", "v3"), data)]
    assert payload["working"] == {"r": {"runId": "run1"}}


@pytest.mark.parametrize("version", ["", "default"])
def test_the_default_version_is_the_one_that_triggers_fire(version: str) -> None:
    context = FakeRunContext()
    run(context, {}, **TARGET, flowVersionTemplate=version)
    assert context.starts.started[0][0].version == ""


@pytest.mark.parametrize(
    ("config", "ms"),
    [
        ({"secondsTemplate": "{{data.s}}"}, 2_500),
        ({"secondsTemplate": 60}, 60_000),
        ({"scheduling": "absolute", "dateTemplate": "2023-11-14T22:13:30Z"}, 10_000),
        ({"scheduling": "absolute", "dateTemplate": "2023-11-14T22:13:30"}, 10_000),
        ({"scheduling": "absolute", "dateTemplate": "1700000005000"}, 5_000),
        ({"scheduling": "absolute", "dateTemplate": "2001-01-01T00:00:00Z"}, 0),
    ],
)
def test_it_schedules(config: JSONObject, ms: int) -> None:
    context = FakeRunContext()
    payload = run(context, {"data": {"s": 2.5}}, **TARGET, behavior="schedule", resultPath="r", **config)
    assert context.starts.scheduled["run1"][2] - context.now_ms() == ms
    assert payload["r"] == {"runId": "run1"}


@pytest.mark.parametrize("config", [{"secondsTemplate": "soon"}, {"secondsTemplate": "-1"}, {"secondsTemplate": "1e12"}])
def test_a_time_that_is_none_fails(config: JSONObject) -> None:
    with pytest.raises(NodeFailed, match="seconds must be a number"):
        run(FakeRunContext(), {}, **TARGET, behavior="schedule", **config)


@pytest.mark.parametrize(("text", "fault"), [("tomorrow", "ISO 8601"), ("2999-01-01T00:00:00Z", "a year ahead")])
def test_a_date_that_is_none_or_too_far_fails(text: str, fault: str) -> None:
    with pytest.raises(NodeFailed, match=fault):
        run(FakeRunContext(), {}, **TARGET, behavior="schedule", scheduling="absolute", dateTemplate=text)


def test_it_takes_back() -> None:
    context = FakeRunContext()
    run(context, {}, **TARGET, behavior="schedule", secondsTemplate="9")
    cancel = {"behavior": "cancel", "runIdTemplate": "{{r}}", "resultPath": "out"}
    assert run(context, {"r": "run1"}, **cancel)["out"] == {"runId": "run1", "cancelled": True}
    assert run(context, {"r": "run1"}, **cancel)["out"] == {"runId": "run1", "cancelled": False}


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({}, {"triggerWorkflowId", "triggerVirtualButtonId"}),
        ({**TARGET, "behavior": "schedule"}, {"secondsTemplate"}),
        ({**TARGET, "behavior": "schedule", "scheduling": "absolute"}, {"dateTemplate"}),
        ({"behavior": "cancel"}, {"runIdTemplate"}),
        ({**TARGET, "payloadTemplate": "{{#if"}, {"payloadTemplate"}),
    ],
)
def test_what_is_missing_is_named(config: JSONObject, fields: set[str]) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        made(**config)
    assert caught.value.errors.keys() == fields

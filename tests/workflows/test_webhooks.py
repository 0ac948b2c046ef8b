"""Webhooks: who is let in, what a workflow finds, how it answers. With a real Redis, and a real engine where a run is needed."""

import json
import threading
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from integrations.events import TriggerEvent
from tests import factories
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import free_port, wait_until
from tests.workflows.harness import Worker, World, step
from tests.workflows.test_starts import fires, key_of, take
from wegnology.applications.records import TrashEntry
from wegnology.applications.resealing import sealed_columns
from wegnology.applications.restoring import restore
from workflows import webhook_calls
from workflows.models import ParkedRun, Webhook, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


def hooked(*nodes: Any, **config: Any) -> Workflow:
    """Create a workflow with a webhook."""
    steps = list(nodes) or [step("s", note="w")]
    return factories.workflow(factories.application(), triggers=[fires("webhook", str(steps[0]["id"]), **config)], nodes=steps)


def address(row: Workflow) -> str:
    return f"/webhooks/{Webhook.objects.get(workflow=row).token()}"


def only_event(hub: Hub, row: Workflow) -> TriggerEvent:
    (entry,) = hub.inbox(row.pk)
    return TriggerEvent.from_json(entry.stored)


@pytest.fixture
def web() -> Client:
    """A client that no session and no form token help; forms are checked as in production."""
    return Client(enforce_csrf_checks=True, raise_request_exception=True)


def test_a_call_is_accepted_and_run(hub: Hub, world: World, web: Client) -> None:
    row = hooked()
    answer = web.post(address(row) + "/a/b?x=1&y=2&y=3", {"number": 4}, content_type="application/json", headers={"X-Sign": "s"})
    assert (answer.status_code, set(answer.json())) == (202, {"id"})
    event = only_event(hub, row)
    assert event.id == answer.json()["id"]
    assert event.data["body"] == {"number": 4}
    assert (event.data["method"], event.data["path"], event.data["query"]) == ("post", "/a/b", {"x": "1", "y": ["2", "3"]})
    assert event.data["headers"]["x-sign"] == "s"  # type: ignore[index,call-overload]
    assert event.data["headers"]["x-forwarded-for"] == "127.0.0.1"  # type: ignore[index,call-overload]
    assert event.origin is not None
    assert event.origin[:4] == ("webhook", key_of(row), "public", "0" * 24)
    assert "replyId" not in event.data
    with Worker() as worker:
        take(worker, row)
        wait_until(lambda: hub.line(row.pk).finished == 1)
    assert world.seen == [("w", 0)]


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b"", "", {"body": None}),
        (b"{no", "application/json", {"body": "{no"}),
        (b"NaN", "application/json", {"body": "NaN"}),
        (b'{"a":1}', "application/cloudevents+json; charset=utf-8", {"body": {"a": 1}}),
        (b"a=1&b=2&b=3", "application/x-www-form-urlencoded", {"body": {"a": "1", "b": ["2", "3"]}}),
        (b"plain", "text/plain", {"body": "plain"}),
        (b"\xff\x00", "application/octet-stream", {"body": "/wA=", "encoding": "base64"}),
    ],
)
def test_bodies(hub: Hub, web: Client, body: bytes, kind: str, found: dict[str, Any]) -> None:
    row = hooked()
    assert web.generic("PUT", address(row), body, content_type=kind).status_code == 202
    data = only_event(hub, row).data
    assert {name: data[name] for name in found} == found
    assert data["method"] == "put"


@pytest.mark.parametrize(("config", "seen"), [({}, "********"), ({"passAuthorization": True}, "Bearer s3cret")])
def test_secrets_of_the_caller_stay_out_of_payloads(hub: Hub, web: Client, config: dict[str, Any], seen: str) -> None:
    row = hooked(**config)
    web.get(address(row), headers={"Authorization": "Bearer s3cret", "Cookie": "sessionid=1"})
    headers = only_event(hub, row).data["headers"]
    assert isinstance(headers, dict)
    assert (headers["authorization"], "cookie" in headers) == (seen, False)


def test_who_does_not_know_the_address_is_told_nothing(hub: Hub, web: Client) -> None:
    row = hooked()
    known = Webhook.objects.get()
    gone = address(row)
    known.rotate()
    for wrong in (gone, "/webhooks/x", f"/webhooks/{known.pk}", f"/webhooks/{known.digest}", "/webhooks/" + "y" * 43):
        answer = web.post(wrong)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "There is no such webhook.")
    assert hub.line(row.pk).received == 0
    assert web.post(address(row)).status_code == 202


def test_the_token_lies_sealed_and_takes_part_in_a_change_of_keys(hub: Hub) -> None:
    row = hooked()
    known = Webhook.objects.get()
    token = known.token()
    assert len(token) >= 43
    assert token not in json.dumps(Webhook.objects.values().get(), default=str) + repr(known) + str(known)
    assert token not in json.dumps(row.versions.get().triggers)
    assert any(column.model is Webhook for column in sealed_columns())


def test_a_restored_workflow_has_the_same_address(hub: Hub, web: Client) -> None:
    row = hooked()
    before = address(row)
    row.delete()
    assert web.post(before).status_code == 404
    restore(TrashEntry.objects.get().pk)
    assert web.post(before).status_code == 202


def test_each_version_and_workflow_keeps_its_keys(hub: Hub) -> None:
    row = hooked()
    triggers = row.versions.get().triggers
    copy = factories.workflow(row.application, name="Copy", triggers=triggers, nodes=[step("s")])
    factories.version(row, name="v1", triggers=triggers, nodes=[step("s")])
    assert row.versions.get(name="v1").triggers == triggers
    assert key_of(copy) != key_of(row)
    assert Webhook.objects.count() == 2
    triggers = [fires("webhook", key_="5f1c2d3e4f5a6b7c8d9e0f1a")]
    brought = factories.workflow(row.application, name="Brought", triggers=triggers, nodes=[step("s")])
    assert key_of(brought) == "5f1c2d3e4f5a6b7c8d9e0f1a"


def test_too_many_calls_and_too_large_ones_are_turned_away(hub: Hub, web: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = hooked()
    large = web.post(address(row), b"x" * (webhook_calls.MOST_BODY_BYTES + 1), content_type="text/plain")
    assert large.status_code == 413
    assert web.options(address(row)).status_code == 405
    monkeypatch.setattr(webhook_calls, "WINDOW_SECONDS", 10_000_000)  # one window for the whole test
    monkeypatch.setattr(webhook_calls, "MOST_CALLS", 3)
    statuses = [web.post(address(row)) for _ in range(5)]
    assert [answer.status_code for answer in statuses] == [202, 202, 202, 429, 429]
    assert int(statuses[-1].headers["Retry-After"]) > 0
    assert hub.line(row.pk).received == 3


def test_what_cannot_be_taken_is_said(hub: Hub, web: Client, settings: Settings) -> None:
    row = hooked()
    assert web.post(address(row), headers={"X-Flow-Version": "v9"}).status_code == 404
    settings.INBOX_EVENTS = 1
    assert web.post(address(row)).status_code == 202
    full = web.post(address(row))
    assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert web.post(address(row)).status_code == 503
    row.enabled = False
    row.save()


class TestReplies:
    """Calls that wait for the workflow's answer."""

    @pytest.fixture(autouse=True)
    def _quick(self, settings: Settings) -> None:
        settings.WEBHOOK_REPLY_SECONDS = 15.0

    def node(self, **config: Any) -> dict[str, Any]:
        return {"id": "r", "type": "WebhookReplyNode", "config": config, "meta": {}, "outputIds": [["s"]]}

    def test_the_workflow_answers(self, hub: Hub, world: World, web: Client) -> None:
        header = {"keyTemplate": "Content-Type", "valueTemplate": "text/html"}
        node = self.node(responseCodeTemplate="201", bodyTemplate="<b>{{data.body.name}}</b>", headerInfo=[header])
        row = hooked(node, step("s", note="after"), waitForReply=True)
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: worker.catalog.own(row.application_id).plan(row.pk) is not None)
            taking = threading.Timer(0.3, take, (worker, row))
            taking.start()
            answer = web.post(address(row), {"name": "Jane"}, content_type="application/json")
            taking.join()
            wait_until(lambda: hub.line(row.pk).finished == 1)
        assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (201, b"<b>Jane</b>", "text/html")
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert world.seen == [("after", 0)]

    def test_no_answer_in_time_is_said_and_the_call_still_runs(self, hub: Hub, web: Client, settings: Settings) -> None:
        settings.WEBHOOK_REPLY_SECONDS = 1.0
        row = hooked(self.node(), step("s"), waitForReply=True)
        answer = web.post(address(row))
        assert answer.status_code == 504
        assert "was accepted" in answer.json()["error"]["message"]
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).finished == 1)

    def test_an_error_trigger_can_answer_for_a_run_that_failed(self, hub: Hub, web: Client) -> None:
        reply = {
            **self.node(responseCodeTemplate="500", bodyTemplate="sorry: {{data.errorInfo.error.message}}"),
            "outputIds": [[]],
        }
        triggers = [fires("webhook", "s", waitForReply=True), fires("flowError", "r")]
        row = factories.workflow(factories.application(), triggers=triggers, nodes=[step("s", fail="too hot"), reply])
        with Worker() as worker:
            taking = threading.Timer(0.3, take, (worker, row))
            taking.start()
            answer = web.post(address(row))
            taking.join()
        assert (answer.status_code, answer.content) == (500, b"sorry: too hot")
        assert ParkedRun.objects.get().error_message == "too hot"

    def test_only_so_many_wait_at_a_time(self, hub: Hub, web: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.web._places", threading.BoundedSemaphore(1))
        from workflows import web as door

        row = hooked(self.node(), step("s"), waitForReply=True)
        assert door._places.acquire(blocking=False)
        assert web.post(address(row)).status_code == 503
        assert hub.line(row.pk).received == 0

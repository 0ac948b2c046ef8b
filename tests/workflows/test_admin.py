"""Workflows and parked runs in the admin."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration
from integrations.runtime.keys import key
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Role
from wegnology.lib.types import JSONObject
from workflows.models import ParkedRun, Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]

ADD = reverse("admin:workflows_workflow_add")
PARKED = reverse("admin:workflows_parkedrun_changelist")
DEBUG_NODE = {"id": "show", "type": "DebugNode", "config": {"message": "hello"}, "outputIds": [[]]}


@pytest.fixture
def source() -> Integration:
    """An integration."""
    return factories.integration(integration_type="lamp", config=CONFIG, topics=())


def typed(of: Application, **changes: Any) -> dict[str, str]:
    """Return a filled form; lists and objects are written as JSON."""
    filled = {"application": of.pk, "name": "Alert", "enabled": "on", "triggers": [], "nodes": [], "globals": {}}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in {**filled, **changes}.items()}


def faults(response: Any) -> dict[str, list[str]]:
    """Return the faults that a page shows, by field."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def change(row: Workflow) -> str:
    """Return the address of a workflow's page."""
    return reverse("admin:workflows_workflow_change", args=[row.pk])


def parked(source: Integration, **fields: Any) -> ParkedRun:
    """Create a parked run."""
    event = TriggerEvent("a" * 24, EventKind.MESSAGE, 1, {"message": "<b>"})
    values = {
        "application": source.application,
        "integration_id": source.pk,
        "event_id": event.id,
        "event": event.to_json().decode(),
        "reason": "failed",
        "error_name": "Error",
        "error_message": "Not JSON: line 1.",
        "node_id": "decode",
        "node_label": "Decode",
        "payload": '{"data": {"cut',
        "created_at": timezone.now(),
    }
    return ParkedRun.objects.create(**{**values, **fields})


class TestWorkflows:
    def test_saving_writes_the_develop_version(self, admin_client: Client, source: Integration) -> None:
        triggers = [factories.trigger(source, ["show"])]
        response = admin_client.post(ADD, typed(source.application, triggers=triggers, nodes=[DEBUG_NODE], globals={"a": 1}))
        assert response.status_code == 302, faults(response)
        version = WorkflowVersion.objects.get()
        assert (version.name, version.triggers, version.nodes, version.globals) == ("develop", triggers, [DEBUG_NODE], {"a": 1})

    def test_a_change_raises_the_revision_and_keeps_one_develop(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source)
        before = Application.objects.get(pk=source.application_id).revision
        admin_client.post(change(row), typed(source.application, nodes=[DEBUG_NODE]))
        assert WorkflowVersion.objects.get().nodes == [DEBUG_NODE]
        assert Application.objects.get(pk=source.application_id).revision > before

    @pytest.mark.parametrize(
        ("changes", "field", "said"),
        [
            ({"nodes": '[{"id": 1,]'}, "nodes", "Line 1, column"),
            ({"nodes": {}}, "nodes", "This must be a list"),
            ({"globals": []}, "globals", "This must be an object"),
            ({"nodes": [{"id": "a", "type": "NoNode"}]}, "nodes", "nodes[0].type: There is no 'NoNode'"),
            (
                {"triggers": [{"type": "integration", "outputIds": [["gone"]]}]},
                "triggers",
                "triggers[0].outputIds[0][0]:",
            ),
            ({"save_as_version": "develop"}, "save_as_version", "cannot be called develop"),
        ],
    )
    def test_faults_name_their_place(
        self, admin_client: Client, source: Integration, changes: dict[str, Any], field: str, said: str
    ) -> None:
        response = admin_client.post(ADD, typed(source.application, **changes))
        assert said in faults(response)[field][0]
        assert not Workflow.objects.exists()

    def test_every_fault_is_shown_at_once(self, admin_client: Client, source: Integration) -> None:
        nodes = [{"id": "a", "type": "NoNode"}, {"id": "b", "type": "NoNode"}]
        response = admin_client.post(ADD, typed(source.application, nodes=nodes))
        assert [text.split(":")[0] for text in faults(response)["nodes"]] == ["nodes[0].type", "nodes[1].type"]

    def test_a_named_version_is_kept_and_can_be_made_live(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source)
        admin_client.post(change(row), typed(source.application, nodes=[DEBUG_NODE], save_as_version="v1"))
        named = WorkflowVersion.objects.get(name="v1")
        assert named.nodes == [DEBUG_NODE]
        admin_client.post(change(row), typed(source.application, default_version=named.pk))
        named.refresh_from_db()
        row.refresh_from_db()
        assert named.nodes == [DEBUG_NODE]
        assert row.default_version == named
        response = admin_client.post(change(row), typed(source.application, save_as_version="v1"))
        assert "versions never change" in faults(response)["save_as_version"][0]

    def test_a_version_of_another_workflow_cannot_be_live(self, admin_client: Client, source: Integration) -> None:
        row, other = factories.workflow(source), factories.workflow(source, name="Other")
        foreign = factories.version(other, name="v1")
        response = admin_client.post(change(row), typed(source.application, default_version=foreign.pk))
        assert "default_version" in faults(response)

    def test_the_page_names_sources_and_dead_triggers(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source, triggers=[factories.trigger(source), {"type": "integration", "key": "f" * 24}])
        html = admin_client.get(change(row)).content.decode()
        assert f'/integration/{source.pk}/change/">{source.name}</a>' in html
        assert "this trigger never fires" in html

    def test_deleting_a_workflow_takes_its_versions(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source)
        admin_client.post(reverse("admin:workflows_workflow_delete", args=[row.pk]), {"post": "yes"})
        assert not WorkflowVersion.objects.exists()


class TestParked:
    def test_the_list_names_what_failed(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source, name="Alert")
        parked(source, workflow_id=row.pk)
        html = admin_client.get(PARKED).content.decode()
        assert "Alert" in html
        assert source.name in html
        assert "Not JSON: line 1." in html
        assert "Decode (decode)" in html

    def test_the_list_narrows_by_workflow(self, admin_client: Client, source: Integration) -> None:
        row = factories.workflow(source, name="Alert")
        parked(source, workflow_id=row.pk, error_message="Mine")
        parked(source, workflow_id="f" * 24, error_message="Another")
        html = admin_client.get(f"{PARKED}?workflow_id={row.pk}").content.decode()
        assert "Mine" in html
        assert "Another" not in html
        html = admin_client.get(f"{PARKED}?integration_id={source.pk}").content.decode()
        assert "Mine" in html

    def test_the_page_shows_event_and_payload_even_when_cut(self, admin_client: Client, source: Integration) -> None:
        row = parked(source)
        html = admin_client.get(reverse("admin:workflows_parkedrun_change", args=[row.pk])).content.decode()
        assert "&lt;b&gt;" in html
        assert "{&quot;data&quot;: {&quot;cut" in html
        assert "Replay" in html

    def test_replay_puts_the_event_back(self, admin_client: Client, source: Integration, redis_here: RedisServer) -> None:
        flow = factories.workflow(source)
        row = parked(source, workflow_id=flow.pk)
        response = admin_client.post(reverse("admin:workflows_parkedrun_replay", args=[row.pk]), follow=True)
        assert "1 run is on the way again." in response.content.decode()
        with redis_here.client() as client:
            ((_, entry),) = client.xrange(key("inbox", source.pk))
        assert TriggerEvent.from_json(entry[b"e"]).replay_of == flow.pk
        assert not ParkedRun.objects.exists()

    def test_without_redis_nothing_is_replayed(self, admin_client: Client, source: Integration, settings: Settings) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        row = parked(source)
        response = admin_client.post(reverse("admin:workflows_parkedrun_replay", args=[row.pk]), follow=True)
        assert "Nothing was replayed: Redis cannot be reached" in response.content.decode()
        assert ParkedRun.objects.exists()

    def test_replay_needs_its_permission_and_a_post(self, client: Client, source: Integration) -> None:
        row = parked(source)
        client.force_login(factories.person("viewer", source.application, Role.VIEWER))
        address = reverse("admin:workflows_parkedrun_replay", args=[row.pk])
        assert client.get(address).status_code == 405
        assert client.post(address).status_code == 403
        page = client.get(reverse("admin:workflows_parkedrun_change", args=[row.pk])).content.decode()
        assert address not in page
        assert ParkedRun.objects.exists()

    def test_who_may_only_look_is_told_of_no_form(self, client: Client, source: Integration) -> None:
        page = reverse("admin:workflows_workflow_change", args=[factories.workflow(source.application).pk])
        for role, told in ((Role.VIEWER, False), (Role.EDITOR, True)):
            client.force_login(factories.person(role.value, source.application, role))
            html = client.get(page).content.decode()
            for words in ("what you save below", "Keep, compare and choose versions", "Add a trigger to"):
                assert (words in html) == told

    def test_parked_runs_go_with_their_application(self, admin_client: Client, source: Integration) -> None:
        parked(source)
        address = reverse("admin:applications_application_delete", args=[source.application_id])
        assert admin_client.post(address, {"post": "yes"}).status_code == 302
        assert not ParkedRun.objects.exists()


class TestTriggers:
    """Buttons and webhooks on a workflow's page."""

    @pytest.fixture
    def row(self) -> Workflow:
        triggers: list[JSONObject] = [
            {"type": "virtualButton", "meta": {"label": "Open it", "payload": '{"angle": 30}'}, "outputIds": [[]]},
            {"type": "webhook", "outputIds": [[]]},
            {"type": "timer", "config": {"seconds": 90}, "outputIds": [[]]},
            {"type": "flowError", "config": {"scope": "global"}, "outputIds": [[]]},
        ]
        return factories.workflow(factories.application(), triggers=triggers)

    def key_of(self, row: Workflow, at: int) -> str:
        return str(row.versions.get().triggers[at]["key"])

    def test_the_page_shows_them(self, admin_client: Client, redis_here: RedisServer, row: Workflow) -> None:
        html = admin_client.get(change(row)).content.decode()
        token = row.webhooks.get().token()
        for text in (
            f"http://testserver/webhooks/{token}",
            "Open it",
            "{&quot;angle&quot;: 30}",
            "every 90 s",
            "errors of all workflows",
        ):
            assert text in html

    def test_who_may_only_look_sees_no_address(self, client: Client, redis_here: RedisServer, row: Workflow) -> None:
        client.force_login(factories.person("vera", row.application, Role.VIEWER))
        html = client.get(change(row)).content.decode()
        assert "Its address is shown to editors." in html
        assert row.webhooks.get().token() not in html

    @pytest.mark.parametrize(
        ("payload", "said", "events"),
        [('{"a": 1}', "", 1), ("", "", 1), ("[1]", "must be a JSON object", 0), ("{", "is no JSON", 0)],
    )
    def test_press(
        self, admin_client: Client, redis_here: RedisServer, row: Workflow, payload: str, said: str, events: int
    ) -> None:
        address = reverse("admin:workflows_workflow_press", args=[row.pk])
        answer = admin_client.post(address, {"key": self.key_of(row, 0), "payload": payload}, follow=True)
        assert said in " ".join(str(message) for message in answer.context["messages"])
        assert ("/pressed/" in answer.request["PATH_INFO"]) == bool(events)
        with redis_here.client() as client:
            assert client.xlen(key("inbox", row.pk)) == events

    def test_press_while_redis_is_away_says_so(self, admin_client: Client, row: Workflow, settings: Settings) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        address = reverse("admin:workflows_workflow_press", args=[row.pk])
        answer = admin_client.post(address, {"key": self.key_of(row, 0)}, follow=True)
        assert "Redis cannot be reached" in " ".join(str(message) for message in answer.context["messages"])

    def test_rotate(self, admin_client: Client, redis_here: RedisServer, row: Workflow) -> None:
        before = row.webhooks.get().token()
        address = reverse("admin:workflows_workflow_rotate", args=[row.pk])
        admin_client.post(address, {"key": self.key_of(row, 1)})
        assert row.webhooks.get().token() != before
        other = factories.workflow(row.application, name="Other")
        admin_client.post(reverse("admin:workflows_workflow_rotate", args=[other.pk]), {"key": self.key_of(row, 1)})
        assert row.webhooks.get().token() not in ("", before)

    def test_saving_the_form_keeps_the_keys(self, admin_client: Client, redis_here: RedisServer, row: Workflow) -> None:
        triggers = row.versions.get().triggers
        admin_client.post(change(row), typed(row.application, triggers=triggers, name="Renamed"))
        row.refresh_from_db()
        assert (row.name, row.versions.get().triggers) == ("Renamed", triggers)

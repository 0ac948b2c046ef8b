"""What a change touches, said before it is saved: named, counted, asked about only where something hangs on it."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from integrations.models import Integration
from integrations.runtime.keys import key
from tests import factories
from tests.integrations.runtime.hub import Hub, stored
from tests.servers.processes import free_port
from wegnology.applications.models import Role
from wegnology.lib.types import JSONObject
from workflows.impact import impact, workflow_impact
from workflows.models import Workflow

pytestmark = pytest.mark.django_db
LIST = reverse("admin:integrations_integration_changelist")


def send_node(to: Integration) -> JSONObject:
    """Return a node that sends through an integration."""
    return {"id": "s", "type": "MqttMessageNode", "config": {"integrationId": to.pk, "topicTemplate": "a"}, "outputIds": [[]]}


@pytest.fixture
def row(hub: Hub) -> Integration:
    """An integration that starts one workflow and through which another sends."""
    of = factories.application()
    found = factories.integration(of, name="Broker", topics=["a/#", "b/#"])
    factories.workflow(found, name="Alert")
    factories.workflow(of, name="Sender", nodes=[send_node(found)])
    return found


def change(row: Integration) -> str:
    return reverse("admin:integrations_integration_change", args=[row.pk])


def entered(client: Client, row: Integration, **changes: Any) -> dict[str, Any]:
    """Return what the form of a row sends when nothing but `changes` is entered."""
    form = client.get(change(row)).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    found = {name: value for name, value in values.items() if value not in (None, False, "")} | changes
    if isinstance(found.get("topics"), list):
        found["topics"] = "\n".join(found["topics"])
    return {name: value for name, value in found.items() if value is not None}


def test_it_names_workflows_topics_and_what_waits(hub: Hub, row: Integration) -> None:
    other = factories.integration(row.application, name="Other", topics=["c"])
    both = [factories.trigger(row), factories.trigger(other)]
    factories.workflow(row.application, name="Both", triggers=both)
    disabled = factories.workflow(row, name="Off", enabled=False)
    hub.append(row.pk, [stored(), stored()], "*")
    hub.client.xadd(key("outbox", row.pk), {"m": b"{}"})
    found = impact([row])
    assert [(one.name, one.live) for one in found.triggers] == [("Alert", True), ("Both", True), ("Off", False)]
    assert set(found.only) == {disabled.pk, Workflow.objects.get(name="Alert").pk}
    assert [one.name for one in found.senders] == ["Sender"]
    assert found.topics == ["a/#", "b/#"]
    assert (found.waiting.events, found.waiting.messages, found.waiting.parked) == (2, 1, 0)
    assert found.serious
    assert len(impact([row, other]).only) == 3
    assert not impact([factories.integration(row.application)]).serious


def test_without_redis_it_says_that_it_does_not_know(hub: Hub, row: Integration, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    found = impact([factories.integration()])
    assert (found.waiting.events, found.waiting.messages) == (None, None)
    assert not found.serious
    assert impact([row]).serious


def test_a_workflow_names_what_starts_it_and_who_calls_it(hub: Hub, row: Integration) -> None:
    triggers: list[JSONObject] = [factories.trigger(row), {"type": "timer", "config": {"seconds": 60}, "outputIds": [[]]}]
    flow = factories.workflow(row.application, name="Called", triggers=triggers)
    call: JSONObject = {"id": "c", "type": "TriggerWorkflowNode", "config": {"triggerWorkflowId": flow.pk}, "outputIds": [[]]}
    factories.workflow(row, name="Caller", nodes=[call])
    found = workflow_impact([flow])
    assert (found.sources, found.own, [one.name for one in found.callers]) == (["Broker"], ["1 timer"], ["Caller"])


class TestEdits:
    """A question before it is saved, with what was entered kept sealed."""

    def test_switching_off_asks_and_the_answer_saves(self, admin_client: Client, row: Integration) -> None:
        page = admin_client.post(change(row), entered(admin_client, row, enabled=None, name="Renamed")).content.decode()
        row.refresh_from_db()
        assert row.enabled
        for text in ("in use", "Alert", "Sender", "a/#", "Its connection is closed"):
            assert text in page
        sealed = re.search(r'name="confirmed_entries" value="([^"]+)"', page)
        assert sealed
        answer = admin_client.post(change(row), {"confirmed_entries": sealed[1]})
        row.refresh_from_db()
        assert (answer.status_code, row.enabled, row.name) == (302, False, "Renamed")

    def test_a_secret_that_was_typed_is_not_in_the_question_and_is_saved(self, admin_client: Client, row: Integration) -> None:
        changes = {"config_username": "u", "config_password": "s3cret", "topics": "a/#"}
        changes["config_authenticationMethod"] = "usernamePassword"
        page = admin_client.post(change(row), entered(admin_client, row, **changes)).content.decode()
        assert "s3cret" not in page
        assert "Nothing comes any more from: b/#" in page
        sealed = re.search(r'name="confirmed_entries" value="([^"]+)"', page)
        assert sealed
        assert admin_client.post(change(row), {"confirmed_entries": sealed[1]}).status_code == 302
        row.refresh_from_db()
        assert row.raw_config()["password"] == "s3cret"
        assert row.topics == ["a/#"]

    def test_what_touches_nothing_is_saved_at_once(self, admin_client: Client, row: Integration) -> None:
        assert admin_client.post(change(row), entered(admin_client, row, name="Renamed")).status_code == 302
        free = factories.integration(row.application, name="Free")
        assert admin_client.post(change(free), entered(admin_client, free, enabled=None)).status_code == 302
        free.refresh_from_db()
        assert not free.enabled

    def test_an_answer_of_another_row_saves_nothing(self, admin_client: Client, row: Integration) -> None:
        other = factories.integration(row.application, name="Other")
        factories.workflow(other)
        page = admin_client.post(change(row), entered(admin_client, row, enabled=None)).content.decode()
        sealed = re.search(r'name="confirmed_entries" value="([^"]+)"', page)
        assert sealed
        answer = admin_client.post(change(other), {"confirmed_entries": sealed[1]})
        assert "Nothing was saved" in answer.content.decode()
        other.refresh_from_db()
        assert (other.enabled, other.name) == (True, "Other")

    def test_many_are_asked_about_together(self, admin_client: Client, row: Integration) -> None:
        chosen = {"action": "disable", "_selected_action": [row.pk]}
        assert "Alert" in admin_client.post(LIST, chosen).content.decode()
        row.refresh_from_db()
        assert row.enabled
        admin_client.post(LIST, {**chosen, "confirmed": "yes"})
        row.refresh_from_db()
        assert not row.enabled

    def test_deleting_names_what_waits(self, admin_client: Client, hub: Hub, row: Integration) -> None:
        hub.append(row.pk, [stored()] * 3, "*")
        page = admin_client.get(reverse("admin:integrations_integration_delete", args=[row.pk])).content.decode()
        assert "3 messages" in page
        assert "Sender" in page


def test_switching_a_workflow_off_and_deleting_it_ask(admin_client: Client, row: Integration) -> None:
    flow = Workflow.objects.get(name="Alert")
    address = reverse("admin:workflows_workflow_change", args=[flow.pk])
    form = admin_client.get(address).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    entries = {name: value for name, value in values.items() if value not in (None, False, "")}
    entries.pop("enabled")
    page = admin_client.post(address, entries).content.decode()
    assert "Switch it off?" in page
    assert "Broker" in page
    flow.refresh_from_db()
    assert flow.enabled
    admin_client.post(address, {**entries, "confirmed": "yes"})
    flow.refresh_from_db()
    assert not flow.enabled
    page = admin_client.get(reverse("admin:workflows_workflow_delete", args=[flow.pk])).content.decode()
    assert "What this touches" in page


class TestDeletingMany:
    """Workflows chosen in the list."""

    LIST = reverse("admin:workflows_workflow_changelist")

    def ask(self, client: Client, *rows: Workflow, **more: str) -> str:
        data = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], **more}
        return client.post(self.LIST, data, follow=True).content.decode()

    def test_it_says_what_that_touches_before(self, admin_client: Client, hub: Hub, row: Integration) -> None:
        flow, sender = Workflow.objects.get(name="Alert"), Workflow.objects.get(name="Sender")
        call: JSONObject = {"id": "c", "type": "TriggerWorkflowNode", "config": {"triggerWorkflowId": flow.pk}, "outputIds": [[]]}
        caller = factories.workflow(row.application, name="Caller", nodes=[call])
        hub.append(flow.pk, [stored()] * 3, "*")
        page = self.ask(admin_client, flow, sender)
        assert "What this touches" in page
        for text in ("Broker", "Caller", "3 events"):
            assert text in page
        assert "Caller" not in self.ask(admin_client, sender)
        assert Workflow.objects.count() == 3
        assert "Successfully deleted 3 workflows" in self.ask(admin_client, flow, sender, caller, post="yes")
        assert not Workflow.objects.exists()

    def test_the_other_actions_stay(self, admin_client: Client, row: Integration) -> None:
        page = admin_client.get(self.LIST).content.decode()
        for name in ("enable_selected", "keep_version", "export_yaml", "delete_selected"):
            assert f'value="{name}"' in page

    def test_a_viewer_is_not_asked(self, client: Client, row: Integration) -> None:
        client.force_login(factories.person("vic", row.application, Role.VIEWER))
        assert "What this touches" not in self.ask(client, Workflow.objects.get(name="Alert"), post="yes")
        assert Workflow.objects.count() == 2

    def test_it_reads_as_often_for_many_as_for_few(self, hub: Hub, row: Integration) -> None:
        rows = [factories.workflow(row, name=f"flow {number}") for number in range(60)]
        for flow in rows[::2]:
            flow.default_version = factories.version(flow, name="1", triggers=[factories.trigger(row)])
            flow.save()
        counts = []
        for some in (rows[:1], rows[:20], rows):
            with CaptureQueriesContext(connection) as queries:
                assert workflow_impact(some).sources == ["Broker"]
            counts.append(len(queries))
        assert counts[0] == counts[1] == counts[2]

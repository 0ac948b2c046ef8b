"""Parked runs on their pages and by the command: chosen, edited, replayed, discarded."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from pytest_django import Settings

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.models import LedgerMove
from tests import factories
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import free_port
from tests.workflows.harness import source
from tests.workflows.test_replay import FLOW, events, parked
from wegnology.applications.models import Role
from wegnology.lib.ids import new_id
from workflows.models import ParkedRun, ReplayJob, Workflow
from workflows.parked_admin import CHOICES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("far_ends")]
LIST = reverse("admin:workflows_parkedrun_changelist")
MANY = reverse("admin:workflows_parkedrun_replay_many")


@pytest.fixture
def editor(client: Client, hub: Hub) -> Client:
    """A client of somebody who edits the application of `source()`; its row is `client.row`."""
    row = source()
    client.force_login(factories.person("ed", row.application, Role.EDITOR))
    client.row = row  # type: ignore[attr-defined]
    return client


def test_one_is_edited_and_replayed(editor: Client, hub: Hub) -> None:
    row = editor.row  # type: ignore[attr-defined]
    run = parked(row, 1)
    page = editor.get(reverse("admin:workflows_parkedrun_change", args=[run.pk])).content.decode()
    assert "&quot;number&quot;: 1" in page
    address = reverse("admin:workflows_parkedrun_replay", args=[run.pk])
    answer = editor.post(address, {"data": "{", "version": ""}, follow=True)
    assert "no JSON" in answer.content.decode()
    assert ParkedRun.objects.exists()
    editor.post(address, {"data": '{"number": 5}', "version": "develop"})
    (event,) = events(hub, row)
    assert (event.data, event.version, event.id) == ({"number": 5}, "develop", run.event_id)


def test_all_of_a_filter_are_replayed_in_the_background(editor: Client, hub: Hub) -> None:
    row = editor.row  # type: ignore[attr-defined]
    for number in (1, 2, 3):
        parked(row, number)
    ParkedRun.objects.filter(pk=ParkedRun.objects.latest("created_at").pk).update(reason="failed")
    page = editor.get(f"{LIST}?reason=failed").content.decode()
    assert f"{MANY}?reason=failed" in page
    assert "Replay 1 parked run?" in editor.get(f"{MANY}?reason=failed").content.decode()
    assert "Ensure this value" in editor.post(f"{MANY}?reason=failed", {"rate": "0", "version": ""}).content.decode()
    answer = editor.post(f"{MANY}?reason=failed", {"rate": "5", "version": "develop"}, follow=True)
    assert "0 of 1" in answer.content.decode()
    job = ReplayJob.objects.get()
    assert (job.total, job.rate, job.version, job.chosen, job.asker) == (1, 5.0, "develop", {"reason": "failed"}, "ed")


def test_chosen_ones_are_replayed_and_stopped(editor: Client, hub: Hub) -> None:
    row = editor.row  # type: ignore[attr-defined]
    runs = [parked(row, number) for number in (1, 2)]
    asked = editor.post(LIST, {"action": "replay", "_selected_action": [runs[0].pk]}).content.decode()
    assert f'name="ids" value="{runs[0].pk}"' in asked
    editor.post(MANY, {"ids": [runs[0].pk], "rate": "1", "version": ""})
    job = ReplayJob.objects.get()
    jobs = reverse("admin:workflows_replayjob_changelist")
    for action, state in (("pause", "paused"), ("go_on", "running"), ("cancel", "cancelled"), ("go_on", "cancelled")):
        editor.post(jobs, {"action": action, "_selected_action": [job.pk]})
        job.refresh_from_db()
        assert job.state == state


def test_runs_of_others_are_not_touched(editor: Client, hub: Hub) -> None:
    theirs = parked(source(), 1)
    editor.post(MANY, {"ids": [theirs.pk], "rate": "1", "version": ""})
    assert not ReplayJob.objects.exists()
    assert editor.get(MANY).content.decode().count("Replay 0 parked runs?") == 1


def test_only_runs_of_the_application_at_work_are_meant(client: Client, hub: Hub) -> None:
    ours, other = source(), source()
    parked(ours, 1)
    parked(other, 1)
    client.force_login(factories.person("ed", is_superuser=True))
    assert "Replay 2 parked runs?" in client.get(MANY).content.decode()
    client.post(reverse("switch"), {"application": ours.application_id})
    assert "Replay 1 parked run?" in client.get(MANY).content.decode()
    client.post(MANY, {"rate": "1", "version": ""})
    assert ReplayJob.objects.get().application_id == ours.application_id


def test_what_is_deleted_on_the_page_is_counted(editor: Client, hub: Hub) -> None:
    run = parked(editor.row, 1)  # type: ignore[attr-defined]
    ParkedRun.objects.update(received_at=run.created_at, reason="failed")
    editor.post(reverse("admin:workflows_parkedrun_delete", args=[run.pk]), {"post": "yes"})
    move = LedgerMove.objects.get()
    assert (move.source, move.target, move.number) == ("parked:failed", "dropped:discarded", 1)


def page_of(client: Client, run: ParkedRun) -> str:
    return client.get(reverse("admin:workflows_parkedrun_change", args=[run.pk])).content.decode()


def test_its_page_says_what_happened_as_the_page_of_a_message_does(editor: Client, hub: Hub) -> None:
    run = parked(editor.row, 7)  # type: ignore[attr-defined]
    origin = Origin("virtualButton", "press-me")
    event = TriggerEvent(run.event_id, EventKind.MESSAGE, 1, {"text": "cold <b>"}, version="v2", origin=origin)
    ParkedRun.objects.filter(pk=run.pk).update(event=event.to_json().decode())
    html = page_of(editor, run)
    parked_at = localize(timezone.localtime(run.created_at))
    for said in (f"{parked_at}", "Received", "Fired by", "virtual button press-me", "Version asked for", "v2", "cold &lt;b&gt;"):
        assert said in html
    assert "&quot;k&quot;" not in html


def test_bytes_are_shown_as_on_the_page_of_a_message(editor: Client, hub: Hub) -> None:
    run = parked(editor.row, 7)  # type: ignore[attr-defined]
    event = TriggerEvent(run.event_id, EventKind.MESSAGE, 1, {"message": "/wA=", "encoding": "base64"})
    ParkedRun.objects.filter(pk=run.pk).update(event=event.to_json().decode())
    assert "ff 00" in page_of(editor, run)


def test_an_event_that_cannot_be_read_stands_as_it_was_stored(editor: Client, hub: Hub) -> None:
    run = parked(editor.row, 1, "no <i>JSON")  # type: ignore[attr-defined]
    assert "no &lt;i&gt;JSON" in page_of(editor, run)


def test_integration_and_workflow_are_links_while_they_exist(editor: Client, hub: Hub) -> None:
    row = editor.row  # type: ignore[attr-defined]
    run = parked(row, 1)
    to_workflow = f'href="{reverse("admin:workflows_workflow_change", args=[FLOW])}"'
    to_integration = f'href="{reverse("admin:integrations_integration_change", args=[row.pk])}"'
    for html in (page_of(editor, run), editor.get(LIST).content.decode()):
        assert to_workflow in html
        assert to_integration in html
    Workflow.objects.all().delete()
    html = page_of(editor, run)
    assert to_workflow not in html
    assert to_integration in html


def test_an_event_of_a_workflow_names_no_integration(editor: Client, hub: Hub) -> None:
    run = parked(editor.row, 1)  # type: ignore[attr-defined]
    ParkedRun.objects.filter(pk=run.pk).update(integration_id=FLOW)
    html = page_of(editor, run)
    assert "a trigger of its own" in html
    assert reverse("admin:integrations_integration_change", args=[FLOW]) not in html


def test_the_list_asks_as_much_for_many_as_for_one(editor: Client, hub: Hub) -> None:
    counts = []
    for numbers in (range(1), range(1, 9)):
        for number in numbers:
            parked(editor.row, number)  # type: ignore[attr-defined]
        with CaptureQueriesContext(connection) as seen:
            assert editor.get(LIST).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_filters_offer_those_with_the_most_and_the_chosen_one(admin_client: Client) -> None:
    plant = factories.application("Plant")
    few = factories.integration(plant, name="source 00")
    for number in range(CHOICES + 2):
        origin = factories.integration(plant, name=f"source {number:02}") if number else few
        for _ in range(1 if number < 2 else 2):
            run = {"integration_id": origin.pk, "event_id": new_id(), "event": "{}", "reason": "failed"}
            ParkedRun.objects.create(application=plant, error_name="Error", created_at=timezone.now(), **run)
    html = admin_client.get(LIST).content.decode()
    assert "source 00 (1)" not in html
    assert "source 02 (2)" in html
    html = admin_client.get(LIST, {"integration_id": few.pk}).content.decode()
    assert "source 00 (1)" in html
    assert "source 01 (1)" not in html


class TestCommand:
    """`manage.py parked`."""

    def call(self, *arguments: str, code: int = 0) -> str:
        out = StringIO()
        with pytest.raises((SystemExit, CommandError)) as ended:
            call_command("parked", *arguments, stdout=out)
        assert (getattr(ended.value, "returncode", None) or getattr(ended.value, "code", None) or 0) == code, ended.value
        return out.getvalue()

    def test_it_lists_replays_and_discards(self, hub: Hub) -> None:
        row = source()
        runs = [parked(row, number) for number in (3, 2, 1)]
        listed = json.loads(self.call("list", "--workflow", FLOW, "--json"))
        assert [run["id"] for run in listed["runs"]] == [run.pk for run in runs]
        assert json.loads(self.call("replay", runs[0].pk, "--develop", "--json"))["replayed"] == 1
        assert events(hub, row)[0].version == "develop"
        assert json.loads(self.call("replay", "--rate", "5", "--json"))["jobs"][0]["total"] == 2
        assert json.loads(self.call("delete", "--integration", row.pk, "--json")) == {"deleted": 2}

    def test_its_exit_codes_say_what_happened(self, hub: Hub, settings: Settings) -> None:
        self.call("list", code=2)
        self.call("replay", "--rate", "0", code=2)
        self.call("delete", code=2)
        self.call("list", "--before", "2026-01-01", code=2)
        row = source()
        parked(row, 2, "no JSON")
        parked(row, 1)
        assert "1 on the way again, 0 without room, 1 refused" in self.call("replay", code=1)
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        parked(row, 1)
        self.call("replay", code=3)
        assert ParkedRun.objects.count() == 2

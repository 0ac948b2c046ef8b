"""The pages of a workflow's versions."""

import json
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.runtime.keys import key
from tests import factories
from tests.servers.processes import free_port
from wegnology.applications.models import Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.redis import sync_client
from wegnology.lib.types import JSONObject
from workflows.firing import press
from workflows.models import DEVELOP, ParkedRun, Workflow, WorkflowVersion
from workflows.version_content import Content
from workflows.versions import create_version, save_develop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hub", "drains")]

BUTTON: JSONObject = {"type": "virtualButton", "config": {}, "meta": {"label": "Try"}, "outputIds": [["show"]]}


def show(message: str) -> JSONObject:
    return {"id": "show", "type": "DebugNode", "config": {"message": message}, "meta": {"label": "Show"}, "outputIds": [[]]}


@pytest.fixture
def flow() -> Workflow:
    """A workflow with a version that develop has gone beyond."""
    row = factories.workflow(factories.application(), name="Alert")
    save_develop(row, Content([BUTTON], [show("old")], {"limit": 5}))
    create_version(row, "1.0", notes="the first")
    develop = row.versions.get(name=DEVELOP)
    save_develop(row, Content(develop.triggers, [show("<new>")], {"limit": 6}))
    return row


def named(flow: Workflow, name: str = "1.0") -> WorkflowVersion:
    return flow.versions.get(name=name)


def address(flow: Workflow, page: str = "versions", *more: WorkflowVersion) -> str:
    return reverse(f"admin:workflows_workflow_{page}", args=[flow.pk, *(row.pk for row in more)])


def text(client: Client, to: str) -> str:
    response = client.get(to)
    assert response.status_code == 200
    return response.content.decode()


def said(client: Client, to: str, **data: str) -> list[str]:
    """Send a form; return what the page says afterwards."""
    response = client.post(to, data, follow=True)
    return [str(message) for message in response.context["messages"]]


class TestList:
    def test_it_shows_all_and_what_develop_is_ahead(self, admin_client: Client, flow: Workflow) -> None:
        html = text(admin_client, address(flow))
        assert "Develop differs from 1.0, the newest version" in html
        assert "the first" in html
        assert html.count("wg-badge") == 2
        develop = flow.versions.get(name=DEVELOP)
        save_develop(flow, Content(develop.triggers, [show("old")], {"limit": 5}))
        assert "Develop holds what 1.0 holds" in text(admin_client, address(flow))

    def test_a_version_is_kept_by_a_form(self, admin_client: Client, flow: Workflow) -> None:
        assert said(admin_client, address(flow), name="1.1", notes="more", make_default="on") == [
            "1.1 is kept, and is the default version now."
        ]
        version = named(flow, "1.1")
        flow.refresh_from_db()
        assert (version.notes, version.globals, flow.default_version) == ("more", {"limit": 6}, version)
        assert "admin" in text(admin_client, address(flow)).split("more")[0]  # who made it

    @pytest.mark.parametrize(
        ("name", "fault"), [("1.0", "versions never change"), (DEVELOP, "cannot be called"), ("", "required")]
    )
    def test_what_is_refused_is_told_beside_the_field(self, admin_client: Client, flow: Workflow, name: str, fault: str) -> None:
        response = admin_client.post(address(flow), {"name": name})
        assert fault in str(response.context["form"].errors["name"])
        assert flow.versions.count() == 2

    def test_its_queries_do_not_grow(self, admin_client: Client, flow: Workflow) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as seen:
                text(admin_client, address(flow))
            return len(seen)

        queries()
        before = queries()
        for number in range(5):
            create_version(flow, f"2.{number}")
        assert queries() == before

    def test_the_workflow_leads_there(self, admin_client: Client, flow: Workflow) -> None:
        html = text(admin_client, reverse("admin:workflows_workflow_change", args=[flow.pk]))
        assert address(flow) in html
        assert address(flow, "version", named(flow)) in html


class TestPage:
    def test_it_shows_what_a_version_holds(self, admin_client: Client, flow: Workflow) -> None:
        html = text(admin_client, address(flow, "version", named(flow)))
        assert "&quot;message&quot;: &quot;old&quot;" in html
        assert "No parked runs of it." in html
        assert "Press in this version" in html
        shown = html.partition('id="wg-json"')[2].partition(">")[2].partition("</pre>")[0]
        assert json.loads(unescape(shown))["globals"] == {"limit": 5}
        link = next(part for part in html.split('"') if "form=flow" in part)
        downloaded = admin_client.get(unescape(link))
        assert downloaded.json()["version"] == "1.0"
        assert "attachment" in downloaded["Content-Disposition"]
        assert "Press in this version" in text(admin_client, address(flow, "version", flow.versions.get(name=DEVELOP)))

    def test_it_becomes_the_default_one_and_is_switched(self, admin_client: Client, flow: Workflow) -> None:
        to = address(flow, "version", named(flow))
        assert "is the default version" in said(admin_client, to, do="default")[0]
        assert "is disabled" in said(admin_client, to, do="disable")[0]
        html = text(admin_client, to)
        assert "Default, disabled" in html
        assert "Nothing that triggers start runs." in html
        assert said(admin_client, to, do="enable") == ["1.0 is enabled."]
        assert said(admin_client, to, do="notes", notes="better") == ["The notes are saved."]
        flow.refresh_from_db()
        assert (flow.default_version, named(flow).notes, named(flow).enabled) == (named(flow), "better", True)
        actions = list(AuditEntry.objects.filter(object_id=named(flow).pk).order_by("pk").values_list("action", flat=True))
        assert actions == ["created", "disabled", "enabled", "changed"]
        develop = flow.versions.get(name=DEVELOP)
        said(admin_client, address(flow, "version", develop), do="default")
        flow.refresh_from_db()
        assert flow.default_version is None
        assert "cannot be disabled by itself" in said(admin_client, address(flow, "version", develop), do="disable")[0]

    def test_develop_goes_on_from_there(self, admin_client: Client, flow: Workflow) -> None:
        to = address(flow, "version", named(flow))
        assert "versions never change" in said(admin_client, to, do="revert", keep_as="1.0")[0]
        assert flow.versions.get(name=DEVELOP).globals == {"limit": 6}
        assert said(admin_client, to, do="revert", keep_as="before") == [
            "Develop holds what 1.0 holds. What it held before is kept as before."
        ]
        assert flow.versions.get(name=DEVELOP).nodes == [show("old")]
        assert named(flow, "before").globals == {"limit": 6}

    def test_a_button_of_it_can_be_pressed(self, admin_client: Client, flow: Workflow) -> None:
        (trigger,) = named(flow).triggers
        sent = {"key": trigger["key"], "payload": "{}", "version": "1.0"}
        leads_to = admin_client.post(address(flow, "press"), sent).headers["Location"]
        assert "/pressed/" in leads_to
        with sync_client() as client:
            ((_, fields),) = client.xrange(key("inbox", flow.pk))
        assert json.loads(fields[b"e"])["w"] == "1.0"

    def test_what_cannot_run_says_why(self, admin_client: Client, flow: Workflow) -> None:
        broken: JSONObject = {"id": "a", "type": "DebugNode", "config": {"nothing": 1}, "outputIds": [["gone"]]}
        version = factories.version(flow, name="broken", nodes=[broken])
        html = text(admin_client, address(flow, "version", version))
        assert "This version cannot run" in html
        assert "nodes[0].config.nothing" in html

    def test_what_depends_on_it_is_named(self, admin_client: Client, flow: Workflow) -> None:
        version = named(flow)
        press(flow, version.triggers[0]["key"], version="1.0")
        press(flow, version.triggers[0]["key"])
        config: JSONObject = {"triggerWorkflowId": flow.pk, "triggerVirtualButtonId": "k", "flowVersionTemplate": "1.0"}
        node: JSONObject = {"id": "s", "type": "WorkflowTriggerNode", "config": config, "outputIds": [[]]}
        factories.workflow(flow.application, name="Caller", nodes=[node])
        for to in (address(flow, "version", version), address(flow, "version_delete", version)):
            html = text(admin_client, to)
            assert "A Workflow node of Caller (develop) starts it by name." in html
            assert "Waiting for it: 1 events. Scheduled with it: 0 runs." in html

    def test_redis_may_be_away(self, admin_client: Client, flow: Workflow, settings: Any) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        assert "is not known now" in text(admin_client, address(flow, "version", named(flow)))

    def test_what_is_not_there(self, admin_client: Client, flow: Workflow) -> None:
        other = create_version(factories.workflow(flow.application, name="Other"), "9")
        assert admin_client.get(address(flow, "version", other)).status_code == 404
        assert "no such button" in said(admin_client, address(flow, "version", named(flow)), do="explode")[0]


class TestDeleting:
    def test_it_asks_and_puts_it_into_the_trash(self, admin_client: Client, flow: Workflow) -> None:
        version = named(flow)
        assert "Delete the version 1.0?" in text(admin_client, address(flow, "version_delete", version))
        assert flow.versions.count() == 2
        assert "restore it from the trash" in said(admin_client, address(flow, "version_delete", version))[0]
        assert flow.versions.count() == 1

    def test_not_the_default_one(self, admin_client: Client, flow: Workflow) -> None:
        version = create_version(flow, "2.0", make_default=True)
        assert "make another one the default first" in text(admin_client, address(flow, "version_delete", version))
        assert "is the default version" in said(admin_client, address(flow, "version_delete", version))[0]
        assert flow.versions.count() == 3


class TestComparing:
    def test_it_shows_what_differs(self, admin_client: Client, flow: Workflow) -> None:
        html = text(admin_client, f"{address(flow, 'compare')}?before={named(flow).pk}&after=develop")
        assert "config.message" in html
        assert "&lt;new&gt;" in html
        assert "<new>" not in html
        assert "limit" in html
        same = text(admin_client, f"{address(flow, 'compare')}?before=develop&after=develop")
        assert "Nothing differs." in same

    def test_first_it_offers_two_choices(self, admin_client: Client, flow: Workflow) -> None:
        html = text(admin_client, address(flow, "compare"))
        assert html.count("<option") >= 4
        assert admin_client.get(address(flow, "compare"), {"before": "nothing", "after": "1.0"}).status_code == 404

    def test_all_kinds_of_difference_can_be_drawn(self, admin_client: Client, flow: Workflow) -> None:
        moved: JSONObject = {**show("x"), "id": "moved", "meta": {"x": 1}}
        lines: JSONObject = {"id": "lines", "type": "FunctionNode", "config": {"script": "a\nb"}, "outputIds": [["moved"]]}
        gone = {**show("x"), "id": "gone"}
        before = factories.version(flow, name="a", nodes=[moved, lines, gone], triggers=[{"type": "timer", "key": "t"}])
        changed: list[JSONObject] = [
            {**moved, "meta": {"x": 2}},
            {**lines, "config": {"script": "a\nc"}, "outputIds": []},
            {**gone, "id": "new"},
        ]
        after = factories.version(flow, name="b", nodes=changed)
        html = text(admin_client, f"{address(flow, 'compare')}?before={before.pk}&after={after.pk}")
        for word in ("added", "removed", "changed", "moved", "Triggers", "Wires", '<span class="wg-plus">+c</span>'):
            assert word in html


class TestSeveral:
    LIST = reverse("admin:workflows_workflow_changelist")

    def act(self, client: Client, action: str, *rows: Workflow, **more: str) -> Any:
        sent = {"action": action, "_selected_action": [row.pk for row in rows], **more}
        return client.post(self.LIST, sent, follow=True)

    def test_switching(self, admin_client: Client, flow: Workflow) -> None:
        other = factories.workflow(flow.application, name="Other", enabled=False)
        self.act(admin_client, "disable_selected", flow, other)
        assert not Workflow.objects.filter(enabled=True).exists()
        self.act(admin_client, "enable_selected", flow, other)
        assert Workflow.objects.filter(enabled=True).count() == 2

    def test_keeping_a_version_of_each_or_of_none(self, admin_client: Client, flow: Workflow) -> None:
        other = factories.workflow(flow.application, name="Other")
        asked = self.act(admin_client, "keep_version", flow, other)
        assert "Keep a version of each" in asked.content.decode()
        refused = self.act(admin_client, "keep_version", other, flow, confirmed="yes", name="1.0")
        assert "Alert: There is a version of this name" in str(refused.context["form"].errors)
        assert other.versions.count() == 1
        self.act(admin_client, "keep_version", flow, other, confirmed="yes", name="1.1")
        assert WorkflowVersion.objects.filter(name="1.1").count() == 2

    def test_not_by_who_only_looks(self, client: Client, flow: Workflow) -> None:
        client.force_login(factories.person("viewer", flow.application, Role.VIEWER))
        self.act(client, "disable_selected", flow)
        flow.refresh_from_db()
        assert flow.enabled
        html = text(client, address(flow, "version", named(flow)))
        assert "the first" in html
        assert 'name="do"' not in html
        assert not ParkedRun.objects.exists()

"""The pages that import and export: who may, what a person is told, and that uploads stay in memory and bounded."""

import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains

from tests import factories
from tests.workflows.exchange.samples import YAML, debug, flow
from wegnology.applications.models import Application, Role
from wegnology.applications.records import AuditEntry
from workflows.exchange.exporting import export_application
from workflows.models import DEVELOP, Workflow

pytestmark = pytest.mark.django_db

THERE = "5a0717e558025a00072bdc99"
STANDS = f"stands-{THERE}"


@pytest.fixture
def target() -> Application:
    return factories.application("Target")


@pytest.fixture
def editor(client: Client, target: Application) -> User:
    person = factories.person("ed", target, Role.EDITOR)
    client.force_login(person)
    return person


def send(client: Client, to: str, *files: tuple[str, Any], **more: str) -> Any:
    uploads = [SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode()) for name, text in files]
    data = {"application": to, "scope": "workflows", "conflict": "create", "uploads": uploads, **more}
    return client.post(reverse("import"), data)


@pytest.mark.usefixtures("editor")
def test_several_files_are_imported_and_what_became_of_them_is_told(client: Client, target: Application) -> None:
    answer = send(client, target.pk, ("pump.yaml", YAML), ("a.flow", json.dumps(flow("Two", nodes=[debug()]))))
    assertContains(answer, "Imported.")
    assertContains(answer, "pump.yaml, “Pump alerts”, nodes[1]")
    assertContains(answer, reverse("admin:workflows_workflow_change", args=[target.workflows.get(name="Two").pk]))
    assert list(target.workflows.values_list("enabled", flat=True)) == [False, False]
    assert AuditEntry.objects.get(action="imported").actor_name == "ed"


@pytest.mark.usefixtures("editor")
def test_a_trial_tells_and_writes_nothing(client: Client, target: Application) -> None:
    assertContains(send(client, target.pk, ("pump.yaml", YAML), **{"try": "yes"}), "Nothing was written")
    assert not target.workflows.exists()


@pytest.mark.usefixtures("editor")
def test_faults_are_told_all_at_once_with_their_places(client: Client, target: Application) -> None:
    answer = send(client, target.pk, ("a.flow", "{"), ("b.yaml", "a: *x\n"), ("c.flow", json.dumps(flow("<b>", id=3))))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert all(place in text for place in ("<code>a.flow</code>", "<code>b.yaml, line 1</code>", "<code>c.flow, id</code>"))
    assert "Nothing was imported" in text
    assertContains(send(client, target.pk), "Choose the files to import.")


@pytest.mark.usefixtures("editor")
def test_uploads_are_bounded_and_stay_in_memory(client: Client, target: Application, settings: Settings, tmp_path: Any) -> None:
    settings.IMPORT_BYTES = 5_000
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "nowhere"
    big = json.dumps(flow("Big", description="x" * 5_000))
    assert send(client, target.pk, ("a.flow", big)).status_code == 422
    assert send(client, target.pk, ("a.flow", big[:3_000]), ("b.flow", big[:3_000])).status_code == 422
    assert send(client, target.pk, ("a.flow", b"x" * 4_000_000)).status_code == 422
    assert send(client, target.pk, ("a.flow", json.dumps(flow("Small", description="x" * 4_000)))).status_code == 200


def test_people_import_only_where_they_may(client: Client, editor: User, target: Application) -> None:
    foreign = factories.application("Foreign")
    page = client.get(reverse("import")).content.decode()
    assert "Foreign" not in page
    assert "#}" not in page
    assertContains(send(client, foreign.pk, ("a.flow", json.dumps(flow()))), "Select a valid choice")
    assertContains(send(client, "new", ("a.flow", json.dumps(flow()))), "Select a valid choice")
    assertContains(send(client, target.pk, ("a.flow", json.dumps(flow())), scope="application"), "Only administrators")
    assert not Workflow.objects.exists()
    editor.user_permissions.add(Permission.objects.get(codename="add_application"))
    assertContains(send(client, "new", ("a.flow", json.dumps(flow())), name="Mine"), "Imported.")
    assert Application.objects.get(name="Mine").members.get().user == editor


def test_an_application_goes_out_and_in_by_the_pages(client: Client, target: Application) -> None:
    client.force_login(factories.person("ada", target, Role.ADMINISTRATOR))
    factories.integration(target, name="Line 1")
    answer = client.get(reverse("export_application", args=[target.pk]))
    data = answer.content
    assert data == export_application(target).data
    assert answer["Content-Disposition"] == 'attachment; filename="Target.zip"'
    assert AuditEntry.objects.filter(action="exported", object_id=target.pk).exists()
    assertContains(send(client, target.pk, ("all.zip", data), scope="application"), "Line 1 (2)")


@pytest.mark.parametrize(("form", "name"), [("flow", "Alert-develop.flow"), ("json", "Alert.json"), ("yaml", "Alert.yaml")])
def test_a_workflow_goes_out_in_each_form(client: Client, target: Application, form: str, name: str) -> None:
    client.force_login(factories.person("vi", target, Role.VIEWER))
    row = factories.workflow(target, nodes=[debug()])
    answer = client.get(reverse("export_workflow", args=[row.pk]), {"form": form})
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    address = reverse("export_workflow", args=[row.pk])
    assert client.get(address, {"form": "exe"}).status_code == 404
    assert client.get(address, {"form": "flow", "version": "no"}).status_code == 404


def test_chosen_workflows_go_out_together_of_one_application(client: Client, target: Application) -> None:
    client.force_login(factories.person("vi", target, Role.VIEWER))
    rows = [factories.workflow(target, name=name) for name in ("A", "B")]
    address = reverse("admin:workflows_workflow_changelist")
    answer = client.post(address, {"action": "export_yaml", "_selected_action": [row.pk for row in rows]})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["workflows/cloud/A.yaml", "workflows/cloud/B.yaml"]
    other = factories.workflow(factories.application("Other"), name="C")
    chosen = {"action": "export_json", "_selected_action": [rows[0].pk, other.pk]}
    client.force_login(User.objects.create_superuser("op"))
    assertContains(client.post(address, chosen, follow=True), "choose workflows of one application")


def test_the_page_of_a_workflow_says_what_never_runs(client: Client, editor: User, target: Application) -> None:
    send(client, target.pk, ("pump.yaml", YAML))
    row = target.workflows.get()
    assert row.versions.get(name=DEVELOP).nodes[1]["type"] == "GeofenceNode"
    answer = client.get(reverse("admin:workflows_workflow_change", args=[row.pk]))
    assertContains(answer, "a run that reaches it fails")
    assertContains(answer, "it never fires here")
    assertContains(answer, reverse("export_workflow", args=[row.pk]))


def _elsewhere(name: str = "Alert", **more: Any) -> str:
    """Return an exported workflow that a broker of elsewhere triggers, and that publishes through it."""
    hint = {"id": THERE, "name": "Their broker", "integrationType": "mqtt"}
    trigger = {"type": "integration", "key": THERE, "config": {"message": True}, "outputIds": [["d"]]}
    return json.dumps(flow(name, triggers=[trigger], nodes=[debug()], _integrations=[hint], **more))


def _mark(answer: Any) -> str:
    found = re.search(r'name="kept" value="([0-9a-f]+)"', answer.content.decode())
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("editor", "redis_here")
def test_a_trial_asks_which_integration_is_meant_and_keeps_the_files(client: Client, target: Application) -> None:
    mine = factories.integration(target, name="Our <broker>")
    tried = send(client, target.pk, ("a.flow", _elsewhere()), **{"try": "yes"})
    assertContains(tried, "Their broker (mqtt)")
    assertContains(tried, f'name="{STANDS}"')
    assertContains(tried, "Our &lt;broker&gt; (")
    assertContains(tried, "<li>a.flow</li>", html=True)
    again = send(client, target.pk, kept=_mark(tried), **{STANDS: mine.pk, "try": "yes"})
    assertContains(again, f'<option value="{mine.pk}" selected>')
    assertContains(send(client, target.pk, kept=_mark(again), **{STANDS: mine.pk}), "Imported.")
    assert target.workflows.get().versions.get(name=DEVELOP).triggers[0]["key"] == mine.pk
    assertContains(send(client, target.pk, kept=_mark(again)), "choose them once more")


@pytest.mark.usefixtures("editor", "redis_here")
def test_a_choice_that_cannot_be_is_told_beside_its_field(client: Client, editor: User, target: Application) -> None:
    factories.integration(target, name="Ours")
    other = factories.application("Other")
    other.members.create(user=editor, role=Role.EDITOR)
    foreign = factories.integration(other, name="Foreign")
    answer = send(client, target.pk, ("a.flow", _elsewhere()), **{STANDS: foreign.pk})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert 'aria-describedby="wg-stands-1-fault"' in text
    assert "It is no integration of Target: choose another one." in text
    assert "Foreign (" not in text
    assert not Workflow.objects.exists()
    refused = send(client, target.pk, kept=_mark(answer), scope="application", **{STANDS: foreign.pk})
    assertContains(refused, "Only administrators")
    assertContains(refused, f'<input type="hidden" name="{STANDS}" value="{foreign.pk}">')


@pytest.mark.usefixtures("editor", "redis_here")
def test_kept_files_are_those_of_one_person_and_one_page(client: Client, target: Application) -> None:
    factories.integration(target)
    mark = _mark(send(client, target.pk, ("a.flow", _elsewhere()), **{"try": "yes"}))
    send(client, target.pk, ("b.flow", _elsewhere()), **{"try": "yes"})
    assertContains(send(client, target.pk, kept=mark), "choose them once more")
    client.force_login(factories.person("eve", target, Role.EDITOR))
    assertContains(send(client, target.pk, kept=mark), "choose them once more")
    assert not Workflow.objects.exists()


@pytest.mark.usefixtures("editor")
def test_without_redis_a_trial_tells_and_files_are_chosen_again(client: Client, target: Application, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = send(client, target.pk, ("a.flow", _elsewhere()), **{"try": "yes"})
    assertContains(answer, "Nothing was written")
    assertContains(answer, 'name="kept" value=""')

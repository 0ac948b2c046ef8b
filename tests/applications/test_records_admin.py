"""The pages of audit and trash, and the history of every row."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications.history import field_words
from wegnology.applications.models import Application, Member, Role
from wegnology.applications.records import AuditEntry, TrashEntry
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

AUDIT = reverse("admin:applications_auditentry_changelist")
TRASH = reverse("admin:applications_trashentry_changelist")
SECRET = "hunter2-and-more"


@pytest.fixture
def plant() -> Application:
    """An application with an integration and its workflow."""
    row = factories.application("Plant", threshold=30)
    factories.workflow(factories.integration(row, config={**factories.MQTT, "userName": "ann", "password": SECRET}))
    return row


def page(client: Client, user: User, address: str) -> tuple[int, str]:
    client.force_login(user)
    response = client.get(address, follow=True)
    return response.status_code, response.content.decode()


class TestAudit:
    def test_members_see_the_entries_of_their_applications(self, client: Client, plant: Application) -> None:
        factories.integration(factories.application("Elsewhere"), name="Hidden from Ann")
        viewer = factories.person("ann", plant, Role.VIEWER)
        status, html = page(client, viewer, AUDIT)
        assert status == 200
        assert "Broker" in html
        assert "Hidden from Ann" not in html
        assert "Elsewhere" not in html
        other = AuditEntry.objects.get(kind="integrations.integration", object_name="Hidden from Ann")
        status, html = page(client, viewer, reverse("admin:applications_auditentry_change", args=[other.pk]))
        assert "Hidden from Ann" not in html

    def test_only_rows_that_change_lead_to_a_history(self, client: Client, plant: Application) -> None:
        viewer, entry = (
            factories.person("ann", plant, Role.VIEWER),
            AuditEntry.objects.filter(application_id=plant.pk).latest("pk"),
        )
        pages = [("applications_auditentry", entry.pk, False), ("applications_application", plant.pk, True)]
        for name, pk, leads in pages:
            html = page(client, viewer, reverse(f"admin:{name}_change", args=[pk]))[1]
            assert (reverse(f"admin:{name}_history", args=[pk]) in html) == leads

    def test_what_concerns_no_application_is_for_operators(self, client: Client, plant: Application) -> None:
        admin = factories.person("ann", plant, Role.ADMINISTRATOR)
        User.objects.create_user("newcomer")
        assert "newcomer" not in page(client, admin, AUDIT)[1]
        assert "newcomer" in page(client, User.objects.create_superuser("root"), AUDIT)[1]

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("action__exact=created", True),
            ("action__exact=deleted", False),
            ("kind=integrations.integration", True),
            ("kind=applications.credential", False),
            ("actor=system", True),
            ("actor=ann", False),
            ("q=Broker", True),
        ],
    )
    def test_filters(self, admin_client: Client, plant: Application, query: str, shown: bool) -> None:
        response = admin_client.get(f"{AUDIT}?{query}")
        names = [entry.object_name for entry in response.context["cl"].result_list]
        assert ("Broker" in names) == shown

    def test_by_application(self, admin_client: Client, plant: Application) -> None:
        factories.integration(name="Elsewhere")
        response = admin_client.get(f"{AUDIT}?application_id={plant.pk}")
        assert {entry.application_id for entry in response.context["cl"].result_list} == {plant.pk}

    def test_the_list_costs_the_same_for_any_number(
        self, admin_client: Client, plant: Application, django_assert_max_num_queries: Any
    ) -> None:
        for at in range(20):
            factories.workflow(plant, name=f"W{at}")
        with django_assert_max_num_queries(12):
            admin_client.get(AUDIT)

    def test_nobody_changes_it(self, admin_client: Client, plant: Application) -> None:
        entry = AuditEntry.objects.first()
        assert entry is not None
        assert (
            admin_client.post(reverse("admin:applications_auditentry_change", args=[entry.pk]), {"action": "x"}).status_code
            == 403
        )
        assert (
            admin_client.post(reverse("admin:applications_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code
            == 403
        )


class TestHistory:
    def test_it_tells_of_the_row_and_its_parts(self, admin_client: Client, plant: Application) -> None:
        row = Integration.objects.get()
        row.set_config({**row.raw_config(), "host": "10.0.0.7", "password": SECRET + "2"})
        row.save()
        html = admin_client.get(reverse("admin:integrations_integration_history", args=[row.pk])).content.decode()
        assert "<b>host</b> <del>127.0.0.1</del> → 10.0.0.7" in html
        assert "<b>password</b> changed" in html
        assert SECRET not in html
        html = admin_client.get(reverse("admin:applications_application_history", args=[plant.pk])).content.decode()
        assert "threshold" in html
        html = admin_client.get(reverse("admin:workflows_workflow_history", args=[Workflow.objects.get().pk])).content.decode()
        assert "workflow version" in html

    def test_a_page_is_not_the_whole(self, admin_client: Client, plant: Application) -> None:
        for at in range(101):
            plant.name = f"Plant {at}"
            plant.save()
        address = reverse("admin:applications_application_history", args=[plant.pk])
        assert "Plant 100" in admin_client.get(address).content.decode()
        html = admin_client.get(f"{address}?p=2").content.decode()
        assert "created" in html
        assert "Plant 100</td>" not in html

    def test_values_are_escaped(self, admin_client: Client, plant: Application) -> None:
        plant.description = "<script>alert(1)</script>"
        plant.save()
        html = admin_client.get(reverse("admin:applications_application_history", args=[plant.pk])).content.decode()
        assert "<script>alert(1)" not in html
        assert "&lt;script&gt;alert(1)" in html


class TestTrash:
    def test_deleted_together_restored_together(self, client: Client, plant: Application) -> None:
        admin = factories.person("ann", plant, Role.ADMINISTRATOR)
        client.force_login(admin)
        row = Integration.objects.get()
        address = reverse("admin:integrations_integration_delete", args=[row.pk])
        html = client.post(address, {"confirmed": "1", "take": "only"}, follow=True).content.decode()
        assert "you can restore this from the trash" in html
        assert reverse("admin:applications_trashentry_change", args=[TrashEntry.objects.get().pk]) in html
        assert not Workflow.objects.exists()
        (entry,) = TrashEntry.objects.all()
        assert entry.deleted_by == "ann"
        html = client.get(TRASH).content.decode()
        assert "1 integration, 1 workflow, 1 workflow version" in html
        html = client.get(reverse("admin:applications_trashentry_change", args=[entry.pk])).content.decode()
        assert "workflow: Alert" in html
        assert "workflow version: Alert: develop" in html
        assert SECRET not in html
        html = client.post(reverse("admin:applications_trashentry_restore", args=[entry.pk]), follow=True).content.decode()
        assert "Restored:" in html
        assert Integration.objects.get() == row
        assert Workflow.objects.get().name == "Alert"
        assert AuditEntry.objects.filter(action="restored", actor_name="ann").count() == 3

    def test_only_administrators_of_that_application(self, client: Client, plant: Application) -> None:
        Integration.objects.get().delete()
        entry = TrashEntry.objects.get()
        restoring = reverse("admin:applications_trashentry_restore", args=[entry.pk])
        editor = factories.person("ed", plant, Role.EDITOR)
        stranger = factories.person("sue", factories.application("Elsewhere"), Role.ADMINISTRATOR)
        for user in (editor, stranger):
            client.force_login(user)
            assert "Broker" not in client.get(TRASH).content.decode()
            client.post(restoring)
            client.post(TRASH, {"action": "restore_selected", "_selected_action": entry.pk})
        both = factories.person("bo", plant, Role.VIEWER)
        Member.objects.create(application=Application.objects.get(name="Elsewhere"), user=both, role=Role.ADMINISTRATOR)
        assert "Broker" not in page(client, both, TRASH)[1]
        assert not Integration.objects.exists()

    def test_an_error_is_said(self, admin_client: Client, plant: Application) -> None:
        Integration.objects.get().delete()
        entry = TrashEntry.objects.get()
        plant.delete()
        html = admin_client.post(reverse("admin:applications_trashentry_restore", args=[entry.pk]), follow=True).content.decode()
        assert "restore the application first" in html
        everything = {"action": "restore_selected", "_selected_action": [row.pk for row in TrashEntry.objects.all()]}
        html = admin_client.post(TRASH, everything, follow=True).content.decode()
        assert "restore the application first" not in html
        assert Integration.objects.exists()

    def test_purging_is_final_and_recorded(self, admin_client: Client, plant: Application) -> None:
        Integration.objects.get().delete()
        entry = TrashEntry.objects.get()
        admin_client.post(reverse("admin:applications_trashentry_delete", args=[entry.pk]), {"post": "yes"})
        assert not TrashEntry.objects.exists()
        assert AuditEntry.objects.filter(action="purged", object_name="Broker", application_id=plant.pk).exists()

    def test_deleting_on_the_page_of_an_application(self, admin_client: Client, plant: Application) -> None:
        admin_client.post(reverse("admin:applications_application_delete", args=[plant.pk]), {"post": "yes"})
        assert not Application.objects.exists()
        entry = TrashEntry.objects.get()
        assert (entry.name, entry.kind) == ("Plant", "applications.application")
        kinds = {kind for kind, _ in entry.contents}
        assert kinds == {"application", "alarm rule", "global", "integration", "workflow", "workflow version"}


def test_an_empty_list_says_what_would_stand_there(client: Client) -> None:
    client.force_login(factories.person("ann", factories.application("Plant"), Role.ADMINISTRATOR))
    trash = client.get(reverse("admin:applications_trashentry_changelist")).content.decode()
    assert "The trash is empty" in trash
    credentials = client.get(reverse("admin:applications_credential_changelist")).content.decode()
    assert "No service credentials yet" in credentials
    found = client.get(reverse("admin:applications_credential_changelist") + "?q=x").content.decode()
    assert "like that" in found
    assert "yielded into" not in trash + credentials + found


def test_fields_are_said_in_words() -> None:
    said = [
        ("applications.apitoken", "digest"),
        ("integrations.integration", "clientId"),
        ("workflows.alarmrule", "repeat_minutes"),
    ]
    assert [field_words(*one) for one in said] == ["token", "Client id", "repeat minutes"]

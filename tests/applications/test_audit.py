"""Who changed what and when: complete, in the transaction of the change, and without secrets."""

import ast
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications import audit
from wegnology.applications.audit import Actor, acting, record
from wegnology.applications.audit_changes import shown
from wegnology.applications.models import Application, Credential, Global, Role
from wegnology.applications.records import AuditEntry
from workflows.models import Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]

SECRET = "hunter2-and-more"


def entries(row: Any = None) -> list[tuple[str, Any]]:
    """Return action and changes, oldest first, of a row or of all."""
    found = AuditEntry.objects.order_by("id")
    if row is not None:
        found = found.filter(kind=row._meta.label_lower, object_id=str(row.pk))
    return [(entry.action, entry.changes) for entry in found]


@pytest.fixture
def plant() -> Application:
    """An application; what made it is forgotten."""
    row = factories.application("Plant", threshold=30)
    AuditEntry.objects.all().delete()
    return row


class TestRows:
    def test_a_row_from_its_beginning_to_its_end(self, plant: Application) -> None:
        row = factories.workflow(plant, name="Alert")
        row.description = "Sends a mail"
        row.save()
        row.enabled = False
        row.save()
        row.enabled = True
        row.save()
        row.save()
        pk = row.pk
        row.delete()
        found = AuditEntry.objects.filter(kind="workflows.workflow", object_id=pk).order_by("id")
        assert [(entry.action, entry.changes) for entry in found][1:] == [
            ("changed", {"description": ["", "Sends a mail"]}),
            ("disabled", {"enabled": [True, False]}),
            ("enabled", {"enabled": [False, True]}),
            ("deleted", {}),
        ]
        assert found[0].action == "created"
        assert found[0].changes == {"name": [None, "Alert"], "enabled": [None, True]}
        assert {entry.application_id for entry in found} == {plant.pk}

    def test_parts_are_shown_with_their_whole(self, plant: Application) -> None:
        row = factories.workflow(plant, name="Alert", nodes=[{"id": "n", "config": {"password": SECRET}}])
        version = row.versions.get()
        version.nodes = []
        version.save()
        found = AuditEntry.objects.filter(page=f"workflows.workflow:{row.pk}").order_by("id")
        assert [(entry.kind, entry.action) for entry in found] == [
            ("workflows.workflow", "created"),
            ("workflows.workflowversion", "created"),
            ("workflows.workflowversion", "changed"),
        ]
        assert found[2].changes == {"nodes": "removed"}
        assert SECRET not in str(list(AuditEntry.objects.values()))

    def test_what_goes_by_cascade_is_recorded(self, plant: Application) -> None:
        factories.workflow(plant)
        plant.delete()
        deleted = AuditEntry.objects.filter(action="deleted").values_list("kind", "application_id")
        assert ("workflows.alarmrule", plant.pk) in deleted
        assert sorted(deleted.exclude(kind="workflows.alarmrule")) == [
            ("applications.application", plant.pk),
            ("applications.global", plant.pk),
            ("workflows.workflow", plant.pk),
            ("workflows.workflowversion", plant.pk),
        ]

    def test_queryset_delete_is_recorded(self, plant: Application) -> None:
        Global.objects.filter(application=plant).delete()
        assert [action for action, _ in entries()] == ["deleted"]

    @pytest.mark.django_db(transaction=True)
    def test_no_change_no_entry(self) -> None:
        row = factories.application("Plant")
        AuditEntry.objects.all().delete()

        class Crash(Exception):
            pass

        def rename_and_crash() -> None:
            with transaction.atomic():
                row.name = "Other"
                row.save()
                raise Crash

        with pytest.raises(Crash):
            rename_and_crash()
        assert not AuditEntry.objects.exists()

    def test_a_save_costs_one_look_and_one_entry(self, plant: Application, django_assert_max_num_queries: Any) -> None:
        rows = [factories.workflow(plant, name=f"W{at}") for at in range(3)]
        rows[1].name = "Renamed"
        with django_assert_max_num_queries(6):  # look, save, entry, touch, and the savepoint's two
            rows[1].save()


class TestSecrets:
    def test_settings_one_by_one_and_never_a_secret(self, plant: Application) -> None:
        row = factories.integration(
            plant, integration_type="mqtt", config={**factories.MQTT, "userName": "ann", "password": SECRET}
        )
        row.set_config({**row.raw_config(), "host": "10.0.0.7", "password": SECRET + "2"})
        row.save()
        row.set_config(row.raw_config())  # sealed anew, which changes nothing
        row.save()
        row.set_config({name: value for name, value in row.raw_config().items() if name not in ("password", "userName")})
        row.save()
        made, changed, removed = entries(row)
        assert made[1]["password"] == "set"
        assert made[1]["host"] == [None, "127.0.0.1"]
        assert changed == ("changed", {"host": ["127.0.0.1", "10.0.0.7"], "password": "changed"})
        assert removed == ("changed", {"userName": ["ann", None], "password": "removed"})
        text = str(list(AuditEntry.objects.values()))
        assert SECRET not in text
        assert "sealed:" not in text

    def test_secret_globals_and_what_they_were_before(self, plant: Application) -> None:
        row = Global(application=plant, key="token", value=SECRET)
        row.save()
        assert SECRET in str(entries(row))
        row.set_value(SECRET, secret=True)
        row.save()
        row.set_value("another", secret=True)
        row.save()
        assert [changes.get("value") for _, changes in entries(row)] == ["changed", "changed", "changed"]
        text = str(list(AuditEntry.objects.values()))
        assert SECRET not in text
        assert "another" not in text
        assert "sealed:" not in text

    def test_credentials(self, plant: Application) -> None:
        row = Credential(application=plant, name="Login", credential_type="http")
        row.config = {"password": SECRET}
        with acting(Actor("user", "1", "ann")):
            row.save()
        assert row.pk in AuditEntry.objects.get(kind="applications.credential").page

    def test_a_secret_that_cannot_be_opened_stands_in_no_ones_way(self, plant: Application, settings: Any) -> None:
        from wegnology.lib.crypto import new_key

        row = factories.integration(plant, config={**factories.MQTT, "userName": "ann", "password": SECRET})
        settings.SECRET_KEYS = [new_key()]
        row.name = "Renamed"
        row.save()
        assert entries(row)[-1] == ("changed", {"name": ["Broker", "Renamed"]})

    def test_passwords_in_addresses_and_long_values(self, plant: Application) -> None:
        plant.description = f"See https://ann:{SECRET}@example.com/ " + "x" * 500
        plant.save()
        ((_, changes),) = entries(plant)
        assert SECRET not in changes["description"][1]
        assert changes["description"][1].startswith("See https://…@example.com/ x")
        assert len(changes["description"][1]) == 201

    def test_users(self) -> None:
        user = User.objects.create_user("ann", password=SECRET)
        AuditEntry.objects.all().delete()
        user.set_password(SECRET + "2")
        user.save()
        assert entries(user) == [("changed", {"password": "changed"})]
        assert AuditEntry.objects.get().application_id == ""


class TestActors:
    def test_the_user_of_a_request(self, plant: Application, client: Client) -> None:
        user = factories.person("ann", plant, Role.ADMINISTRATOR)
        client.force_login(user)
        AuditEntry.objects.all().delete()
        response = client.post(
            reverse("admin:workflows_workflow_add"), {"application": plant.pk, "name": "Alert", "enabled": "on"}
        )
        assert response.status_code == 302
        assert set(AuditEntry.objects.values_list("actor_kind", "actor_id", "actor_name")) == {("user", str(user.pk), "ann")}

    def test_without_one_it_is_the_system_or_the_command(self, plant: Application, monkeypatch: pytest.MonkeyPatch) -> None:
        assert audit.current_actor() == Actor("system", "", "system")
        monkeypatch.setattr("sys.argv", ["/somewhere/manage.py", "rotate_secrets"])
        assert audit.current_actor() == Actor("command", "", "manage.py rotate_secrets")

    def test_code_may_say_it(self, plant: Application) -> None:
        with acting(Actor("token", "42", "Nightly")):
            plant.name = "Renamed"
            plant.save()
        assert AuditEntry.objects.values_list("actor_kind", "actor_name").get() == ("token", "Nightly")

    def test_what_is_no_change_of_a_row(self, plant: Application) -> None:
        row = factories.integration(plant)
        entry = record(Actor("user", "7", "ann"), "checked", row, {"outcome": "connected"})
        assert (entry.application_id, entry.action, entry.page) == (plant.pk, "checked", f"integrations.integration:{row.pk}")


ROOT = Path(__file__).resolve().parent.parent.parent
WITHOUT_SIGNALS = {
    "wegnology/applications/models.py": "the revision, and that a member may log in",
    "wegnology/applications/member_admin.py": "no watched model",
    "wegnology/applications/tokens.py": "when a token was used last",
    "wegnology/applications/usage.py": "usage; that intake is stopped, which it records itself",
    "integrations/runtime/chores.py": "history",
    "integrations/runtime/hours.py": "ledger hours",
    "integrations/reconnecting.py": "that a connection is to be made anew, which it records itself",
    "workflows/parking.py": "parked runs",
    "workflows/dropping.py": "corrections of the ledger",
    "workflows/replay.py": "which parked runs are being replayed; the replay it records itself",
    "workflows/replay_jobs.py": "how far a replay has come",
    "workflows/insight/hours.py": "counts and errors of runs",
    "workflows/migrations/0006_alarm_defaults.py": "rules that applications of an earlier release begin with",
    "workflows/alarms/keeping.py": "alarms and what is to be told of them",
    "workflows/alarms/watching.py": "who watches",
    "workflows/alarms/rules.py": "what a new application begins with",
}
"""Files that use `update` or bulk methods of querysets, which the audit does not see, and for what."""


def _bulk_changes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, of = node.func.attr, ast.unparse(node.func.value)
        if name in ("bulk_create", "bulk_update") or (name == "update" and ("objects" in of or "_manager" in of)):
            yield f"{of}.{name}"


def test_nothing_changes_rows_behind_the_audits_back() -> None:
    found = {}
    for package in ("wegnology", "integrations", "workflows"):
        for path in (ROOT / package).rglob("*.py"):
            if uses := list(_bulk_changes(ast.parse(path.read_text()))):
                found[str(path.relative_to(ROOT))] = uses
    unknown = {path: uses for path, uses in found.items() if path not in WITHOUT_SIGNALS}
    assert not unknown, f"record these changes and say so here: {unknown}"


def test_all_configuration_is_watched() -> None:
    assert {Application, Global, Credential, Integration, Workflow, WorkflowVersion, User} <= audit.watched()


def test_a_time_is_written_as_people_read_it() -> None:
    at = datetime(2026, 3, 1, 14, 5, 9, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert shown(at) == "2026-03-01 12:05:09 UTC"

"""What was deleted can be restored, with its secrets, whole or not at all."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from integrations.models import Integration
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications import trash
from wegnology.applications.audit import Actor, acting
from wegnology.applications.models import Application, Credential, Global, Member, Role
from wegnology.applications.records import AuditEntry, TrashEntry
from wegnology.applications.restoring import CannotRestore, restore
from wegnology.lib.crypto import new_key
from workflows.models import ParkedRun, Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

SECRET = "hunter2-and-more"


@pytest.fixture
def plant() -> Application:
    """An application with one of everything, and secrets."""
    row = factories.application("Plant", threshold=30)
    token = Global(application=row, key="token")
    token.set_value(SECRET, secret=True)
    token.save()
    integration = factories.integration(row, config={**factories.MQTT, "userName": "ann", "password": SECRET})
    workflow = factories.workflow(integration)
    workflow.default_version = factories.version(workflow, name="v1")
    workflow.save()
    factories.person("ann", row, Role.EDITOR)
    return row


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all configuration as it is stored, secrets opened."""
    models: tuple[Any, ...] = (Application, Member, Global, Credential, Workflow, WorkflowVersion)
    found: dict[str, list[dict[str, Any]]] = {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
    for row in found["Application"]:
        del row["revision"]
    for row in found["Global"]:
        row["value"] = Global.objects.get(pk=row["id"]).opened()
    found["Integration"] = [
        {**row, "config": Integration.objects.get(pk=str(row["id"])).raw_config()}
        for row in Integration.objects.order_by("pk").values()
    ]
    return found


def test_an_application_comes_back_as_it_was(plant: Application) -> None:
    before = everything()
    plant.delete()
    assert not any(everything().values())
    entry = TrashEntry.objects.get()
    restored = restore(entry.pk)
    assert everything() == before
    assert restored.notes == []
    assert not TrashEntry.objects.exists()


@pytest.mark.parametrize("model", [Integration, Workflow, WorkflowVersion, Global])
def test_each_kind_comes_back(plant: Application, model: Any) -> None:
    before = everything()
    model.objects.first().delete()
    (entry,) = TrashEntry.objects.all()
    assert entry.application_id == plant.pk
    restore(entry.pk)
    after = everything()
    if model is WorkflowVersion:  # the choice of the default version went with the version
        for rows in (before, after):
            rows["Workflow"][0].pop("default_version_id")
    assert after == before


def test_nothing_can_be_read_in_the_database(plant: Application) -> None:
    plant.delete()
    entry = TrashEntry.objects.get()
    text = json.dumps(list(TrashEntry.objects.values()), default=str) + repr(entry) + str(entry)
    assert SECRET not in text
    assert "threshold" in text  # names are listed
    assert entry.config["rows"].startswith("sealed:")


def test_one_deletion_is_one_entry_for_each_application(plant: Application) -> None:
    other = factories.integration(name="Elsewhere")
    mine = factories.integration(plant, name="Second")
    with acting(Actor("user", "1", "ann")):
        trash.put_away([*Integration.objects.filter(application=plant).order_by("name"), other])
    entries = {entry.application_id: entry for entry in TrashEntry.objects.all()}
    assert entries.keys() == {plant.pk, other.application_id}
    entry = entries[plant.pk]
    assert (entry.name, entry.deleted_by, entry.application_name) == ("Broker, Second", "ann", "Plant")
    assert entry.contents == [["integration", "Broker"], ["integration", "Second"]] or mine
    assert timedelta(days=29) < entry.expires_at - timezone.now() <= timedelta(days=30)


def test_a_member_alone_and_parked_runs_are_only_deleted(plant: Application) -> None:
    ParkedRun.objects.create(
        application=plant, integration_id="i", event_id="e", event="{}", reason="failed", created_at=timezone.now()
    )
    Member.objects.get().delete()
    assert not TrashEntry.objects.exists()
    plant.delete()
    restore(TrashEntry.objects.get().pk)
    assert not ParkedRun.objects.exists()
    assert not Member.objects.exists()


def test_a_taken_key_is_an_error_and_nothing_is_changed(plant: Application) -> None:
    Global.objects.get(key="threshold").delete()
    Global.objects.create(application=plant, key="threshold", value=1)
    entry = TrashEntry.objects.get()
    with pytest.raises(CannotRestore, match="There is another global called threshold now: rename or remove it"):
        restore(entry.pk)
    assert Global.objects.get(key="threshold").value == 1
    assert TrashEntry.objects.filter(pk=entry.pk).exists()


def test_a_taken_name_gets_a_suffix(plant: Application) -> None:
    WorkflowVersion.objects.get(name="v1").delete()
    workflow = Workflow.objects.get()
    factories.version(workflow, name="v1")
    restored = restore(TrashEntry.objects.get().pk)
    assert {version.name for version in workflow.versions.all()} == {"develop", "v1", "v1 (restored)"}
    assert len(restored.notes) == 1


def test_the_application_must_be_there(plant: Application) -> None:
    Integration.objects.get().delete()
    entry = TrashEntry.objects.get()
    plant.delete()
    with pytest.raises(CannotRestore, match="restore the application first"):
        restore(entry.pk)
    restore(TrashEntry.objects.exclude(pk=entry.pk).get().pk)
    restore(entry.pk)
    assert Integration.objects.get().raw_config()["password"] == SECRET


def test_a_member_whose_account_is_gone_stays_away(plant: Application) -> None:
    user = Member.objects.get().user
    plant.delete()
    user.delete()
    restore(TrashEntry.objects.get().pk)
    assert not Member.objects.exists()
    assert Application.objects.get() == plant


def test_it_can_be_restored_once(plant: Application) -> None:
    plant.delete()
    entry = TrashEntry.objects.get()
    restore(entry.pk)
    with pytest.raises(CannotRestore, match="not in the trash any more"):
        restore(entry.pk)


def test_after_a_change_of_keys(plant: Application, settings: Any) -> None:
    plant.delete()
    old = list(settings.SECRET_KEYS)
    settings.SECRET_KEYS = [new_key()]
    entry = TrashEntry.objects.get()
    with pytest.raises(CannotRestore, match="is not among WEGNOLOGY_SECRET_KEYS"):
        restore(entry.pk)
    settings.SECRET_KEYS = [*settings.SECRET_KEYS, *old]
    call_command("rotate_secrets", stdout=StringIO())
    settings.SECRET_KEYS = settings.SECRET_KEYS[:1]
    restore(entry.pk)
    assert Integration.objects.get().raw_config()["password"] == SECRET


def test_what_is_broken_can_be_deleted(plant: Application, settings: Any) -> None:
    config = Integration.objects.get().config
    old = settings.SECRET_KEYS
    settings.SECRET_KEYS = [new_key()]
    Integration.objects.get().delete()
    restore(TrashEntry.objects.get().pk)
    assert Integration.objects.get().config == config
    settings.SECRET_KEYS = old
    assert Integration.objects.get().raw_config()["password"] == SECRET


def test_a_restored_application_is_loaded_by_listeners(plant: Application) -> None:
    Integration.objects.get().delete()
    before = Application.objects.get().revision
    restore(TrashEntry.objects.get().pk)
    assert Application.objects.get().revision > before


def test_restoring_is_recorded(plant: Application) -> None:
    plant.delete()
    AuditEntry.objects.all().delete()
    restore(TrashEntry.objects.get().pk)
    assert set(AuditEntry.objects.values_list("action", "application_id")) == {("restored", plant.pk)}
    assert AuditEntry.objects.exclude(kind="workflows.alarmrule").count() == 8


def test_what_was_kept_long_enough_goes(plant: Application) -> None:
    Integration.objects.get().delete()
    Workflow.objects.get().delete()
    TrashEntry.objects.filter(kind="workflows.workflow").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert trash.trim() == 1
    assert TrashEntry.objects.get().kind == "integrations.integration"

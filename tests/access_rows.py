"""Two applications with one of everything, and a person for each role: what the tests of access walk with.

A new model with pages gets a line in `ROWS`; a new word in an address gets a line in `Scene.words`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration, LedgerHour, StatusChange
from tests import factories
from tests.lamp import CONFIG
from wegnology.applications.models import Application, Member, Role
from workflows.models import ParkedRun, Workflow

ROLES = ("anonymous", "outsider", "viewer", "editor", "administrator", "operator")
FOREIGN = "Zanzibar"
"""Part of every name in the application of others: it may be on no page of ours."""
MISSING = {str: "f" * 24, int: "999999"}


def a_parked_run(of: Application) -> ParkedRun:
    """Create a parked run of the application's integration and workflow."""
    source, workflow = of.integrations.get(), of.workflows.get()
    event = TriggerEvent(source.pk, EventKind.MESSAGE, 1, {"message": of.name})
    return ParkedRun.objects.create(
        application=of,
        integration_id=source.pk,
        workflow_id=workflow.pk,
        event_id=event.id,
        event=event.to_json().decode(),
        reason=f"failed {of.name}",
        error_name="Error",
        error_message=f"{of.name}: not JSON",
        created_at=timezone.now(),
    )


def a_ledger_hour(of: Application) -> LedgerHour:
    """Create an hour in the ledger of the application's integration."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    return LedgerHour.objects.create(integration_id=of.integrations.get().pk, hour=hour, counts={"messages": 1, "finished": 1})


def a_status_change(of: Application) -> StatusChange:
    """Create a change of state of the application's integration."""
    source = of.integrations.get()
    return StatusChange.objects.create(integration_id=source.pk, time=timezone.now(), state="failing", cause=of.name)


def an_integration(of: Application) -> Integration:
    """Create an integration."""
    return factories.integration(of, name=f"{of.name} lamp", integration_type="lamp", config=CONFIG, topics=("one",))


def a_workflow(of: Application) -> Workflow:
    """Create a workflow with a named version."""
    row = factories.workflow(of.integrations.get(), name=f"{of.name} alert")
    factories.version(row, name=f"{of.name} version")
    return row


ROWS: dict[str, Callable[[Application], Model]] = {
    "applications.application": lambda of: of,
    "integrations.integration": an_integration,
    "workflows.workflow": a_workflow,
    "workflows.parkedrun": a_parked_run,
    "integrations.ledgerhour": a_ledger_hour,
    "integrations.statuschange": a_status_change,
    "auth.user": lambda of: of.members.earliest("pk").user,
}
"""How to make a row of each model with pages, in an application; in this order."""


@dataclass
class Scene:
    """`own` has a member of each role, `foreign` one administrator of its own; rows by model label."""

    own: Application
    foreign: Application
    people: dict[str, User]
    own_rows: dict[str, Model]
    foreign_rows: dict[str, Model]

    def words(self, rows: dict[str, Model], label: str) -> dict[str, str]:
        """Return what the parts of an address are filled with, by name."""
        row = rows.get(label)
        user = rows["auth.user"]
        content_type = ContentType.objects.get_for_model(Integration)
        return {
            "object_id": str(row.pk) if row else "",
            "id": str(user.pk),
            "content_type_id": str(content_type.pk),
            "app_label": "integrations",
            "url": "anything",
        }


def scene() -> Scene:
    """Make both applications."""
    own, foreign = factories.application("Plant", limit=1), factories.application(FOREIGN, **{FOREIGN: FOREIGN})
    people = {role.value: factories.person(role.value, own, role) for role in Role}
    people["outsider"] = factories.person("outsider")
    people["operator"] = User.objects.create_superuser("operator")
    factories.person(f"{FOREIGN}-admin", foreign, Role.ADMINISTRATOR)
    return Scene(own, foreign, people, rows_of(own), rows_of(foreign))


def rows_of(of: Application) -> dict[str, Model]:
    """Make a row of each model."""
    return {label: make(of) for label, make in ROWS.items()}


def snapshot(of: Application) -> dict[str, list[dict[str, Any]]]:
    """Return everything that is stored of an application, to see that nothing changed."""
    sources = Integration.objects.filter(application=of)
    ids = list(sources.values_list("pk", flat=True))
    queries = {
        "application": Application.objects.filter(pk=of.pk),
        "globals": of.globals.all(),
        "members": Member.objects.filter(application=of),
        "integrations": sources,
        "workflows": Workflow.objects.filter(application=of),
        "parked": ParkedRun.objects.filter(application=of),
        "hours": LedgerHour.objects.filter(integration_id__in=ids),
        "changes": StatusChange.objects.filter(integration_id__in=ids),
    }
    return {name: list(query.order_by("pk").values()) for name, query in queries.items()}

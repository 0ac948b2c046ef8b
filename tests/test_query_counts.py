"""A page asks the database as often for many rows as for few: every route, with three rows of everything and with thirty."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations.events import EventKind, TriggerEvent
from integrations.live import outage
from integrations.models import Integration, LedgerHour, StatusChange
from tests import factories
from tests.access_rows import ROLES, Scene, scene
from tests.access_table import TABLE
from tests.api.tokens import a_token
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from tests.test_access import address_of, label_of
from wegnology.applications.models import Application, Global, Role
from wegnology.lib.ids import new_id
from workflows.insight.records import RunError
from workflows.models import Alarm, AlarmRule, ParkedRun, ReplayJob, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.usefixtures("lamp", "redis_here")]

FEW, MANY = 3, 30
ASKING = ("administrator", "operator")
CHOSEN = ("integrations.integration", "workflows.workflow", "workflows.parkedrun", "applications.credential")
"""Models whose rows are chosen together to be deleted."""


@pytest.fixture
def people(redis_here: RedisServer, settings: Settings) -> Scene:
    """Both applications and everybody."""
    settings.API_PER_MINUTE = settings.API_STRANGERS_PER_MINUTE = 10**9
    outage.over()
    return scene()


def more_of_everything(of: Application, first: int, last: int) -> None:
    """Add rows of every kind to an application, each with rows of its own."""
    integration, workflow = of.integrations.earliest("pk"), of.workflows.earliest("pk")
    now = timezone.now()
    for number in range(first, last):
        name = f"Number {number:03}"
        source = factories.integration(of, name=name, integration_type="lamp", config=CONFIG, topics=(name,))
        flow = factories.workflow(source, name=name)
        flow.default_version = factories.version(flow, name="1", triggers=[factories.trigger(source)])
        flow.save()
        factories.version(workflow, name=name, triggers=[factories.trigger(integration)])
        factories.workflow(integration, name=f"{name} of the first")
        factories.credential(of, name=name)
        factories.workflow(of, name=f"{name} deleted").delete()
        Global.objects.create(application=of, key=f"key{number}", value=number)
        a_token(of)
        factories.person(name, of, Role.EDITOR)
        _told(of, source, flow, now)
        _told(of, integration, workflow, now - timedelta(hours=number + 1))


def _told(of: Application, source: Integration, flow: Workflow, when: Any) -> None:
    hour = when.replace(minute=0, second=0, microsecond=0)
    LedgerHour.objects.create(integration_id=source.pk, hour=hour, counts={"messages": 2, "finished": 1, "parked:failed": 1})
    StatusChange.objects.create(integration_id=source.pk, time=when, state="failing", cause="gone")
    about = {"workflow_id": flow.pk, "hour": hour, "digest": str(when), "error_name": "Error", "message": "not JSON"}
    RunError.objects.create(**about, count=1, first_at=when, last_at=when)
    ReplayJob.objects.create(application=of, rate=1, total=1, created_at=when, advanced_at=when)
    rule = AlarmRule.objects.create(application=of, kind="refused", integration=source)
    said = {"first_cause": "gone", "cause": "gone", "opened_at": when, "updated_at": when}
    subject = {"subject_kind": "integration", "subject_id": source.pk, "subject_name": source.name}
    Alarm.objects.create(application=of, rule=rule, kind=rule.kind, **subject, **said)
    event = TriggerEvent(new_id(), EventKind.MESSAGE, 1, {"message": "x"})
    run = {"integration_id": source.pk, "workflow_id": flow.pk, "event_id": event.id, "event": event.to_json().decode()}
    failed = {"reason": "failed", "error_name": "Error", "error_message": "not JSON", "created_at": when}
    ParkedRun.objects.create(application=of, **run, **failed)


def counted(people: Scene) -> dict[str, int]:
    """Return how many queries each page takes: asked by an administrator, those of the installation by an operator."""
    found = {}
    for name in sorted(TABLE):
        role = next((role for role in ASKING if TABLE[name].written("get")[ROLES.index(role)] == "200"), None)
        if role is not None and not name.startswith("api"):
            address = address_of(name, people.words(people.own, label_of(name)))
            found[name] = queries_of(people.client(role), "get", address)
    found["status of all"] = queries_of(people.client("operator"), "get", reverse("status"))
    for label in CHOSEN:
        address = reverse(f"admin:{label.replace('.', '_')}_changelist")
        rows = type(people.own_rows[label])._default_manager.filter(application=people.own)
        sent = {"action": "delete_selected", "_selected_action": [row.pk for row in rows[:MANY]]}
        found[f"deletion of many: {label}"] = queries_of(people.client(ASKING[0]), "post", address, sent)
    return found


def queries_of(client: Client, method: str, address: str, sent: Mapping[str, Any] | None = None) -> int:
    """Ask, undo what it did, and return the number of queries."""
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            response = getattr(client, method)(address, sent)
        transaction.set_rollback(True)
    assert response.status_code == 200, address
    return len(captured)


def test_no_page_asks_more_often_for_more_rows(people: Scene) -> None:
    more_of_everything(people.own, 0, FEW)
    people.client("operator").get(reverse("status"))  # what a process reads once
    few = counted(people)
    more_of_everything(people.own, FEW, MANY)
    many = counted(people)
    grown = {name: (few[name], many[name]) for name in few if many[name] > few[name]}
    assert not grown, f"These pages ask the database for each row (queries with {FEW} rows, with {MANY}): {grown}"

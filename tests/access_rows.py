"""Two applications with one of everything, and a person for each role: what the tests of access walk with.

A new model with pages gets a line in `ROWS`; a new word in an address gets a line in `Scene.words`.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from integrations import check_records
from integrations.check_records import CheckRecord
from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration, LedgerHour, StatusChange
from integrations.runtime.keys import key
from tests import factories
from tests.api.tokens import a_token
from tests.lamp import CONFIG
from wegnology.applications.models import Application, Credential, Member, Role
from wegnology.applications.records import AuditEntry, TrashEntry
from wegnology.lib.redis import sync_client
from wegnology.lib.rest.answers import user_id_text
from workflows.insight.runs import Run
from workflows.models import DEVELOP, Alarm, ParkedRun, ReplayJob, Webhook, Workflow, WorkflowVersion

ROLES = ("anonymous", "outsider", "viewer", "editor", "administrator", "operator")
FOREIGN = "Zanzibar"
"""Part of every name in the application of others: it may be on no page of ours."""
MISSING = {str: "f" * 24, int: "999999"}
"""An id that no row has, by its kind."""


RUN = Run("a" * 24, 0, "", 1, 2.0, 3, "", "message", "integration", 0, ())
"""A run that every workflow here has."""


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


def a_replay(of: Application) -> ReplayJob:
    """Create a replay of the application's parked runs."""
    now = timezone.now()
    return ReplayJob.objects.create(application=of, rate=1, total=1, note=of.name, created_at=now, advanced_at=now)


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
    develop = row.versions.get(name="develop")
    develop.triggers = [*develop.triggers, {"type": "webhook", "config": {}, "outputIds": []}]
    develop.save()
    with closing(sync_client()) as client:
        client.lpush(key("runs", row.pk), RUN.to_json())
    return row


def an_audit_entry(of: Application) -> AuditEntry:
    """Return what was recorded of the application itself."""
    return AuditEntry.objects.filter(application_id=of.pk, object_id=of.pk).earliest("pk")


def a_deletion(of: Application) -> TrashEntry:
    """Delete a workflow into the trash."""
    factories.workflow(of, name=f"{of.name} deleted").delete()
    return TrashEntry.objects.get(application_id=of.pk)


def a_check(of: Application) -> str:
    """Put down a check of the application's integration; returns its id."""
    record = CheckRecord(of.pk, of.integrations.get().pk, f"{of.name} lamp", "Lamp", "1", f"{of.name} person")
    check_records.ask(record, {})
    return record.id


def an_alarm(of: Application) -> Alarm:
    """Create an open alarm of the application's integration."""
    rule, source, now = of.alarm_rules.get(kind="refused"), of.integrations.get(), timezone.now()
    about = {"subject_kind": "integration", "subject_id": source.pk, "subject_name": source.name}
    said = {"first_cause": of.name, "cause": of.name, "opened_at": now, "updated_at": now}
    return Alarm.objects.create(application=of, rule=rule, kind=rule.kind, **about, **said)


ROWS: dict[str, Callable[[Application], Model]] = {
    "applications.application": lambda of: of,
    "applications.credential": lambda of: factories.credential(of, name=f"{of.name} login"),
    "integrations.integration": an_integration,
    "workflows.workflow": a_workflow,
    "workflows.parkedrun": a_parked_run,
    "workflows.replayjob": a_replay,
    "workflows.alarm": an_alarm,
    "workflows.alarmrule": lambda of: of.alarm_rules.get(kind="refused"),
    "integrations.ledgerhour": a_ledger_hour,
    "integrations.statuschange": a_status_change,
    "applications.auditentry": an_audit_entry,
    "applications.trashentry": a_deletion,
    "auth.user": lambda of: of.members.earliest("pk").user,
    "applications.apitoken": lambda of: a_token(of)[0],
}
"""How to make a row of each model with pages, in an application; in this order."""


API_WORDS = {
    "integrationId": "integrations.integration",
    "credentialId": "applications.credential",
    "apiTokenId": "applications.apitoken",
    "flowId": "workflows.workflow",
    "parkedRunId": "workflows.parkedrun",
    "replayJobId": "workflows.replayjob",
}
"""Parts of the API's addresses, and what they are ids of."""


@dataclass
class Scene:
    """`own` has a member of each role, `foreign` one administrator of its own; rows by model label."""

    own: Application
    foreign: Application
    people: dict[str, User]
    own_rows: dict[str, Model]
    foreign_rows: dict[str, Model]
    checks: dict[str, str]
    """Check ids by application id."""
    sessions: dict[str, str]
    """Session cookies of the people, by name."""

    def client(self, name: str) -> Client:
        """Return the client of one of the people, or of somebody unknown; logged in once for the whole walk."""
        client = Client(raise_request_exception=True)
        if name in self.people:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[name]
        return client

    def words(self, of: Application, label: str) -> dict[str, str]:
        """Return what the parts of an address are filled with, by name, for the rows of an application."""
        rows = self.own_rows if of == self.own else self.foreign_rows
        row = rows.get(label)
        return {
            "object_id": str(row.pk) if row else "",
            "id": str(rows["auth.user"].pk),
            "check_id": self.checks[of.pk],
            "content_type_id": str(ContentType.objects.get_for_model(Integration).pk),
            "app_label": "integrations",
            "url": "anything",
            "token": Webhook.objects.get(workflow__application=of).token(),
            "rest": "/more",
            **{"page": "guide", "name": "status.png"},
            **{"run_id": RUN.id, "event_id": RUN.event_id, "trial_id": RUN.id},
            **{"applicationId": of.pk, "orgId": of.pk, "checkId": self.checks[of.pk]},
            **{word: str(rows[label].pk) for word, label in API_WORDS.items()},
            "flowVersionId": f"{of.name} version",
            "eventId": MISSING[str],
            "mark": "forged",
            "auditLogId": user_id_text(rows["applications.auditentry"].pk),
            "version_id": WorkflowVersion.objects.exclude(name=DEVELOP).filter(workflow__application=of).earliest("pk").pk,
        }


def scene() -> Scene:
    """Make both applications. Needs Redis."""
    own, foreign = factories.application("Plant", limit=1), factories.application(FOREIGN, **{FOREIGN: FOREIGN})
    people = {role.value: factories.person(role.value, own, role) for role in Role}
    people["outsider"] = factories.person("outsider")
    people["operator"] = User.objects.create_superuser("operator")
    factories.person(f"{FOREIGN}-admin", foreign, Role.ADMINISTRATOR)
    rows = rows_of(own), rows_of(foreign)
    sessions = {name: session_of(user) for name, user in people.items()}
    return Scene(own, foreign, people, *rows, {of.pk: a_check(of) for of in (own, foreign)}, sessions)


def session_of(user: User) -> str:
    """Log somebody in; returns the cookie."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


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
        "credentials": Credential.objects.filter(application=of),
        "audit": AuditEntry.objects.filter(application_id=of.pk),
        "trash": TrashEntry.objects.filter(application_id=of.pk),
        "integrations": sources,
        "workflows": Workflow.objects.filter(application=of),
        "alarms": Alarm.objects.filter(application=of),
        "rules": of.alarm_rules.all(),
        "parked": ParkedRun.objects.filter(application=of),
        "replays": ReplayJob.objects.filter(application=of),
        "hours": LedgerHour.objects.filter(integration_id__in=ids),
        "changes": StatusChange.objects.filter(integration_id__in=ids),
    }
    return {name: list(query.order_by("pk").values()) for name, query in queries.items()}

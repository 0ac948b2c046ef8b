"""A full application in the database, for measuring pages: what people made, and what the runtime wrote about it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

WORKFLOWS = 500
NODES = 40
VERSIONS = 30
"""Nodes and named versions of the workflow whose pages are measured; the others have four nodes and two versions."""
SOURCES_OF_ONE = 20
"""So many workflows are started by the integration whose pages are measured."""
AUDIT = 10_000
PARKED = 2_000
CHANGES = 1_000
SOME = 50
"""Members, credentials, globals, tokens, alarms, rules, deletions, replays, and applications beside this one."""
HOURS = 24


def integrations_of(application: Any, count: int) -> list[Any]:
    """Make integrations with a login."""
    from integrations.models import Integration

    config: dict[str, Any] = {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883, "username": "hub", "password": "hunter2"}
    rows = []
    for number in range(count):
        row = Integration(application=application, name=f"Broker {number:05}", integration_type="mqtt", topics=["a/#", "b/+/c"])
        row.set_config(dict(config))
        rows.append(row)
    return list(Integration.objects.bulk_create(rows, batch_size=500))


def workflows_of(application: Any, integrations: Sequence[Any]) -> list[Any]:
    """Make workflows, each with its versions and started by an integration of its own; some by the first one as well."""
    from workflows.models import DEVELOP, Workflow, WorkflowVersion

    rows = [Workflow(application=application, name=f"Alert {number:05}") for number in range(WORKFLOWS)]
    Workflow.objects.bulk_create(rows, batch_size=500)
    versions = []
    for number, row in enumerate(rows):
        sources = [integrations[number * len(integrations) // WORKFLOWS].pk]
        sources += [integrations[0].pk] if 0 < number < SOURCES_OF_ONE else []
        triggers, nodes = _graph(sources, NODES if number == 0 else 4)
        names = [DEVELOP, *(f"v{at}" for at in range(2 if number else VERSIONS))]
        versions += [WorkflowVersion(workflow=row, name=name, triggers=triggers, nodes=nodes) for name in names]
    WorkflowVersion.objects.bulk_create(versions, batch_size=200)
    for row, version in zip(rows, (one for one in versions if one.name == "v1"), strict=True):
        row.default_version = version
    Workflow.objects.bulk_update(rows, ["default_version"], batch_size=200)
    return rows


def _graph(sources: Sequence[str], count: int) -> tuple[list[Any], list[Any]]:
    """Return the demo's graph over and over, started by each of the sources."""
    from wegnology.local.demo import graph

    triggers = [graph(source)[0][0] for source in sources]
    nodes: list[Any] = []
    for lap in range(count // 4):
        steps = graph(sources[0])[1]
        for step in steps:
            following: Any = [[f"{target}{lap}" for target in output] for output in step["outputIds"]]  # type: ignore[union-attr]
            step |= {"id": f"{step['id']}{lap}", "outputIds": following}
        if nodes:
            nodes[-1]["outputIds"] = [[steps[0]["id"]]]
        nodes += steps
    triggers = [{**trigger, "outputIds": [[nodes[0]["id"]]]} for trigger in triggers]
    return triggers, nodes


def people(application: Any) -> tuple[Any, Any]:
    """Make the members; return an operator and an administrator of the application."""
    from django.contrib.auth.models import User

    from wegnology.applications.models import Application, Member, Role

    operator = User.objects.create_superuser("operator")
    made = [User(username=f"person {number:03}", email=f"p{number}@example.com", is_staff=True) for number in range(SOME)]
    User.objects.bulk_create(made)
    made = list(User.objects.exclude(pk=operator.pk).order_by("pk"))
    Member.objects.bulk_create(Member(application=application, user=user, role=Role.ADMINISTRATOR) for user in made)
    others = Application.objects.bulk_create(Application(name=f"Other {number:03}") for number in range(SOME))
    Member.objects.bulk_create(Member(application=other, user=made[0], role=Role.VIEWER) for other in others)
    return operator, made[0]


def parts(application: Any, integrations: Sequence[Any]) -> dict[str, str]:
    """Make the smaller things of the application; return the ids of those whose pages are measured."""
    from wegnology.applications.models import ApiToken, Credential, Global
    from workflows.models import Workflow

    for number in range(SOME):
        Global.objects.create(application=application, key=f"key{number:03}", value={"limit": number})
        credential = Credential(application=application, name=f"Login {number:03}", credential_type="http")
        credential.set_config(
            {"uriMatch": "ws://127.0.0.1", "authMethod": "header", "publicValue": "X-Key", "secretValue": "hunter2"}
        )
        credential.save()
        token = ApiToken(application=application, name=f"Token {number:03}", scope=["all.Application.read"])
        token.issue()
        token.save()
        Workflow.objects.create(application=application, name=f"Gone {number:03}").delete()
    return {"credential": credential.pk, "token": token.pk, **_alarms(application, integrations)}


def _alarms(application: Any, integrations: Sequence[Any]) -> dict[str, str]:
    from django.utils import timezone

    from workflows.models import Alarm, AlarmRule

    now = timezone.now()
    rule = AlarmRule.objects.filter(application=application).earliest("pk")
    rows = [
        Alarm(
            **{"application": application, "rule": rule, "kind": rule.kind, "opened_at": now, "updated_at": now},
            **{"subject_kind": "integration", "subject_id": row.pk, "subject_name": row.name},
            **{"first_cause": "The broker refused the login.", "cause": "The broker refused the login."},
        )
        for row in integrations[:SOME]
    ]
    Alarm.objects.bulk_create(rows)
    rules = [AlarmRule(application=application, kind=rule.kind, integration=row) for row in integrations[:SOME]]
    AlarmRule.objects.bulk_create(rules)
    return {"alarm": rows[0].pk, "rule": rule.pk}


def history(application: Any, integrations: Sequence[Any], workflows: Sequence[Any]) -> dict[str, str]:
    """Write what the runtime would have: ledger, runs, errors, states, parked runs, replays, and an audit."""
    from integrations.models import LedgerHour, StatusChange
    from wegnology.applications.records import AuditEntry, TrashEntry
    from workflows.insight.records import RunError, RunHour
    from workflows.models import ParkedRun, ReplayJob

    now = datetime.now(UTC)
    hours = [now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back) for back in range(HOURS)]
    counts = {"messages": 100, "signals": 2, "finished": 101, "parked:failed": 1, "out:queued": 5, "out:sent": 5}
    _store(LedgerHour(integration_id=row.pk, hour=hour, counts=counts) for row in integrations for hour in hours)
    _store(
        RunHour(workflow_id=row.pk, version_id=row.default_version_id, hour=hour, runs=100, failed=1, micros=10_000)
        for row in workflows
        for hour in hours
    )
    failed = {"error_name": "JSON", "message": "not JSON", "first_at": now, "last_at": now, "count": 3}
    _store(
        RunError(workflow_id=workflows[0].pk, version_id=workflows[0].default_version_id, hour=hour, digest=str(at), **failed)
        for hour in hours
        for at in range(5)
    )
    _store(
        StatusChange(integration_id=integrations[at % 5].pk, time=now - timedelta(minutes=at), state="disconnected", cause="gone")
        for at in range(CHANGES)
    )
    _store(_parked(application, integrations, workflows, now))
    _store(_audit(application, integrations, workflows, now))
    job = {"application": application, "rate": 1, "total": 10, "created_at": now, "advanced_at": now, "state": "done"}
    _store(ReplayJob(**job) for _ in range(SOME))
    newest: dict[str, Any] = {"parked": ParkedRun, "replay": ReplayJob, "entry": AuditEntry, "deletion": TrashEntry}
    own = {"hour": LedgerHour, "change": StatusChange} | newest
    return {name: str(model.objects.order_by("pk").values_list("pk", flat=True)[0]) for name, model in own.items()}


def _store(rows: Iterator[Any]) -> None:
    made = list(rows)
    type(made[0]).objects.bulk_create(made, batch_size=500)


def _parked(application: Any, integrations: Sequence[Any], workflows: Sequence[Any], now: datetime) -> Iterator[Any]:
    from integrations.events import EventKind, TriggerEvent
    from wegnology.lib.ids import new_id
    from workflows.models import ParkedRun

    for number in range(PARKED):
        source, workflow = integrations[number % len(integrations)], workflows[number % len(workflows)]
        event = TriggerEvent(source.pk, EventKind.MESSAGE, 1, {"topic": "a/b", "message": f"reading {number}"})
        yield ParkedRun(
            **{"application": application, "integration_id": source.pk, "workflow_id": workflow.pk},
            **{"version_id": workflow.default_version_id, "event_id": new_id(), "event": event.to_json().decode()},
            **{"reason": "failed", "error_name": "JSON", "error_message": "not JSON", "node_id": "decode0"},
            **{"created_at": now - timedelta(seconds=number), "payload": '{"data": {"message": "reading"}}'},
        )


def _audit(application: Any, integrations: Sequence[Any], workflows: Sequence[Any], now: datetime) -> Iterator[Any]:
    from wegnology.applications.audit import page_of
    from wegnology.applications.records import AuditEntry

    changes = {"topics": [["a/#"], ["a/#", "b/+/c"]], "enabled": [True, False], "host": ["127.0.0.1", "127.0.0.2"]}
    targets = [
        (row, kind)
        for rows, kind in ((integrations[:5], "integrations.integration"), (workflows[:5], "workflows.workflow"))
        for row in rows
    ]
    for number in range(AUDIT):
        row, kind = targets[number % len(targets)]
        yield AuditEntry(
            **{"time": now - timedelta(minutes=number), "application_id": application.pk, "action": "changed"},
            **{"actor_kind": "user", "actor_id": "1", "actor_name": f"person {number % SOME:03}", "changes": changes},
            **{"kind": kind, "object_id": row.pk, "object_name": row.name, "page": page_of(row)},
        )

"""Measures pages in process: `python -m bench.pages_process INTEGRATIONS ROUNDS`; prints milliseconds and queries as JSON."""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import django
from django.core.management import call_command

HOURS = 24


def main() -> None:
    """Fill a database, ask each page some times, print the median of each in milliseconds and its queries."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    integrations, rounds = int(sys.argv[1]), int(sys.argv[2])
    from wegnology.local.redis import at_hand

    with at_hand():
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        client, addresses = _fill(integrations)
        found = {name: _measured(client, address, rounds) for name, address in addresses.items()}
    sys.stdout.write(json.dumps(found) + "\n")


def _fill(count: int) -> tuple[Any, dict[str, str]]:
    from django.contrib.auth.models import User
    from django.test import Client

    from wegnology.applications.models import Application

    application = Application.objects.create(name="Bench")
    integrations = _integrations(application, count)
    workflows = _workflows(application, integrations)
    _history(application, integrations, workflows)
    client = Client(headers={"Host": "localhost"})
    client.force_login(User.objects.create_superuser(f"bench{time.time_ns()}"))
    integration, workflow = (
        f"/admin/integrations/integration/{integrations[0].pk}",
        f"/admin/workflows/workflow/{workflows[0].pk}",
    )
    return client, {
        "status": "/status",
        "overview": f"/overview/{application.pk}",
        "integrations": "/admin/integrations/integration/",
        "integrations, searched": "/admin/integrations/integration/?q=Broker+0099",
        "integration": f"{integration}/change/",
        "messages": f"{integration}/messages/",
        "ledger": f"{integration}/ledger/",
        "deletion": f"{integration}/delete/",
        "add": "/admin/integrations/integration/add/?type=mqtt",
        "workflows": "/admin/workflows/workflow/",
        "workflow": f"{workflow}/change/",
        "runs": f"{workflow}/runs/",
        "statistics": f"{workflow}/statistics/",
        "parked": "/admin/workflows/parkedrun/",
        "applications": "/admin/applications/application/",
        "audit": "/admin/applications/auditentry/",
        "trash": "/admin/applications/trashentry/",
        "import": "/import",
    }


def _integrations(application: Any, count: int) -> list[Any]:
    from integrations.models import Integration

    config: dict[str, Any] = {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883, "username": "hub", "password": "hunter2"}
    rows = []
    for number in range(count):
        row = Integration(application=application, name=f"Broker {number:05}", integration_type="mqtt", topics=["a/#", "b/+/c"])
        row.set_config(dict(config))
        rows.append(row)
    return list(Integration.objects.bulk_create(rows, batch_size=500))


def _workflows(application: Any, integrations: list[Any]) -> list[Any]:
    from wegnology.local.demo import graph
    from workflows.models import Workflow, WorkflowVersion

    rows = [Workflow(application=application, name=f"Alert {number:05}") for number in range(len(integrations))]
    Workflow.objects.bulk_create(rows, batch_size=500)
    versions = []
    for row, integration in zip(rows, integrations, strict=True):
        triggers, nodes = graph(integration.pk)
        versions.append(WorkflowVersion(workflow=row, triggers=triggers, nodes=nodes))
    for version in versions:
        version.save()
    return rows


def _history(application: Any, integrations: list[Any], workflows: list[Any]) -> None:
    """A day of ledger and runs of each, and some runs that are parked."""
    from integrations.models import LedgerHour
    from workflows.insight.records import RunHour

    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=back) for back in range(HOURS)]
    counts = {"messages": 100, "finished": 100}
    lines = [LedgerHour(integration_id=row.pk, hour=hour, counts=counts) for row in integrations for hour in hours]
    LedgerHour.objects.bulk_create(lines, batch_size=500)
    versions = {row.pk: row.versions.values_list("pk", flat=True)[0] for row in workflows}
    ran = [
        RunHour(workflow_id=row.pk, version_id=versions[row.pk], hour=hour, runs=100, failed=1, micros=10_000)
        for row in workflows
        for hour in hours
    ]
    RunHour.objects.bulk_create(ran, batch_size=500)


def _measured(client: Any, address: str, rounds: int) -> tuple[float, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken = []
    with CaptureQueriesContext(connection) as captured:
        _ask(client, address)
    queries = len(captured)
    for _ in range(rounds):
        begun = time.perf_counter()
        _ask(client, address)
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken), queries


def _ask(client: Any, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200:
        sys.exit(f"{address} answered {response.status_code}: {response.content[:300]!r}")


if __name__ == "__main__":
    main()

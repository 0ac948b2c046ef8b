"""Measures pages in process: `python -m bench.pages_process INTEGRATIONS ROUNDS`; prints milliseconds and queries as JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import django
from django.core.management import call_command

from bench.pages_routes import PAGES, Page

CHOSEN = 50
"""So many rows are chosen for an action on many."""


def main() -> None:
    """Fill a database, ask each page some times, print the best of each in milliseconds and its queries."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    integrations, rounds = int(sys.argv[1]), int(sys.argv[2])
    from wegnology.local.redis import at_hand

    with at_hand():
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        ids, people = _fill(integrations)
        found = {name: _worst(people, page, ids, rounds) for name, page in PAGES.items()}
    sys.stdout.write(json.dumps(found) + "\n")


def _fill(count: int) -> tuple[dict[str, str], list[Any]]:
    """Return the ids of the rows whose pages are measured, and a client for each of the people who ask."""
    from django.test import Client

    from bench.pages_rows import history, integrations_of, parts, people, workflows_of
    from bench.pages_told import tell
    from wegnology.applications.models import Application
    from workflows.models import WorkflowVersion

    application = Application.objects.create(name="Bench")
    integrations = integrations_of(application, count)
    workflows = workflows_of(application, integrations)
    operator, administrator = people(application)
    ids = {"application": application.pk, "integration": integrations[0].pk, "workflow": workflows[0].pk}
    ids["version"] = WorkflowVersion.objects.get(workflow=workflows[0], name="v2").pk
    ids |= parts(application, integrations) | history(application, integrations, workflows)
    ids |= {"user": str(administrator.pk), **tell(application, integrations, workflows)}
    clients = [Client(headers={"Host": "localhost"})]
    for person in (administrator, operator):
        client = Client(headers={"Host": "localhost"})
        client.force_login(person)
        client.post("/switch", {"application": application.pk})
        clients.append(client)
    return ids, clients


def _worst(people: list[Any], page: Page, ids: dict[str, str], rounds: int) -> tuple[float, int]:
    """Return the time and the queries of whom the page costs more; pages of the installation are for operators alone."""
    from django.urls import reverse

    address = reverse(page.route, args=[ids.get(name, name) for name in page.ids])
    asking = [_asking(client, page, f"{address}?{page.query}", ids) for client in people]
    found = [_measured(ask, rounds) for ask in asking if ask().status_code == 200]
    if not found:
        response = asking[-1]()
        sys.exit(f"{address} answered {response.status_code}: {response.content[:300]!r}")
    return max(found)


def _asking(client: Any, page: Page, address: str, ids: dict[str, str]) -> Callable[[], Any]:
    if not page.action:
        return lambda: client.get(address)
    from django.apps import apps

    models = {"integration": "integrations.Integration", "workflow": "workflows.Workflow"}
    models |= {"parked": "workflows.ParkedRun", "deletion": "applications.TrashEntry"}
    rows = apps.get_model(models[page.chosen])._default_manager.order_by("pk").values_list("pk", flat=True)[:CHOSEN]
    sent = {"action": page.action, "_selected_action": list(rows), "select_across": "0", "index": "0"}
    return lambda: client.post(address, sent)


def _measured(ask: Callable[[], Any], rounds: int) -> tuple[float, int]:
    """Return the least time of several: what is more was done for others on the same cores."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        ask()
    queries, taken = len(captured), []
    for _ in range(rounds):
        begun = _spent()
        ask()
        taken.append((_spent() - begun) * 1000)
    return min(taken), queries


def _spent() -> float:
    """Return the seconds of CPU that this process and Redis have taken: on a shared machine the clock measures its neighbours."""
    from wegnology.lib.redis import sync_client

    with closing(sync_client()) as client:
        used: Any = client.info("cpu")
    return time.process_time() + float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


if __name__ == "__main__":
    main()

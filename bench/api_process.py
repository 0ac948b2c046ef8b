"""Measures lists of the REST API in process: `python -m bench.api_process INTEGRATIONS ROUNDS PAGES`; prints JSON."""

import json
import os
import sys
import time
from datetime import timedelta
from statistics import median

import django
from django.core.management import call_command

from wegnology.lib.types import JSONObject


def main() -> None:
    """Fill a database, ask each page some times, print the median of each in milliseconds."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    integrations, rounds, pages = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    from wegnology.local.redis import at_hand

    with at_hand():
        call_command("migrate", verbosity=0, interactive=False)
        application_id, token = _fill(integrations)
        place = f"/api/applications/{application_id}/integrations"
        found = {name: _median(f"{place}?{query}", token, rounds) for name, query in pages.items()}
    sys.stdout.write(json.dumps(found) + "\n")


def _fill(count: int) -> tuple[str, str]:
    from django.contrib.auth.models import User

    from integrations.models import Integration
    from wegnology.applications.models import Application
    from wegnology.applications.tokens import issue_user_token

    application = Application.objects.create(name="Bench")
    config: JSONObject = {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883, "username": "hub", "password": "hunter2"}
    rows = []
    for number in range(count):
        row = Integration(
            application=application, name=f"Broker {number:05}", integration_type="mqtt", topics=["a/#", "b/+/c"], enabled=True
        )
        row.set_config(dict(config))
        rows.append(row)
    Integration.objects.bulk_create(rows, batch_size=500)
    operator = User.objects.create_superuser(f"bench{time.time_ns()}")
    return application.pk, issue_user_token(operator, ["all.User"], timedelta(hours=1))


def _median(address: str, token: str, rounds: int) -> float:
    from django.test import Client

    client = Client(headers={"Authorization": f"Bearer {token}", "Host": "localhost"})
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        response = client.get(address)
        taken.append((time.perf_counter() - begun) * 1000)
        if response.status_code != 200:
            sys.exit(f"{address} answered {response.status_code}: {response.content[:300]!r}")
    return median(taken[1:])


if __name__ == "__main__":
    main()

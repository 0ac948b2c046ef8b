"""The list of workflows."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations.live import outage
from integrations.runtime.keys import key
from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Role
from wegnology.lib.types import JSONObject
from workflows.insight.records import RunHour
from workflows.insight.runs import Failure, Run
from workflows.models import DEVELOP, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

LIST = reverse("admin:workflows_workflow_changelist")


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


@pytest.fixture(autouse=True)
def viewer(client: Client, plant: Application) -> User:
    """A viewer, logged in."""
    user = factories.person("vic", plant, Role.VIEWER)
    client.force_login(user)
    return user


def a_run(ago_seconds: int, failure: Failure | None = None) -> bytes:
    started = int((time.time() - ago_seconds) * 1000)
    return Run("e1", 0, "v1", started, 1.0, 0, "s1", "message", "integration", 0, (), failure).to_json()


def test_a_row_says_what_starts_it(client: Client, plant: Application) -> None:
    source = factories.integration(plant, name="Press line")
    timer: JSONObject = {"type": "timer", "key": "t1", "config": {"seconds": 60}, "outputIds": []}
    factories.workflow(plant, triggers=[factories.trigger(source), timer])
    assert "Press line, timer" in client.get(LIST).content.decode()


def test_types_of_triggers_are_said_in_words(client: Client, plant: Application) -> None:
    kinds = ("virtualButton", "webhook", "alarm")
    factories.workflow(plant, triggers=[{"type": kind, "key": kind, "config": {}, "outputIds": []} for kind in kinds])
    factories.workflow(plant, triggers=[{"type": "deviceState", "key": "d", "config": {}, "outputIds": []}])
    html = client.get(LIST).content.decode()
    assert "virtual button, webhook, alarm trigger" in html
    assert "virtualButton" not in html
    assert "deviceState" in html  # of elsewhere: nobody here has a word for it


def test_what_starts_the_live_version_counts_and_not_another(client: Client, plant: Application) -> None:
    row = factories.workflow(factories.integration(plant, name="Press line"))
    row.default_version = factories.version(row, name="v1", triggers=[{"type": "flowError", "key": "f", "outputIds": []}])
    row.save()
    html = client.get(LIST).content.decode()
    assert "error trigger" in html
    assert "Press line" not in html
    assert WorkflowVersion.objects.filter(workflow=row, name=DEVELOP).exists()


def test_the_latest_run_is_told_whether_it_failed_or_not(client: Client, plant: Application, redis_here: RedisServer) -> None:
    row = factories.workflow(plant)
    with redis_here.client() as redis:
        redis.lpush(key("runs", row.pk), a_run(300))
        redis.lpush(key("failures", row.pk), a_run(20, Failure("Error", "too hot to handle", "n1", "Check")))
    assert "too hot to handle" in client.get(LIST).content.decode()
    with redis_here.client() as redis:
        redis.lpush(key("runs", row.pk), a_run(1))
    assert "too hot to handle" not in client.get(LIST).content.decode()


def test_runs_and_failures_of_a_day_are_counted(client: Client, plant: Application) -> None:
    row = factories.workflow(plant)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for back, runs, failed in ((0, 5, 1), (3, 20, 2), (100, 500, 500)):
        RunHour.objects.create(workflow_id=row.pk, version_id="v", hour=hour - timedelta(hours=back), runs=runs, failed=failed)
    html = client.get(LIST).content.decode()
    assert f'href="{reverse("admin:workflows_workflow_errors", args=[row.pk])}">3 of 25</a>' in html
    assert "25 runs in 12 hours" in html


def test_the_number_of_queries_does_not_grow(client: Client, plant: Application) -> None:
    counts = []
    for number in (1, 12):
        for at in range(number):
            factories.workflow(factories.integration(plant, name=f"{number}-{at}"), name=f"{number}-{at}")
        with CaptureQueriesContext(connection) as seen:
            assert client.get(LIST).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.fixture
def redis_away(redis_here: RedisServer, settings: Settings) -> Iterator[None]:
    """Settings that name a port where no Redis listens; what was seen of that is forgotten afterwards."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    yield
    outage.over()


@pytest.mark.usefixtures("redis_away")
def test_without_redis_the_last_run_is_unknown(client: Client, plant: Application) -> None:
    factories.workflow(plant)
    html = client.get(LIST).content.decode()
    assert "Redis cannot be reached since" in html
    assert ">unknown</td>" in html

"""`manage.py integration_status`: what it tells, and the codes it ends with."""

import json
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from integrations.live import outage, read_application
from integrations.models import Integration
from integrations.runtime.keys import key, partition_of
from integrations.runtime.status import ConnectionState, Status
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]


@pytest.fixture(autouse=True)
def _no_outage() -> None:
    """Forget what an earlier test saw of Redis."""
    outage.over()


def now_ms() -> int:
    return int(time.time() * 1000)


def a_lamp(of: Application, name: str, **fields: Any) -> Integration:
    return factories.integration(of, name=name, integration_type="lamp", config=CONFIG, **fields)


def report(redis: RedisServer, row: Integration, status: Status) -> None:
    """Let a living listener say how it is, with fresh proof."""
    with redis.client() as client:
        client.set(key("listen", partition_of(row.pk)), "l1/x")
        client.set(key("status", row.pk), status.to_json())
        client.hset(key("proof"), row.pk, now_ms())


def told(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was written."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("integration_status", *arguments, stdout=out, stderr=out)
    return int(str(ended.value.code)), out.getvalue()


UP = Status(ConnectionState.CONNECTED, 1, listener="l1")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (UP, 0),
        (Status(ConnectionState.CONNECTING, 1, listener="l1"), 1),
        (Status(ConnectionState.CONNECTED, 1, listener="l1", degraded="Allow it."), 1),
        (Status(ConnectionState.CONNECTED, 1, listener="l1", losses=[now_ms() + 60_000] * 3), 1),
        (Status(ConnectionState.DISCONNECTED, 1, listener="l1", latest_cause="No route."), 2),
        (Status(ConnectionState.REFUSED, 1, listener="l1"), 2),
        (Status(ConnectionState.NOT_CONFIGURED, 1, listener="l1"), 2),
        (Status(ConnectionState.CONNECTED, 1, listener="l2"), 2),  # nobody who lives says so
    ],
)
def test_the_exit_code_is_the_worst_of_all(redis_here: RedisServer, status: Status, code: int) -> None:
    of = factories.application()
    good, other, off = a_lamp(of, "Good"), a_lamp(of, "Other"), a_lamp(of, "Off", enabled=False)
    report(redis_here, good, UP)
    report(redis_here, other, status)
    ended, text = told()
    assert ended == code
    assert [line.split()[0] for line in text.splitlines()] == [good.pk, off.pk, other.pk]
    assert told("Good", off.pk)[0] == 0


def test_one_of_which_nothing_is_known_does_not_work(redis_here: RedisServer) -> None:
    a_lamp(factories.application(), "New")
    assert told()[0] == 2


def test_json_tells_everything(redis_here: RedisServer) -> None:
    of, another = factories.application(), factories.application(name="Another")
    row, _ = a_lamp(of, "Lamp"), a_lamp(another, "Not this one")
    rows: list[Any] = [{"topic": "a", "granted": False, "detail": "no"}]
    report(redis_here, row, Status(ConnectionState.CONNECTED, 1, listener="l1", subscriptions=rows, attempts=3))
    code, text = told("--json", "--application", of.pk)
    assert code == 1
    found = json.loads(text)
    assert found["redis"] is True
    [one] = found["integrations"]
    assert (one["id"], one["name"], one["integrationType"], one["enabled"]) == (row.pk, "Lamp", "lamp", True)
    status = one["status"]
    assert (status["state"], status["latestCause"], status["attempts"]) == ("degraded", "1 of 1 topics refused: a.", 3)
    assert status["subscriptions"][0]["state"] == "refused"
    assert status["flow"]["waiting"] == 0


def test_without_redis_nothing_is_known(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    a_lamp(factories.application(), "Lamp")
    code, text = told()
    assert code == 3
    assert "Redis cannot be reached" in text
    assert "Unknown" in text
    assert told("--json")[0] == 3


def test_a_name_that_nothing_has_is_an_error(redis_here: RedisServer) -> None:
    with pytest.raises(CommandError, match=r"There is no integration Nobody\."):
        call_command("integration_status", "Nobody")


def test_an_application_is_read_with_one_query_whatever_its_size(redis_here: RedisServer) -> None:
    of = factories.application()
    for size in (1, 30):
        while Integration.objects.filter(application=of).count() < size:
            report(redis_here, a_lamp(of, "Lamp"), UP)
        with CaptureQueriesContext(connection) as queries, redis_here.client() as client:
            before = client.info("stats")["total_commands_processed"]
            live = read_application(of.pk)
            after = client.info("stats")["total_commands_processed"]
        assert len(queries) == 1
        assert len(live.statuses) == size
        assert {status.state for status in live.statuses.values()} == {ConnectionState.CONNECTED}
        assert after > before

"""The pages of the installation: probes, metrics, status; who may read them; and that nobody gets in without a login."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from integrations.live import outage
from integrations.models import LedgerHour
from integrations.runtime.keys import key, partition_of
from integrations.runtime.status import ConnectionState, Status
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]

TOKEN = "a-token-for-figures"
STRANGER = "203.0.113.9"
OPEN = ("healthz", "readyz", "metrics", "static/", "admin/login/", "admin/logout/", "^webhooks/", "api/")
"""Without a login: probes (details by token), the login itself, the way out, and webhooks, whose address is the key.

The API asks for tokens: `tests.test_access` walks through it."""


@pytest.fixture(autouse=True)
def _no_outage() -> None:
    """Forget what an earlier test saw of Redis."""
    outage.over()


@pytest.fixture
def redis_away(settings: Settings) -> None:
    """Settings that name a port where no Redis listens."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
def alive(redis_here: RedisServer) -> RedisServer:
    """A Redis in which one listener, one worker and one process for tasks have signed in."""
    later = int(time.time() * 1000) + 60_000
    with redis_here.client() as client:
        client.zadd(key("listeners"), {"listener-1": later})
        client.zadd(key("workers"), {"worker-1": later})
        client.zadd(key("tasks"), {"tasks-1": later})
        client.mset({key("listen", p): "listener-1/abc" for p in range(64)})
    return redis_here


def with_token(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


class TestHealth:
    def test_it_needs_nothing(self, client: Client, redis_away: None, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            response = client.get("/healthz", REMOTE_ADDR=STRANGER)
        assert (response.status_code, response.content) == (200, b"ok\n")


class TestReady:
    def test_ready_with_figures(self, client: Client, alive: RedisServer) -> None:
        response = client.get("/readyz")
        found = response.json()
        assert (response.status_code, found["status"], found["reasons"]) == (200, "ready", [])
        assert found["listeners"] == {"listener-1": 64}
        assert found["workers"] == {"worker-1": 0}
        assert found["append_only"] is True

    def test_strangers_get_no_figures(self, client: Client, alive: RedisServer) -> None:
        assert client.get("/readyz", REMOTE_ADDR=STRANGER).json() == {"status": "ready", "reasons": []}

    def test_without_processes_it_is_not_ready(self, client: Client, redis_here: RedisServer) -> None:
        response = client.get("/readyz", REMOTE_ADDR=STRANGER)
        assert response.status_code == 503
        assert response.json() == {
            "status": "unready",
            "reasons": ["No listener process is alive: nothing is received.", "No worker process is alive: nothing is run."],
        }

    def test_stuck_work_is_not_ready(self, client: Client, alive: RedisServer) -> None:
        long_ago = int(time.time() * 1000) - 60_000
        with alive.client() as redis:
            redis.sadd(key("ready", 3), "a" * 24)
            redis.hset(key("unheld"), "3", str(long_ago))
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "for a worker to take them" in response.json()["reasons"][0]

    def test_without_redis_it_is_not_ready(self, client: Client, redis_away: None) -> None:
        response = client.get("/readyz", REMOTE_ADDR=STRANGER)
        assert response.status_code == 503
        assert response.json() == {"status": "unready", "reasons": ["Redis cannot be reached."]}

    def test_without_a_database_it_is_not_ready(self, client: Client, alive: RedisServer) -> None:
        from django.db import OperationalError

        def refuse(*_: object) -> None:
            raise OperationalError("gone")

        with connection.execute_wrapper(refuse):
            response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["reasons"] == ["The database cannot be reached."]


class TestMetrics:
    @pytest.mark.parametrize(
        ("token", "extra", "allowed"),
        [
            ("", {"REMOTE_ADDR": "127.0.0.1"}, True),
            ("", {"REMOTE_ADDR": "::1"}, True),
            ("", {"REMOTE_ADDR": STRANGER}, False),
            ("", {"REMOTE_ADDR": STRANGER, "headers": with_token("")}, False),
            ("", {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": STRANGER}, False),
            (TOKEN, {"REMOTE_ADDR": STRANGER}, False),
            (TOKEN, {"REMOTE_ADDR": STRANGER, "headers": with_token("wrong")}, False),
            (TOKEN, {"REMOTE_ADDR": STRANGER, "headers": with_token(TOKEN)}, True),
            (TOKEN, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": STRANGER, "headers": with_token(TOKEN)}, True),
        ],
    )
    def test_who_may_read(
        self, client: Client, settings: Settings, redis_away: None, token: str, extra: dict[str, Any], allowed: bool
    ) -> None:
        settings.METRICS_TOKEN = token
        assert client.get("/metrics", **extra).status_code == (200 if allowed else 403)

    def test_figures_by_type_never_by_id(self, client: Client, alive: RedisServer) -> None:
        row = factories.integration(integration_type="lamp", config=CONFIG)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        counts = {"messages": 7, "signals": 1, "finished": 5, "parked:failed": 2, "dropped:too large": 1, "out:sent": 3}
        LedgerHour.objects.create(integration_id=row.pk, hour=hour, counts=counts)
        LedgerHour.objects.create(integration_id="f" * 24, hour=hour, counts={"messages": 1})
        with alive.client() as redis:
            redis.set(key("status", row.pk), Status(ConnectionState.DISCONNECTED, listener="listener-1").to_json())
            now = int(time.time() * 1000)
            redis.hset(key("rates"), row.pk, json.dumps({"t": now, "in": 30.5, "out": 20.0, "limit": 20.0, "throttled": now}))
            redis.hset(key("claims"), row.pk, f"0.5 {now};{now - 4_000}-0/w1")
            redis.xadd(key("inbox", row.pk), {"e": "x"}, id=f"{now - 9_000}-0")
        text = client.get("/metrics").content.decode()
        assert row.pk not in text
        figures = {
            (s.name, *(s.labels[label] for label in sorted(s.labels))): s.value
            for f in text_string_to_metric_families(text)
            for s in f.samples
        }
        assert figures["integrations_events_received_total", "messages", "lamp"] == 7
        assert figures["integrations_events_received_total", "messages", "deleted"] == 1
        assert figures["integrations_events_ended_total", "parked", "failed", "lamp"] == 2
        assert figures["integrations_events_ended_total", "dropped", "too large", "lamp"] == 1
        assert figures["integrations_connections", "disconnected", "lamp"] == 1
        names = ("received_per_second", "run_per_second", "waiting", "waiting_at_source", "throttled", "throttle_wait_seconds")
        assert [figures[f"integrations_{name}", "lamp"] for name in names] == [30.5, 20.0, 1, 0, 1, 4.0]
        assert 9 <= figures["integrations_oldest_seconds", "lamp"] < 120
        assert figures["integrations_listeners_live",] == 1
        assert figures["integrations_redis_up",] == 1

    def test_without_redis_it_says_so(self, client: Client, redis_away: None) -> None:
        text = client.get("/metrics").content.decode()
        assert "integrations_redis_up 0.0" in text
        assert "integrations_database_up 1.0" in text
        assert "integrations_listeners_live" not in text


class TestStatus:
    def test_an_empty_installation_says_what_to_do(self, admin_client: Client, redis_here: RedisServer) -> None:
        html = admin_client.get("/status").content.decode()
        assert "No listener process is alive" in html
        assert "Add the first one" in html
        assert "make run" in html
        assert "Nothing arrived in the last 24 hours" in html

    def test_a_working_installation(self, admin_client: Client, alive: RedisServer) -> None:
        row = factories.integration(integration_type="lamp", config=CONFIG)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(integration_id=row.pk, hour=hour, counts={"messages": 7, "finished": 5, "parked:failed": 2})
        html = admin_client.get("/status").content.decode()
        assert "Everything works" in html
        assert "64 of 64 held" in html
        assert all(name in html for name in ("listener-1", "worker-1", "tasks-1"))
        assert "5 finished, 2 parked" in html
        assert "does not balance" not in html

    def test_it_says_what_is_not_held_and_who_is_missing(self, admin_client: Client, alive: RedisServer) -> None:
        with alive.client() as client:
            client.delete(key("tasks"), *(key("listen", p) for p in range(24)))
        html = admin_client.get("/status").content.decode()
        assert "24 of 64 partitions have no listener" in html
        assert "No process takes tasks" in html
        assert "Everything works" not in html

    def test_it_names_what_waits_longest(self, admin_client: Client, alive: RedisServer) -> None:
        row = factories.integration(integration_type="lamp", config=CONFIG, name="Slow lamp")
        sender = factories.integration(integration_type="lamp", config=CONFIG, name="Sender")
        with alive.client() as client:
            client.xadd(key("inbox", row.pk), {"e": "x"}, id=f"{int(time.time() * 1000) - 7_200_000}-0")
            client.sadd(key("ready", partition_of(row.pk)), row.pk)
            client.xadd(key("outbox", sender.pk), {"m": "x"})
            client.sadd(key("outboxes"), sender.pk)
        html = admin_client.get("/status").content.decode()
        assert html.index("What waits longest") < html.index("Slow lamp") < html.index(">Sender<")
        assert "2 h" in html[html.index("Slow lamp") : html.index(">Sender<")]
        assert "the connection, to be sent" in html[html.index(">Sender<") :]

    def test_a_ledger_that_does_not_balance_is_red(self, admin_client: Client, alive: RedisServer) -> None:
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(integration_id="f" * 24, hour=hour, counts={"messages": 1, "finished": 2})
        assert "does not balance" in admin_client.get("/status").content.decode()

    def test_without_redis_it_works_from_the_database(self, admin_client: Client, redis_away: None) -> None:
        row = factories.integration(integration_type="lamp", config=CONFIG)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(integration_id=row.pk, hour=hour, counts={"messages": 7, "finished": 7})
        html = admin_client.get("/status").content.decode()
        assert "Redis cannot be reached since" in html
        assert "7 finished" in html
        assert "Unknown" in html

    def test_a_member_sees_what_is_theirs(self, client: Client, alive: RedisServer) -> None:
        own, other = factories.integration(name="Own"), factories.integration(name="Other")
        for source in (other, other, other):
            factories.workflow(source)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(integration_id=own.pk, hour=hour, counts={"messages": 7, "finished": 7})
        LedgerHour.objects.create(integration_id=other.pk, hour=hour, counts={"messages": 61234, "finished": 61234})
        client.force_login(factories.person("ann", own.application, Role.VIEWER))
        response = client.get("/status")
        html = response.content.decode()
        assert (response.context["integration_count"], response.context["workflow_count"]) == (1, 0)
        assert "7 finished" in html
        assert "your integrations" in html
        for theirs in ("listener-1", "61,2", "61234", "Redis memory", "Eviction policy", "Add a workflow"):
            assert theirs not in html

    def test_who_is_no_member_is_told_what_to_do(self, client: Client, alive: RedisServer) -> None:
        factories.integration()
        client.force_login(factories.person("ann"))
        html = client.get("/status").content.decode()
        assert "You are not a member of any application yet" in html
        assert "There is no integration yet" in html
        assert "Add the first one" not in html

    def test_the_front_page_leads_there(self, admin_client: Client) -> None:
        assert admin_client.get("/")["Location"] == "/status"
        assert 'href="/status"' in admin_client.get("/admin/").content.decode()


def every_route(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Iterate all routes with their whole pattern."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from every_route(entry, route)
        else:
            yield route, entry


def address_of(route: str) -> str:
    """Fill in a route so that it matches something."""
    route = re.sub(r"<path:[^>]+>|<str:[^>]+>", "a" * 24, route)
    route = re.sub(r"<int:[^>]+>", "1", route)
    route = re.sub(r"\(\?P<app_label>[^)]*\)", "integrations", route)
    route = re.sub(r"\(\?P<url>\.\*\)", "anything", route)
    return "/" + route.replace("^", "").replace("$", "").replace("\\Z", "")


ROUTES = sorted({route for route, _ in every_route()})


def walk(client: Client, method: str) -> dict[str, str]:
    """Ask for every route that needs a login; return what was answered instead of the way to the login."""
    login = reverse("admin:login")
    wrong = {}
    for route in ROUTES:
        if route.startswith(OPEN) or route == "":
            continue
        response = getattr(client, method)(address_of(route))
        answer = f"{response.status_code} {response.headers.get('Location', '')}"
        if not answer.startswith(f"302 {login}"):
            wrong[route] = answer
    return wrong


def test_there_are_routes_to_walk() -> None:
    assert len(ROUTES) > 40


def test_without_redis_an_overview_knows_no_live_numbers(admin_client: Client, redis_away: None) -> None:
    plant = factories.application("Plant")
    factories.integration(plant)
    html = admin_client.get(reverse("overview", args=[plant.pk])).content.decode()
    assert "Redis cannot be reached since" in html
    assert "<strong>? of 1</strong>" in html
    assert "<strong>?</strong>Waiting for workflows" in html


def test_an_overview_expects_no_disabled_integration_to_be_connected(admin_client: Client, redis_away: None) -> None:
    plant = factories.application("Plant")
    for name, enabled in (("One", True), ("Two", True), ("Three", False)):
        factories.integration(plant, name=name, enabled=enabled)
    html = admin_client.get(reverse("overview", args=[plant.pk])).content.decode()
    assert "<strong>? of 2</strong>Enabled integrations connected" in html


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_gets_in(client: Client, method: str, redis_away: None) -> None:
    """A stranger is sent to the login, whatever the address."""
    assert walk(client, method) == {}


def test_a_member_without_rights_sees_nothing(client: Client, redis_away: None) -> None:
    """Who is logged in but not of the staff is sent to the login as well."""
    client.force_login(User.objects.create_user("someone", password="x"))
    assert walk(client, "get") == {}


def test_the_walk_finds_an_open_door(admin_client: Client, redis_away: None) -> None:
    """The walk can fail: who is let in is noticed."""
    assert "status" in walk(admin_client, "get")

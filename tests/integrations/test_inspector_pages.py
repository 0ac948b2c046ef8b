"""The message inspector's pages: the last messages, what is new to whoever follows, one of them decoded."""

import time

import orjson
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations.models import Integration
from integrations.runtime.keys import key
from integrations.runtime.ledger import HOUR_MS
from integrations.runtime.ledger_writing import write_ledger
from tests import factories
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Role
from wegnology.lib.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(redis_here: RedisServer) -> Integration:
    return factories.integration(name="Broker")


def page(row: Integration, name: str = "messages", **parts: str) -> str:
    return reverse(f"admin:integrations_integration_{name}", kwargs={"object_id": row.pk, **parts})


def keep(server: RedisServer, row: Integration, body: str, *ends: dict[str, object], **more: object) -> str:
    """Keep a message as a listener does, and what became of it as a worker does; return its id."""
    event_id = new_id()
    data = {"topic": "plant/north", "message": body}
    record = {"id": event_id, "a": 1_800_000_000_000, "t": 1_800_000_000_000, "k": "message", "n": len(body), "d": data, **more}
    with server.client() as client:
        client.rpush(key("messages", row.pk), orjson.dumps(record))
        client.hincrby(key("inspected"), row.pk, 1)
        for end in ends:
            client.rpush(key("outcomes", row.pk), orjson.dumps({"id": event_id, **end}))
    return event_id


def test_the_page_shows_the_last_messages_and_finds_some(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    keep(redis_here, row, "<b>hot</b>", s=12)
    keep(redis_here, row, "cold", {"o": "parked:failed", "b": 5, "e": 9, "w": 1, "q": 2, "f": [], "s": []})
    html = admin_client.get(page(row)).content.decode()
    assert "&lt;b&gt;hot" in html
    assert "<b>hot" not in html
    for text in (
        "plant/north",
        "cold",
        "parked: failed",
        "throttle 1 ms, queue 2 ms, run 4 ms",
        "12 messages before this one were",
    ):
        assert text in html
    assert "hot" not in admin_client.get(page(row) + "?q=COLD").content.decode()
    assert "cold" not in admin_client.get(page(row) + "?outcome=ended").content.decode().replace("wg-", "")
    assert "None of the messages" in admin_client.get(page(row) + "?q=nothing").content.decode()


def test_who_follows_gets_what_is_new(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    first = keep(redis_here, row, "one")
    found = admin_client.get(page(row, "messages_rows")).json()
    assert [one["id"] for one in found["rows"]] == [first]
    same = admin_client.get(page(row, "messages_rows") + f"?place={found['place']}").json()
    assert same == {"place": found["place"]}
    second = keep(redis_here, row, "two")
    fresh = admin_client.get(page(row, "messages_rows") + f"?place={found['place']}").json()
    assert [one["id"] for one in fresh["rows"]] == [second, first]


def test_one_is_shown_decoded_with_what_ran(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    flow = factories.workflow(row, name="Alert")
    end = {"o": "parked:failed", "b": 5, "e": 9, "w": 1, "q": 2, "f": [[flow.pk, "v", "Unwell: no"]], "s": [[row.pk, "sent", 7]]}
    event_id = keep(redis_here, row, '{"a":1}', end, x=True)
    html = admin_client.get(page(row, "message", event_id=event_id)).content.decode()
    to_workflow = f'href="{reverse("admin:workflows_workflow_change", args=[flow.pk])}">Alert</a>'
    for text in ("&quot;a&quot;: 1", to_workflow, "Unwell: no", "Broker: sent, 7 ms", "Long texts are cut"):
        assert text in html
    assert "7b 22 61" in admin_client.get(page(row, "message", event_id=event_id) + "?as=hex").content.decode()
    assert admin_client.get(page(row, "message", event_id=new_id())).status_code == 404


def test_others_see_nothing(client: Client, row: Integration, redis_here: RedisServer) -> None:
    event_id = keep(redis_here, row, "secret of the plant")
    client.force_login(factories.person("outsider", factories.application("Other"), Role.ADMINISTRATOR))
    for address in (page(row), page(row, "messages_rows"), page(row, "message", event_id=event_id)):
        assert client.get(address).status_code == 404
    client.force_login(factories.person("vera", row.application, Role.VIEWER))
    assert "secret of the plant" in client.get(page(row, "message", event_id=event_id)).content.decode()


def test_without_redis_it_says_so(admin_client: Client, row: Integration, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert "Redis cannot be reached" in admin_client.get(page(row)).content.decode()
    assert admin_client.get(page(row, "messages_rows")).status_code == 503
    assert "Redis cannot be reached" in admin_client.get(page(row, "message", event_id=new_id())).content.decode()


def test_a_message_that_is_not_kept_any_more_says_so(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    answer = admin_client.get(page(row, "message", event_id=new_id()))
    assert answer.status_code == 404
    assert "not kept for looking at any more" in answer.content.decode()


@pytest.mark.parametrize("days", [1, 7])
def test_connections_that_came_and_went_are_no_messages(
    admin_client: Client, row: Integration, redis_here: RedisServer, days: int
) -> None:
    hour = int(time.time() * 1000) // HOUR_MS * HOUR_MS
    with redis_here.client() as client:
        client.hset(key("ledger", row.pk, hour), mapping={"messages": 4, "signals": 3, "finished": 4, "unmatched": 3})
        client.sadd(key("dirty"), f"ledger:{row.pk}:{hour}")
        write_ledger(client)
    for address in (page(row, "ledger") + f"?days={days}", reverse("overview", args=[row.application_id])):
        html = " ".join(admin_client.get(address).content.decode().split())
        assert "all together 4 messages; besides, 3 connection events and replays" in html
        assert "4 messages and 3 other events (connections, replays): 7 finished" in html
        assert "<td>4</td><td>3</td><td>4</td><td>3</td>" in html


def test_the_ledger_page_shows_both_sides_by_hour_and_by_day(
    admin_client: Client, row: Integration, redis_here: RedisServer
) -> None:
    now = int(time.time() * 1000)
    hour = now - now % HOUR_MS
    with redis_here.client() as client:
        client.hset(key("ledger", row.pk, hour), mapping={"messages": 4, "finished": 3, "parked:failed": 1})
        client.hset(key("sent", row.pk, hour), mapping={"queued": 5, "sent": 2, "failed": 1, "dropped:expired": 2})
        client.sadd(key("dirty"), f"ledger:{row.pk}:{hour}", f"sent:{row.pk}:{hour}")
        write_ledger(client)
    for days in ("1", "7", "30"):
        html = admin_client.get(page(row, "ledger") + f"?days={days}").content.decode()
        assert "<td>2 expired</td>" in html
        assert "<td>1 failed</td>" in html
        assert "does not balance" not in html
    with redis_here.client() as client:
        client.hincrby(key("ledger", row.pk, hour), "finished", 1)
    assert "does not balance" in admin_client.get(page(row, "ledger")).content.decode()

"""One look at the installation, and what it says is wrong."""

import time
from typing import Any

import pytest
from pytest_django import Settings

from integrations.runtime.health import STUCK_SECONDS, storage_fault, survey
from integrations.runtime.keys import key, partition_of
from tests.integrations.runtime.hub import Hub, ids_apart, stored
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.lib.redis import sync_client


def live(hub: Hub, role: str, process: str, seconds: float = 5.0) -> None:
    hub.client.zadd(key(role), {process: (time.time() + seconds) * 1_000})


def test_all_is_well_with_a_fit_redis_and_living_processes(hub: Hub) -> None:
    (i,) = ids_apart(1)
    live(hub, "listeners", "l1")
    live(hub, "workers", "w1")
    hub.hold("listen", i, "l1")
    hub.hold("run", i, "w1")
    hub.append(i, [stored(), stored()], "*")
    found = survey(hub.client)
    assert found.ready
    assert found.reasons == []
    assert (found.listeners, found.workers) == ({"l1": 1}, {"w1": 1})
    assert (found.partitions_without_listener, found.partitions_without_worker) == (3, 0)
    assert found.waiting_events == 2
    assert found.waiting_bytes == sum(len(entry.stored) for entry in hub.inbox(i))
    assert 0 <= found.oldest_event_seconds < 60
    assert found.as_json()["ready"] is True


@pytest.mark.parametrize(("role", "reason"), [("listeners", "No listener process is alive"), ("workers", "No worker process")])
def test_a_role_that_nobody_plays_is_a_reason(hub: Hub, role: str, reason: str) -> None:
    for each in ("listeners", "workers"):
        live(hub, each, "p1", seconds=-1 if each == role else 5)
    found = survey(hub.client)
    assert [text[: len(reason)] for text in found.reasons] == [reason]
    assert not found.ready


@pytest.mark.parametrize(
    ("memory", "persistence", "reason"),
    [
        ({"maxmemory": 0, "used_memory": 9}, {"aof_last_write_status": "ok"}, ""),
        ({"maxmemory": 10, "used_memory": 9}, {}, ""),
        ({"maxmemory": 10, "used_memory": 10}, {}, "Redis has no memory left"),
        ({"maxmemory": 10, "used_memory": 9}, {"aof_last_write_status": "err"}, "Redis cannot write its append-only file"),
    ],
)
def test_a_redis_that_stores_nothing_is_a_reason(memory: dict[str, Any], persistence: dict[str, Any], reason: str) -> None:
    assert storage_fault(memory, persistence)[: len(reason) or None] == reason


def test_work_that_nobody_takes_is_a_reason_after_a_while(hub: Hub) -> None:
    (i,) = ids_apart(1)
    live(hub, "listeners", "l1")
    live(hub, "workers", "w1")
    hub.append(i, [stored()], "*")
    hub.client.hset(key("unheld"), str(partition_of(i)), str(int((time.time() - STUCK_SECONDS / 2) * 1_000)))
    assert survey(hub.client).ready
    hub.client.hset(key("unheld"), str(partition_of(i)), str(int((time.time() - STUCK_SECONDS * 2) * 1_000)))
    found = survey(hub.client)
    assert found.partitions_without_worker == 1
    assert found.reasons == ["Events of 1 partitions have waited 30 s for a worker to take them."]


def test_a_redis_that_may_forget_is_a_reason(settings: Settings) -> None:
    settings.PARTITIONS = 4
    with RedisServer(options={"appendonly": "no", "maxmemory-policy": "allkeys-lru"}) as server, server.client() as client:
        live(Hub(client), "listeners", "l1")
        live(Hub(client), "workers", "w1")
        found = survey(client)
    assert found.redis
    assert [text.split(" ")[1] for text in found.reasons] == ["has", "may"]


def test_a_redis_that_is_away_is_a_reason(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    with sync_client() as client:
        found = survey(client)
    assert not found.redis
    assert found.reasons[0].startswith("Redis cannot be reached")

"""How well a connection works that is up, as readers judge it; and what becomes of subscriptions."""

import time
from typing import Any

import orjson
import pytest
from pytest_django import Settings

from integrations.runtime.keys import key
from integrations.runtime.pace import Pace
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import Hub, ids_apart, stored

MINUTE = 60_000


def now_ms() -> int:
    return int(time.time() * 1_000)


def connected(hub: Hub, **fields: Any) -> str:
    """Let an integration be connected for an hour, with fresh proof."""
    (i,) = ids_apart(1)
    hub.hold("listen", i, "p1")
    row = Status(ConnectionState.CONNECTED, now_ms(), **{"connected_ms": now_ms() - 60 * MINUTE, "listener": "p1", **fields})
    hub.client.set(key("status", i), row.to_json())
    hub.client.hset(key("proof"), i, now_ms())
    return i


def read(hub: Hub, i: str) -> Status:
    return read_statuses(hub.client, [i])[i]


def rates(hub: Hub, i: str, **measured: Any) -> None:
    hub.client.hset(key("rates"), i, orjson.dumps({"t": now_ms(), "in": 30.0, "out": 20.0, "limit": 20.0, **measured}))


def wait_since(hub: Hub, i: str, ago_ms: int, count: int = 3) -> None:
    for number in range(count):
        hub.client.xadd(key("inbox", i), {"e": stored(number)}, id=f"{now_ms() - ago_ms}-{number + 1}")


def test_without_trouble_it_is_connected(hub: Hub) -> None:
    status = read(hub, connected(hub))
    assert (status.state, status.problems, status.flapping, status.usual_gap_ms) == (ConnectionState.CONNECTED, [], 0, 0)


def test_what_its_connector_says_degrades_it(hub: Hub) -> None:
    status = read(hub, connected(hub, degraded="Allow sqs:DeleteMessage.", first_cause="Allow sqs:DeleteMessage."))
    assert (status.state, status.latest_cause) == (ConnectionState.DEGRADED, "Allow sqs:DeleteMessage.")


def test_refused_topics_degrade_it_and_only_they_are_refused(hub: Hub) -> None:
    rows: list[Any] = [
        {"topic": "a", "granted": True, "detail": "", "last_ms": 7},
        {"topic": "b", "granted": False, "detail": "no"},
    ]
    status = read(hub, connected(hub, subscriptions=rows))
    assert (status.state, status.latest_cause) == (ConnectionState.DEGRADED, "1 of 2 topics refused: b.")
    first, second = status.subscription_states()
    assert (first["state"], first["last_message_ms"], first["proof_ms"]) == ("connected", 7, status.proof_ms)
    assert (second["state"], second["cause"]) == ("refused", "no")


def test_subscriptions_of_a_lost_connection_are_lost_with_its_cause(hub: Hub) -> None:
    status = Status(ConnectionState.DISCONNECTED, latest_cause="No route.", parts=["a"])
    assert [(row["topic"], row["state"], row["cause"]) for row in status.subscription_states()] == [
        ("a", "disconnected", "No route.")
    ]


def test_sends_that_fail_one_after_the_other_degrade_it(hub: Hub) -> None:
    i = connected(hub)
    hub.client.hset(key("sendfaults"), i, orjson.dumps([4, now_ms(), "No.", "Quota exceeded."]))
    status = read(hub, i)
    assert (status.state, status.latest_cause) == (
        ConnectionState.DEGRADED,
        "The last 4 messages could not be sent: Quota exceeded.",
    )


def test_throttled_for_long_degrades_it(hub: Hub) -> None:
    i = connected(hub)
    wait_since(hub, i, 25_000)
    rates(hub, i, throttled=now_ms() - 30_000)
    status = read(hub, i)
    assert status.state is ConnectionState.CONNECTED
    assert (status.flow.limit_per_second, status.flow.received_per_second, status.flow.run_per_second) == (20.0, 30.0, 20.0)
    rates(hub, i, throttled=now_ms() - 2 * MINUTE)
    status = read(hub, i)
    assert status.state is ConnectionState.DEGRADED
    assert status.latest_cause.startswith(
        "Throttled for 120 s: more come than the 20 a second that may start; 3 wait, the oldest"
    )


def test_rates_that_nobody_measures_any_more_are_not_known(hub: Hub) -> None:
    i = connected(hub)
    rates(hub, i, t=now_ms() - 31_000, throttled=now_ms() - 2 * MINUTE)
    flow = read(hub, i).flow
    assert (flow.received_per_second, flow.run_per_second, flow.throttled_ms) == (None, None, 0)


def test_messages_that_nobody_runs_degrade_it(hub: Hub) -> None:
    i = connected(hub)
    wait_since(hub, i, 90_000)
    status = read(hub, i)
    assert (status.state, status.flow.waiting) == (ConnectionState.DEGRADED, 3)
    assert status.latest_cause.startswith("Messages wait to be run, 3 of them, the oldest for 9")


def test_an_inbox_nearly_full_degrades_it(hub: Hub, settings: Settings) -> None:
    settings.INBOX_EVENTS = 10
    i = connected(hub)
    wait_since(hub, i, 1_000, count=8)
    assert read(hub, i).latest_cause == "The inbox is 80% full: 8 of 10 messages wait in it."


def test_more_and_more_at_the_source_degrades_it(hub: Hub) -> None:
    status = read(hub, connected(hub, backlog={"partition 0": 90, "partition 1": 30}, lagging_ms=now_ms() - 10 * MINUTE))
    assert status.latest_cause == "More and more messages wait at the source: 120, growing for 10 min."


def test_redis_without_memory_degrades_everything(hub: Hub) -> None:
    i = connected(hub)
    before = hub.client.config_get("maxmemory")["maxmemory"]
    hub.client.config_set("maxmemory", 1)
    try:
        assert read(hub, i).problems[0].startswith("Redis has no memory left")
    finally:
        hub.client.config_set("maxmemory", before)


@pytest.mark.parametrize(("quiet_ms", "state"), [(2 * MINUTE, ConnectionState.CONNECTED), (4 * MINUTE, ConnectionState.SILENT)])
def test_three_times_its_usual_pause_is_silence(hub: Hub, quiet_ms: int, state: ConnectionState) -> None:
    i = connected(hub)
    pace = Pace()
    for _ in range(30):
        pace.note(MINUTE)
    hub.client.hset(key("pace"), i, pace.to_json())
    hub.client.hset(key("last"), i, now_ms() - quiet_ms)
    status = read(hub, i)
    assert status.state is state
    assert status.usual_gap_ms == 64_000
    if state is ConnectionState.SILENT:
        assert status.latest_cause.startswith("Nothing has come for 24")


def test_a_connection_is_not_silent_before_it_had_the_time(hub: Hub) -> None:
    i = connected(hub, connected_ms=now_ms() - MINUTE)
    pace = Pace()
    for _ in range(30):
        pace.note(MINUTE)
    hub.client.hset(key("pace"), i, pace.to_json())
    hub.client.hset(key("last"), i, now_ms() - 60 * MINUTE)
    assert read(hub, i).state is ConnectionState.CONNECTED


def test_lost_three_times_in_ten_minutes_is_flapping(hub: Hub) -> None:
    now = now_ms()
    assert read(hub, connected(hub, losses=[now - 11 * MINUTE, now - 9 * MINUTE, now - MINUTE])).flapping == 0
    assert read(hub, connected(hub, losses=[now - 9 * MINUTE, now - 8 * MINUTE, now - MINUTE])).flapping == 3


def test_a_listener_that_was_not_heard_of_is_no_holder_however_long_its_lease(hub: Hub, settings: Settings) -> None:
    settings.LEASE_SECONDS = 60.0
    i = connected(hub)
    hub.client.zadd(key("listeners"), {"p1": now_ms() + 60_000 - 9_000})
    assert read(hub, i).state is ConnectionState.CONNECTED
    hub.client.zadd(key("listeners"), {"p1": now_ms() + 60_000 - 11_000})
    status = read(hub, i)
    assert (status.state, status.latest_cause) == (ConnectionState.UNKNOWN, "No listener process holds this integration.")


def test_the_wait_of_the_latest_start_is_told_by_its_bucket(hub: Hub) -> None:
    i = connected(hub)
    token = hub.hold("run", i)
    wait_since(hub, i, 5_000)
    hub.claim(i, token, wanted=1, rate=20.0)
    wait = read(hub, i).flow.latest_wait_ms
    assert wait is not None
    assert 4_900 < wait < 60_000


def test_what_was_dropped_and_sent_is_told_by_reason(hub: Hub) -> None:
    i = connected(hub)
    hour = now_ms() - now_ms() % 3_600_000
    hub.client.hset(key("ledger", i, hour), mapping={"messages": 9, "dropped:full": 2, "parked:failed": 1, "finished": 6})
    hub.client.hset(key("ledger", i, hour - 3_600_000), mapping={"dropped:full": 1})
    hub.client.hset(key("sent", i, hour), mapping={"queued": 2, "sent": 2})
    flow = read(hub, i).flow
    assert (flow.dropped, flow.parked, flow.sends) == ({"full": 3}, {"failed": 1}, {"queued": 2, "sent": 2})
    assert (flow.received, flow.ended) == (9, 10)

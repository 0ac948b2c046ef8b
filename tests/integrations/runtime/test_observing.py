"""What the sweeper sees of all integrations together: speeds, and states that nobody else writes down."""

import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from integrations.models import Integration, StatusChange
from integrations.runtime import chores, observing
from integrations.runtime.keys import key
from integrations.runtime.observing import Observer
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import ConnectionState, Flow, Status
from tests.factories import integration
from tests.integrations.runtime.hub import Hub, stored

pytestmark = pytest.mark.django_db
Kept = dict[str, Any]


def now_ms() -> int:
    return int(time.time() * 1_000)


def connected(hub: Hub, row: Integration, **fields: Any) -> str:
    """Let a listener hold and connect it; return its token."""
    status = Status(ConnectionState.CONNECTED, now_ms(), **{"connected_ms": now_ms(), "listener": "p1", **fields})
    hub.client.set(key("status", row.pk), status.to_json())
    hub.client.hset(key("proof"), row.pk, now_ms())
    return hub.hold("listen", row.pk, "p1")


def history(hub: Hub, row: Integration) -> list[tuple[str, str]]:
    lines: list[Kept] = [orjson.loads(line) for line in hub.client.lrange(key("history"), 0, -1)]
    return [(line["s"], line["c"]) for line in lines if line["i"] == row.pk]


def test_speeds_are_what_the_ledger_grew_by(hub: Hub) -> None:
    row, other = integration(), integration(name="Still")
    observer = Observer()
    observer(hub.client)
    hub.append(row.pk, [stored(n) for n in range(6)], "*")
    token = hub.hold("run", row.pk)
    claim = hub.claim(row.pk, token)
    assert claim is not None
    for entry in claim.entries[:3]:
        hub.end(row.pk, entry, token)
    while read_statuses(hub.client, [row.pk])[row.pk].flow.received_per_second is None:  # past the end of an hour
        observer(hub.client)
    measured: Kept = orjson.loads(hub.client.hget(key("rates"), row.pk))
    assert measured["limit"] == 20.0
    if measured["in"]:
        assert measured["in"] == pytest.approx(2 * measured["out"])
    still: Kept = orjson.loads(hub.client.hget(key("rates"), other.pk))
    assert (still["in"], still["out"], still["throttled"]) == (0.0, 0.0, 0)


def test_an_operators_limit_is_the_one_that_counts(hub: Hub) -> None:
    row = integration(throttle_per_second=2.5)
    observer = Observer()
    for _ in range(3):
        observer(hub.client)
    assert orjson.loads(hub.client.hget(key("rates"), row.pk))["limit"] == 2.5


@pytest.mark.parametrize(
    ("flow", "throttled"),
    [
        (Flow(waiting=9, latest_wait_ms=3_000, claimed_ms=-50, tokens=0.2), True),
        (Flow(waiting=0, latest_wait_ms=3_000, claimed_ms=-50, tokens=0.2), False),  # nothing is held back
        (Flow(waiting=9, latest_wait_ms=10, claimed_ms=-50, tokens=0.2), False),  # they run, and hardly waited
        (Flow(waiting=9, latest_wait_ms=3_000, claimed_ms=-60_000, tokens=0.2), False),  # nobody claims
    ],
)
def test_throttled_is_what_the_limit_holds_back(flow: Flow, throttled: bool) -> None:
    now = now_ms()
    assert observing._throttled(replace(flow, claimed_ms=now + flow.claimed_ms), 20.0, now) is throttled


def test_a_listener_that_died_is_written_down_by_who_looks(hub: Hub) -> None:
    row = integration()
    connected(hub, row)
    observer = Observer()
    observer(hub.client)
    for p in range(4):
        hub.client.delete(key("listen", p))
    observer(hub.client)
    assert history(hub, row) == []  # a moment only, as at every handover
    observer(hub.client)
    observer(hub.client)
    died = ("unknown", "No listener process holds this integration.")
    assert history(hub, row) == [died]
    connected(hub, row)
    observer(hub.client)
    observer(hub.client)
    assert history(hub, row) == [died, ("connected", "")]
    chores.write_history(hub.client)
    assert [change.state for change in StatusChange.objects.filter(integration_id=row.pk)] == ["connected", "unknown"]


def test_what_a_listener_writes_down_itself_is_there_once(hub: Hub) -> None:
    row = integration()
    connected(hub, row, degraded="Allow it.")
    observer = Observer()
    for _ in range(3):
        observer(hub.client)
    assert history(hub, row) == []


def test_another_sweeper_goes_on_where_one_ended(hub: Hub) -> None:
    row = integration()
    connected(hub, row, subscriptions=[{"topic": "a", "granted": False, "detail": "no"}])
    for observer in (Observer(), Observer()):
        for _ in range(3):
            observer(hub.client)
    assert history(hub, row) == [("degraded", "1 of 1 topics refused: a.")]


def test_what_was_never_seen_is_no_transition(hub: Hub) -> None:
    row = integration()
    observer = Observer()
    for _ in range(3):
        observer(hub.client)
    assert history(hub, row) == []


def test_what_is_kept_of_a_deleted_one_goes(hub: Hub) -> None:
    integration()
    hub.client.hset(key("judged"), "gone", "unknown")
    Observer()(hub.client)
    assert hub.client.hgetall(key("judged")) == {}


def test_the_history_of_one_that_flaps_is_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "HISTORY_ROWS", 3)
    times = [f"2100-01-01T00:00:0{n}Z" for n in range(6)]
    StatusChange.objects.bulk_create(StatusChange(integration_id="flaps", time=time, state="connected") for time in times)
    StatusChange.objects.create(integration_id="quiet", time=times[0], state="connected")
    chores.trim(hub.client)
    kept = StatusChange.objects.order_by("time").values_list("integration_id", "time__second")
    assert list(kept) == [("quiet", 0), ("flaps", 3), ("flaps", 4), ("flaps", 5)]

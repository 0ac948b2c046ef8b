"""The books: what goes out adds up like what comes in, what does not is found, corrections happen once."""

import time
from datetime import UTC, datetime

import pytest

from integrations.balance import imbalances
from integrations.models import LedgerHour, LedgerMove
from integrations.runtime import chores
from integrations.runtime.keys import key
from integrations.runtime.ledger import HOUR_MS, SentLine, books_of, read_books, sent_line_of
from tests.integrations.runtime.hub import Hub, Out, ids_apart, stored

pytestmark = pytest.mark.django_db


def this_hour() -> int:
    now = int(time.time() * 1000)
    return now - now % HOUR_MS


def put_hour(hub: Hub, i: str, hour: int, **counts: int) -> None:
    """Let the database know an hour that Redis has forgotten."""
    hub.client.hset(key("ledger", i, hour), mapping={name.replace("_", ":"): count for name, count in counts.items()})
    hub.client.sadd(key("dirty"), f"ledger:{i}:{hour}")
    chores.write_ledger(hub.client)
    hub.client.delete(key("ledger", i, hour))


def counts(i: str, hour: int) -> dict[str, int]:
    """Return what the database knows of an hour."""
    found: dict[str, int] = LedgerHour.objects.get(integration_id=i, hour=datetime.fromtimestamp(hour / 1000, UTC)).counts
    return found


def test_messages_that_go_out_add_up(hub: Hub) -> None:
    i, target = ids_apart(2)
    hub.append(i, [stored()], "*")
    run = hub.hold("run", i)
    hub.end(i, hub.inbox(i)[0], run, sends=[Out(target, body) for body in ("a", "b", "c")], most=2)
    (line,) = read_books(hub.client, [target])[target].sent
    assert (line.queued, line.waiting, line.dropped, line.balanced) == (3, 2, {"full": 1}, True)
    assert read_books(hub.client, [i])[i].received[0].parts == {"finished": 1, "waiting": 0, "parked": 0, "dropped": 0}
    chores.write_ledger(hub.client)
    assert not imbalances()
    assert sent_line_of(0, {"queued": 4, "sent": 1, "failed": 1, "dropped:expired": 1}, 1).balanced
    assert not SentLine(0, queued=2, sent=1).balanced


def test_what_waits_is_counted_in_the_hour_in_which_it_came(hub: Hub) -> None:
    (i,) = ids_apart(1)
    hours = [this_hour() - back * HOUR_MS for back in (3, 1, 0)]
    for hour, number in zip(hours, (700, 2, 3), strict=True):
        for entry in range(number):
            hub.client.xadd(key("inbox", i), {"e": b"{}"}, id=f"{hour}-{entry}")
    lines = books_of(hub.client, {i: ()})[i].received
    assert [(line.hour_ms, line.waiting) for line in lines] == [(hours[2], 3), (hours[1], 2), (hours[0], 700)]


def test_an_hour_that_does_not_add_up_is_found_wherever_it_is(hub: Hub) -> None:
    lost, doubled, old, fine = ids_apart(4)
    for i in (lost, doubled, fine):
        hub.append(i, [stored()], "*")
    hub.client.xtrim(key("inbox", lost), maxlen=0)
    hub.client.hincrby(key("ledger", doubled, this_hour()), "finished", 1)
    put_hour(hub, old, this_hour() - 200 * HOUR_MS, messages=5, finished=3)
    chores.write_ledger(hub.client)
    found = {one.integration_id: one.missing for one in imbalances()}
    assert found == {lost: 1, doubled: -1, old: 2}
    assert [one.missing for one in imbalances([old, fine])] == [2]
    assert "5 received, but 3 finished, 0 waiting" in str(imbalances([old])[0])


def test_an_hour_that_ran_out_in_redis_goes_on_from_what_the_database_knows(hub: Hub) -> None:
    (i,) = ids_apart(1)
    hour = this_hour() - 100 * HOUR_MS
    put_hour(hub, i, hour, messages=3, finished=2)
    hub.client.xadd(key("inbox", i), {"e": stored()}, id=f"{hour}-5")
    hub.end(i, hub.inbox(i)[0], hub.hold("run", i))
    chores.write_ledger(hub.client)
    assert counts(i, hour) == {"messages": 3, "received": 3, "finished": 3}
    assert not imbalances()


def test_hours_stay_in_redis_as_long_as_something_waits(hub: Hub) -> None:
    (i,) = ids_apart(1)
    hub.append(i, [stored()], "*")
    chores.write_ledger(hub.client)
    name = key("ledger", i, this_hour())
    hub.client.expire(name, 100)
    chores.keep_hours(hub.client)
    assert hub.client.ttl(name) > 70 * 3600


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_correction_happens_once_and_in_its_hour(hub: Hub, forgotten: bool) -> None:
    (i,) = ids_apart(1)
    hour = this_hour() - 30 * HOUR_MS
    put_hour(hub, i, hour, messages=4, finished=1, parked_failed=3)
    if not forgotten:
        hub.client.hset(key("ledger", i, hour), mapping={"messages": 4, "finished": 1, "parked:failed": 3})
    moment = datetime.fromtimestamp(hour / 1000, UTC)
    move = LedgerMove.objects.create(
        integration_id=i, hour=moment, source="parked:failed", target="dropped:parked too long", number=2
    )
    chores.write_ledger(hub.client)
    assert not LedgerMove.objects.exists()
    move.save(force_insert=True)  # as if the process had died before it could forget the move
    chores.write_ledger(hub.client)
    chores.write_ledger(hub.client)
    expected = {"messages": 4, "received": 4, "finished": 1, "parked:failed": 1, "dropped:parked too long": 2}
    assert counts(i, hour) == expected
    assert not imbalances()


def test_a_correction_of_an_hour_that_nobody_knows_makes_none_up(hub: Hub) -> None:
    moment = datetime.fromtimestamp(this_hour() / 1000, UTC)
    LedgerMove.objects.create(integration_id="gone", hour=moment, source="parked:failed", target="dropped:x", number=2)
    chores.write_ledger(hub.client)
    assert not LedgerMove.objects.exists()
    assert not LedgerHour.objects.exists()
    assert not hub.client.keys(key("ledger", "*"))

"""The append script: fenced, bounded, counted, once."""

from collections import Counter

import pytest

from integrations.runtime import inbox
from integrations.runtime.keys import key, partition_of
from tests.integrations.runtime.hub import PLENTY, SHARE, Hub, ids_apart, stored
from wegnology.lib.ids import new_id


def test_a_stale_token_stores_and_counts_nothing(hub: Hub) -> None:
    i = new_id()
    stale = hub.hold("listen", i)
    hub.hold("listen", i, "p2")
    assert hub.append(i, [stored()], stale) == (-1, [])
    hub.client.delete(key("listen", partition_of(i)))
    assert hub.append(i, [stored()], stale) == (-1, [])
    assert hub.inbox(i) == []
    assert hub.counts(i) == {}
    assert not hub.client.exists(key("ready", partition_of(i)), key("box", i), key("dirty"), key("bytes"))


def test_one_lost_lease_refuses_only_its_own_group(hub: Hub) -> None:
    ours, theirs = ids_apart(2)
    token, stale = hub.hold("listen", ours), hub.hold("listen", theirs)
    hub.hold("listen", theirs, "p2")
    groups = [
        [partition_of(theirs), stale, theirs, "WW", b"a", b"b"],
        [partition_of(ours), token, ours, "W", b"c"],
    ]
    assert hub.append_groups(groups) == [-1, 1]
    assert [entry.stored for entry in hub.inbox(ours)] == [b"c"]
    assert hub.inbox(theirs) == []


def test_accepted_events_stand_in_order_are_counted_and_marked_as_due(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    assert hub.append(i, [stored(n) for n in range(5)], token, policies="WDwdW")[0] == 5
    assert hub.numbers(i) == [0, 1, 2, 3, 4]
    line = hub.line(i)
    assert (line.received, line.messages, line.waiting) == (5, 3, 5)
    assert hub.client.smembers(key("ready", partition_of(i))) == {i.encode()}
    assert hub.client.smembers(key("dirty"))


def test_a_source_that_waits_is_accepted_up_to_the_bound_and_later_when_there_is_room(hub: Hub) -> None:
    i = new_id()
    token, run = hub.hold("listen", i), hub.hold("run", i)
    events = [stored(n) for n in range(5)]
    assert hub.append(i, events, token, most=3)[0] == 3
    assert hub.append(i, events[3:], token, most=3)[0] == 0
    assert hub.line(i).received == 3
    hub.end(i, hub.inbox(i)[0], run)
    assert hub.append(i, events[3:], token, most=3)[0] == 1
    assert hub.numbers(i) == [1, 2, 3]
    line = hub.line(i)
    assert (line.received, line.finished, line.waiting, line.dropped) == (4, 1, 3, {})


def test_what_cannot_wait_pushes_out_the_oldest_which_is_counted(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    assert hub.append(i, [stored(n) for n in range(5)], token, policies="DDDDD", most=3)[0] == 5
    assert hub.numbers(i) == [2, 3, 4]
    line = hub.line(i)
    assert (line.received, line.dropped, line.waiting) == (5, {"full": 2}, 3)


def test_the_inbox_is_bounded_by_bytes_too(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    events = [stored(n, size=1_000) for n in range(4)]
    assert hub.append(i, events, token, most_bytes=2_500)[0] == 2
    assert hub.append(i, events[2:], token, policies="DD", most_bytes=2_500)[0] == 2
    assert hub.numbers(i) == [2, 3]
    assert hub.line(i).dropped == {"full": 2}
    assert int(hub.client.get(key("bytes"))) == 2_000


def test_many_small_events_or_few_large_ones_fill_an_inbox(hub: Hub) -> None:
    i = new_id()
    token, run = hub.hold("listen", i), hub.hold("run", i)
    large, small = stored(size=SHARE + 600), stored(size=200)

    def put(events: list[bytes]) -> int:
        return hub.append(i, events, token, most=10, most_bytes=10 * SHARE)[0]

    assert put([large] * 3) == 2  # each takes 850 of 2,500
    assert put([small] * 9) == 3  # each takes a share, which is a tenth, however small
    for entry in hub.inbox(i)[:2]:
        hub.end(i, entry, run)
    assert int(hub.client.hget(key("box", i), "bytes")) == 0
    assert put([small] * 9) == 7


def test_an_inbox_that_was_empty_forgets_what_other_bounds_left(hub: Hub) -> None:
    i = new_id()
    hub.client.hset(key("box", i), "bytes", PLENTY)
    token = hub.hold("listen", i)
    assert hub.append(i, [stored(size=SHARE + 1)], token, most=4, most_bytes=4 * SHARE)[0] == 1
    assert int(hub.client.hget(key("box", i), "bytes")) == 1
    assert hub.append(i, [stored(size=SHARE - 1)] * 3, token, most=4, most_bytes=4 * SHARE)[0] == 2


def test_all_inboxes_together_are_bounded(hub: Hub) -> None:
    first, second = ids_apart(2)
    tokens = {i: hub.hold("listen", i) for i in (first, second)}
    assert hub.append(first, [stored(size=1_000)] * 2, tokens[first], most_together=3_000)[0] == 2
    assert hub.append(second, [stored(size=1_000)] * 2, tokens[second], most_together=3_000)[0] == 1
    assert int(hub.client.get(key("bytes"))) == 3_000


def test_what_is_too_large_is_dropped_and_counted_without_being_stored(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    assert hub.append(i, [stored(1), inbox.TOO_LARGE, stored(2)], token, policies="WXW")[0] == 3
    assert hub.numbers(i) == [1, 2]
    line = hub.line(i)
    assert (line.received, line.messages, line.dropped, line.waiting) == (3, 3, {"too large": 1}, 2)


def test_a_batch_that_is_asked_again_happens_once(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    batch = [stored(1), stored(2)]
    first = hub.append(i, batch, token, listener="p1", sequence=7)
    hub.hold("listen", i, "p2")  # even when the lease was lost after it happened
    again = hub.append(i, batch, token, listener="p1", sequence=7)
    assert first[0] == again[0] == 2
    assert hub.numbers(i) == [1, 2]
    assert hub.append(i, [stored(3)], token, listener="p1", sequence=8)[0] == -1


def test_a_partial_batch_that_is_asked_again_has_the_same_outcome(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    batch = [stored(n) for n in range(3)]
    for _ in range(2):
        assert hub.append(i, batch, token, listener="p1", sequence=1, most=2)[0] == 2
    assert hub.append(i, batch[2:], token, listener="p1", sequence=2, most=3)[0] == 1
    assert hub.numbers(i) == [0, 1, 2]


def test_the_holder_of_the_runs_is_woken_and_without_one_a_worker_is_asked_for(hub: Hub) -> None:
    held, free = ids_apart(2)
    run = hub.hold("run", held, "w1")
    with hub.client.pubsub(ignore_subscribe_messages=True) as calls:
        calls.subscribe(key("wake", "w1"))
        calls.get_message(timeout=1)
        assert hub.append(held, [stored()], hub.hold("listen", held))[1] == []
        message = calls.get_message(timeout=5)
    assert message is not None
    assert message["data"] == held.encode()
    assert hub.append(free, [stored()], hub.hold("listen", free))[1] == [partition_of(free)]
    assert hub.append(free, [stored()], hub.hold("listen", free))[1] == []  # asked a moment ago
    assert run


@pytest.mark.parametrize("room", [True, False])
def test_a_replay_needs_no_lease_and_respects_twice_the_bound(hub: Hub, room: bool) -> None:
    i = new_id()
    assert hub.append(i, [stored(1)], "*", most=1 + room)[0] == 1
    assert hub.append(i, [stored(2)], "*", policies="w", most=1 + room)[0] == int(room)


def test_discarding_drops_and_counts_everything_and_leaves_nothing_behind(hub: Hub) -> None:
    i, neighbour = ids_apart(2)
    for each in (i, neighbour):
        hub.append(each, [stored(n) for n in range(1_500)], hub.hold("listen", each))
        hub.queue(each, "out")
    inbox.discard(hub.client, i)
    line = hub.line(i)
    assert (line.received, line.dropped, line.waiting) == (1_500, {"deleted": 1_500}, 0)
    assert hub.sent(i) == {"dropped:deleted": 1}
    left = {name.decode().split(":", 1)[1] for name in hub.client.scan_iter(match=f"{key('')}*") if i in name.decode()}
    assert Counter(name.split(":")[0] for name in left) == {"ledger": 1, "sent": 1}
    assert hub.client.smembers(key("ready", partition_of(i))) == set()
    assert hub.client.smembers(key("outboxes")) == {neighbour.encode()}
    assert len(hub.inbox(neighbour)) == 1_500
    assert int(hub.client.get(key("bytes"))) == sum(len(entry.stored) for entry in hub.inbox(neighbour))

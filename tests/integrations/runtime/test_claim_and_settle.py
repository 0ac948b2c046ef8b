"""The scripts that hand events out and end them: throttled, in order, fenced, once."""

import pytest

from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import Claim, Early, End, Hub, Out, ids_apart, stored
from wegnology.lib.ids import new_id


def fill(hub: Hub, integration_id: str, count: int) -> None:
    for first in range(0, count, 1_000):
        hub.append(integration_id, [stored(n) for n in range(first, min(first + 1_000, count))], "*")


def brought(claim: Claim | None) -> Claim:
    assert claim is not None
    return claim


def test_events_are_handed_out_in_order_of_acceptance_from_where_the_last_claim_ended(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 25)
    run = hub.hold("run", i)
    seen, after = [], b"0"
    while entries := brought(hub.claim(i, run, after=after, wanted=10)).entries:
        seen += entries
        after = entries[-1].identifier
    assert seen == hub.inbox(i)


def test_a_stale_run_token_gets_nothing_and_moves_nothing(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 3)
    stale = hub.hold("run", i)
    hub.hold("run", i, "w2")
    before = hub.client.hgetall(key("claims"))
    assert hub.claim(i, stale, rate=20) is None
    assert hub.client.hgetall(key("claims")) == before


def test_five_thousand_events_leave_at_twenty_a_second_after_the_burst(hub: Hub) -> None:
    busy, neighbour = ids_apart(2)
    fill(hub, busy, 5_000)
    run = {i: hub.hold("run", i) for i in (busy, neighbour)}
    begin = now = 1_700_000_000_000
    after, left = b"0", 0
    while left < 5_000:
        claim = brought(hub.claim(busy, run[busy], after=after, rate=20, burst=20, now_ms=now))
        left += len(claim.entries)
        after = claim.entries[-1].identifier if claim.entries else after
        assert left <= 20 + (now - begin) * 20 / 1_000
        if left == 2_500:  # a neighbour has a bucket of its own, a new holder takes over the one that is there
            fill(hub, neighbour, 20)
            assert len(brought(hub.claim(neighbour, run[neighbour], rate=20, now_ms=now)).entries) == 20
            run[busy] = hub.hold("run", busy, "w2")
        if left < 5_000:
            now += claim.wait_ms if left < 200 else 1_000
    assert now - begin == (5_000 - 20) * 1_000 // 20


def test_the_throttle_waits_exactly_until_the_next_is_allowed(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 30)
    run = hub.hold("run", i)
    now = 1_700_000_000_000
    first = brought(hub.claim(i, run, rate=20, now_ms=now))
    after = first.entries[-1].identifier
    assert (len(first.entries), first.wait_ms) == (20, 50)
    early = brought(hub.claim(i, run, after=after, rate=20, now_ms=now + 49))
    assert early.entries == []
    assert 1 <= early.wait_ms <= 2  # to the millisecond, rounded up
    assert len(brought(hub.claim(i, run, after=after, rate=20, now_ms=now + 50)).entries) == 1


def test_the_bucket_fills_up_to_the_burst_and_no_further(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 60)
    run = hub.hold("run", i)
    now = 1_700_000_000_000
    after = brought(hub.claim(i, run, rate=20, now_ms=now)).entries[-1].identifier
    assert len(brought(hub.claim(i, run, after=after, rate=20, now_ms=now + 3_600_000)).entries) == 20


def test_a_clock_that_goes_back_gives_nothing_away(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 60)
    run = hub.hold("run", i)
    after = brought(hub.claim(i, run, rate=20, now_ms=1_700_000_000_000)).entries[-1].identifier
    claim = brought(hub.claim(i, run, after=after, rate=20, now_ms=1_600_000_000_000))
    assert (claim.entries, claim.wait_ms) == ([], 50)


def test_without_a_rate_there_is_no_throttle(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 50)
    claim = brought(hub.claim(i, hub.hold("run", i), rate=0))
    assert (len(claim.entries), claim.wait_ms) == (50, 0)


def test_a_claim_tells_who_claimed_before_and_how_far(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 3)
    first = brought(hub.claim(i, hub.hold("run", i), wanted=2, worker="w1"))
    assert first.started == b""
    second = brought(hub.claim(i, hub.hold("run", i), worker="w2"))
    assert second.started == first.entries[1].identifier + b"/w1"
    third = brought(hub.claim(i, hub.hold("run", i), wanted=1, worker="w3"))
    assert third.started == second.entries[-1].identifier + b"/w2"
    fourth = brought(hub.claim(i, hub.hold("run", i), worker="w4"))  # w3 may have run up to where w2 was
    assert fourth.started == second.entries[-1].identifier + b"/w3"


@pytest.mark.parametrize("outcome", ["finished", "unmatched", "parked:failed"])
def test_an_event_ends_once_and_its_sends_leave_with_it(hub: Hub, outcome: str) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 2)
    run = hub.hold("run", i)
    entry = hub.inbox(i)[0]
    for _ in range(2):
        assert hub.end(i, entry, run, outcome=outcome, sends=[Out(target, "a"), Out(target, "b", "w:2")]) == ([], [])
        assert hub.counts(i)[outcome] == 1
        assert hub.outbox(target) == ["a", "b"]
    assert hub.numbers(i) == [1]
    assert hub.sent(target) == {"queued": 2}
    assert hub.client.smembers(key("outboxes")) == {target.encode()}
    assert hub.line(i).waiting == 1


def test_the_last_end_takes_the_integration_off_the_list_of_due_ones(hub: Hub) -> None:
    i = new_id()
    fill(hub, i, 2)
    run = hub.hold("run", i)
    first, second = hub.inbox(i)
    hub.end(i, first, run)
    assert hub.client.smembers(key("ready", partition_of(i))) == {i.encode()}
    hub.end(i, second, run)
    assert hub.client.smembers(key("ready", partition_of(i))) == set()
    assert int(hub.client.get(key("bytes"))) == 0


def test_a_stale_token_ends_nothing_and_sends_nothing(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 1)
    stale = hub.hold("run", i)
    current = hub.hold("run", i, "w2")
    (entry,) = hub.inbox(i)
    assert hub.end(i, entry, stale, sends=[Out(target, "a")]) == ([stale.encode()], [])
    assert hub.settle([Early(i, stale, entry.identifier, Out(target, "a"))]) == ([stale.encode()], [])
    assert hub.inbox(i) == [entry]
    assert hub.outbox(target) == []
    assert hub.counts(i) == {"messages": 1}
    assert hub.end(i, entry, current) == ([], [])


def test_events_that_end_together_end_once_also_when_the_oldest_of_them_was_dropped_meanwhile(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 4)
    run = hub.hold("run", i)
    entries = hub.inbox(i)
    hub.client.xdel(key("inbox", i), entries[0].identifier)
    # As they ended: not in the order in which they came.
    ends = [End(i, run, entries[n], sends=[Out(target, str(n))]) for n in (2, 0, 1)]
    for _ in range(2):
        assert hub.settle(ends) == ([], [])
        assert hub.outbox(target) == ["2", "1"]
        assert hub.counts(i) == {"messages": 4, "finished": 2}
        assert hub.inbox(i) == entries[3:]


def test_events_that_end_together_may_have_sent_before(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 3)
    run = hub.hold("run", i)
    first, second, third = hub.inbox(i)
    hub.settle([Early(i, run, second.identifier, Out(target, "b"))])
    ends = [
        End(i, run, first, sends=[Out(target, "a"), Out(target, "A")]),
        End(i, run, second, event="e1", sends=[Out(target, "b"), Out(target, "c", "w:2")]),
        End(i, run, third, outcome="unmatched"),
    ]
    assert hub.settle(ends) == ([], [])
    assert hub.outbox(target) == ["b", "a", "A", "c"]
    assert hub.counts(i) == {"messages": 3, "finished": 2, "unmatched": 1}
    assert hub.inbox(i) == []
    assert int(hub.client.get(key("bytes"))) == 0


def test_the_operations_after_a_refused_one_are_carried_out(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 2)
    stale = hub.hold("run", i)
    current = hub.hold("run", i, "w2")
    first, second = hub.inbox(i)
    operations = [End(i, stale, first, sends=[Out(target, "a")]), End(i, current, second, sends=[Out(target, "b")])]
    assert hub.settle(operations) == ([stale.encode()], [])
    assert hub.outbox(target) == ["b"]
    assert hub.inbox(i) == [first]


def test_sends_that_went_out_before_a_crash_do_not_go_out_again(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 1)
    (entry,) = hub.inbox(i)
    hub.settle([Early(i, hub.hold("run", i), entry.identifier, Out(target, "a"))])
    second = hub.hold("run", i, "w2")  # the first worker died here
    hub.settle([Early(i, second, entry.identifier, Out(target, "a"))])
    hub.end(i, entry, second, repeated=True, sends=[Out(target, "a"), Out(target, "b", "w:2")])
    assert hub.outbox(target) == ["a", "b"]
    assert not hub.client.exists(key("sends", "e1"))


def test_a_batch_whose_answer_was_lost_sends_nothing_twice(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 1)
    run = hub.hold("run", i)
    (entry,) = hub.inbox(i)
    for _ in range(2):
        hub.settle([Early(i, run, entry.identifier, Out(target, "a")), End(i, run, entry, event="e1")])
    assert hub.outbox(target) == ["a"]
    assert hub.line(i).finished == 1


@pytest.mark.parametrize("state", [ConnectionState.CONNECTED, ConnectionState.DISCONNECTED])
def test_a_full_outbox_slows_its_senders_when_connected_else_drops_the_oldest(hub: Hub, state: ConnectionState) -> None:
    i, target = ids_apart(2)
    hub.client.set(key("status", target), Status(state).to_json())
    fill(hub, i, 4)
    run = hub.hold("run", i)
    congested = [hub.end(i, entry, run, sends=[Out(target, str(n))], most=2)[1] for n, entry in enumerate(hub.inbox(i))]
    if state is ConnectionState.CONNECTED:
        assert congested == [[], [], [target.encode()], [target.encode()]]
        assert hub.outbox(target) == ["0", "1", "2", "3"]
        assert hub.sent(target) == {"queued": 4}
    else:
        assert congested == [[], [], [], []]
        assert hub.outbox(target) == ["2", "3"]
        assert hub.sent(target) == {"queued": 4, "dropped:full": 2}


def test_even_a_connected_outbox_has_a_last_bound(hub: Hub) -> None:
    i, target = ids_apart(2)
    hub.client.set(key("status", target), Status(ConnectionState.CONNECTED).to_json())
    fill(hub, i, 12)
    run = hub.hold("run", i)
    for n, entry in enumerate(hub.inbox(i)):
        hub.end(i, entry, run, sends=[Out(target, str(n))], most=1)
    assert hub.outbox(target) == [str(n) for n in range(2, 12)]


def test_the_holder_of_the_target_is_called(hub: Hub) -> None:
    i, target = ids_apart(2)
    fill(hub, i, 1)
    hub.hold("listen", target, "l1")
    with hub.client.pubsub(ignore_subscribe_messages=True) as calls:
        calls.subscribe(key("out", "l1"))
        calls.get_message(timeout=1)
        hub.end(i, hub.inbox(i)[0], hub.hold("run", i), sends=[Out(target, "a")])
        message = calls.get_message(timeout=5)
    assert message is not None
    assert message["data"] == target.encode()


def test_confirmed_messages_leave_the_outbox_only_with_the_right_token(hub: Hub) -> None:
    i = new_id()
    hub.queue(i, "a", "b", "c")
    ids = [name for name, _ in hub.client.xrange(key("outbox", i))]
    stale = hub.hold("listen", i)
    current = hub.hold("listen", i, "p2")

    def confirm(token: str, *messages: tuple[bytes, str]) -> object:
        outcomes = {"sent": (1, 0), "failed": (0, 1)}
        groups = [part for name, outcome in messages for part in (partition_of(i), token, i, *outcomes[outcome], 1, name)]
        return scripts.sent.call_sync(hub.client, [prefix(), len(messages), *groups])

    assert confirm(stale, (ids[0], "sent")) == [partition_of(i)]
    assert hub.outbox(i) == ["a", "b", "c"]
    for _ in range(2):
        assert confirm(current, (ids[0], "sent"), (ids[1], "failed")) == []
        assert hub.sent(i) == {"sent": 1, "failed": 1}
    assert hub.client.smembers(key("outboxes")) == {i.encode()}
    confirm(current, (ids[2], "sent"))
    assert hub.client.smembers(key("outboxes")) == set()


def test_many_confirmed_messages_leave_the_outbox_once(hub: Hub) -> None:
    i = new_id()
    hub.queue(i, *(str(n) for n in range(2_500)))
    ids = [name for name, _ in hub.client.xrange(key("outbox", i))]
    token = hub.hold("listen", i)

    def confirm(*names: bytes) -> None:
        scripts.sent.call_sync(hub.client, [prefix(), 1, partition_of(i), token, i, 1, 0, len(names), *names])

    confirm(*ids[:2_200])
    assert hub.sent(i) == {"sent": 2_200}
    confirm(*ids[2_150:2_300])  # the answer was lost, and more were confirmed meanwhile
    assert hub.sent(i) == {"sent": 2_300}
    hub.client.xdel(key("outbox", i), ids[2_300])
    confirm(*ids[2_300:])
    assert hub.sent(i) == {"sent": 2_499}
    assert hub.outbox(i) == []
    assert hub.client.smembers(key("outboxes")) == set()


def test_messages_expire_in_the_outbox_with_or_without_a_holder(hub: Hub) -> None:
    old, young = ids_apart(2)
    hub.client.xadd(key("outbox", old), {"m": b'{"m":{"body":"a"}}'}, id="1000-0")
    hub.queue(old, "b")
    hub.client.xadd(key("outbox", young), {"m": b"{}"}, id="9000-0")
    hub.client.sadd(key("outboxes"), young)
    assert scripts.expire.call_sync(hub.client, [prefix(), 9_000, 2, old, young]) == 2
    assert hub.outbox(old) == ["b"]
    assert hub.client.smembers(key("outboxes")) == {old.encode()}
    assert hub.sent(old) == hub.sent(young) == {"dropped:expired": 1}

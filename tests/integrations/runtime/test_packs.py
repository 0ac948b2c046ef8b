"""Packs: many messages in one entry of an outbox. Each is counted by itself and none goes out twice over the same connection."""

import pytest

from integrations.exceptions import SendFailed, SendUnknown
from integrations.runtime import inbox, scripts
from integrations.runtime.keys import key, prefix
from integrations.runtime.ledger import HOUR_MS, read_books
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import End, Hub, Out, desired, ids_apart, stored, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib.ids import new_id

pytestmark = pytest.mark.usefixtures("far_ends")


def send(hub: Hub, target: str, *bodies: str, most: int = 1_000_000) -> None:
    """End as many events in one step, each with a message to the target."""
    (i,) = ids_apart(1)
    hub.append(i, [stored(n) for n in range(len(bodies))], "*")
    run = hub.hold("run", i)
    hub.settle([End(i, run, entry, sends=[Out(target, body)]) for entry, body in zip(hub.inbox(i), bodies, strict=True)], most)


def connect(hub: Hub, target: str) -> None:
    hub.client.set(key("status", target), Status(ConnectionState.CONNECTED).to_json())


def entries(hub: Hub, target: str) -> int:
    return int(hub.client.xlen(key("outbox", target)))


def packed(hub: Hub, target: str) -> int:
    return int(hub.client.get(key("packed", target)) or 0)


def test_messages_of_one_step_share_entries_where_the_target_is_connected(hub: Hub) -> None:
    target, away = new_id(), new_id()
    connect(hub, target)
    bodies = [str(n) for n in range(120)]
    send(hub, target, *bodies)
    send(hub, away, *bodies)
    assert (entries(hub, target), entries(hub, away)) == (3, 120)
    assert hub.outbox(target) == hub.outbox(away) == bodies
    assert hub.sent(target) == hub.sent(away) == {"queued": 120}
    assert (packed(hub, target), packed(hub, away)) == (117, 0)


def test_the_books_count_the_messages_of_packs_in_their_hours(hub: Hub) -> None:
    target = new_id()
    connect(hub, target)
    seconds, _ = hub.client.time()
    old_ms = (seconds - 2 * 3_600) * 1_000
    hour = old_ms - old_ms % HOUR_MS
    hub.client.xadd(key("outbox", target), {"m": b'{"m":{"body":"a"}}'}, id=f"{old_ms}-0")
    hub.client.xadd(key("outbox", target), {"p": b'[{"m":{"body":"b"}},{"m":{"body":"c"}}]', "n": 2}, id=f"{old_ms}-1")
    hub.client.incrby(key("packed", target), 1)
    hub.client.hincrby(key("sent", target, hour), "queued", 3)
    send(hub, target, *"defg")
    lines = read_books(hub.client, [target])[target].sent
    assert [(line.queued, line.waiting, line.balanced) for line in lines] == [(4, 4, True), (3, 3, True)]


def test_large_messages_do_not_make_large_packs(hub: Hub) -> None:
    target = new_id()
    connect(hub, target)
    send(hub, target, *["x" * 40_000] * 4)
    assert entries(hub, target) == 2


def test_the_bound_counts_messages_and_the_oldest_pack_goes_whole(hub: Hub) -> None:
    target = new_id()
    connect(hub, target)
    send(hub, target, *"abcde")
    hub.client.delete(key("status", target))
    send(hub, target, "f", most=5)
    assert hub.outbox(target) == ["f"]
    assert hub.sent(target) == {"queued": 6, "dropped:full": 5}
    assert packed(hub, target) == 0
    send(hub, target, "g", "h", most=2)
    assert hub.outbox(target) == ["g", "h"]


def test_packs_expire_and_are_discarded_with_all_their_messages(hub: Hub) -> None:
    first, second = ids_apart(2)
    for target in (first, second):
        connect(hub, target)
        send(hub, target, *"abc")
        send(hub, target, "d")
    far_future = 9_999_999_999_999
    assert scripts.expire.call_sync(hub.client, [prefix(), far_future, 1, first]) == 4
    inbox.discard(hub.client, second)
    assert hub.sent(first) == {"queued": 4, "dropped:expired": 4}
    assert hub.sent(second) == {"queued": 4, "dropped:deleted": 4}
    assert (packed(hub, first), packed(hub, second)) == (0, 0)
    assert hub.client.smembers(key("outboxes")) == set()


def test_a_pack_leaves_in_order_and_each_message_is_counted(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        target = line.integration_id
        far.error_on_send = lambda body: SendFailed("topic not allowed") if body == "b" else None
        connect(hub, target)
        send(hub, target, *"abc")
        send(hub, target, "d")
        assert entries(hub, target) == 2
        lines.outbox.due(line)
        await until(lambda: hub.outbox(target) == [])
        assert far.sent == ["a", "c", "d"]
        assert hub.sent(target) == {"queued": 4, "sent": 3, "failed": 1}
        await until(lambda: packed(hub, target) == 0)
        assert line.unconfirmed == {}

    run_lines(hub, test)
    assert "topic not allowed" in caplog.text


def test_of_a_pack_that_was_confirmed_in_part_only_the_rest_goes_out_again(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        target = line.integration_id
        far.error_on_send = lambda body: SendUnknown("lost on the way") if body in "bd" else None
        connect(hub, target)
        send(hub, target, *"abcde")
        lines.outbox.due(line)
        await until(lambda: far.sent == ["a", "c", "e"] and not line.sending)
        assert hub.outbox(target) == list("abcde")
        far.error_on_send = lambda body: None
        far.drop()
        await until(lambda: hub.outbox(target) == [])
        assert far.sent == ["a", "c", "e", "b", "d"]
        assert hub.sent(target) == {"queued": 5, "sent": 5}

    run_lines(hub, test)


def test_more_packs_than_a_batch_all_leave_in_order(hub: Hub) -> None:
    bodies = [str(n) for n in range(2_600)]

    async def test(lines: Lines) -> None:
        wanted = desired(new_id())
        target = wanted.integration_id
        connect(hub, target)
        send(hub, target, *bodies)
        _, far = await lines.connected(wanted)
        await until(lambda: hub.outbox(target) == [])
        assert far.sent == bodies
        assert hub.sent(target) == {"queued": 2_600, "sent": 2_600}

    run_lines(hub, test)

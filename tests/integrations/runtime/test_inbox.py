"""The intake: durable before acknowledged, in order, bounded, also while Redis is away."""

import logging
from collections.abc import Sequence
from functools import partial

import pytest

from integrations.events import EventKind, TriggerEvent, message_event
from integrations.runtime.depositing import append_replays
from integrations.runtime.inbox import waiting
from integrations.runtime.limits import Limits
from integrations.runtime.listener import Line
from tests.fakes import FarEnd
from tests.integrations.runtime.hub import Hub, desired, ids_apart, stored, until
from tests.integrations.runtime.lines import Lines, run_lines
from tests.servers.redis import RedisServer
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.usefixtures("far_ends")


def test_a_message_is_acknowledged_only_after_it_is_durable(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        durable: list[bool] = []

        def look(numbers: Sequence[int]) -> None:
            durable.append(set(numbers) <= set(hub.numbers(line.integration_id)))

        far.on_acknowledge = look
        numbers = [far.publish() for _ in range(50)]
        await until(lambda: far.acked == numbers)
        assert durable
        assert all(durable)
        assert hub.numbers(line.integration_id) == numbers

    run_lines(hub, test)


def test_messages_of_many_connections_are_accepted_in_order(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        both = [await lines.connected(desired(i)) for i in ids_apart(3)]
        for _ in range(700):
            for _, far in both:
                far.publish()
        for line, far in both:
            await until(partial(_acked, far, 700))
            assert far.acked == hub.numbers(line.integration_id) == list(range(1, 701))

    run_lines(hub, test)


def test_what_is_too_large_is_acknowledged_counted_and_not_stored(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        numbers = [far.publish(), far.publish(pad="x" * 2_000), far.publish()]
        await until(lambda: far.acked == numbers)
        assert hub.numbers(line.integration_id) == [1, 3]
        assert hub.line(line.integration_id).dropped == {"too large": 1}

    run_lines(hub, test, Limits(partitions=4, payload_bytes=1_000))


def test_a_full_inbox_holds_acknowledgements_back_and_leaves_the_neighbour_alone(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        first, second = ids_apart(2)
        line, far = await lines.connected(desired(first))
        numbers = [far.publish() for _ in range(8)]
        await until(lambda: line.inbox_full)
        assert far.acked == numbers[:4]  # beside the connect event
        _, other = await lines.connected(desired(second))
        other.publish()
        await until(lambda: other.acked == [1])
        run = hub.hold("run", first)
        for entry in hub.inbox(first):
            hub.end(first, entry, run)
        await until(lambda: far.acked == numbers)
        assert hub.numbers(first) == numbers[4:]
        assert not line.inbox_full
        assert hub.line(first).dropped == {}

    run_lines(hub, test, Limits(partitions=4, inbox_events=5))


def test_what_cannot_wait_pushes_the_oldest_out_of_a_full_inbox(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        for _ in range(20):
            far.publish(waits=False)
        await until(lambda: hub.line(line.integration_id).messages == 20)
        assert hub.numbers(line.integration_id) == [16, 17, 18, 19, 20]
        assert far.acked == []
        assert hub.line(line.integration_id).dropped == {"full": 16}

    run_lines(hub, test, Limits(partitions=4, inbox_events=5))


def test_a_stopped_line_lets_wait_what_can_and_counts_the_rest_as_dropped(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        await until(lambda: not line.held)
        lines.intake.stop(line, True)
        for waits in (False, True, False, True):
            far.publish(waits=waits)
        await until(lambda: hub.line(line.integration_id).dropped == {"limit": 1})
        await until(lambda: len(line.held) == 3)
        assert far.acked == []
        lines.intake.stop(line, False)
        await until(lambda: far.acked == [2, 4])
        assert hub.numbers(line.integration_id) == [2, 4]
        counted = hub.line(line.integration_id)
        assert (counted.messages, counted.dropped) == (4, {"limit": 2})
        far.publish(waits=False)
        await until(lambda: hub.numbers(line.integration_id) == [2, 4, 5])

    run_lines(hub, test)


def test_a_stopped_line_does_not_stop_its_neighbour(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        (line, far), (_, other) = [await lines.connected(desired(i)) for i in ids_apart(2)]
        lines.intake.stop(line, True)
        far.publish()
        numbers = [other.publish() for _ in range(20)]
        await until(lambda: other.acked == numbers)
        assert far.acked == []

    run_lines(hub, test)


@pytest.mark.parametrize("limits", [Limits(partitions=4, held_messages=10), Limits(partitions=4, held_bytes=1_500)])
def test_a_source_is_not_read_while_too_much_is_held(hub: Hub, limits: Limits) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        await until(lambda: not line.held)
        token = lines.tokens.pop(line.partition)
        numbers: list[int] = []
        while line.reading:
            numbers.append(far.publish())
            await until(lambda: len(line.held) == len(numbers))
        assert far.paused == [True]
        more = [far.publish() for _ in range(30)]
        assert len(numbers) < 30
        lines.tokens[line.partition] = token
        lines.intake.mark(line)
        await until(lambda: far.acked == numbers + more)
        assert hub.numbers(line.integration_id) == numbers + more
        assert line.reading
        assert (line.held_bytes, lines.intake.held_bytes) == (0, 0)

    run_lines(hub, test, limits)


def test_an_append_whose_answer_was_lost_happens_once(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        await until(lambda: not line.held)
        lines.forgetful.forget = 2
        numbers = [far.publish() for _ in range(5)]
        await until(lambda: far.acked == numbers)
        assert hub.numbers(line.integration_id) == numbers
        assert hub.line(line.integration_id).messages == 5
        assert lines.forgetful.forget == 0

    run_lines(hub, test)


def test_a_lease_that_is_regained_brings_what_was_held_once(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        await until(lambda: not line.held)
        stale = lines.tokens[line.partition]
        hub.hold("listen", line.integration_id, "p2")
        numbers = [far.publish() for _ in range(3)]
        await until(lambda: lines.lost)
        assert lines.lost[0] == (line.partition, stale)
        assert far.acked == []
        lines.tokens[line.partition] = hub.hold("listen", line.integration_id)
        lines.intake.mark(line)
        await until(lambda: far.acked == numbers)
        assert hub.numbers(line.integration_id) == numbers

    run_lines(hub, test)


def test_a_worker_is_asked_for_when_there_is_none(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, _ = await lines.connected()
        await until(lambda: lines.needed == [line.partition])

    run_lines(hub, test)


def test_while_redis_is_away_everything_is_kept_and_nothing_acknowledged(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        await until(lambda: not line.held)
        early = [far.publish() for _ in range(10)]
        await until(lambda: far.acked == early)
        own_redis.stop()
        held: list[int] = []
        while line.reading:
            held += [far.publish() for _ in range(100)]
            await until(partial(_all_held, line, held))
        assert 1_000 <= len(held) <= 1_100
        more = [far.publish() for _ in range(500)]
        await until(lambda: lines.intake.away)
        assert far.acked == early
        assert line.connected
        assert len(line.held) == len(held)
        own_redis.start()
        await until(lambda: far.acked[-1:] == more[-1:])
        assert far.acked == early + held + more
        assert lines.hub.numbers(line.integration_id) == early + held + more
        assert line.reading
        assert not lines.intake.away

    with caplog.at_level(logging.WARNING), own_redis.client() as client:
        run_lines(Hub(client), test)
    assert [record.message[:13] for record in caplog.records if "Redis" in record.message] == ["Redis is away", "Redis is back"]


def _acked(far: FarEnd, count: int) -> bool:
    return len(far.acked) == count


def _all_held(line: Line, numbers: list[int]) -> bool:
    return len(line.held) >= len(numbers)


def test_replays_say_for_each_whether_there_was_room(hub: Hub) -> None:
    full, roomy = ids_apart(2)
    limits = Limits(partitions=4, inbox_events=1)
    hub.append(full, [stored(1), stored(2)], "*")
    event = TriggerEvent.from_json(stored(9))._replace(replay_of="w1")
    assert append_replays(hub.client, [(full, event), (roomy, event), (roomy, event), (roomy, event)], limits) == [
        False,
        True,
        True,
        False,
    ]
    assert waiting(hub.client, roomy) == 2
    assert TriggerEvent.from_json(hub.inbox(roomy)[0].stored).replay_of == "w1"
    assert hub.line(roomy).messages == 0


def test_a_message_is_stored_in_the_form_of_every_event() -> None:
    data: JSONObject = {"type": "message", "message": 'é "quoted" \n', "topic": "a/b", "list": [1, None, 2.5]}
    event = TriggerEvent("6" * 24, EventKind.MESSAGE, 1_700_000_000_123, data)
    assert message_event(event.id, event.time_ms, data) == event.to_json()
    named = event._replace(version="v2")
    assert message_event(event.id, event.time_ms, data, "v2") == named.to_json()
    assert TriggerEvent.from_json(named.to_json()) == named

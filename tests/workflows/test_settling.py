"""The way out of the inboxes: in order, in batches, once whatever gets lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from integrations.runtime.keys import key, partition_of
from integrations.runtime.limits import Limits
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import Hub, Out, ids_apart, stored, until
from tests.integrations.runtime.lines import Forgetful
from tests.servers.redis import RedisServer
from tests.workflows.boxes import flight, held_box, send_of
from wegnology.lib.ending import end_tasks
from workflows.flight import Box, Flight, Sent
from workflows.settling import Settling


class Bench:
    """A `Settling` at work, and what it told its holder."""

    def __init__(self, hub: Hub, limits: Limits) -> None:
        self.hub = hub
        self.forgetful = Forgetful()
        self.settled: list[Flight] = []
        self.lost: list[str] = []
        self.settling = Settling(self.forgetful.client, limits, self.settled.extend, self.lost.append)

    def box(self, count: int = 1) -> Box:
        """Fill an inbox with so many events and hold it."""
        box = held_box(self.hub)
        self.hub.append(box.integration_id, [stored(n) for n in range(count)], "*")
        return box


def run(hub: Hub, test: Callable[[Bench], Awaitable[None]], limits: Limits | None = None) -> None:
    """Run the body of a test while a `Settling` works."""

    async def main() -> None:
        bench = Bench(hub, limits or Limits(partitions=4, outbox_messages=2_000))
        working = asyncio.create_task(bench.settling.run())
        try:
            async with asyncio.timeout(20):
                await test(bench)
        finally:
            await end_tasks([working])
            await bench.forgetful.client.aclose()

    asyncio.run(main())


def test_events_end_and_their_messages_leave_in_order(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        target, _ = ids_apart(2)
        box = bench.box(1_200)  # more than one batch
        flights = [flight(box, entry, Out(target, str(n))) for n, entry in enumerate(hub.inbox(box.integration_id))]
        for each in flights:
            bench.settling.end(each, "finished")
        await until(lambda: len(bench.settled) == 1_200)
        assert bench.settled == flights
        assert hub.outbox(target) == [str(n) for n in range(1_200)]
        assert hub.line(box.integration_id).finished == 1_200
        assert bench.lost == []

    run(hub, test)


def test_messages_of_a_run_that_goes_on_leave_before_its_end_and_in_order_with_others(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        target, _ = ids_apart(2)
        box = bench.box(2)
        first, second = hub.inbox(box.integration_id)
        going_on = flight(box, first, repeated=True)
        bench.settling.send(going_on, send_of(Out(target, "a", "w:1")))
        bench.settling.end(flight(box, second, Out(target, "b")), "finished")
        bench.settling.send(going_on, send_of(Out(target, "c", "w:2")))
        bench.settling.end(going_on, "finished")
        await until(lambda: len(bench.settled) == 2)
        assert hub.outbox(target) == ["a", "b", "c"]
        assert hub.line(box.integration_id).finished == 2

    run(hub, test)


def test_a_batch_whose_answer_was_lost_happens_once(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        target, asked = ids_apart(2)
        box = bench.box(2)
        first, second = hub.inbox(box.integration_id)
        bench.forgetful.forget = 2
        going_on = flight(box, first, repeated=True)
        bench.settling.send(going_on, send_of(Out(target, "a")))
        going_on.count_sent(Sent("v1", partition_of(asked), asked, "sent"))
        bench.settling.end(going_on, "finished")
        last = flight(box, second, Out(target, "b"))
        last.count_sent(Sent("v2", partition_of(asked), asked, "failed"))
        bench.settling.end(last, "parked:failed")
        await until(lambda: len(bench.settled) == 2)
        assert bench.forgetful.forget == 0
        assert hub.outbox(target) == ["a", "b"]
        assert hub.sent(asked) == {"queued": 2, "sent": 1, "failed": 1}
        line = hub.line(box.integration_id)
        assert (line.finished, line.parked) == (1, {"failed": 1})

    run(hub, test)


def test_a_refused_token_is_told_and_the_one_that_is_good_is_not(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        stale = bench.box(2)
        current = held_box(hub, stale.integration_id)  # the same worker took it again
        first, second = hub.inbox(stale.integration_id)
        late, good = flight(stale, first), flight(current, second)
        bench.settling.end(late, "finished")
        bench.settling.end(good, "finished")
        await until(lambda: len(bench.settled) == 2)
        assert bench.lost == [stale.lease.token]
        assert hub.inbox(stale.integration_id) == [first]

    run(hub, test)


@pytest.mark.parametrize("state", [ConnectionState.CONNECTED, ConnectionState.DISCONNECTED])
def test_a_congested_outbox_is_known_for_a_moment(hub: Hub, state: ConnectionState) -> None:
    async def test(bench: Bench) -> None:
        target, _ = ids_apart(2)
        hub.client.set(key("status", target), Status(state).to_json())
        box = bench.box(3)
        for n, entry in enumerate(hub.inbox(box.integration_id)):
            bench.settling.end(flight(box, entry, Out(target, str(n))), "finished")
        await until(lambda: len(bench.settled) == 3)
        congested = state is ConnectionState.CONNECTED
        assert (target in bench.settling.congested) is congested
        assert hub.outbox(target) == (["0", "1", "2"] if congested else ["2"])
        assert box.integration_id not in bench.settling.congested

    run(hub, test, Limits(partitions=4, outbox_messages=1))


def test_ends_wait_while_redis_is_away(own_redis: RedisServer) -> None:
    async def test(bench: Bench) -> None:
        box = bench.box(3)
        flights = [flight(box, entry) for entry in bench.hub.inbox(box.integration_id)]
        bench.settling.end(flights[0], "finished")
        await until(lambda: len(bench.settled) == 1)
        own_redis.stop()
        for each in flights[1:]:
            bench.settling.end(each, "finished")
        own_redis.start()
        await until(lambda: len(bench.settled) == 3)
        assert bench.hub.line(box.integration_id).finished == 3
        assert bench.hub.client.smembers(key("ready", partition_of(box.integration_id))) == set()

    with own_redis.client() as client:
        run(Hub(client), test)

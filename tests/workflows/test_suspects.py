"""Which event killed the worker: found without parking the innocent, in order throughout."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from integrations.runtime.keys import key
from tests.integrations.runtime.hub import Hub, stored, until, with_client
from tests.workflows.boxes import claimed, flight, forever, held_box, known, number_of
from wegnology.lib.ending import end_tasks
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis
from workflows import suspects
from workflows.catalog import Known
from workflows.flight import Box, Claimed, Flight
from workflows.suspects import STARTS, Suspects


class Bench:
    """A `Suspects` at work after a death; what it begins is noted with the deaths it is blamed for."""

    def __init__(self, hub: Hub, client: AsyncRedis) -> None:
        self.hub = hub
        self.begun: list[tuple[int, int]] = []
        self.freed: list[Box] = []
        self.waits: set[int] = set()
        self.flights: list[Flight] = []
        self.suspects = Suspects(client, self.begin, self.freed.append)

    def begin(self, box: Box, row: Known, entry: Claimed, deaths: int) -> Flight | None:
        """Note it; the numbers in `waits` go on, the others end at once."""
        number = number_of(entry)
        self.begun.append((number, deaths))
        if number not in self.waits:
            return None
        under_way = flight(box, self.hub.inbox(box.integration_id)[0])
        under_way.tasks = {asyncio.get_running_loop().create_task(forever())}
        self.flights.append(under_way)
        return under_way

    def claim(self, integration_id: str, count: int, innocent: int = 0, process: str = "w1") -> Box:
        """Claim an inbox of suspects, and after them some that no dead worker started."""
        if not self.hub.inbox(integration_id):
            self.hub.append(integration_id, [stored(n) for n in range(count + innocent)], "*")
        box = held_box(self.hub, integration_id, process)
        for at, entry in enumerate(self.hub.inbox(integration_id)):
            self.suspects.add(box, known(integration_id), claimed(entry, suspect=at < count))
        return box


def run(hub: Hub, test: Callable[[Bench], Awaitable[None]]) -> None:
    """Run the body of a test while a `Suspects` works; a process that ends with it is one that died."""

    async def work(client: AsyncRedis) -> None:
        bench = Bench(hub, client)
        working = asyncio.create_task(bench.suspects.run())
        try:
            async with asyncio.timeout(20):
                await test(bench)
        finally:
            tasks = [task for each in bench.flights for task in each.tasks or ()]
            await end_tasks([working, *tasks])

    asyncio.run(with_client(work))


def test_after_a_first_death_all_start_again_in_order(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        bench.waits = {0, 1, 2}
        box = bench.claim(new_id(), 3, innocent=2)
        await until(lambda: bench.freed == [box])
        assert bench.begun == [(n, 0) for n in range(5)]

    run(hub, test)


def test_what_was_on_trial_at_a_death_is_blamed_and_the_others_go_on(hub: Hub) -> None:
    i = new_id()

    async def first(bench: Bench) -> None:
        box = bench.claim(i, 3)
        await until(lambda: bench.freed == [box])

    async def second(bench: Bench) -> None:
        bench.waits = {1}
        bench.claim(i, 3, process="w2")
        await until(lambda: len(bench.begun) == 2)
        assert bench.begun == [(0, 0), (1, 0)]
        trial = hub.inbox(i)[1].identifier
        await until(lambda: hub.client.hget(key("starts", i), "trial") == trial)

    async def third(bench: Bench) -> None:
        box = bench.claim(i, 3, process="w3")
        await until(lambda: bench.freed == [box])
        assert bench.begun == [(0, 0), (1, STARTS), (2, 0)]
        assert hub.client.hget(key("starts", i), "trial") is None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suspects, "SURVIVED_SECONDS", 60.0)
        for test in (first, second, third):
            run(hub, test)


def test_an_innocent_one_survives_its_trial_and_goes_on_beside_the_next(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "SURVIVED_SECONDS", 0.05)
    i = new_id()
    hub.client.hset(key("starts", i), "deaths", STARTS - 2)  # this is the death that begins the trials

    async def test(bench: Bench) -> None:
        bench.waits = {0, 1, 2}
        box = bench.claim(i, 3)
        await until(lambda: bench.freed == [box])
        assert bench.begun == [(0, 0), (1, 0), (2, 0)]
        assert all(task.done() is False for each in bench.flights for task in each.tasks or ())
        assert hub.client.hget(key("starts", i), "trial") is None

    run(hub, test)


def test_suspects_of_different_integrations_are_tried_one_at_a_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "SURVIVED_SECONDS", 60.0)
    ids = [new_id(), new_id()]
    for i in ids:
        hub.client.hset(key("starts", i), "deaths", STARTS - 2)

    async def test(bench: Bench) -> None:
        bench.waits = {0}
        for i in ids:
            bench.claim(i, 1)
        await until(lambda: len(bench.begun) == 1)
        assert hub.client.hget(key("starts", ids[1]), "trial") is None
        for task in bench.flights[0].tasks or ():
            task.cancel()
        await until(lambda: len(bench.begun) == 2)

    run(hub, test)


def test_suspects_of_a_partition_that_was_lost_are_left_to_the_next(hub: Hub) -> None:
    async def test(bench: Bench) -> None:
        bench.waits = {0}
        box = bench.claim(new_id(), 3)
        box.lease.deadline = 0.0
        await until(lambda: not box.waiting)

    run(hub, test)

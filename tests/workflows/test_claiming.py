"""Events leave their inboxes in order and as fast as the throttle allows, integrations in turn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from integrations.runtime.keys import key, partition_of
from integrations.runtime.limits import Limits
from tests.integrations.runtime.hub import Hub, ids_apart, stored, until
from tests.workflows.boxes import catalog_of, known, number_of
from wegnology.lib.ending import end_tasks
from wegnology.lib.redis import AsyncRedis, async_client
from workflows.catalog import Catalog, Known
from workflows.claiming import Claiming
from workflows.flight import Box, Claimed
from workflows.holding import Holding
from workflows.suspects import Suspects
from workflows.turns import Turns

BEGIN_MS = 1_700_000_000_000


class Noted(Suspects):
    """Suspects that are noted by number, with whether they are any, and never started."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.added: list[tuple[int, bool]] = []

    def add(self, box: Box, known: Known, claimed: Claimed) -> None:
        """Note it."""
        box.waiting.append(claimed)
        self.added.append((number_of(claimed), claimed.suspect))


class Bench:
    """A worker of which only taking and claiming are real: begun events are noted and stay under way."""

    def __init__(self, hub: Hub, client: AsyncRedis, catalog: Catalog, limits: Limits) -> None:
        self.hub = hub
        self.now_ms = BEGIN_MS
        self.begun: dict[str, list[int]] = {}
        self.boxes: dict[str, Box] = {}
        turns = Turns(lambda integration_id: self.holding.freed(integration_id))
        self.holding = Holding(client, "w1", limits, turns)
        self.suspects = Noted(client, lambda *_: None, self.holding.push_if_held)
        self.claiming = Claiming(
            client, "w1", limits, catalog, self.holding, self.suspects, self.begin, turns, lambda: self.now_ms
        )

    def begin(self, box: Box, row: Known, entry: Claimed, *, sure: bool = True) -> None:
        """Note what would be run now."""
        self.boxes[box.integration_id] = box
        self.begun.setdefault(row.integration_id, []).append(number_of(entry))

    def fill(self, integration_id: str, count: int) -> None:
        """Put numbered messages into an inbox."""
        for first in range(0, count, 1_000):
            self.hub.append(integration_id, [stored(n) for n in range(first, min(first + 1_000, count))], "*")

    def count(self, integration_id: str) -> int:
        """Return how many events of an integration were begun."""
        return len(self.begun.get(integration_id, []))

    def end_all(self, integration_id: str) -> None:
        """Say that what was begun has ended, so that there is room for more."""
        box = self.boxes[integration_id]
        self.holding.flying -= box.flying
        box.flying = 0
        self.holding.push_if_held(box)


def run(hub: Hub, catalog: Catalog, test: Callable[[Bench], Awaitable[None]], **limits: float) -> None:
    """Run the body of a test while two claimers work."""

    async def main() -> None:
        client = async_client()
        bench = Bench(hub, client, catalog, Limits(**{"partitions": 4, "runs_per_integration": 10_000, **limits}))  # type: ignore[arg-type]
        working = [asyncio.create_task(bench.claiming.run()) for _ in range(2)]
        try:
            async with asyncio.timeout(20):
                await test(bench)
        finally:
            await end_tasks(working)
            await client.aclose()

    asyncio.run(main())


def test_five_thousand_events_leave_at_the_pace_of_the_throttle_and_the_neighbour_at_its_own(hub: Hub) -> None:
    busy, neighbour = ids_apart(2)

    async def test(bench: Bench) -> None:
        bench.fill(busy, 5_000)
        bench.fill(neighbour, 5)
        await bench.holding.take(partition_of(busy))
        await until(lambda: bench.count(busy) == 20)
        for second in range(1, 6):
            bench.now_ms = BEGIN_MS + second * 1_000
            await until(lambda s=second: bench.count(busy) == 20 + 20 * s)  # type: ignore[misc]
        await bench.holding.take(partition_of(neighbour))
        await until(lambda: bench.count(neighbour) == 5)
        assert bench.count(busy) == 120  # the clock stands still
        assert bench.begun[busy] == list(range(120))

    run(hub, catalog_of(known(busy), known(neighbour)), test, runs_per_worker=10_000)


def test_an_operator_may_set_another_pace_or_none(hub: Hub) -> None:
    slow, free = ids_apart(2)

    async def test(bench: Bench) -> None:
        for i in (slow, free):
            bench.fill(i, 500)
            await bench.holding.take(partition_of(i))
        await until(lambda: bench.count(free) == 500)
        bench.now_ms += 1_000
        await until(lambda: bench.count(slow) == 22)
        assert bench.begun[free] == list(range(500))

    run(hub, catalog_of(known(slow, rate=2.0), known(free, rate=0.0)), test, runs_per_worker=10_000)


def test_no_more_than_the_bound_of_an_integration_and_of_the_worker_are_under_way(hub: Hub) -> None:
    first, second = ids_apart(2)

    async def test(bench: Bench) -> None:
        for i in (first, second):
            bench.fill(i, 40)
        await bench.holding.take(partition_of(first))
        await until(lambda: bench.count(first) == 8)
        await bench.holding.take(partition_of(second))
        await until(lambda: bench.count(second) >= 1)
        assert bench.holding.flying <= 16
        bench.end_all(first)
        await until(lambda: bench.count(first) == 16)
        assert bench.begun[first] == list(range(16))

    catalog = catalog_of(known(first, rate=0.0), known(second, rate=0.0))
    run(hub, catalog, test, runs_per_integration=8, runs_per_worker=12)


def test_events_of_an_integration_that_is_not_known_yet_wait(hub: Hub) -> None:
    (i,) = ids_apart(1)
    catalog = Catalog()

    async def test(bench: Bench) -> None:
        bench.fill(i, 3)
        await bench.holding.take(partition_of(i))
        await until(lambda: bench.holding.boxes[i].resting)
        assert bench.begun == {}
        catalog.integrations[i] = known(i)
        await until(lambda: bench.count(i) == 3)

    run(hub, catalog, test)


def test_a_partition_that_another_worker_holds_brings_nothing(hub: Hub) -> None:
    (i,) = ids_apart(1)

    async def test(bench: Bench) -> None:
        await bench.holding.take(partition_of(i))
        hub.hold("run", i, "w2")
        bench.fill(i, 3)
        bench.holding.called([i])
        await until(lambda: i not in bench.holding.boxes)
        assert bench.begun == {}
        assert await bench.holding.take(partition_of(i)) is False

    run(hub, catalog_of(known(i)), test)


def test_what_a_dead_worker_had_started_is_suspected_and_what_it_had_not_is_not(hub: Hub) -> None:
    (i,) = ids_apart(1)

    async def test(bench: Bench) -> None:
        bench.fill(i, 3)
        hub.claim(i, hub.hold("run", i, "w0"), wanted=2, worker="w0")
        hub.client.delete(key("run", partition_of(i)))
        await bench.holding.take(partition_of(i))
        await until(lambda: len(bench.suspects.added) == 3)
        assert bench.suspects.added == [(0, True), (1, True), (2, False)]

    run(hub, catalog_of(known(i, rate=0.0)), test)

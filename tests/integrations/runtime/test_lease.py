"""Leases and presence: one holder, by token."""

import asyncio

from integrations.runtime.keys import key
from integrations.runtime.lease import Lease, Leases, Presence, share
from tests.integrations.runtime.hub import Hub, until, with_client
from wegnology.lib.redis import AsyncRedis


def test_one_process_at_a_time_holds_a_partition(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        ours, theirs = Leases(client, "run", "p1", 5), Leases(client, "run", "p2", 5)
        lease = await ours.acquire(1)
        assert lease is not None
        assert lease.alive()
        assert hub.client.get(key("run", 1)) == lease.token.encode()
        assert await theirs.acquire(1) is None
        assert await Leases(client, "listen", "p2", 5).acquire(1) is not None
        await ours.release([1])
        assert ours.held == {}
        again = await theirs.acquire(1)
        assert again is not None
        assert again.token != lease.token

    asyncio.run(with_client(work))


def test_a_renewal_prolongs_and_reports_what_was_lost(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        leases = Leases(client, "run", "p1", 5)
        assert await leases.renew() == []
        kept, taken, expired = [await leases.acquire(partition) for partition in (1, 2, 3)]
        assert isinstance(kept, Lease)
        kept.deadline = 0.0
        hub.client.pexpire(key("run", 1), 1_000)
        hub.client.set(key("run", 2), "p2/other")
        hub.client.delete(key("run", 3))
        assert await leases.renew() == [taken, expired]
        assert leases.held == {1: kept}
        assert kept.alive()
        assert int(hub.client.pttl(key("run", 1))) > 1_000
        assert hub.client.get(key("run", 2)) == b"p2/other"
        assert hub.client.get(key("run", 3)) is None

    asyncio.run(with_client(work))


def test_a_lease_that_nobody_renews_runs_out_by_itself(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        dead, next_one = Leases(client, "run", "p1", 0.2), Leases(client, "run", "p2", 5)
        lease = await dead.acquire(1)
        assert lease is not None
        taken: list[Lease | None] = []
        async with asyncio.timeout(5):
            while not any(taken):
                taken.append(await next_one.acquire(1))
        assert not lease.alive()  # the holder knows it no later than the others

    asyncio.run(with_client(work))


def test_giving_back_leaves_what_another_took_alone(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        leases = Leases(client, "run", "p1", 5)
        await leases.acquire(1)
        hub.client.set(key("run", 1), "p2/other")
        await leases.release([1, 7])
        assert hub.client.get(key("run", 1)) == b"p2/other"

    asyncio.run(with_client(work))


def test_presence_counts_the_living(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        first, second, brief = (Presence(client, "workers", name, 5 if name != "p3" else 0.05) for name in ("p1", "p2", "p3"))
        assert [await process.announce() for process in (first, second, brief)] == [1, 2, 3]
        await until(lambda: int(hub.client.time()[0]) * 1_000 + int(hub.client.time()[1]) // 1_000 > _dies(hub, "p3"))
        assert await first.announce() == 2
        await second.leave()
        assert await first.announce() == 1

    asyncio.run(with_client(work))


def _dies(hub: Hub, process: str) -> float:
    return float(hub.client.zscore(key("workers"), process) or 0.0)


def test_shares_cover_all_partitions_and_differ_by_one_at_most() -> None:
    for partitions in (1, 7, 64):
        for live in range(5):
            fair = share(partitions, live)
            assert fair * max(1, live) >= partitions > (fair - 1) * max(1, live)


def test_a_lease_in_whose_name_something_was_left_undone_says_so(hub: Hub) -> None:
    """It may be renewed all the same; what was not begun for want of time must then be begun."""
    lease = Lease(1, "p1/x", float("inf"))
    assert lease.alive()
    assert not lease.doubted
    lease.deadline = 0.0
    assert not lease.alive()
    lease.deadline = float("inf")
    assert lease.alive()
    assert lease.doubted

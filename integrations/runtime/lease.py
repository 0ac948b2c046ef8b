"""Leases: who holds a partition.

A lease is a string key with a life; its value is a random token of this acquisition, `<process>/<random>`. Whoever acts on a
partition shows its token to the script that acts, so a holder that was late is refused however late it is.
"""

import secrets
import time
from dataclasses import dataclass

from integrations.runtime import scripts
from integrations.runtime.keys import key, prefix
from wegnology.lib.redis import AsyncRedis


@dataclass(slots=True)
class Lease:
    """One partition held by this process. `deadline` (monotonic seconds) is when it counts as lost without a renewal.

    `doubted`: something was left undone because the deadline had passed; should the lease be renewed all the same, it must be
    done again.
    """

    partition: int
    token: str
    deadline: float
    doubted: bool = False

    def alive(self) -> bool:
        """Say whether effects may still start under this lease; whoever hears no must leave them undone."""
        if time.monotonic() < self.deadline:
            return True
        self.doubted = True
        return False


class Leases:
    """The leases of one kind ("listen" or "run") that this process holds."""

    def __init__(self, client: AsyncRedis, kind: str, process: str, life_seconds: float) -> None:
        self._client = client
        self._kind = kind
        self._process = process
        self._life = life_seconds
        self.held: dict[int, Lease] = {}

    async def acquire(self, partition: int) -> Lease | None:
        """Take a free partition; None when somebody holds it."""
        token = f"{self._process}/{secrets.token_hex(8)}"
        started = time.monotonic()
        name = key(self._kind, partition)
        if not await self._client.set(name, token, nx=True, px=int(self._life * 1000)):
            return None
        lease = Lease(partition, token, started + self._life)
        self.held[partition] = lease
        return lease

    async def renew(self) -> list[Lease]:
        """Renew all; return those that were lost, which are no longer held."""
        leases = list(self.held.values())
        if not leases:
            return []
        started = time.monotonic()
        pairs = [part for lease in leases for part in (lease.partition, lease.token)]
        answers = await scripts.renew.call(self._client, [prefix(), self._kind, int(self._life * 1000), len(leases), *pairs])
        lost = []
        for lease, alive in zip(leases, answers, strict=True):
            if alive:
                lease.deadline = started + self._life
            elif self.held.get(lease.partition) is lease:
                del self.held[lease.partition]
                lost.append(lease)
        return lost

    async def release(self, partitions: list[int]) -> None:
        """Give partitions back."""
        leases = [self.held.pop(p) for p in partitions if p in self.held]
        if leases:
            pairs = [part for lease in leases for part in (lease.partition, lease.token)]
            await scripts.release.call(self._client, [prefix(), self._kind, len(leases), *pairs])


class Presence:
    """This process among the live ones of its role ("listeners" or "workers")."""

    def __init__(self, client: AsyncRedis, role: str, process: str, life_seconds: float) -> None:
        self._client = client
        self._role = role
        self._process = process
        self._life = life_seconds

    async def announce(self) -> int:
        """Say that we live; return how many live."""
        now = int(time.time() * 1000)
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(key(self._role), {self._process: now + int(self._life * 1000)})
            pipe.zremrangebyscore(key(self._role), 0, now)
            pipe.zcard(key(self._role))
            return max(1, int((await pipe.execute())[-1]))

    async def leave(self) -> None:
        """Say that we go."""
        await self._client.zrem(key(self._role), self._process)


def share(partitions: int, live: int) -> int:
    """Return how many partitions one of `live` processes may hold."""
    return -(-partitions // max(1, live))

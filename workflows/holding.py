"""Which partitions this worker holds, and the integrations in them that have work."""

import asyncio
import logging
import time
from collections.abc import Sequence

from integrations.runtime.keys import key, partition_of
from integrations.runtime.lease import Lease, Leases, Presence, share
from integrations.runtime.limits import Limits
from wegnology.lib.redis import AsyncRedis
from workflows.flight import Box, Flight
from workflows.turns import Turns

logger = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
"""A partition without work for so long is given back."""


BOXES_A_TURN = 64
RESCUE_SECONDS = 10.0
"""A partition that waited so long for its drain task is taken without one."""


class Holding:
    """Partitions and boxes of one engine. `due` are boxes that want their turn; `flying` counts events not yet settled."""

    def __init__(self, client: AsyncRedis, process: str, limits: Limits, turns: Turns) -> None:
        self.boxes: dict[str, Box] = {}
        self.wake = asyncio.Event()
        self.flying = 0
        self.stopping = False
        self._client = client
        self._process = process
        self._limits = limits
        self._turns = turns
        self._leases = Leases(client, "run", process, limits.lease_seconds)
        self._presence = Presence(client, "workers", process, limits.lease_seconds)
        self._due: dict[Box, None] = {}
        self._idle_since: dict[int, float] = {}
        self._leaving: set[int] = set()
        self._fair = limits.partitions
        self._announcing = asyncio.Lock()
        self._left = False

    async def take(self, partition: int) -> bool:
        """Take a partition that has work, unless we hold our share; say whether we hold it now."""
        if self.stopping or partition in self._leases.held:
            return partition in self._leases.held
        if len(self._leases.held) >= self._fair:
            return False
        lease = await self._leases.acquire(partition)
        if lease is None:
            return False
        self._idle_since[partition] = time.monotonic()
        await self._look([lease])
        return True

    async def _look(self, leases: Sequence[Lease]) -> None:
        """Mark every integration that has events in these partitions."""
        async with self._client.pipeline(transaction=False) as pipe:
            for lease in leases:
                pipe.smembers(key("ready", lease.partition))
            found = await pipe.execute()
        for lease, names in zip(leases, found, strict=True):
            for name in names:
                self._mark(name.decode(), lease)

    def _mark(self, integration_id: str, lease: Lease) -> None:
        box = self.boxes.get(integration_id)
        if box is None or box.lease is not lease:
            box = self.boxes[integration_id] = Box(integration_id, lease)
        box.more = True
        self.push(box)

    def push(self, box: Box) -> None:
        """Let a box take its turn, if it may start something."""
        held_up = box.claiming or box.resting or box.waiting or box.integration_id in self._turns.busy
        if box.more and not held_up and box.flying < self._limits.runs_per_integration:
            self._due[box] = None
            self.wake.set()

    def called(self, integration_ids: Sequence[str]) -> None:
        """Take a call: events of these integrations were appended."""
        for integration_id in integration_ids:
            lease = self._leases.held.get(partition_of(integration_id))
            if lease is not None:
                self._mark(integration_id, lease)

    def lost(self, token: str) -> None:
        """Let go of a partition whose token was refused, unless it was taken again since; its events are somebody else's now."""
        for lease in list(self._leases.held.values()):
            if lease.token == token:
                del self._leases.held[lease.partition]
                self._drop([lease])

    def _drop(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            logger.warning("worker %s lost partition %d", self._process, lease.partition)
            lease.deadline = 0.0
            self._idle_since.pop(lease.partition, None)
        self._forget({lease.partition for lease in leases})

    def _forget(self, partitions: set[int]) -> None:
        """Drop the boxes of these partitions; what they still do is refused or counts no more."""
        for integration_id, box in list(self.boxes.items()):
            if box.lease.partition in partitions:
                del self.boxes[integration_id]
                self._due.pop(box, None)
                self.flying -= box.flying

    async def rescue(self) -> bool:
        """Take partitions whose drain task nobody took; say whether there were any: then Celery does not deliver."""
        now = time.time() * 1000
        unheld = await self._client.hgetall(key("unheld"))
        forgotten = [int(p) for p, since in unheld.items() if now - float(since) > RESCUE_SECONDS * 1000]
        taken = [await self.take(partition) for partition in forgotten]
        return any(taken)

    async def renew(self) -> None:
        """Say that we live, keep what is ours, and look for work that no call told us of."""
        async with self._announcing:
            if self._left:
                return
            self._drop(await self._leases.renew())  # first: it needs no memory in a Redis that has none left
            live = await self._presence.announce()
        self._fair = share(self._limits.partitions, live)
        doubted = [lease for lease in self._leases.held.values() if lease.doubted]
        self._forget({lease.partition for lease in doubted})  # what was left undone is claimed again
        for lease in doubted:
            lease.doubted = False
        await self._balance()
        await self._look(list(self._leases.held.values()))

    async def _balance(self) -> None:
        """Give back what is idle, and what is beyond our share once its runs have ended."""
        held = sorted(self._leases.held)
        busy = {box.lease.partition for box in self.boxes.values() if box.flying or box.more or box.waiting}
        now = time.monotonic()
        for partition in held:
            if partition in busy:
                self._idle_since[partition] = now
        self._leaving = set(held[self._fair :])
        flying = {box.lease.partition for box in self.boxes.values() if box.flying or box.waiting}
        going = [p for p in held if now - self._idle_since.get(p, now) > IDLE_SECONDS]
        going += [p for p in self._leaving if p not in flying and p not in going]
        self._forget(set(going))
        await self._leases.release(going)

    def turn(self) -> list[Box]:
        """Take the boxes whose turn it is; what may not claim now is looked at again when that changes."""
        turn: list[Box] = []
        room = self._limits.runs_per_worker - self.flying
        if room <= 0:
            return turn
        for box in list(self._due):
            del self._due[box]
            if box.lease.partition in self._leaving or not box.lease.alive():
                continue
            turn.append(box)
            if len(turn) >= min(BOXES_A_TURN, room):
                self.wake.set()
                break
        return turn

    def later(self, box: Box, seconds: float) -> None:
        """Let a box rest for a while, then take its turn."""
        box.more = True
        if not box.resting:
            box.resting = True
            asyncio.get_running_loop().call_later(seconds, self._rested, box)

    def _rested(self, box: Box) -> None:
        box.resting = False
        self.push_if_held(box)

    def freed(self, integration_id: str) -> None:
        """Let an integration go on whose runs no longer wait to compute."""
        box = self.boxes.get(integration_id)
        if box is not None and box.more:
            asyncio.get_running_loop().call_soon(self.push_if_held, box)

    def push_if_held(self, box: Box) -> None:
        """Let a box take its turn, unless its partition is gone."""
        if self.boxes.get(box.integration_id) is box:
            self.push(box)

    def settled(self, flights: list[Flight]) -> None:
        """Count what has ended, and let its boxes go on."""
        for flight in flights:
            box = flight.box
            if self.boxes.get(box.integration_id) is not box:
                continue
            self.flying -= 1
            box.flying -= 1
            if box.more:
                self.push_if_held(box)
        if self._due:
            self.wake.set()

    async def _unsuspect(self, integration_id: str) -> None:
        """Take back the note of what was started; the throttle's bucket, before the semicolon, stays."""
        note = await self._client.hget(key("claims"), integration_id)
        if isinstance(note, bytes):
            await self._client.hset(key("claims"), integration_id, note.partition(b";")[0] + b";")

    async def release(self) -> None:
        """Give everything back in good order: what is unfinished is not suspected of having killed us."""
        for box in self.boxes.values():
            if box.flying or box.waiting:
                await self._unsuspect(box.integration_id)
        async with self._announcing:  # or an announcement under way would come after the leave
            self._left = True
            await self._leases.release(list(self._leases.held))
            await self._presence.leave()

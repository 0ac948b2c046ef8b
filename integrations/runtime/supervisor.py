"""Keeps the connections of this process equal to what is configured, for the partitions it holds.

Once a second: say that we live and renew the leases; hold our share of the partitions, load what changed in the database, and
start, restart or stop exactly the lines that differ. Renewing is a task of its own: a line that hangs must not cost the leases.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from django.db import DatabaseError, connections

from integrations.runtime.book import StatusBook, now_ms
from integrations.runtime.calls import hear
from integrations.runtime.dispatch import Dispatch
from integrations.runtime.filling import watch
from integrations.runtime.inbox import Intake
from integrations.runtime.inspector import Inspector
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.lease import Lease, Leases, Presence, share
from integrations.runtime.limits import Limits
from integrations.runtime.line_status import idle_status
from integrations.runtime.listener import Line
from integrations.runtime.outbox import OutboxSender
from integrations.runtime.purging import purge
from integrations.runtime.send_faults import SendFaults
from integrations.runtime.snapshot import Desired, Snapshot
from integrations.runtime.status import Status
from wegnology.lib.ending import end_tasks
from wegnology.lib.redis import AsyncRedis, RedisAway

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
TOGETHER = 50
LET_CONNECT_SECONDS = 2.0
"""Lines begin so many at a time, and the next ones when these are through or have had their part of this time. A thousand at once
leave half as much memory again behind, and are more than many a broker takes in its backlog."""


class Supervisor:
    """Everything a listener process does; `run` ends when `stop` is set."""

    def __init__(self, client: AsyncRedis, process: str, limits: Limits, snapshot: Snapshot) -> None:
        self.lines: dict[str, Line] = {}
        self._client = client
        self._process = process
        self._limits = limits
        self._tick_seconds = min(TICK_SECONDS, limits.lease_seconds / 3)
        self._live = 0
        self._snapshot = snapshot
        self._leases = Leases(client, "listen", process, limits.lease_seconds)
        self._presence = Presence(client, "listeners", process, limits.lease_seconds)
        self._dispatch = Dispatch()
        self._book = StatusBook(client, process)
        self._faults = SendFaults(client)
        self._inspector = Inspector(client, limits)
        accepted, sent = self._inspector.accepted, self._inspector.sent
        self._intake = Intake(client, process, limits, self._token_of, self._lease_lost, self._dispatch.ask, accepted)
        self._outbox = OutboxSender(client, self.lines, self._token_of, sent, self._faults)
        self._database = ThreadPoolExecutor(1, "snapshot")
        self._lost: set[int] = set()
        self._idle: dict[str, str] = {}
        self._resting: dict[str, Desired] = {}
        self._purges: set[asyncio.Task[None]] = set()
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._loaded = False
        self._stopping = asyncio.Event()

    def _token_of(self, partition: int) -> str | None:
        lease = self._leases.held.get(partition)
        return lease.token if lease is not None else None

    def _lease_lost(self, partition: int, token: str) -> None:
        """Remember that a script refused this token of ours; the next tick, which comes at once, sees to it."""
        if self._token_of(partition) not in (token, None):
            return  # the partition was taken again meanwhile
        self._leases.held.pop(partition, None)
        self._lost.add(partition)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Hold connections until `stop` is set, then close them in good order."""
        self._stopping = stop
        chores = [
            asyncio.create_task(self._intake.run()),
            asyncio.create_task(self._outbox.run()),
            asyncio.create_task(self._inspector.run()),
            asyncio.create_task(self._book.run(_View(self.lines))),
            asyncio.create_task(self._faults.run()),
            asyncio.create_task(self._listen_for_calls()),
            asyncio.create_task(self._load()),
            asyncio.create_task(self._probe()),
            asyncio.create_task(watch(self._client, _View(self.lines), self._limits)),
        ]
        keeping = asyncio.create_task(self._keep())
        ticking = asyncio.create_task(self._tick_until(stop))
        try:
            await asyncio.wait([*chores, keeping, ticking], return_when=asyncio.FIRST_COMPLETED)
            for chore in [*chores, keeping, ticking]:
                if chore.done():
                    chore.result()
        finally:
            stop.set()
            await asyncio.wait([ticking])
            await self._close_lines()
            await end_tasks([keeping])
            await self._leave()
            await end_tasks(chores)
            self._dispatch.close()
            self._database.submit(connections.close_all)
            self._database.shutdown(wait=False)

    async def _keep(self) -> None:
        """Say that we live and renew what we hold; lost partitions are for the next tick, which comes at once."""
        while True:
            try:
                lost = await self._leases.renew()  # first: it needs no memory in a Redis that has none left
                self._lost |= {lease.partition for lease in lost}
                live = await self._presence.announce()
                if lost or not self._live:
                    self._wake.set()
                self._live = live
            except RedisAway as error:
                logger.info("leases could not be renewed: %s", error)
            await asyncio.sleep(self._tick_seconds)

    async def _tick_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            try:
                await self._tick()
            except RedisAway as error:
                logger.info("nothing is started or stopped: %s", error)
            waits = [asyncio.create_task(self._wake.wait()), asyncio.create_task(stop.wait())]
            _, pending = await asyncio.wait(waits, timeout=self._tick_seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in pending:
                wait.cancel()

    async def _tick(self) -> None:
        await self._regain(set(self._lost))
        if not self._loaded or not self._live:
            return
        await self._balance(share(self._limits.partitions, self._live))
        self._intake.redis_bytes = await self._memory_limit()
        await self._reconcile()

    async def _memory_limit(self) -> int:
        memory = await self._client.info("memory")
        return int(memory.get("maxmemory", 0) * self._limits.redis_share)

    async def _regain(self, partitions: set[int]) -> None:
        """Take lost partitions again if they are free; else close their lines without acknowledging."""
        self._lost -= partitions
        taken: set[int] = set()
        for partition in partitions:
            if partition not in self._leases.held and await self._leases.acquire(partition) is None:
                taken.add(partition)
        if taken:
            logger.warning("another listener holds partitions %s now", sorted(taken))
        gone = [line for line in self.lines.values() if line.partition in taken]
        await asyncio.gather(*(self._stop(line, accept=False) for line in gone))
        for line in self.lines.values():
            if line.partition in partitions:
                self._intake.mark(line)

    async def _balance(self, fair: int) -> None:
        held = self._leases.held
        surplus = sorted(held)[fair:]
        if surplus:
            moving = [line for line in self.lines.values() if line.partition in surplus]
            await asyncio.gather(*(self._stop(line) for line in moving))
            await self._book.write_rows()  # what the next holder goes on from
            await self._leases.release(surplus)
        missing = [p for p in range(self._limits.partitions) if p not in held]
        if missing and len(held) < fair:
            await self._take_free(missing, fair)

    async def _take_free(self, missing: list[int], fair: int) -> None:
        holders = await self._client.mget([key("listen", p) for p in missing])
        free = [p for p, holder in zip(missing, holders, strict=True) if holder is None]
        taken: list[Lease] = []
        for partition in free[: fair - len(self._leases.held)]:
            lease = await self._leases.acquire(partition)
            if lease is not None:
                taken.append(lease)
        if taken:
            logger.info("listener %s holds %d partitions", self._process, len(self._leases.held))

    async def _reconcile(self) -> None:
        held = self._leases.held
        desired = {i: d for i, d in self._snapshot.desired.items() if partition_of(i) in held}
        for integration_id, line in list(self.lines.items()):
            if line.partition in self._lost:
                continue  # the next tick tries to regain it
            wanted = desired.get(integration_id)
            if (wanted is None or wanted.digest != line.desired.digest) and integration_id not in self._ending:
                ending = self._ending[integration_id] = asyncio.create_task(self._stop(line))
                ending.add_done_callback(partial(self._ended, line.desired))
        for line in self.lines.values():
            self._intake.stop(line, line.desired.application_id in self._snapshot.stopped)
        self._idle = {i: digest for i, digest in self._idle.items() if i in desired}
        for gone in self._resting.keys() - self._snapshot.desired.keys():
            self._purge(self._resting.pop(gone))
        self._resting = {i: resting for i, resting in self._resting.items() if i in self._idle}
        fresh = [d for i, d in desired.items() if i not in self.lines and self._idle.get(i) != d.digest]
        if fresh:
            await self._start(fresh)

    async def _start(self, fresh: list[Desired]) -> None:
        ids = [desired.integration_id for desired in fresh]
        rows = await self._client.mget([key("status", i) for i in ids])
        times = await self._client.hmget(key("last"), ids)
        paces = await self._client.hmget(key("pace"), ids)
        self._book.know_paces({i: text for i, text in zip(ids, paces, strict=True) if isinstance(text, bytes)})
        positions = await self._positions(fresh)
        lines: list[Line] = []
        for desired, row, time in zip(fresh, rows, times, strict=True):
            last = replace(Status.from_json(row), last_message_ms=int(time or 0)) if isinstance(row, bytes) else None
            if desired.config is None:
                self._idle[desired.integration_id] = desired.digest
                self._rest(desired, last)
                continue
            self._idle.pop(desired.integration_id, None)
            if last is not None and last.settings != desired.digest:
                self._faults.forget(desired.integration_id)  # that messages could not be sent was a matter of other settings
            lines.append(
                Line(_with_previous(desired, last, positions), self._intake, self._book, self._outbox, self._process, last)
            )
        await self._begin(lines)

    async def _begin(self, lines: Sequence[Line]) -> None:
        """Let lines connect, some at a time."""
        clock = asyncio.get_running_loop().time
        patience = LET_CONNECT_SECONDS * TOGETHER / max(len(lines), TOGETHER)
        while lines and not self._stopping.is_set():
            some, lines = lines[:TOGETHER], lines[TOGETHER:]
            for line in some:
                self.lines[line.integration_id] = line
                line.begin()
            deadline = clock() + patience
            while lines and clock() < deadline and any(line.is_connecting for line in some) and not self._stopping.is_set():
                await asyncio.sleep(0.005)

    def _rest(self, desired: Desired, last: Status | None) -> None:
        """Note one that is not to be connected, and what is needed should it be deleted like that."""
        status = replace(idle_status(desired, self._process, now_ms()), known_topics=last.known_topics if last else [])
        self._book.note(desired.integration_id, status, last is None or last.state is not status.state)
        if desired.resting is not None:
            self._resting[desired.integration_id] = _with_previous(desired.resting, last, {})

    async def _positions(self, fresh: Sequence[Desired]) -> dict[str, dict[str, str]]:
        """Read where sources go on that resume, by integration."""
        ids = [desired.integration_id for desired in fresh if desired.connector is not None and desired.connector.resumes]
        if not ids:
            return {}
        async with self._client.pipeline(transaction=False) as pipe:
            for integration_id in ids:
                pipe.hgetall(key("position", integration_id))
            found = await pipe.execute()
        return {i: {name.decode(): value.decode() for name, value in kept.items()} for i, kept in zip(ids, found, strict=True)}

    def _purge(self, deleted: Desired) -> None:
        """Remove what a deleted integration left at its source; tried for an hour, beside everything else."""
        task = asyncio.create_task(purge(deleted))
        self._purges.add(task)
        task.add_done_callback(self._purges.discard)

    async def _stop(self, line: Line, accept: bool = True) -> None:
        await line.end(accept)
        if self.lines.get(line.integration_id) is line:
            del self.lines[line.integration_id]

    def _ended(self, desired: Desired, _: asyncio.Task[None]) -> None:
        """What took the place of a line that ended may start now."""
        del self._ending[desired.integration_id]
        if desired.integration_id not in self._snapshot.desired:
            self._purge(desired)
        self._wake.set()

    async def _close_lines(self) -> None:
        await asyncio.gather(*(self._stop(line) for line in list(self.lines.values())), *self._ending.values())

    async def _leave(self) -> None:
        try:
            await self._book.write_rows()
            await self._leases.release(list(self._leases.held))
            await self._presence.leave()
        except RedisAway:
            logger.warning("leases could not be released: they run out by themselves")

    async def _load(self) -> None:
        """Keep the snapshot current, in a thread of its own."""
        loop = asyncio.get_running_loop()
        away = False
        while True:
            try:
                changed = await loop.run_in_executor(self._database, self._snapshot.refresh)
                away = False
            except DatabaseError as error:
                changed = False
                if not away:
                    logger.warning("the database is away, the last known configuration stays in force: %s", error)
                away = True
            if changed or not self._loaded:
                self._loaded = self._loaded or not away
                self._wake.set()
            await asyncio.sleep(TICK_SECONDS)

    async def _probe(self) -> None:
        """Ask quiet lines for proof of life, each at its type's pace."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = now_ms()
            for line in self.lines.values():
                line.look()
                connector = line.connector
                if connector is None or not line.connected or line.probing or not line.reading:
                    continue
                if now - line.proof_ms >= connector.probe_seconds * 1000:
                    task = asyncio.create_task(line.probe())
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)

    async def _listen_for_calls(self) -> None:
        """Hear which outboxes got messages."""
        await hear(self._client, f"{prefix()}out:{self._process}", lambda text: self._outbox.called(text.decode().split()))


class _View:
    """The lines as they are at each iteration, safe against changes meanwhile."""

    def __init__(self, lines: dict[str, Line]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))


def _with_previous(desired: Desired, last: Status | None, positions: Mapping[str, Mapping[str, str]]) -> Desired:
    """Tell the connector which topics it may find subscribed from before, so that it can end those, and where it goes on."""
    known = tuple(last.known_topics) if last is not None else ()
    kept = positions.get(desired.integration_id, {})
    return replace(desired, source=desired.source._replace(previous_topics=known, positions=kept))

"""The engine of a worker process: takes partitions, claims events as their throttle allows, runs them, ends them.

One event loop runs everything. What only computes runs through at once; a run that waits becomes a task.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connections

from integrations.runtime.calls import hear
from integrations.runtime.inspector import Inspector
from integrations.runtime.keys import prefix
from integrations.runtime.limits import Limits
from wegnology.lib.ending import end_tasks
from wegnology.lib.redis import AsyncRedis, RedisAway
from workflows.catalog import Catalog
from workflows.claiming import Claiming
from workflows.freshness import Freshness
from workflows.holding import Holding
from workflows.parking import Parking
from workflows.running import Running
from workflows.settling import Settling
from workflows.suspects import Suspects
from workflows.turns import Turns

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
SHUTDOWN_SECONDS = 20.0
CLAIMERS = 2
"""While one claim waits for Redis, what another brought is run."""


class Engine:
    """Everything a worker process does with events; `run` ends when `stop` is set."""

    def __init__(
        self,
        client: AsyncRedis,
        process: str,
        limits: Limits,
        catalog: Catalog,
        on_deaf: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_deaf = on_deaf
        self._catalog = catalog
        self._freshness = Freshness()
        self._renew_seconds = min(TICK_SECONDS, limits.lease_seconds / 3)
        self._channel = f"{prefix()}wake:{process}"
        self._client = client
        self._catalog_thread = ThreadPoolExecutor(1, "catalog")
        self._parking_thread = ThreadPoolExecutor(1, "parking")
        turns = Turns(lambda integration_id: self._holding.freed(integration_id))
        self._holding = Holding(client, process, limits, turns)
        self._settling = Settling(client, limits, self._holding.settled, self._holding.lost, self._needed)
        self._taking: set[asyncio.Task[None]] = set()
        self._parking = Parking(self._parking_thread)
        self._inspector = Inspector(client, limits)
        parts = self._settling, self._parking, self._holding.later, turns, client, self._inspector
        self._running = Running(process, limits, catalog, *parts)
        self._suspects = Suspects(client, self._running.begin, self._holding.push_if_held)
        begin = self._running.begin
        self._claiming = Claiming(
            client, process, limits, catalog, self._holding, self._suspects, begin, turns, freshness=self._freshness
        )

    async def take(self, partition: int) -> bool:
        """Take a partition that has work, unless we hold our share; say whether we hold it now."""
        return await self._holding.take(partition)

    async def run(self, stop: asyncio.Event) -> None:
        """Run events until `stop` is set; then claim no more, wait for runs under way, give partitions back."""
        listening = asyncio.Event()
        chores: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._settling.run()),
            asyncio.create_task(self._parking.run()),
            asyncio.create_task(self._suspects.run()),
            asyncio.create_task(self._inspector.run()),
            asyncio.create_task(self._running.requests.senders.run()),
            asyncio.create_task(self._running.requests.faults.run()),
            asyncio.create_task(self._running.http.fetcher.run()),
            asyncio.create_task(self._running.recorder.run()),
            asyncio.create_task(self._load()),
            asyncio.create_task(hear(self._client, self._channel, self._called, listening)),
            asyncio.create_task(self._tick()),
            *(asyncio.create_task(self._claim(listening)) for _ in range(CLAIMERS)),
        ]
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*chores, stopping], return_when=asyncio.FIRST_COMPLETED)
            for chore in chores:
                if chore.done():
                    chore.result()
            await self._leave()
        finally:
            await end_tasks([*chores, stopping])
            self._running.scripts.close()
            for thread in (self._catalog_thread, self._parking_thread):
                thread.submit(connections.close_all)
                thread.shutdown(wait=False)

    async def _claim(self, listening: asyncio.Event) -> None:
        """Claim once calls are heard: a run may send something whose answer comes at once."""
        await listening.wait()
        await self._claiming.run()

    def _needed(self, partitions: list[int]) -> None:
        """Take partitions in which runs have put events and that nobody holds; what we may not take is the sweeper's business."""
        task = asyncio.create_task(self._take_all(partitions))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take_all(self, partitions: list[int]) -> None:
        try:
            for partition in partitions:
                await self._holding.take(partition)
        except RedisAway as error:
            logger.info("partitions were not taken: %s", error)

    def _called(self, text: bytes) -> None:
        """Take a call: a waiting send was answered, or events were appended."""
        if text.startswith(b"{"):
            self._running.answered(text)
        else:
            self._holding.called(text.decode().split())

    async def _leave(self) -> None:
        self._holding.stopping = True
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._holding.flying and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self._running.recorder.flush()
        try:
            await self._holding.release()
        except RedisAway:
            logger.warning("partitions could not be released: their leases run out by themselves")

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()
        away = False
        while True:
            waiting = self._freshness.begin()
            try:
                await loop.run_in_executor(self._catalog_thread, self._catalog.refresh)
                away = False
            except DatabaseError as error:
                if not away:
                    logger.warning("the database is away, the last known workflows stay in force: %s", error)
                away = True
            self._freshness.end(waiting)
            await self._freshness.rest()

    async def _tick(self) -> None:
        while True:
            try:
                await self._holding.renew()
                if await self._holding.rescue():
                    logger.error("drain tasks are not delivered: this worker took the waiting partitions by itself")
                    self._on_deaf()
            except RedisAway as error:
                logger.info("leases could not be renewed: %s", error)
            await asyncio.sleep(self._renew_seconds)

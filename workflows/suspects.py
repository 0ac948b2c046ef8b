"""Events that a dead worker had started: any of them may be what killed it.

After a first death they simply start again, in order: most deaths have causes outside. When a worker dies again within
`REMEMBER_SECONDS`, they start one at a time, each with its name written down first. An event that was on trial when the worker
died has been started three times and is parked; an innocent one survives its trial and goes on beside the next.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from integrations.runtime.keys import key
from wegnology.lib.redis import AsyncRedis, RedisAway
from workflows.catalog import Known
from workflows.flight import Box, Claimed, Flight, Past

logger = logging.getLogger(__name__)

SURVIVED_SECONDS = 0.25
"""How long a suspect is watched at the second death. Four times as long at each further one, for what kills late."""
LONGEST_SECONDS = 64.0
REMEMBER_SECONDS = 600
STARTS = 3
"""Before the first death, after it, and on trial."""


class Suspects:
    """The queue of suspects of a worker. Boxes with one in it start nothing else, so their order is kept."""

    def __init__(
        self,
        client: AsyncRedis,
        begin: Callable[[Box, Known, Claimed, int], Flight | None],
        on_free: Callable[[Box], None],
    ) -> None:
        self._client = client
        self._begin = begin
        self._queue: deque[tuple[Box, Known]] = deque()
        self._wake = asyncio.Event()
        self._on_free = on_free

    def add(self, box: Box, known: Known, claimed: Claimed) -> None:
        """Queue an entry: a suspect, or one that came after a suspect."""
        box.waiting.append(claimed)
        self._queue.append((box, known))
        self._wake.set()

    async def run(self) -> None:
        """Start suspects one at a time until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                box, known = self._queue.popleft()
                await self._next(box, known)

    async def _next(self, box: Box, known: Known) -> None:
        claimed = box.waiting[0]
        past = await self._past(box) if claimed.suspect else None
        if past is None:
            self._begin(box, known, claimed, 0)
        elif claimed.identifier == past.on_trial:
            self._begin(box, known, claimed, STARTS)
            await self._ask(box, "HDEL", key("starts", box.integration_id), "trial")
        elif past.deaths >= STARTS - 1:
            await self._try(box, known, claimed, past.deaths)
        else:
            self._begin(box, known, claimed, 0)
        box.waiting.popleft()
        if not box.waiting:
            self._on_free(box)

    async def _past(self, box: Box) -> Past:
        """Count a death, once for each box that a new holder makes, and return what is known.

        When an event was on trial, it explains the deaths so far: the others need no trial for them.
        """
        if box.past is None:
            name = key("starts", box.integration_id)
            on_trial = await self._ask(box, "HGET", name, "trial") or b""
            if on_trial:
                await self._ask(box, "HDEL", name, "deaths")
            deaths = await self._ask(box, "HINCRBY", name, "deaths", 1)
            await self._ask(box, "EXPIRE", name, REMEMBER_SECONDS)
            box.past = Past(int(deaths or 0), on_trial)
        return box.past

    async def _try(self, box: Box, known: Known, claimed: Claimed, deaths: int) -> None:
        """Start a suspect with its name written down, and watch it for a while."""
        name = key("starts", box.integration_id)
        await self._ask(box, "HSET", name, "trial", claimed.identifier)
        flight = self._begin(box, known, claimed, 0)
        if flight is not None and flight.tasks:
            watched = min(LONGEST_SECONDS, SURVIVED_SECONDS * 4.0 ** (deaths - STARTS + 1))
            await asyncio.wait(flight.tasks, timeout=watched)
        await self._ask(box, "HDEL", name, "trial")

    async def _ask(self, box: Box, *command: Any) -> Any:
        """Ask Redis, again while it is away; None once the partition is somebody else's."""
        while box.lease.alive():
            try:
                return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
            except RedisAway:
                await asyncio.sleep(0.2)
        return None

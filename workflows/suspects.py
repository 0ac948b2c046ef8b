"""Events that a dead worker had started: any of them may be what killed it, so they start one at a time.

An event is counted each time it starts as a suspect. One that was there at three deaths is parked; an innocent one that
was merely under way at the time survives its turn and is done.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from integrations.runtime.keys import key
from wegnology.lib.redis import AsyncRedis, RedisAway
from workflows.catalog import Known
from workflows.flight import Box, Claimed, Flight

logger = logging.getLogger(__name__)

SURVIVED_SECONDS = 0.25
"""A suspect that has run so long without killing the process makes way for the next; it goes on beside it."""
MOST_STARTS = 3


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
        deaths = await self._count(box, claimed) if claimed.suspect else 0
        flight = None
        if box.lease.alive():
            flight = self._begin(box, known, claimed, deaths if deaths >= MOST_STARTS else 0)
        box.waiting.popleft()
        if flight is not None and claimed.suspect and flight.tasks:
            await asyncio.wait(flight.tasks, timeout=SURVIVED_SECONDS)
        if not box.waiting:
            self._on_free(box)

    async def _count(self, box: Box, claimed: Claimed) -> int:
        """Raise and return how many workers have started this event, before it starts again here."""
        while box.lease.alive():
            try:
                starts = await self._client.hincrby(key("starts", box.integration_id), claimed.identifier.decode(), 1)
            except RedisAway:
                await asyncio.sleep(0.2)
            else:
                return int(starts)
        return 0

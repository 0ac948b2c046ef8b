"""Lets an event wait until the catalog was loaded anew, before it counts as one that no workflow wants.

The catalog is up to a second old, so what was saved a moment before an event came may not be in it yet.
"""

import asyncio
import contextlib

LOAD_SECONDS = 1.0
"""How often the catalog is loaded anew unasked."""
ASKED_SECONDS = 0.1
"""How soon after the last time it is when an event waits for it."""


class NotSure(Exception):
    """Whether a workflow wants an event is known when the catalog was loaded anew."""


class Freshness:
    """Who waits for the next loading. Used from one loop."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._asked = asyncio.Event()

    async def next(self) -> None:
        """Wait until a loading that begins from now on has ended, whether it brought anything or not."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(ended)
        self._asked.set()
        await ended

    def begin(self) -> "list[asyncio.Future[None]]":
        """Say that a loading begins; return who waits for it."""
        self._asked.clear()
        waiting, self._waiting = self._waiting, []
        return waiting

    def end(self, waiting: "list[asyncio.Future[None]]") -> None:
        """Say that it ended."""
        for ended in waiting:
            if not ended.done():
                ended.set_result(None)

    async def rest(self) -> None:
        """Wait for the time of the next loading."""
        await asyncio.sleep(ASKED_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS - ASKED_SECONDS):
                await self._asked.wait()

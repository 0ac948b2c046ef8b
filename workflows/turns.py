"""Whose turn it is to compute: one slice of a few milliseconds in each turn of the loop, integrations in rotation.

Without this, a hundred runs that compute long would each take their slice in every turn of the loop, and everything else in
the process would wait for all of them. Within an integration the oldest run goes first: runs end instead of ageing together.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable

_Waiting = tuple[int, asyncio.Future[None]]


class Turns:
    """Hands out turns. `on_free` is called with an integration none of whose runs waits for a turn any more."""

    def __init__(self, on_free: Callable[[str], None]) -> None:
        self._on_free = on_free
        self._queues: dict[str, list[_Waiting]] = {}
        self.busy: dict[str, int] = {}
        """How many runs of an integration wait for a turn; one that has any should not start more."""
        self._numbers = itertools.count()
        self._scheduled = False

    def number(self) -> int:
        """Return the place of a run among all runs, by its start."""
        return next(self._numbers)

    async def wait(self, integration_id: str, number: int) -> None:
        """Wait for the turn of a run that has used up its slice."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._queues.setdefault(integration_id, []), (number, turn))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._next)
        self.busy[integration_id] = self.busy.get(integration_id, 0) + 1
        try:
            await turn
        finally:  # it counts until it really goes on, so that nothing begins between its turn and its next step
            self.busy[integration_id] -= 1
            if not self.busy[integration_id]:
                del self.busy[integration_id]
                self._on_free(integration_id)

    def _next(self) -> None:
        """Give the next integration's oldest run its turn; the one after comes in the next turn of the loop."""
        integration_id, queue = next(iter(self._queues.items()))
        del self._queues[integration_id]
        _, turn = heapq.heappop(queue)
        if not turn.done():  # a cancelled run needs none
            turn.set_result(None)
        if queue:
            self._queues[integration_id] = queue  # at the end: the others come first
        self._scheduled = bool(self._queues)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._next)

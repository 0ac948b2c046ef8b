"""What arrived and was not taken yet, between a callback of the loop and a coroutine that waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Arrivals(Generic[T]):
    """Things in the order of arrival, and in the end the reason why no more will come."""

    __slots__ = ("_items", "_loop", "_taker", "_wake", "ended")

    def __init__(self) -> None:
        self.ended: Exception | None = None
        self._items: list[T] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Future[None] | None = None
        self._taker: Callable[[Sequence[T]], None] | None = None

    def pour(self, taker: Callable[[Sequence[T]], None]) -> None:
        """Hand things to `taker` as they come, without the switch to a coroutine; `take` then waits for the end only.

        What `taker` raises is the end.
        """
        items, self._items, self._taker = self._items, [], taker
        self.put_all(items)

    def put_all(self, items: Sequence[T]) -> None:
        """Add some that came together."""
        if self._taker is None:
            self._items += items
            if self._wake is not None:
                self._awake()
        elif items:
            try:
                self._taker(items)
            except Exception as error:  # noqa: BLE001  (whoever waits for the end learns of it)
                self._taker = lambda later: None  # nor is what comes behind it taken
                self.end(error)

    def put(self, item: T) -> None:
        """Add one."""
        self.put_all((item,))

    def end(self, reason: Exception) -> None:
        """Say why no more will come; only the first reason counts. What is there can still be taken."""
        if self.ended is None:
            self.ended = reason
            self._awake()

    async def take(self) -> Sequence[T]:
        """Wait for the first, return all that are there; raises the reason when there are none left.

        A cancelled `take` loses nothing.
        """
        while not self._items:
            if self.ended is not None:
                raise self.ended
            if self._loop is None:  # asked once: the question costs a system call
                self._loop = asyncio.get_running_loop()
            self._wake = self._loop.create_future()
            await self._wake
        items, self._items = self._items, []
        return items

    def _awake(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

"""Start a coroutine at once, and make a task of it only if it has to wait.

Most coroutines of the data path end without waiting; a task for each would cost more than the work.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class _Rest(Coroutine[Any, Any, T]):
    """The rest of a coroutine that already ran up to its first wait, in the form that a task drives.

    A coroutine around it would not do: a task cancelled before its first step never enters it, and the one inside would
    not learn of the cancellation.
    """

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for: tuple[Any, ...] = (waits_for,)

    def send(self, value: Any) -> Any:
        """Hand the task what the coroutine waits for, then drive the coroutine itself."""
        if self._waits_for:
            (waits_for,), self._waits_for = self._waits_for, ()
            return waits_for
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Pass on an exception, a cancellation for the most part."""
        if self._waits_for:
            (waits_for,), self._waits_for = self._waits_for, ()
            if asyncio.isfuture(waits_for):
                waits_for.cancel()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise TypeError("only a task drives this")


def start(coroutine: Coroutine[Any, Any, T], done: Callable[[T], None]) -> asyncio.Task[T] | None:
    """Run `coroutine` up to its first wait. If it ended, call `done` with its result and return None; else return a task.

    An exception of the first stretch is raised here; later ones belong to the task.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration as end:
        done(end.value)
        return None
    return go_on(coroutine, waits_for)


def go_on(coroutine: Coroutine[Any, Any, T], waits_for: Any) -> asyncio.Task[T]:
    """Return a task for the rest of a coroutine that `send` brought up to its first wait; `waits_for` is what `send` gave."""
    return asyncio.get_running_loop().create_task(_Rest(coroutine, waits_for))

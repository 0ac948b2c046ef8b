"""Start a coroutine at once, and make a task of it only if it has to wait.

Most coroutines of the data path end without waiting; a task for each would cost more than the work.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class _Rest:
    """Awaits the rest of a coroutine that already ran up to its first wait."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, waits_for = self._coroutine, self._waits_for
        while True:
            try:
                value = yield waits_for
            except BaseException as error:  # noqa: BLE001  (whatever comes belongs to the coroutine)
                step = partial(coroutine.throw, error)
            else:
                step = partial(coroutine.send, value)
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value


async def _finish(coroutine: Coroutine[Any, Any, T], waits_for: Any) -> T:
    return await _Rest(coroutine, waits_for)  # type: ignore[no-any-return]


def start(coroutine: Coroutine[Any, Any, T], done: Callable[[T], None]) -> asyncio.Task[T] | None:
    """Run `coroutine` up to its first wait. If it ended, call `done` with its result and return None; else return a task.

    An exception of the first stretch is raised here; later ones belong to the task.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration as end:
        done(end.value)
        return None
    return asyncio.get_running_loop().create_task(_finish(coroutine, waits_for))

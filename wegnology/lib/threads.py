"""One short-lived thread per blocking call.

Never a pool: a pool of any size is filled by that many name servers or brokers that do not answer, and then delays everyone.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


async def in_thread(
    work: Callable[[], T],
    *,
    seconds: float,
    what: str,
    abandon: Callable[[], None] = lambda: None,
    dispose: Callable[[], None] = lambda: None,
) -> T:
    """Run `work` in a thread of its own and return its result, or raise its error.

    After `seconds` a `TimeoutError` says that `what` ("Looking up example.com") took too long. When it is given up for that
    or by a cancellation, `abandon` is called at once: it should wake the thread. Where nothing is returned, whatever the
    reason, `dispose` is called once, when the thread has ended, and from the thread if need be: the loop may be gone by then.
    """
    job = _Job(work, dispose)
    threading.Thread(target=job.run, name=what, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await job.outcome
    except BaseException as error:
        own = job.raised(error)
        if not own:
            abandon()
        job.give_up()
        if isinstance(error, TimeoutError) and not own:
            raise TimeoutError(f"{what} took longer than {seconds:g} s") from error
        raise


class _Job(Generic[T]):
    """Work in a thread, whose result is either taken by the loop or disposed of, by whichever side comes last."""

    def __init__(self, work: Callable[[], T], dispose: Callable[[], None]) -> None:
        self._work, self._dispose = work, dispose
        self._loop = asyncio.get_running_loop()
        self._deciding = threading.Lock()
        self._ended = self._given_up = False
        self.outcome: asyncio.Future[T] = self._loop.create_future()

    def run(self) -> None:
        result, error = None, None
        try:
            result = self._work()
        except BaseException as caught:  # noqa: BLE001  (handed to the caller)
            error = caught
        with self._deciding:
            self._ended = True
            given_up = self._given_up
        if given_up:
            self._dispose()
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; `give_up` came or comes
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: T | None, error: BaseException | None) -> None:
        if self.outcome.done():
            return
        if error is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)  # type: ignore[arg-type]

    def raised(self, error: BaseException) -> bool:
        """Say whether it is the work's own error."""
        return self.outcome.done() and not self.outcome.cancelled() and self.outcome.exception() is error

    def give_up(self) -> None:
        """Take no result any more."""
        with self._deciding:
            self._given_up = True
            ended = self._ended
        if ended:
            self._dispose()

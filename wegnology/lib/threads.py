"""One short-lived thread per blocking call.

Never a pool: a pool of any size is filled by that many name servers or brokers that do not answer, and then delays everyone.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(
    work: Callable[[], T],
    *,
    seconds: float,
    what: str,
    abandon: Callable[[], None] = lambda: None,
    dispose: Callable[[], None] = lambda: None,
) -> T:
    """Run `work` in a thread of its own and return its result.

    After `seconds` a `TimeoutError` says that `what` ("Looking up example.com") took too long. When it is given up for that
    or by a cancellation, `abandon` is called at once (it should wake the thread) and `dispose` when the thread has ended.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    given_up = threading.Event()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            dispose()
        elif error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001  (handed to the caller)
            error = caught
        if given_up.is_set():  # nobody waits; the loop may be about to close, and would not see to it any more
            dispose()
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=what, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await outcome
    except TimeoutError as error:
        if outcome.done() and not outcome.cancelled():
            raise  # the work's own
        given_up.set()
        abandon()
        raise TimeoutError(f"{what} took longer than {seconds:g} s") from error
    except asyncio.CancelledError:
        given_up.set()
        abandon()
        raise

"""An event loop in a thread of its own, inside a Celery worker process."""

import asyncio
import gc
import logging
import os
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable

import uvloop

from wegnology.lib.egress_guard import GuardedLoop

logger = logging.getLogger(__name__)

EXIT_LOOP_DIED = 70
COLLECT_AFTER = 50_000
"""Objects made before the garbage collector looks at the young ones. Messages make hardly any circles, and by default it
would look every few dozen messages."""


def process_name() -> str:
    """Return a name for this process that no other has had."""
    return f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(3)}".replace("/", "-").replace(":", "-")


class LoopThread:
    """Runs `main(stop)` on an event loop. If it ends unasked the process ends: its supervisor starts a new one."""

    def __init__(self, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self._main = main
        self._ready = threading.Event()
        self._asked = False
        self._stop: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the loop and wait until it runs."""
        self._thread.start()
        self._ready.wait()

    def stop(self, seconds: float) -> None:
        """Ask `main` to end and wait for it."""
        self._asked = True
        if self.loop is not None and self._stop is not None and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(seconds)

    def _run(self) -> None:
        gc.collect()
        gc.freeze()  # what was loaded so far stays: it need not be looked at again
        gc.set_threshold(COLLECT_AFTER, 20, 50)
        try:
            uvloop.run(self._enter(), loop_factory=GuardedLoop)
        except BaseException:
            logger.critical("the event loop of this process died; the process ends", exc_info=True)
            os._exit(EXIT_LOOP_DIED)
        if not self._asked:
            logger.critical("the event loop of this process ended; the process ends")
            os._exit(EXIT_LOOP_DIED)

    async def _enter(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._main(self._stop)

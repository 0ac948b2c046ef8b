"""The senders of a worker: ways to send by request, made when first used, shared by all runs, bounded and given up when idle."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations.connectors.base import Sender
from integrations.exceptions import SendFailed, SendUnknown
from wegnology.lib.ending import end_tasks
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)

AnySender = Sender[Any]
CLOSE_SECONDS = 5.0
LEAVE_SECONDS = 0.4
"""How long closing may take when the worker ends: less than its patience with tasks that were cancelled."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of a worker's senders. What is beyond them waits within the time of its send, then fails."""

    at_once: int = 16
    """Sends under way through one integration, or one login of a node."""
    together: int = 512
    """Sends under way in the worker: so many that services which hang need 32 integrations to use them up."""
    kept: int = 500
    send_seconds: float = 20.0
    idle_seconds: float = 60.0


class _Kept:
    """One sender. `users` counts sends that wait or are under way; `retired` is closed when the last has ended."""

    __slots__ = ("digest", "retired", "sender", "slots", "used", "users")

    def __init__(self, sender: AnySender, digest: str, at_once: int) -> None:
        self.sender = sender
        self.digest = digest
        self.slots = asyncio.Semaphore(at_once)
        self.users = 0
        self.used = 0.0
        self.retired = False


class Senders:
    """Senders by key. All methods are called from one loop."""

    def __init__(self, limits: PoolLimits | None = None) -> None:
        self._limits = limits or PoolLimits()
        self._kept: dict[str, _Kept] = {}
        self._together: asyncio.Semaphore | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    async def send(self, key: str, digest: str, make: Callable[[], AnySender], message: Any, identity: str) -> JSONObject:
        """Send through the sender of this key. Another `digest` than before means other settings: a new sender takes its place.

        Raises `SendFailed`, or `SendUnknown` when the message may have arrived; always ends within `send_seconds`.
        """
        kept = self._take(key, digest, make)
        kept.users += 1
        try:
            return await self._bounded(kept, message, identity)
        finally:
            kept.users -= 1
            kept.used = asyncio.get_running_loop().time()
            if kept.retired and not kept.users:
                self._close(kept)

    async def _bounded(self, kept: _Kept, message: Any, identity: str) -> JSONObject:
        limits = self._limits
        if self._together is None:
            self._together = asyncio.Semaphore(limits.together)
        begun = False
        try:
            async with asyncio.timeout(limits.send_seconds) as bound, kept.slots, self._together:
                begun = True
                return await kept.sender.send(message, identity)
        except SendFailed:
            raise
        except TimeoutError as error:
            if bound.expired() and not begun:
                text = f"Too many messages are being sent at once: none of them ended within {limits.send_seconds:g} s"
                raise SendFailed(text) from error
            text = f"The service did not answer within {limits.send_seconds:g} s; whether the message was sent is not known"
            raise SendUnknown(text) from error
        except Exception as error:
            logger.error("%s: unexpected fault while sending", type(kept.sender).__name__, exc_info=error)
            raise SendUnknown(f"Sending failed ({type(error).__name__}); whether the message was sent is not known") from error

    def _take(self, key: str, digest: str, make: Callable[[], AnySender]) -> _Kept:
        """Return the sender of this key, the latest used last."""
        kept = self._kept.pop(key, None)
        if kept is not None and kept.digest != digest:
            self._retire(kept)
            kept = None
        if kept is None:
            self._make_room()
            kept = _Kept(make(), digest, self._limits.at_once)
        self._kept[key] = kept
        return kept

    def _make_room(self) -> None:
        if len(self._kept) < self._limits.kept:
            return
        key = next((key for key, kept in self._kept.items() if not kept.users), None)
        if key is None:
            raise SendFailed(f"Messages are being sent through {len(self._kept)} integrations at once; no more are possible")
        self._retire(self._kept.pop(key))

    def _retire(self, kept: _Kept) -> None:
        kept.retired = True
        if not kept.users:
            self._close(kept)

    def _close(self, kept: _Kept) -> None:
        task = asyncio.get_running_loop().create_task(_closed(kept.sender))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def run(self) -> None:
        """Give up what is idle, until cancelled; then close everything."""
        try:
            while True:
                await asyncio.sleep(self._limits.idle_seconds / 4)
                oldest = asyncio.get_running_loop().time() - self._limits.idle_seconds
                for key, kept in list(self._kept.items()):
                    if not kept.users and kept.used < oldest:
                        self._retire(self._kept.pop(key))
        finally:
            for kept in self._kept.values():
                self._close(kept)
            self._kept.clear()
            if self._closing:
                _, late = await asyncio.wait(self._closing, timeout=LEAVE_SECONDS)
                await end_tasks(late)


async def _closed(sender: AnySender) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await sender.close()
    except Exception as error:  # noqa: BLE001  (closing must not stop anything)
        logger.warning("%s: closing failed: %s", type(sender).__name__, type(error).__name__)

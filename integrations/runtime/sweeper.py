"""A thread that does the hub's chores: one process at a time, held by a lease.

It is not a Celery task, because it is what notices when Celery does not work.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import DatabaseError, close_old_connections, connections

from integrations.runtime.keys import key
from wegnology.lib.redis import RedisAway, SyncRedis, sync_client

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
LEASE_MS = 6_000


class Chore(NamedTuple):
    """Something to do every so many seconds."""

    every_seconds: float
    do: Callable[[SyncRedis], None]


class Sweeper:
    """Runs chores in a thread while this process holds the lease of that name."""

    def __init__(self, name: str, chores: Sequence[Chore]) -> None:
        self._key = key("sweeper", name)
        self._chores = chores
        self._token = secrets.token_hex(8)
        self._due = dict.fromkeys(range(len(chores)), 0.0)
        self._stop = threading.Event()
        self._client = sync_client(timeout=5.0)
        self._thread = threading.Thread(target=self._run, name=f"sweeper {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give the lease back."""
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                if self._hold():
                    self.sweep(time.monotonic())
            except RedisAway as error:
                logger.info("chores wait: Redis is away: %s", error)
            except Exception:
                logger.exception("the chores could not be begun; they are tried again")
        connections.close_all()
        try:
            if self._client.get(self._key) == self._token.encode():
                self._client.delete(self._key)
        except RedisAway:
            logger.debug("the lease of the chores runs out by itself")

    def _hold(self) -> bool:
        if self._client.set(self._key, self._token, nx=True, px=LEASE_MS):
            return True
        if self._client.get(self._key) != self._token.encode():
            return False
        return bool(self._client.pexpire(self._key, LEASE_MS))

    def sweep(self, now: float) -> None:
        """Do what is due at `now` (monotonic seconds)."""
        for index, chore in enumerate(self._chores):
            if now < self._due[index]:
                continue
            self._due[index] = now + chore.every_seconds
            try:
                close_old_connections()
                chore.do(self._client)
            except DatabaseError as error:
                logger.warning("a chore waits: the database is away: %s", error)
            except RedisAway:
                raise
            except Exception:
                logger.exception("a chore failed; it is tried again, the others go on")

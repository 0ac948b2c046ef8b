"""Starts the supervisor of connections inside a Celery worker process, and stops it with the worker."""

import asyncio
import logging
from typing import Any

from celery import bootsteps

from integrations.runtime import chores, partitions
from integrations.runtime.limits import Limits
from integrations.runtime.snapshot import Snapshot
from integrations.runtime.supervisor import Supervisor
from integrations.runtime.sweeper import Sweeper
from wegnology.lib.loop import LoopThread, process_name
from wegnology.lib.redis import async_client, sync_client

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0


class ListenerStep(bootsteps.StartStopStep):
    """Holds connections for as long as the worker process runs."""

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._thread: LoopThread | None = None
        self._sweeper: Sweeper | None = None

    def start(self, parent: Any) -> None:
        """Called by Celery when the worker starts."""
        partitions.ensure(sync_client(timeout=5.0))
        self._thread = LoopThread("listener", _hold)
        self._thread.start()
        self._sweeper = Sweeper("hub", chores.HUB)
        self._sweeper.start()

    def stop(self, parent: Any) -> None:
        """Called by Celery on shutdown: close connections, give partitions back."""
        if self._sweeper is not None:
            self._sweeper.stop()
        if self._thread is not None:
            self._thread.stop(STOP_SECONDS)

    terminate = stop


async def _hold(stop: asyncio.Event) -> None:
    client = async_client()
    try:
        await Supervisor(client, process_name(), Limits.from_settings(), Snapshot()).run(stop)
    finally:
        await client.aclose()

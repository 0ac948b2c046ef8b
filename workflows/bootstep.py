"""Starts the engine inside a Celery worker process, and stops it with the worker."""

import asyncio
from typing import Any

from celery import bootsteps

from integrations.runtime import chores
from integrations.runtime.limits import Limits
from integrations.runtime.sweeper import Chore, Sweeper
from wegnology.lib.loop import LoopThread, process_name
from wegnology.lib.redis import async_client
from workflows import parking
from workflows.catalog import Catalog
from workflows.drain import SHUTDOWN_SECONDS, Engine

CHORES = (Chore(3600.0, parking.trim),)

_engine: Engine | None = None
_thread: LoopThread | None = None


def running() -> tuple[Engine | None, asyncio.AbstractEventLoop | None]:
    """Return the engine of this process and its loop."""
    return _engine, _thread.loop if _thread is not None else None


class EngineStep(bootsteps.StartStopStep):
    """Runs events for as long as the worker process runs."""

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._sweepers = [Sweeper("hub", chores.HUB), Sweeper("workflows", CHORES)]

    def start(self, parent: Any) -> None:
        """Called by Celery when the worker starts."""
        global _thread
        _thread = LoopThread("engine", _run)
        _thread.start()
        for sweeper in self._sweepers:
            sweeper.start()

    def stop(self, parent: Any) -> None:
        """Called by Celery on shutdown: end the runs under way, give partitions back."""
        for sweeper in self._sweepers:
            sweeper.stop()
        if _thread is not None:
            _thread.stop(SHUTDOWN_SECONDS + 5.0)

    terminate = stop


async def _run(stop: asyncio.Event) -> None:
    global _engine
    client = async_client()
    _engine = Engine(client, process_name(), Limits.from_settings(), Catalog())
    try:
        await _engine.run(stop)
    finally:
        _engine = None
        await client.aclose()

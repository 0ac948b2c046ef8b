"""Starts the engine inside a Celery worker process, and stops it with the worker."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import bootsteps

from integrations.runtime import chores, partitions
from integrations.runtime.limits import Limits
from integrations.runtime.sweeper import Chore, Sweeper
from wegnology.lib.loop import LoopThread, process_name
from wegnology.lib.redis import async_client, sync_client
from workflows import dropping, replay_jobs
from workflows.catalog import Catalog
from workflows.drain import SHUTDOWN_SECONDS, Engine
from workflows.forgetting import forget_deleted
from workflows.insight import hours
from workflows.timers import Timers, start_scheduled

CHORES = (
    Chore(60.0, dropping.trim),
    Chore(1.0, replay_jobs.advance),
    Chore(3600.0, replay_jobs.trim),
    Chore(3600.0, forget_deleted),
    Chore(5.0, hours.write),
    Chore(3600.0, hours.trim),
)

_engine: Engine | None = None
_thread: LoopThread | None = None


def running() -> tuple[Engine | None, asyncio.AbstractEventLoop | None]:
    """Return the engine of this process and its loop."""
    return _engine, _thread.loop if _thread is not None else None


class EngineStep(bootsteps.StartStopStep):
    """Runs events for as long as the worker process runs."""

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        clock = (Chore(0.0, Timers()), Chore(0.0, start_scheduled))
        self._sweepers = [Sweeper("hub", chores.HUB), Sweeper("workflows", CHORES), Sweeper("timers", clock)]

    def start(self, parent: Any) -> None:
        """Called by Celery when the worker starts."""
        global _thread
        partitions.ensure(sync_client(timeout=5.0))
        _thread = LoopThread("engine", partial(_run, lambda: _recreate_consumer(parent)))
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


def _recreate_consumer(worker: Any) -> None:
    """Make Celery drop its connection to the broker and consume anew: it is alive, but gets no tasks."""

    def lose() -> None:
        raise ConnectionResetError("consuming anew, because no task arrived")

    if worker.hub is not None:
        worker.hub.call_soon(lose)


async def _run(on_deaf: Callable[[], None], stop: asyncio.Event) -> None:
    global _engine
    client = async_client()
    _engine = Engine(client, process_name(), Limits.from_settings(), Catalog(), on_deaf)
    try:
        await _engine.run(stop)
    finally:
        _engine = None
        await client.aclose()

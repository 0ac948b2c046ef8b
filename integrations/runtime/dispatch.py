"""Asks for workers: one Celery task for a partition that has work and no holder.

Publishing to Celery blocks, so a thread of its own does it. A lost task loses nothing: the sweeper asks again.
"""

import logging
import queue
import threading
from collections.abc import Sequence

from celery import current_app
from kombu.exceptions import OperationalError

from wegnology.lib.redis import RedisAway

logger = logging.getLogger(__name__)

DRAIN_TASK = "workflows.drain"
"""Name of the task that gives a partition to a worker. A name and not an import: what runs events is not known here."""


class Dispatch:
    """Enqueues drain tasks from a thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Sequence[int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def ask(self, partitions: Sequence[int]) -> None:
        """Enqueue a drain task for each partition, soon."""
        self._queue.put(list(partitions))

    def close(self) -> None:
        """End the thread after what was asked."""
        self._queue.put(None)

    def _run(self) -> None:
        while (partitions := self._queue.get()) is not None:
            for partition in partitions:
                try:
                    enqueue(partition)
                except Exception:
                    logger.exception("no drain task for partition %d; the sweeper asks again", partition)


def enqueue(partition: int) -> None:
    """Enqueue one drain task; a broker that is away is the sweeper's business."""
    try:
        current_app.send_task(DRAIN_TASK, args=[partition], queue="drain", ignore_result=True, retry=False, expires=60)
    except (*RedisAway, OperationalError) as error:
        logger.info("no drain task for partition %d: %s", partition, error)

"""Lets a tasks process be seen: it signs in while it lives, so that a page can say when nobody would take a check."""

import logging
import threading
import time
from typing import Any

from celery import bootsteps

from integrations.runtime.keys import key
from wegnology.lib.loop import process_name
from wegnology.lib.redis import RedisAway, sync_client

logger = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
LIFE_SECONDS = 6.0


class TasksStep(bootsteps.StartStopStep):
    """Signs in, again and again, until the worker process ends."""

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._name = process_name()
        self._stop = threading.Event()
        self._client = sync_client(timeout=5.0)
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self, parent: Any) -> None:
        """Called by Celery when the worker starts."""
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """Called by Celery on shutdown."""
        self._stop.set()
        self._thread.join(LIFE_SECONDS)

    terminate = stop

    def _run(self) -> None:
        while True:
            try:
                self._sign_in()
            except RedisAway as error:
                logger.info("not signed in: Redis is away: %s", error)
            if self._stop.wait(EVERY_SECONDS):
                break
        try:
            self._client.zrem(key("tasks"), self._name)
        except RedisAway:
            logger.info("not signed out: Redis is away")
        self._client.close()

    def _sign_in(self) -> None:
        now = int(time.time() * 1000)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(key("tasks"), 0, now)
            pipe.zadd(key("tasks"), {self._name: now + int(LIFE_SECONDS * 1000)})
            pipe.execute()

"""The number of partitions in force, and how to change it."""

import logging
import time

from django.conf import settings

from integrations.runtime.keys import key, partition_of, prefix
from wegnology.lib.redis import RedisAway, SyncRedis

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class PartitionsChanged(SystemExit):
    """The setting differs from what Redis holds; the process must not start, its work would be looked for in wrong places."""


class StillRunning(Exception):
    """Listeners or workers are alive, so the number of partitions cannot change now."""


def ensure(client: SyncRedis) -> None:
    """Wait for Redis, then compare the number of partitions with the one in force; the first process sets it."""
    while True:
        try:
            client.hsetnx(key("meta"), "partitions", str(settings.PARTITIONS))
            stored = int(client.hget(key("meta"), "partitions") or 0)
            break
        except RedisAway as error:
            logger.warning("waiting for Redis: %s", error)
            time.sleep(RETRY_SECONDS)
    if stored != settings.PARTITIONS:
        raise PartitionsChanged(
            f"Redis holds the work of {stored} partitions, WEGNOLOGY_PARTITIONS says {settings.PARTITIONS}. Stop all listeners "
            f"and workers, run `python manage.py repartition`, and start them again; or set WEGNOLOGY_PARTITIONS={stored}."
        )


def repartition(client: SyncRedis) -> int:
    """Sort waiting work into the configured number of partitions; return how many integrations have some."""
    now = int(time.time() * 1000)
    if client.zcount(key("listeners"), now, "+inf") or client.zcount(key("workers"), now, "+inf"):
        raise StillRunning("listeners or workers are still running: stop them first (they count as gone 5 s after their end)")
    begin = f"{prefix()}inbox:"
    waiting = [name.decode().removeprefix(begin) for name in client.scan_iter(match=f"{begin}*", count=1000)]
    stale = [
        name for kind in ("ready", "listen", "run", "asked") for name in client.scan_iter(match=f"{prefix()}{kind}:*", count=1000)
    ]
    with client.pipeline(transaction=True) as pipe:
        if stale:
            pipe.delete(*stale)
        pipe.delete(key("unheld"))
        for integration_id in waiting:
            pipe.sadd(key("ready", partition_of(integration_id)), integration_id)
        pipe.hset(key("meta"), "partitions", str(settings.PARTITIONS))
        pipe.execute()
    return len(waiting)

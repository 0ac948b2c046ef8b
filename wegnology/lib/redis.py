"""Clients of the one Redis server that holds inboxes, leases and live state.

Scripts compute their keys from a prefix, so a Redis cluster is not supported; one server (with a replica for failover) is.
Nothing is retried here: a script whose answer was lost may have run, and only its caller knows how to ask again.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import hiredis
import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

RedisAway = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.BusyLoadingError, OSError)
"""What a client raises while the server is away or still loading."""

SyncRedis = redis.Redis
AsyncRedis = redis.asyncio.Redis


def sync_client(timeout: float = 1.0) -> SyncRedis:
    """Return a client for web requests, commands and threads. `timeout` is in seconds for connect and answer."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )


def async_client(timeout: float = 5.0) -> AsyncRedis:
    """Return a client for the event loop that first uses it."""
    pool = redis.asyncio.ConnectionPool.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout,
        socket_connect_timeout=2.0,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    pool.connection_class = _packed(pool.connection_class)
    return redis.asyncio.Redis.from_pool(pool)


def _packed(base: type[Any]) -> type[Any]:
    """Return a kind of connection that packs commands in C, as the synchronous ones do: a fifth of a worker's time."""

    def pack_command(_self: object, *command: Any) -> list[bytes]:
        name, *arguments = command
        return [hiredis.pack_command((*str(name).split(), *arguments))]

    return type(f"Packed{base.__name__}", (base,), {"pack_command": pack_command})


class Script:
    """A Lua file with the shared prelude `prelude.lua` of its folder, called by its digest."""

    def __init__(self, path: Path) -> None:
        prelude = path.with_name("prelude.lua")
        self.text = (prelude.read_text() if prelude.exists() else "") + path.read_text()
        self.name = path.stem

    async def call(self, client: AsyncRedis, args: list[Any]) -> Any:
        """Run the script in the server; `args[0]` is the key prefix by convention."""
        return await _registered_async(self, client)(args=args)

    def call_sync(self, client: SyncRedis, args: list[Any]) -> Any:
        """As `call`, for a synchronous client."""
        return client.register_script(self.text)(args=args)


@lru_cache(maxsize=256)
def _registered_async(script: Script, client: AsyncRedis) -> Any:
    return client.register_script(script.text)

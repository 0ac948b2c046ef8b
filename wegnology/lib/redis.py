"""Clients of the one Redis server that holds inboxes, leases and live state.

Scripts compute their keys from a prefix, so a Redis cluster is not supported; one server (with a replica for failover) is.
Nothing is retried here: a script whose answer was lost may have run, and only its caller knows how to ask again.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hiredis
import redis
import redis.asyncio
from django.conf import settings
from redis._parsers.base import BaseParser
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry


class WritesRefused(redis.exceptions.ResponseError):
    """The server takes no writes, because it could not save the last ones: its disk is full."""


BaseParser.EXCEPTION_CLASSES["MISCONF"] = WritesRefused

RedisAway = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    WritesRefused,
    OSError,
)
"""What a client raises while the server is away, still loading, or takes nothing: no memory, no disk, or a replica."""

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
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def call(self, client: AsyncRedis, args: list[Any]) -> Any:
        """Run the script in the server; `args[0]` is the key prefix by convention."""
        return await _registered_async(self, client)(args=args)

    def call_sync(self, client: SyncRedis, args: list[Any]) -> Any:
        """As `call`, for a synchronous client."""
        return client.register_script(self.text)(args=args)


class Link:
    """A connection of its own for one caller, one command at a time: a quarter of the cost of a call through the client's pool.

    One timeout is for the command and its answer; the connection's own, which costs a task, is off.
    """

    def __init__(self, client: AsyncRedis) -> None:
        self._pool = client.connection_pool
        self._connection: Any = None
        self._seconds: float | None = None

    async def run(self, script: Script, args: Sequence[Any]) -> Any:
        """Run a script; what `RedisAway` names may be raised, and then it may have run."""
        try:
            return await self.command("EVALSHA", script.digest, 0, *args)
        except redis.exceptions.NoScriptError:
            return await self.command("EVAL", script.text, 0, *args)

    async def command(self, *command: Any) -> Any:
        """Send a command and return the bare answer."""
        connection, self._connection = self._connection, None
        try:
            if connection is None:
                connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
                await connection.connect()
                self._seconds, connection.socket_timeout = connection.socket_timeout, None
            async with asyncio.timeout(self._seconds):
                await connection.send_packed_command([hiredis.pack_command(command)], check_health=False)
                answer = await connection.read_response()
        except redis.exceptions.ResponseError:
            self._connection = connection
            raise
        except BaseException as error:
            if connection is not None:  # an answer may still come: nobody may take it for his
                await connection.disconnect(nowait=True)
            if isinstance(error, TimeoutError):
                raise redis.exceptions.TimeoutError("The server did not answer in time") from None
            raise
        self._connection = connection
        return answer

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


@lru_cache(maxsize=256)
def _registered_async(script: Script, client: AsyncRedis) -> Any:
    return client.register_script(script.text)

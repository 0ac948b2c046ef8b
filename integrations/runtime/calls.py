"""Calls between processes: published by scripts, heard by whoever holds what changed."""

import asyncio
from collections.abc import Callable
from typing import Any

import redis

from wegnology.lib.redis import AsyncRedis, RedisAway

QUIET_SECONDS = 15.0
"""After so long without a call the server is asked for proof of life."""


async def hear(client: AsyncRedis, channel: str, called: Callable[[bytes], None], listening: asyncio.Event | None = None) -> None:
    """Subscribe to a channel until cancelled, again after Redis was away. Calls that are lost are made good by looking.

    `listening` is set when the first subscription is there.
    """
    while True:
        connection: Any = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()
            await connection.send_command("SUBSCRIBE", channel)
            await _listen(connection, called, listening)
        except RedisAway:
            await asyncio.sleep(0.5)
        finally:
            await connection.disconnect(nowait=True)


async def _listen(connection: Any, called: Callable[[bytes], None], listening: asyncio.Event | None) -> None:
    asked = False
    while True:
        try:
            message = await connection.read_response(timeout=QUIET_SECONDS, disconnect_on_error=False, push_request=True)
        except redis.exceptions.TimeoutError:
            if asked:
                raise
            asked = True
            await connection.send_command("PING")
            continue
        asked = False
        if isinstance(message, list) and message[0] == b"message":
            called(message[2])
        elif listening is not None and isinstance(message, list) and message[0] == b"subscribe":
            listening.set()

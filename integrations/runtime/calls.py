"""Calls between processes: published by scripts, heard by whoever holds what changed."""

import asyncio
from collections.abc import Callable

from wegnology.lib.redis import AsyncRedis, RedisAway


async def hear(client: AsyncRedis, channel: str, called: Callable[[bytes], None]) -> None:
    """Subscribe to a channel until cancelled, again after Redis was away. Calls that are lost are made good by looking."""
    while True:
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(channel)
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5.0)
                if message is not None:
                    called(message["data"])
        except RedisAway:
            await asyncio.sleep(0.5)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

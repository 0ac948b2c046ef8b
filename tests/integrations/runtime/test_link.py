"""A connection of one caller's own: its answers are his, and none is waited for without end."""

import asyncio

import pytest
import redis

from tests.integrations.runtime.hub import Hub, with_client
from wegnology.lib.redis import AsyncRedis, Link, RedisAway


def test_an_answer_that_comes_too_late_is_nobodys(hub: Hub) -> None:
    async def work(client: AsyncRedis) -> None:
        link = Link(client)
        assert await link.command("PING") == b"PONG"
        with pytest.raises(redis.exceptions.TimeoutError, match="in time") as late:
            await link.command("BLPOP", "nothing", 2)
        assert isinstance(late.value, RedisAway)
        assert await link.command("ECHO", "mine") == b"mine"
        with pytest.raises(redis.exceptions.ResponseError):
            await link.command("NONSENSE")
        assert await link.command("ECHO", "mine too") == b"mine too"
        await link.close()

    asyncio.run(with_client(work, timeout=0.3))

"""Stops asking sources for more while their inbox is nearly full.

Only types that ask for messages (`Connector.polls`): what they do not fetch waits at the source for free. All others are read
at line speed, and a full inbox decides for each message (`append.lua`).
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from integrations.connectors.base import AnyConnector
from integrations.runtime.keys import key
from integrations.runtime.limits import Limits
from wegnology.lib.redis import AsyncRedis, RedisAway

HIGH, LOW = 0.8, 0.6
LOOK_SECONDS = 1.0


class Polled(Protocol):
    """What is needed of a line."""

    integration_id: str
    connector: AnyConnector | None
    connected: bool
    held_back: bool

    def hold_back(self, held_back: bool) -> None:
        """Ask for no more, or go on."""


async def watch(client: AsyncRedis, lines: Iterable[Polled], limits: Limits) -> None:
    """Hold lines back above 80 % of their inbox and let them go on below 60 %, until cancelled. `lines` is iterated anew."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        polled = [line for line in lines if line.connected and line.connector is not None and line.connector.polls]
        if not polled:
            continue
        try:
            fills = await _fills(client, polled, limits)
        except RedisAway:
            continue  # what is held then is bounded by the intake
        for line, fill in zip(polled, fills, strict=True):
            held_back = fill >= (LOW if line.held_back else HIGH)
            if held_back is not line.held_back:
                line.hold_back(held_back)


async def _fills(client: AsyncRedis, lines: Sequence[Polled], limits: Limits) -> list[float]:
    """Return how full each inbox is, from 0 to 1, as `append.lua` counts: by events, and by what they are beyond their share."""
    async with client.pipeline(transaction=False) as pipe:
        for line in lines:
            pipe.xlen(key("inbox", line.integration_id))
            pipe.hget(key("box", line.integration_id), "bytes")
        found = await pipe.execute()
    return [
        int(events) / limits.inbox_events + int(beyond or 0) / limits.inbox_bytes
        for events, beyond in zip(found[::2], found[1::2], strict=True)
    ]

"""Writes what this process knows of its connections: transitions at once, proofs once a second for all together."""

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

import orjson

from integrations.runtime.keys import key
from integrations.runtime.status import Status
from wegnology.lib.redis import AsyncRedis, RedisAway

HISTORY_MOST = 10_000
"""Transitions kept in Redis until the sweeper has written them to the database."""


class Watched(Protocol):
    """What the book reads of a connection."""

    integration_id: str
    proof_ms: int
    last_message_ms: int


class StatusBook:
    """Collects status rows of a process and writes them in batches."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._rows: dict[str, Status] = {}
        self._history: list[bytes] = []
        self._written: dict[str, tuple[int, int]] = {}
        self._wake = asyncio.Event()

    def note(self, integration_id: str, status: Status, transition: bool) -> None:
        """Write a row soon; a transition also goes into the history."""
        self._rows[integration_id] = status
        if transition:
            cause = status.latest_cause
            line = {"i": integration_id, "t": status.since_ms, "s": status.state, "c": cause}
            self._history.append(orjson.dumps(line))
        self._wake.set()

    async def run(self, lines: Iterable[Watched]) -> None:
        """Write until cancelled. `lines` is iterated anew each second."""
        while True:
            try:
                await self.write(lines)
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
                await asyncio.sleep(0.02)
            except TimeoutError:
                pass
            except RedisAway:
                await asyncio.sleep(0.5)

    async def write(self, lines: Iterable[Watched]) -> None:
        """Write everything that is new; what could not be written stays."""
        self._wake.clear()
        del self._history[:-HISTORY_MOST]
        rows, history = dict(self._rows), list(self._history)
        fresh = {
            line.integration_id: (line.proof_ms, line.last_message_ms)
            for line in lines
            if self._written.get(line.integration_id) != (line.proof_ms, line.last_message_ms)
        }
        if not rows and not fresh and not history:
            return
        async with self._client.pipeline(transaction=False) as pipe:
            if rows:
                pipe.mset({key("status", i): status.to_json() for i, status in rows.items()})
            if fresh:
                pipe.hset(key("proof"), mapping={i: proof for i, (proof, _) in fresh.items()})
                pipe.hset(key("last"), mapping={i: last for i, (_, last) in fresh.items()})
            if history:
                pipe.rpush(key("history"), *history)
                pipe.ltrim(key("history"), -HISTORY_MOST, -1)
            await pipe.execute()
        self._written.update(fresh)
        del self._history[: len(history)]
        for integration_id, status in rows.items():
            if self._rows.get(integration_id) is status:
                del self._rows[integration_id]


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)

"""Writes what this process knows of its connections: transitions at once, proofs once a second for all together.

A row is written only while this process holds its partition, so that one which stood still for a minute cannot overwrite what
its successor knows. What is refused for that reason is tried again for a while: a lease may be regained.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.pace import Pace
from integrations.runtime.status import ConnectionState, Status
from wegnology.lib.packed_json import packed
from wegnology.lib.redis import AsyncRedis, RedisAway

HISTORY_MOST = 10_000
"""Transitions kept in Redis until the sweeper has written them to the database."""
LINES_MOST = 100
"""Transitions of one integration that wait for Redis; the oldest are forgotten."""
ROWS_AT_ONCE = 500
REFUSED_SECONDS = 30.0
PACE_SECONDS = 60.0
"""How often it is written what pauses are usual."""


class Watched(Protocol):
    """What the book reads of a connection."""

    integration_id: str
    proof_ms: int
    last_message_ms: int
    status: Status


@dataclass(slots=True)
class Noted:
    """A row that waits to be written, with its lines for the history. `at` is in monotonic seconds."""

    status: Status
    lines: list[bytes]
    at: float


class StatusBook:
    """Collects status rows of a process and writes them in batches. Without `process` nobody asks who holds what."""

    def __init__(self, client: AsyncRedis, process: str = "") -> None:
        self._client = client
        self._process = process
        self._noted: dict[str, Noted] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._paces: dict[str, Pace] = {}
        self._paced = time.monotonic()
        self._wake = asyncio.Event()

    def note(self, integration_id: str, status: Status, transition: bool) -> None:
        """Write a row soon; a transition also goes into the history."""
        lines = []
        if transition:
            lines = [transition_line(integration_id, status)]
        self._keep(integration_id, Noted(status, lines, time.monotonic()))
        self._wake.set()

    def _keep(self, integration_id: str, newer: Noted) -> None:
        """Put a row behind what waits of the same integration."""
        older = self._noted.get(integration_id)
        if older is not None:
            newer.lines = [*older.lines, *newer.lines][-LINES_MOST:]
        self._noted[integration_id] = newer

    def know_paces(self, stored: Mapping[str, bytes | None]) -> None:
        """Go on with the pauses that were measured before."""
        self._paces.update({i: Pace(text) for i, text in stored.items()})

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
        await self.write_rows()
        watched = list(lines)
        fresh = self._fresh(watched)
        paces = self._due_paces(watched)
        if not fresh and not paces:
            return
        async with self._client.pipeline(transaction=False) as pipe:
            if fresh:
                pipe.hset(key("proof"), mapping={i: proof for i, (proof, _) in fresh.items()})
                pipe.hset(key("last"), mapping={i: last for i, (_, last) in fresh.items()})
            if paces:
                pipe.hset(key("pace"), mapping={i: pace.to_json() for i, pace in paces.items()})
            await pipe.execute()
        self._written.update(fresh)
        for pace in paces.values():
            pace.changed = False

    async def write_rows(self) -> None:
        """Write the rows that wait, as far as we hold their partitions; the others are tried again for a while."""
        taken, self._noted = self._noted, {}
        rows = list(taken.items())
        left = taken
        try:
            while rows:
                some, rows = rows[:ROWS_AT_ONCE], rows[ROWS_AT_ONCE:]
                arguments: list[Any] = [prefix(), self._process, HISTORY_MOST, len(some)]
                for i, row in some:
                    arguments += [partition_of(i), i, row.status.to_json(), len(row.lines), *row.lines]
                answers = await scripts.note.call(self._client, arguments)
                oldest = time.monotonic() - REFUSED_SECONDS
                for (i, row), written in zip(some, answers, strict=True):
                    if written or row.at < oldest:
                        del left[i]
        finally:
            noted, self._noted = self._noted, left
            for i, row in noted.items():
                self._keep(i, row)

    def _fresh(self, lines: Iterable[Watched]) -> dict[str, tuple[int, int]]:
        """Return what changed of proofs and messages, and take the pauses between messages from it."""
        fresh = {}
        for line in lines:
            new, old = (line.proof_ms, line.last_message_ms), self._written.get(line.integration_id)
            if new == old:
                continue
            fresh[line.integration_id] = new
            if old is not None and new[1] > old[1] > line.status.connected_ms:  # without what was spent disconnected
                self._paces.setdefault(line.integration_id, Pace()).note(new[1] - old[1])
        return fresh

    def _due_paces(self, lines: Iterable[Watched]) -> dict[str, Pace]:
        """Return now and then the pauses that changed, and forget connections that are not ours any more."""
        now = time.monotonic()
        if now - self._paced < PACE_SECONDS:
            return {}
        self._paced = now
        ours = {line.integration_id for line in lines}
        self._paces = {i: pace for i, pace in self._paces.items() if i in ours}
        self._written = {i: written for i, written in self._written.items() if i in ours}
        return {i: pace for i, pace in self._paces.items() if pace.changed}


def transition_line(integration_id: str, status: Status) -> bytes:
    """Return a line of the history: what a status is now, and why."""
    half = status.state is ConnectionState.CONNECTED and status.degraded
    state = ConnectionState.DEGRADED if half else status.state
    return packed({"i": integration_id, "t": now_ms(), "s": state, "c": status.latest_cause})


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)

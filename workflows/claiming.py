"""Takes events out of inboxes as fast as their throttle allows, integrations in turn."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from integrations.runtime import scripts
from integrations.runtime.keys import prefix
from integrations.runtime.limits import Limits
from wegnology.lib.eager import start
from wegnology.lib.redis import AsyncRedis, Link, RedisAway
from workflows.catalog import Catalog, Known
from workflows.flight import Box, Claimed
from workflows.freshness import Freshness, NotSure
from workflows.holding import Holding
from workflows.suspects import Suspects
from workflows.turns import Turns

logger = logging.getLogger(__name__)

EVENTS_A_CLAIM = 50
SLICE_SECONDS = 0.005
"""How long starting claimed events may hold the loop."""
UNKNOWN_RETRY_SECONDS = 1.0
BUSY_SECONDS = 0.002


class Claiming:
    """Claims for the boxes whose turn it is and starts what it got. `clock_ms` 0 means Redis' own clock for the throttle."""

    def __init__(
        self,
        client: AsyncRedis,
        process: str,
        limits: Limits,
        catalog: Catalog,
        holding: Holding,
        suspects: Suspects,
        begin: Callable[..., object],
        turns: Turns,
        clock_ms: Callable[[], int] = lambda: 0,
        freshness: Freshness | None = None,
    ) -> None:
        """`begin` may raise `NotSure` when it is called with `sure=False`."""
        self._freshness = freshness or Freshness()
        self._client = client
        self._process = process
        self._limits = limits
        self._catalog = catalog
        self._holding = holding
        self._suspects = suspects
        self._begin = begin
        self._turns = turns
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Claim until cancelled. Several may run at once: each takes boxes of its own."""
        link = Link(self._client)
        try:
            while True:
                await self._holding.wake.wait()
                self._holding.wake.clear()
                if self._fault is not None:
                    raise self._fault
                while not self._holding.stopping and (boxes := self._holding.turn()):
                    await self._try_claim(link, boxes)
        finally:
            await link.close()

    async def _try_claim(self, link: Link, boxes: list[Box]) -> None:
        try:
            await self._claim_for(link, boxes)
        except RedisAway as error:
            logger.info("nothing can be claimed: %s", error)
            await asyncio.sleep(0.2)
            for box in boxes:
                self._holding.push_if_held(box)

    async def _claim_for(self, link: Link, boxes: list[Box]) -> None:
        arguments: list[Any] = [prefix(), self._process, self._clock_ms(), self._limits.throttle_burst, 0]
        asked: list[tuple[Box, Known, int]] = []
        for box in boxes:
            known = self._catalog.source(box.integration_id)
            if known is None:
                self._holding.later(box, UNKNOWN_RETRY_SECONDS)  # made a moment ago, or deleted: the sweeper drops its events
                continue
            wanted = min(EVENTS_A_CLAIM, self._limits.runs_per_integration - box.flying)
            rate = self._limits.throttle_per_second if known.rate is None else known.rate
            arguments += [box.lease.partition, box.lease.token, box.integration_id, box.after, wanted, rate]
            box.more = False
            box.claiming = True
            asked.append((box, known, wanted))
        arguments[4] = len(asked)
        if not asked:
            return
        try:
            answers = await link.run(scripts.claim, arguments)
        except RedisAway:
            for box, _, _ in asked:
                box.more, box.claiming = True, False
            raise
        await self._begin_claimed(asked, answers)

    async def _begin_claimed(self, asked: list[tuple[Box, Known, int]], answers: list[Any]) -> None:
        slice_ends = time.perf_counter() + SLICE_SECONDS
        for (box, known, wanted), answer in zip(asked, answers, strict=True):
            if not answer:
                self._holding.lost(box.lease.token)
                continue
            wait = answer[0]
            if box.fresh:
                started, _, starter = answer[1].partition(b"/")
                if starter and starter != self._process.encode():
                    box.suspects_up_to = started
                box.fresh = False
            more = not wait and len(answer) == 2 * wanted + 2
            task = start(self._begin_entries(box, known, answer, wait, more), _nothing)
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._begun)
            if time.perf_counter() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = time.perf_counter() + SLICE_SECONDS

    async def _begin_entries(self, box: Box, known: Known, answer: list[Any], wait: int, more: bool) -> None:
        """Start claimed events in order. One waits while a run before it still computes, so that messages keep the order too."""
        holding, busy, begin, integration_id = self._holding, self._turns.busy, self._begin, box.integration_id
        if holding.boxes.get(integration_id) is not box:
            return  # the partition was lost meanwhile: what was claimed is somebody else's now
        count = len(answer) // 2 - 1
        box.flying += count
        holding.flying += count
        last_suspect = box.suspects_up_to
        for identifier, stored in zip(answer[2::2], answer[3::2], strict=True):
            if integration_id in busy and not await self._free(box):
                return
            box.after = identifier
            suspect = last_suspect != b"" and _order(identifier) <= _order(last_suspect)
            claimed = Claimed(identifier, stored, suspect)
            if suspect or box.waiting:
                self._suspects.add(box, known, claimed)
                continue
            try:
                begin(box, known, claimed, sure=False)
            except NotSure:
                await self._freshness.next()
                if holding.boxes.get(integration_id) is not box:
                    return
                begin(box, self._catalog.source(integration_id) or known, claimed)
        box.claiming = False
        box.limited_since = (box.limited_since or time.time()) if wait else 0.0
        if wait:
            self._holding.later(box, wait / 1000)
        elif box.more or more:
            box.more = True
            self._holding.push_if_held(box)

    async def _free(self, box: Box) -> bool:
        """Wait until no run of an integration waits for a turn; say whether its partition is still ours then."""
        while box.integration_id in self._turns.busy:
            await asyncio.sleep(BUSY_SECONDS)
        return self._holding.boxes.get(box.integration_id) is box

    def _begun(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._holding.wake.set()


def _nothing(_: object) -> None:
    """Take the result of a coroutine that has none."""


def _order(identifier: bytes) -> tuple[int, int]:
    milliseconds, _, number = identifier.partition(b"-")
    return int(milliseconds), int(number or 0)

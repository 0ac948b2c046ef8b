"""Notes what runs do, in the memory of the worker, and hands it to Redis once a second.

A run costs additions; only a run that is kept, or a debug value that somebody watches, costs more. A worker that dies takes the
last second along: the ledger is exact, these counts are not.
"""

import asyncio
import logging
import time
from collections import deque
from time import monotonic
from typing import Any, NamedTuple

from integrations.runtime.keys import prefix
from integrations.runtime.ledger import HOUR_MS
from wegnology.lib.redis import AsyncRedis, Link, RedisAway
from workflows import scripts
from workflows.exceptions import RunFailed
from workflows.flight import Flight
from workflows.insight.failing import Errors
from workflows.insight.hits import MESSAGE_CHARACTERS, Hit, ShownHit, cut_value, missed_hit, stored_hit, text_of
from workflows.insight.limits import BYTES_A_SECOND, HITS, HITS_A_SECOND, HITS_LIFE, RUNS_LIFE, InsightLimits
from workflows.insight.runs import Failure, Run, failure_of, run_id, visits_of
from workflows.plans import Plan
from workflows.trace import MAX_TIMED, Trace
from workflows.triggers import BUTTON

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
IDLE_SECONDS = 600.0
MESSAGE = "message"


class _Kept(NamedTuple):
    """A run to keep, not yet in its stored form: most of a burst are pushed out before it is made."""

    plan: Plan
    event_id: str
    time_ms: int
    source_id: str
    kind: str
    trigger: str
    trace: Trace
    ended: float
    failure: Failure | None

    def to_json(self, offset: float) -> bytes:
        """Return the stored form; `offset` is what makes a time of `monotonic` one since 1970."""
        trace = self.trace
        started = int((trace.began + offset) * 1000)
        visits = visits_of(trace.began, trace.visits)
        waited = max(0, started - self.time_ms)
        took = (self.ended - trace.began) * 1000
        about = (self.event_id, trace.number, self.plan.version_id, started, took, waited)
        return Run(*about, self.source_id, self.kind, self.trigger, len(trace.path), visits, self.failure).to_json()


class _Tally:
    """What was noted of one version since the last batch. `room` is how many more successful runs may be kept."""

    __slots__ = ("failed", "failures", "hits", "kept", "missed", "plan", "room", "runs", "seconds", "used")

    def __init__(self, plan: Plan, room: float, kept: int) -> None:
        self.plan = plan
        self.room = room
        self.runs = self.failed = self.missed = 0
        self.seconds = 0.0
        self.kept: deque[_Kept] = deque(maxlen=kept)
        self.failures: deque[_Kept] = deque(maxlen=kept)
        self.hits: list[bytes] = []
        self.used = time.monotonic()


class Recorder:
    """What a worker's engine tells about runs, and what becomes of it. All is called from the engine's loop."""

    def __init__(self, client: AsyncRedis, process: str, limits: InsightLimits) -> None:
        self._link = Link(client)
        self._process = process
        self._limits = limits
        self._tallies: dict[str, _Tally] = {}
        self._errors = Errors()
        self._watched: dict[str, int] = {}
        self._bytes = 0
        self._batch: list[Any] = []
        self._number = 0
        self._lock = asyncio.Lock()

    def ended(self, flight: Flight, plan: Plan, trace: Trace, error: RunFailed | None = None) -> None:
        """Note the end of a run."""
        if not self._limits.on:
            return
        now = monotonic()
        tally = self._tallies.get(plan.version_id)
        if tally is None:
            tally = self._begin(plan)
        tally.runs += 1
        tally.seconds += now - trace.began
        if error is not None:
            tally.failed += 1
            failure = failure_of(error)
            tally.failures.append(_kept(flight, plan, trace, now, failure))
            self._errors.add(plan.workflow_id, plan.version_id, failure, flight.event.id)
        elif tally.room >= 1.0:
            tally.room -= 1.0
            tally.kept.append(_kept(flight, plan, trace, now, None))
        elif (self._watched or flight.event.origin is not None) and self._is_awaited(flight, plan):
            tally.kept.append(_kept(flight, plan, trace, now, None))

    def _is_awaited(self, flight: Flight, plan: Plan) -> bool:
        """Say whether somebody wants to see this very run: who watches the workflow, who pressed a button."""
        origin = flight.event.origin
        return plan.workflow_id in self._watched or (origin is not None and origin.trigger_type == BUTTON)

    def show(self, flight: Flight, plan: Plan, trace: Trace, hit: Hit) -> None:
        """Keep a debug value, if somebody watches the workflow."""
        if plan.workflow_id not in self._watched:
            return
        tally = self._tallies.get(plan.version_id) or self._begin(plan)
        if len(tally.hits) >= HITS_A_SECOND or self._bytes >= BYTES_A_SECOND:
            tally.missed += 1
            return
        text = text_of(hit.value)
        self._bytes += len(text)
        value, cut = cut_value(text)
        path = trace.path
        node_id = hit.node_id or (path[-1] if path else "")
        node = plan.graph.nodes.get(node_id) if plan.graph else None
        shown = ShownHit(
            "",
            int(time.time() * 1000),
            hit.level,
            hit.message[:MESSAGE_CHARACTERS],
            value,
            cut,
            node_id,
            node.label if node else "",
            path[:MAX_TIMED],
            run_id(flight.event.id, trace.number),
            plan.version_id,
        )
        tally.hits.append(stored_hit(shown))

    def _begin(self, plan: Plan) -> _Tally:
        tally = self._tallies[plan.version_id] = _Tally(plan, float(self._limits.samples), self._limits.kept)
        return tally

    async def run(self) -> None:
        """Hand over once a second until cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                try:
                    await self.flush()
                except Exception:
                    logger.exception("notes of a second are lost; runs go on")
                    self._batch = []
        finally:
            await self._link.close()

    async def flush(self) -> None:
        """Hand over what was noted, and learn who is watched. While Redis is away it is kept, within its bounds."""
        if self._limits.on:
            async with self._lock:
                await self._hand_over()

    async def _hand_over(self) -> None:
        if not self._batch:
            self._number += 1
            self._batch = [prefix(), self._process, self._number, 0, *self._noted()]
        self._batch[3] = int(time.time() * 1000)
        try:
            watched = await self._link.run(scripts.insight, self._batch)
        except RedisAway as error:
            logger.info("notes of runs wait: Redis is away: %s", error)
            return
        self._batch = []
        self._watched = {name.decode(): int(float(until)) for name, until in zip(watched[::2], watched[1::2], strict=True)}

    def _noted(self) -> list[Any]:
        """Return what was noted as `insight.lua` takes it, and begin anew."""
        now_ms, refill = int(time.time() * 1000), self._limits.samples * FLUSH_SECONDS / 60
        offset, hour = time.time() - monotonic(), now_ms - now_ms % HOUR_MS
        noted: list[Any] = []
        for version_id, tally in list(self._tallies.items()):
            if tally.runs or tally.hits or tally.missed:
                self._tallies[version_id] = fresh = _Tally(tally.plan, tally.room, self._limits.kept)
                fresh.room = min(fresh.room + refill, float(self._limits.samples))
                noted += self._of_tally(tally, hour, now_ms, offset)
                continue
            tally.room = min(tally.room + refill, float(self._limits.samples))
            if time.monotonic() - tally.used > IDLE_SECONDS:
                del self._tallies[version_id]
        for (workflow_id, digest), group in self._errors.take().items():
            noted += ("E", f"{workflow_id}:{hour}", digest, group.count, group.first_ms, group.to_json())
        self._bytes = 0
        return noted

    def _of_tally(self, tally: _Tally, hour: int, now_ms: int, offset: float) -> list[Any]:
        workflow_id, version_id = tally.plan.workflow_id, tally.plan.version_id
        noted: list[Any] = []
        if tally.runs:
            counts = {"runs": tally.runs, "failed": tally.failed, "micros": round(tally.seconds * 1e6)}
            fields = [part for name, count in counts.items() if count for part in (f"V:{version_id}:{name}", count)]
            noted += ("C", f"{workflow_id}:{hour}", len(fields) // 2, *fields)
        for name, kept in (("runs", tally.kept), ("failures", tally.failures)):
            if kept:
                texts = [one.to_json(offset) for one in kept]
                noted += ("L", f"{name}:{workflow_id}", self._limits.kept, RUNS_LIFE, len(texts), *texts)
        hits = [*tally.hits, missed_hit(now_ms, tally.missed)] if tally.missed else tally.hits
        if hits:
            noted += ("D", f"debug:{workflow_id}", HITS, HITS_LIFE, len(hits), *hits)
        return noted


def _kept(flight: Flight, plan: Plan, trace: Trace, now: float, failure: Failure | None) -> _Kept:
    event = flight.event
    trigger = event.origin.trigger_type if event.origin else "integration"
    return _Kept(plan, event.id, event.time_ms, flight.box.integration_id, event.kind, trigger, trace, now, failure)

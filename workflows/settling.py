"""Ends events and hands over what their runs send, in batches; one batch is under way at a time."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from integrations.runtime import scripts
from integrations.runtime.keys import prefix
from integrations.runtime.limits import Limits
from wegnology.lib.redis import AsyncRedis, Link, RedisAway
from workflows.flight import Box, Flight, Send

logger = logging.getLogger(__name__)

BATCH = 500
CONGESTED_SECONDS = 0.05

_Step = tuple[Flight, Send | str]
"""A message to send, or the outcome with which an event ends."""


class _Names(dict[str, int]):
    """Names by the number that stands for them, and the arguments that say so."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []

    def add(self, name: str, partition: int) -> int:
        """Number a name that is new."""
        self[name] = number = len(self) + 1
        self.arguments += (partition, name)
        return number


def _checked(flight: Flight, outcome: str, targets: _Names) -> list[Any]:
    """Return the end of an event some of whose messages left before, or may have."""
    repeated, sent = flight.repeated, flight.sent or ()
    about = flight.event.id if repeated else "", len(flight.sends) + len(sent)
    end: list[Any] = [outcome, flight.identifier, len(flight.text), *about]
    for send in flight.sends:
        target = targets.get(send.integration_id) or targets.add(send.integration_id, send.partition)
        end += (send.visit, target, send.body) if repeated else (target, send.body)
    for done in sent:
        target = targets.get(done.integration_id) or targets.add(done.integration_id, done.partition)
        told = f"{target}:{done.outcome}"
        end += (done.visit, told, b"") if repeated else (told, b"")
    return end


class Settling:
    """The one way out of the inboxes for all runs of a worker.

    A batch whose answer was lost is asked again: an event that is gone is not counted twice and its sends do not go out twice.
    """

    def __init__(
        self,
        client: AsyncRedis,
        limits: Limits,
        on_settled: Callable[[list[Flight]], None],
        on_lost: Callable[[str], None],
        on_need: Callable[[list[int]], None] = lambda partitions: None,
    ) -> None:
        """`on_need` is told of partitions that got events and have no worker."""
        self._link = Link(client)
        self._limits = limits
        self._on_settled = on_settled
        self._on_lost = on_lost
        self._on_need = on_need
        self._steps: list[_Step] = []
        self._wake = asyncio.Event()
        self.congested: dict[str, float] = {}
        """Until when (monotonic seconds) outboxes want no more."""

    def end(self, flight: Flight, outcome: str) -> None:
        """End an event, with everything its runs want to send."""
        if not self._steps:
            self._wake.set()
        self._steps.append((flight, outcome))

    def send(self, flight: Flight, send: Send) -> None:
        """Hand over a message of an event whose runs go on."""
        if not self._steps:
            self._wake.set()
        self._steps.append((flight, send))

    async def run(self) -> None:
        """Settle until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._steps:
                    steps, self._steps = self._steps[:BATCH], self._steps[BATCH:]
                    await self._settle(steps)
        finally:
            await self._link.close()

    async def _settle(self, steps: list[_Step]) -> None:
        lost, congested, need = await self._ask(self._arguments(steps))
        until = time.monotonic() + CONGESTED_SECONDS
        self.congested = {name.decode(): until for name in congested}
        for token in set(lost):
            self._on_lost(token.decode())
        if need:
            self._on_need(need)
        self._on_settled([flight for flight, step in steps if not isinstance(step, Send)])

    def _arguments(self, steps: list[_Step]) -> list[Any]:
        """Return what `settle.lua` reads. Leases and targets are named once; steps of one integration in a row share a head."""
        leases, targets = _Names(), _Names()
        groups = 0
        tail: list[Any] = []
        box: Box | None = None
        count_at = 0
        for flight, step in steps:
            if flight.box is not box:
                box = flight.box
                lease = box.lease
                tail += (leases.get(lease.token) or leases.add(lease.token, lease.partition), box.integration_id, 0)
                count_at = len(tail) - 1
                groups += 1
            tail[count_at] += 1
            if isinstance(step, Send):
                target = targets.get(step.integration_id) or targets.add(step.integration_id, step.partition)
                tail += ("S", flight.identifier, flight.event.id, step.visit, target, step.body)
            elif flight.repeated or flight.sent:
                tail += _checked(flight, step, targets)
            else:
                sends = flight.sends
                tail += (step, flight.identifier, len(flight.text), "", len(sends))
                for _, partition, integration_id, body in sends:
                    tail += (targets.get(integration_id) or targets.add(integration_id, partition), body)
        limits = self._limits
        head: list[Any] = [prefix(), limits.outbox_messages, limits.inbox_bytes // limits.inbox_events, limits.inbox_events]
        head += (len(leases), *leases.arguments, len(targets), *targets.arguments, groups)
        return head + tail

    async def _ask(self, arguments: list[Any]) -> Any:
        delay = 0.05
        while True:
            try:
                return await self._link.run(scripts.settle, arguments)
            except RedisAway as error:
                logger.info("ends of events wait: Redis is away: %s", error)
                await asyncio.sleep(delay)
                delay = min(1.0, delay * 2)

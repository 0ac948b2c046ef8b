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
from workflows.flight import Flight, Send

logger = logging.getLogger(__name__)

BATCH = 500
CONGESTED_SECONDS = 0.05


class Settling:
    """The one way out of the inboxes for all runs of a worker.

    A batch whose answer was lost is asked again: an event that is gone is not counted twice and its sends do not go out twice.
    """

    def __init__(
        self, client: AsyncRedis, limits: Limits, on_settled: Callable[[list[Flight]], None], on_lost: Callable[[str], None]
    ) -> None:
        self._link = Link(client)
        self._limits = limits
        self._on_settled = on_settled
        self._on_lost = on_lost
        self._steps: list[tuple[Flight, Send | str]] = []
        """What is to be done, in order: a message to send, or the outcome with which an event ends."""
        self._wake = asyncio.Event()
        self._congested: dict[str, float] = {}

    def end(self, flight: Flight, outcome: str) -> None:
        """End an event, with everything its runs want to send."""
        self._steps.append((flight, outcome))
        self._wake.set()

    def send(self, flight: Flight, send: Send) -> None:
        """Hand over a message of an event whose runs go on."""
        self._steps.append((flight, send))
        self._wake.set()

    def congested_until(self, integration_id: str) -> float:
        """Return until when (monotonic seconds) an outbox wants no more."""
        return self._congested.get(integration_id, 0.0)

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

    async def _settle(self, steps: list[tuple[Flight, Send | str]]) -> None:
        arguments: list[Any] = [prefix(), self._limits.outbox_messages, len(steps)]
        for flight, step in steps:
            lease = flight.box.lease
            if isinstance(step, Send):
                arguments += ["S", lease.partition, lease.token, flight.box.integration_id, flight.identifier]
                arguments += [flight.event.id, *step]
                continue
            arguments += ["F", lease.partition, lease.token, flight.box.integration_id, flight.identifier, flight.size]
            arguments += [step, flight.event.id, "1" if flight.repeated else "0", len(flight.sends)]
            for send in flight.sends:
                arguments += send
        lost, congested = await self._ask(arguments)
        until = time.monotonic() + CONGESTED_SECONDS
        self._congested = {name.decode(): until for name in congested}
        for token in set(lost):
            self._on_lost(token.decode())
        self._on_settled([flight for flight, step in steps if not isinstance(step, Send)])

    async def _ask(self, arguments: list[Any]) -> Any:
        delay = 0.05
        while True:
            try:
                return await self._link.run(scripts.settle, arguments)
            except RedisAway as error:
                logger.info("ends of events wait: Redis is away: %s", error)
                await asyncio.sleep(delay)
                delay = min(1.0, delay * 2)

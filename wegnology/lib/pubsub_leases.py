"""What is held of one subscription of Google Pub/Sub: leases that are extended, acknowledgements that are gathered.

A message comes again when it is neither acknowledged nor its lease extended in time. What is held is extended, what was accepted
is acknowledged in batches, what was not is given back at the end.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from wegnology.lib.ending import end_tasks
from wegnology.lib.pubsub_faults import PASSING, PubsubFault
from wegnology.lib.pubsub_line import PubsubLine
from wegnology.lib.seen import SeenIds

ACK_IDS = 1_000
"""Ids in one call: a request may have half a megabyte."""
GATHER_SECONDS, MANY_ACKS = 0.1, 50
"""How long acknowledgements gather, unless there are many: a call takes 0.4 ms of computing, whatever it holds."""


class Held:
    """A message that was handed on; one more of `ack_ids` for each time it comes again meanwhile."""

    __slots__ = ("ack_ids", "leases", "message_id")

    def __init__(self, leases: "Leases", message_id: str, ack_id: str) -> None:
        self.leases = leases
        self.message_id = message_id
        self.ack_ids = [ack_id]


class Leases:
    """The books of one subscription, by its full name. A call may take `seconds`; `seen` knows what was accepted a moment ago."""

    def __init__(self, line: PubsubLine, name: str, lease_seconds: int, seen: SeenIds, seconds: float) -> None:
        self._line, self._name, self._lease_seconds, self._seen, self._seconds = line, name, lease_seconds, seen, seconds
        self._held: dict[str, Held] = {}
        self._accepted: list[str] = []
        self._many = asyncio.Event()
        self._closing = False
        self._acknowledging: asyncio.Task[None] | None = None
        self._extending: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def take(self, received: Sequence[Any]) -> list[tuple[Held, Any]]:
        """Return what is new of messages that came; what was accepted before is acknowledged again."""
        fresh: list[tuple[Held, Any]] = []
        for one in received:
            identifier, ack_id = str(one.message.message_id), str(one.ack_id)
            if identifier in self._seen:
                self._accepted.append(ack_id)
            elif identifier in self._held:
                self._held[identifier].ack_ids = [*self._held[identifier].ack_ids[-3:], ack_id]
            else:
                held = self._held[identifier] = Held(self, identifier, ack_id)
                fresh.append((held, one.message))
        if fresh and self._extending is None and not self._closing:
            self._extending = asyncio.get_running_loop().create_task(self._keep())
        self._acknowledge()
        return fresh

    def accept(self, messages: Iterable[Held]) -> None:
        """Acknowledge; returns at once."""
        for held in messages:
            if self._held.pop(held.message_id, None) is not None:
                self._seen.add([held.message_id])
                self._accepted += held.ack_ids
        if len(self._accepted) >= MANY_ACKS:
            self._many.set()
        self._acknowledge()

    async def close(self, seconds: float) -> None:
        """Acknowledge what was accepted, give the rest back; within `seconds`."""
        self._closing = True
        await end_tasks(task for task in (self._extending, self._acknowledging) if task is not None)
        self._extending = self._acknowledging = None
        with contextlib.suppress(TimeoutError, PubsubFault):
            async with asyncio.timeout(seconds):
                await self._tell_accepted()
                await self._extend(list(self._held.values()), 0)

    async def _keep(self) -> None:
        """Extend what is held, as long as there is anything."""
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            if not self._held:
                self._extending = None
                return
            with contextlib.suppress(PubsubFault):  # there are two more tries before the lease ends
                await self._extend(list(self._held.values()), self._lease_seconds)

    async def _extend(self, held: Sequence[Held], seconds: int) -> None:
        ack_ids = [ack_id for one in held for ack_id in one.ack_ids]
        for first in range(0, len(ack_ids), ACK_IDS):
            request = {
                "subscription": self._name,
                "ack_ids": ack_ids[first : first + ACK_IDS],
                "ack_deadline_seconds": seconds,
            }
            await self._line.ask(self._line.subscriber.modify_ack_deadline, request, seconds=self._seconds)

    def _acknowledge(self) -> None:
        if self._accepted and self._acknowledging is None and not self._closing:
            self._acknowledging = asyncio.get_running_loop().create_task(self._acknowledge_all())

    async def _acknowledge_all(self) -> None:
        """Acknowledge until nothing is left; the service may be away for a while."""
        delay = 0.1
        while self._accepted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._many.wait()
            self._many.clear()
            try:
                await self._tell_accepted()
            except PubsubFault as fault:
                if fault.code not in PASSING:
                    self._accepted.clear()  # they come again, and are known then
                    break
                await asyncio.sleep(delay)
                delay = min(5.0, 2 * delay)
        self._acknowledging = None

    async def _tell_accepted(self) -> None:
        while self._accepted:
            batch = self._accepted[:ACK_IDS]
            request = {"subscription": self._name, "ack_ids": batch}
            await self._line.ask(self._line.subscriber.acknowledge, request, seconds=self._seconds)
            del self._accepted[: len(batch)]

"""Reads one subscription of Google Pub/Sub over a streaming pull, and keeps the books of what it holds.

A message is leased: it comes again when it is neither acknowledged nor its lease extended in time. What is held is extended, what
was accepted is acknowledged in batches, what was not is given back at the end. A stream ends now and then, which is nothing
special: the next one follows at once. Only what keeps failing, or says no, ends the reading.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import grpc
from google.pubsub_v1.types import StreamingPullRequest

from wegnology.lib.ending import end_tasks
from wegnology.lib.pubsub_faults import PASSING, PubsubFault, PubsubLost
from wegnology.lib.pubsub_line import PubsubLine, is_cancelled
from wegnology.lib.seen import SeenIds

ACK_IDS = 1_000
"""Ids in one call: a request may have half a megabyte."""
GATHER_SECONDS, MANY_ACKS = 0.1, 50
"""How long acknowledgements gather, unless there are many: a call takes 0.4 ms of computing, whatever it holds."""
SETTLE_SECONDS, REFUSAL_SECONDS = 0.5, 0.05
"""How long a new stream may take to say no, before it counts as good: in all, and after it began."""
LASTED_SECONDS = 10.0
QUICK_ENDS = 6
"""Streams that may end early one after the other."""


class PullLimits(NamedTuple):
    """What may be held of one subscription, and for how many seconds it is leased at a time (10 to 600)."""

    messages: int = 300
    bytes: int = 4 * 1024 * 1024
    lease_seconds: int = 15


class Held:
    """A message that was handed on; one more of `ack_ids` for each time it comes again meanwhile."""

    __slots__ = ("ack_ids", "message_id", "pull")

    def __init__(self, pull: "Pull", message_id: str, ack_id: str) -> None:
        self.pull = pull
        self.message_id = message_id
        self.ack_ids = [ack_id]


OnMessages = Callable[["Pull", Sequence[tuple[Held, Any]]], None]


class Pull:
    """The reading of one subscription. `on_end` is called once, when it ends by itself."""

    def __init__(
        self,
        line: PubsubLine,
        name: str,
        topic: str,
        limits: PullLimits,
        seen: SeenIds,
        on_messages: OnMessages,
        on_end: Callable[["Pull", PubsubFault], None],
        seconds: float,
    ) -> None:
        """`name` is the full name of the subscription; `seen` knows what was accepted a moment ago; a call takes `seconds`."""
        self.topic = topic
        self._line, self._name, self._limits, self._seen, self._seconds = line, name, limits, seen, seconds
        self._on_messages, self._on_end = on_messages, on_end
        self._held: dict[str, Held] = {}
        self._accepted: list[str] = []
        self._many = asyncio.Event()
        self._closing = False
        self._call: Any = None
        self._reading: asyncio.Task[None] | None = None
        self._acknowledging: asyncio.Task[None] | None = None
        self._extending: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def _about(self) -> str:
        return f"the topic {self.topic}"

    def __repr__(self) -> str:
        return f"<Pull {self._name} {len(self._held)} held>"

    async def start(self) -> None:
        """Open the stream; raises `PubsubFault` when it ends before it counts as good."""
        self._reading = asyncio.get_running_loop().create_task(self._read(), name=f"pull {self.topic}")
        await asyncio.wait([self._settled], timeout=SETTLE_SECONDS)
        if self._settled.done():
            self._settled.result()
        else:
            self._settled.set_result(None)

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
        """End the stream, acknowledge what was accepted, give the rest back; within `seconds`."""
        if self._closing:
            return
        self._closing = True
        tasks = [task for task in (self._reading, self._extending, self._acknowledging) if task is not None]
        if self._call is not None:
            self._call.cancel()
        await end_tasks(tasks)
        tasks.clear()  # what ended them remembers the call, and as long as anyone knows that, its connection stays open
        self._reading = self._extending = self._acknowledging = None
        with contextlib.suppress(TimeoutError, PubsubFault):
            async with asyncio.timeout(seconds):
                await self._tell_accepted()
                await self._extend(list(self._held.values()), 0)

    # -- the stream

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        quick = 0
        while True:
            began = loop.time()
            fault = await self._stream()
            if self._closing:
                break
            lasted = loop.time() - began > LASTED_SECONDS
            quick = 1 if lasted else quick + 1
            if fault is not None and fault.code == "UNAUTHENTICATED" and self._settled.done() and self._line.renew():
                continue  # tokens end
            if fault is not None and (isinstance(fault, PubsubLost) or fault.code not in PASSING):
                self._end(fault)
                break
            if quick >= QUICK_ENDS:
                self._end(fault or PubsubFault("UNAVAILABLE", "streams end as soon as they begin", self._about))
                break
            await asyncio.sleep(random.uniform(0.5, 1.0) * 0.1 * 2**quick if quick > 1 else 0)  # noqa: S311  (not a secret)

    def _end(self, fault: PubsubFault) -> None:
        if not self._settled.done():
            self._settled.set_exception(fault)
        else:
            self._on_end(self, fault)

    async def _stream(self) -> PubsubFault | None:
        """Read one stream to its end; return why it ended, None where it ended in order."""
        call: Any = None
        try:
            call = self._call = self._line.stream()
            await call.write(self._request())
            await call.initial_metadata()
            if not self._settled.done():
                await self._settle(call)
            while (response := await call.read()) is not grpc.aio.EOF:
                self._take(response._pb.received_messages)
        except asyncio.InvalidStateError:  # it had ended before it was written to
            return await self._line.told_surely(await call.code(), await call.details(), self._about)
        except grpc.aio.AioRpcError as error:
            return await self._line.told_surely(error.code(), error.details(), self._about)
        except grpc.aio.UsageError as error:
            return self._line.fault(error, self._about)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return PubsubLost("CANCELLED", "closed")
        finally:
            if call is not None:
                call.cancel()
            call = self._call = None  # see `close`
        return None

    async def _settle(self, call: Any) -> None:
        """A stream that is refused begins like a good one and ends at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFUSAL_SECONDS):
                await call.code()
        if not call.done() and not self._settled.done():
            self._settled.set_result(None)

    def _request(self) -> StreamingPullRequest:
        return StreamingPullRequest(
            subscription=self._name,
            stream_ack_deadline_seconds=self._limits.lease_seconds,
            max_outstanding_messages=self._limits.messages,
            max_outstanding_bytes=self._limits.bytes,
        )

    def _take(self, received: Sequence[Any]) -> None:
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
        if fresh:
            self._on_messages(self, fresh)
            if self._extending is None:
                self._extending = asyncio.get_running_loop().create_task(self._keep())
        self._acknowledge()

    # -- leases

    async def _keep(self) -> None:
        """Extend what is held, as long as there is anything."""
        while True:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            if not self._held:
                self._extending = None
                return
            with contextlib.suppress(PubsubFault):  # there are two more tries before the lease ends
                await self._extend(list(self._held.values()), self._limits.lease_seconds)

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

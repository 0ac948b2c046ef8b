"""Reads one subscription of Google Pub/Sub over a streaming pull.

A stream ends now and then, which is nothing special: the next one follows at once. Only what keeps failing, or says no, ends the
reading.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import grpc
from google.pubsub_v1.types import StreamingPullRequest

from wegnology.lib.ending import end_tasks
from wegnology.lib.pubsub_faults import PASSING, PubsubFault, PubsubLost
from wegnology.lib.pubsub_leases import Held, Leases
from wegnology.lib.pubsub_line import PubsubLine, is_cancelled
from wegnology.lib.seen import SeenIds

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
        self._line, self._name, self._limits = line, name, limits
        self._leases = Leases(line, name, limits.lease_seconds, seen, seconds)
        self._on_messages, self._on_end = on_messages, on_end
        self._closing = False
        self._call: Any = None
        self._reading: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def _about(self) -> str:
        return f"the topic {self.topic}"

    def __repr__(self) -> str:
        return f"<Pull {self._name} {len(self._leases)} held>"

    async def start(self) -> None:
        """Open the stream; raises `PubsubFault` when it ends before it counts as good."""
        self._reading = asyncio.get_running_loop().create_task(self._read(), name=f"pull {self.topic}")
        await asyncio.wait([self._settled], timeout=SETTLE_SECONDS)
        if self._settled.done():
            self._settled.result()
        else:
            self._settled.set_result(None)

    async def close(self, seconds: float) -> None:
        """End the stream, acknowledge what was accepted, give the rest back; within `seconds`."""
        if self._closing:
            return
        self._closing = True
        if self._call is not None:
            self._call.cancel()
        if self._reading is not None:
            await end_tasks([self._reading])
        self._reading = None  # what ended it remembers the call, and as long as anyone knows that, its connection stays open
        await self._leases.close(seconds)

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
        fresh = self._leases.take(received)
        if fresh:
            self._on_messages(self, fresh)

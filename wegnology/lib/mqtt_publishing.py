"""The sending half of an MQTT connection: PUBLISH packets, the window of unconfirmed ones, and what became of each.

Protocol: MQTT 3.1.1 and 5.0, section 3.3 (PUBLISH) and 4.9 (flow control).
"""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wegnology.lib.sockets import ByteLine

WINDOW = 500
"""Published messages on the line that the broker has not confirmed yet; fewer where the broker asks for fewer."""
_UNSENT_BYTES = 1024 * 1024
_PUBLISH = 0x30
_pack_short = struct.Struct("!BBH").pack
_pack_medium = struct.Struct("!BBBH").pack
_pack_id = struct.Struct("!H").pack


class PublishRefused(Exception):
    """The broker refused a message, or it cannot be sent to this broker."""


class PublishLater(Exception):
    """A message was not handed over, because the line is not up: it may be sent on the next one."""


class PublishUnknown(Exception):
    """A message was handed to the line, which was lost before the broker confirmed it."""


class Publication(NamedTuple):
    """A message to send, as it goes on the wire."""

    topic: bytes
    payload: bytes
    qos: int
    retain: bool


class _Batch:
    """Messages given together, and what became of each."""

    __slots__ = ("done", "left", "outcomes")

    def __init__(self, size: int) -> None:
        self.outcomes: list[Exception | None] = [None] * size
        self.left = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, at: int, outcome: Exception | None) -> None:
        if outcome is not None:
            self.outcomes[at] = outcome
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Sends messages over one line, in order. `next_id` gives packet ids."""

    __slots__ = ("_line", "_next_id", "_unacked", "_unflushed", "_v5", "_waiting", "largest", "last_sent", "window")

    def __init__(self, next_id: Callable[[], int], *, v5: bool) -> None:
        self.window = WINDOW
        self.largest = 268_435_455
        self.last_sent = 0.0
        self._next_id, self._v5 = next_id, v5
        self._line: ByteLine | None = None
        self._unacked: dict[int, tuple[_Batch, int]] = {}
        self._unflushed: deque[tuple[int, _Batch, int]] = deque()
        self._waiting: deque[tuple[_Batch, int, Publication]] = deque()

    def begin(self, line: ByteLine, window: int, largest: int) -> None:
        """Use a line that is logged in, within the limits of its broker."""
        self._line, self.window, self.largest = line, min(WINDOW, window), min(self.largest, largest)

    def end(self) -> None:
        """Settle everything: the line is gone."""
        self._line = None
        handed_over = [*self._unacked.values(), *((batch, at) for _, batch, at in self._unflushed)]
        waiting = list(self._waiting)
        self._unacked.clear()
        self._unflushed.clear()
        self._waiting.clear()
        for batch, at in handed_over:
            batch.settle(at, PublishUnknown("The connection was lost before the broker confirmed the message"))
        for batch, at, _ in waiting:
            batch.settle(at, PublishLater("The connection was lost before the message was handed over"))

    async def send_all(self, messages: Sequence[Publication]) -> list[Exception | None]:
        """Publish in order; returns, per message, None when it is confirmed or why not.

        Confirmed means PUBACK (QoS 1), PUBCOMP (QoS 2), or taken by the kernel (QoS 0). At most a window of messages is on
        the line unconfirmed.
        """
        if self._line is None:
            return [PublishLater("Not connected") for _ in messages]
        if not messages:
            return []
        batch = _Batch(len(messages))
        self._waiting.extend((batch, at, message) for at, message in enumerate(messages))
        self._pump()
        try:
            await batch.done
        except asyncio.CancelledError:
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not batch)
            raise
        return batch.outcomes

    def flushed(self) -> None:
        """Be told that the kernel took something."""
        if self._unflushed and self._line is not None:
            taken = self._line.written - self._line.unsent
            while self._unflushed and self._unflushed[0][0] <= taken:
                _, batch, at = self._unflushed.popleft()
                batch.settle(at, None)
        if self._waiting:
            self._pump()

    def confirmed(self, mid: int, fault: Exception | None = None) -> None:
        """Be told what the broker said of a message."""
        entry = self._unacked.pop(mid, None)
        if entry is not None:
            entry[0].settle(entry[1], fault)

    def go_on(self) -> None:
        """Send what waits for room in the window: called after all of the broker's answers that came together."""
        if self._waiting:
            self._pump()

    def _pump(self) -> None:
        """Send what waits, as far as the window and the line take it."""
        waiting, line, unacked = self._waiting, self._line, self._unacked
        if line is None:
            return
        if len(unacked) >= self.window:
            return
        packets = bytearray()
        unconfirmed: list[tuple[_Batch, int]] = []
        room = _UNSENT_BYTES - line.unsent
        while waiting and len(unacked) < self.window and len(packets) < room:
            batch, at, message = waiting.popleft()
            mid = self._free_id() if message.qos else 0
            packet = _packet(message, mid, self._v5)
            if len(packet) > self.largest:
                batch.settle(at, PublishRefused(f"The broker takes no more than {self.largest} bytes in a message"))
                continue
            packets += packet
            if mid:
                unacked[mid] = (batch, at)
            else:
                unconfirmed.append((batch, at))
        if packets:
            line.write(packets)
            self._unflushed.extend((line.written, batch, at) for batch, at in unconfirmed)
            self.last_sent = time.monotonic()

    def _free_id(self) -> int:
        mid = self._next_id()
        while mid in self._unacked:
            mid = self._next_id()
        return mid


def _packet(message: Publication, mid: int, v5: bool) -> bytes:
    topic, payload, qos, retain = message
    command, size = _PUBLISH | qos << 1 | retain, len(topic)
    length = 2 + size + len(payload) + (2 if qos else 0) + v5
    if length < 128:
        head = _pack_short(command, length, size)
    elif length < 16_384:
        head = _pack_medium(command, length & 127 | 128, length >> 7, size)
    else:
        head = bytes((command, *_length(length), size >> 8, size & 255))
    if qos:
        return b"".join((head, topic, _pack_id(mid), b"\0", payload) if v5 else (head, topic, _pack_id(mid), payload))
    return b"".join((head, topic, b"\0", payload) if v5 else (head, topic, payload))


def _length(length: int) -> Iterator[int]:
    """Yield the bytes of a remaining length (section 2.2.3)."""
    while length > 127:
        yield length & 127 | 128
        length >>= 7
    yield length

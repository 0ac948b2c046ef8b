"""The sending half of an MQTT connection: PUBLISH packets, the window of unconfirmed ones, and what became of each.

Protocol: MQTT 3.1.1 and 5.0, section 3.3 (PUBLISH) and 4.9 (flow control).
"""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache

from wegnology.lib.sockets import ByteLine

WINDOW = 500
"""Published messages on the line that the broker has not confirmed yet; fewer where the broker asks for fewer."""
_MANY = 30
"""With so many unconfirmed messages, and room in the window for as many again, nobody waits for a single confirmation."""
_UNSENT_BYTES = 1024 * 1024
_FIRST_ID, _LAST_ID = 0x1000, 0xFFFF
"""Packet ids of messages; paho, which counts from 1, gives those below to subscriptions."""
_PUBLISH = 0x30
_pack_id = struct.Struct("!H").pack


class PublishRefused(Exception):
    """The broker refused a message, or it cannot be sent to this broker."""


class PublishLater(Exception):
    """A message was not handed over, because the line is not up: it may be sent on the next one."""


class PublishUnknown(Exception):
    """A message was handed to the line, which was lost before the broker confirmed it."""


Publication = tuple[str, bytes, int, bool]
"""A message to send: topic, payload, QoS, and whether the broker keeps it for later subscribers."""


class _Batch:
    """Messages given together, how many of them were handed over, and what became of each."""

    __slots__ = ("begun", "done", "left", "messages", "outcomes")

    def __init__(self, messages: Sequence[Publication]) -> None:
        self.messages = messages
        self.begun = 0
        self.outcomes: list[Exception | None] = [None] * len(messages)
        self.left = len(messages)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, at: int, outcome: Exception | None) -> None:
        if outcome is not None:
            self.outcomes[at] = outcome
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Sends messages over one line, in order."""

    __slots__ = ("_last_id", "_line", "_unacked", "_unflushed", "_v5", "_waiting", "largest", "last_sent", "window")

    def __init__(self, *, v5: bool) -> None:
        self.window = WINDOW
        self.largest = 268_435_455
        self.last_sent = 0.0
        self._last_id, self._v5 = _LAST_ID, v5
        self._line: ByteLine | None = None
        self._unacked: dict[int, tuple[_Batch, int]] = {}
        self._unflushed: deque[tuple[int, _Batch, int]] = deque()
        self._waiting: deque[_Batch] = deque()

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
        for batch in waiting:
            for at in range(batch.begun, len(batch.messages)):
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
        batch = _Batch(messages)
        self._waiting.append(batch)
        self._pump()
        try:
            await batch.done
        except asyncio.CancelledError:
            if batch in self._waiting:
                self._waiting.remove(batch)
            raise
        return batch.outcomes

    @property
    def is_busy(self) -> bool:
        """Whether much is under way and more may be sent before the next confirmation."""
        return _MANY <= len(self._unacked) <= self.window // 2

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

    def confirmed_all(self, mids: Iterable[int]) -> None:
        """Be told that the broker has taken messages."""
        take = self._unacked.pop
        for mid in mids:
            entry = take(mid, None)
            if entry is not None:
                entry[0].settle(entry[1], None)

    def go_on(self) -> None:
        """Send what waits for room in the window: called after all of the broker's answers that came together."""
        if self._waiting:
            self._pump()

    def _pump(self) -> None:
        """Send what waits, as far as the window and the line take it."""
        waiting, line = self._waiting, self._line
        if line is None or len(self._unacked) >= self.window:
            return
        packets = bytearray()
        unconfirmed: list[tuple[_Batch, int]] = []
        room = _UNSENT_BYTES - line.unsent
        while waiting and self._fill(packets, waiting[0], unconfirmed, room):
            waiting.popleft()
        if packets:
            line.write(packets)
            self._unflushed.extend((line.written, batch, at) for batch, at in unconfirmed)
            self.last_sent = time.monotonic()

    def _fill(self, packets: bytearray, batch: _Batch, unconfirmed: list[tuple[_Batch, int]], room: int) -> bool:
        """Add packets of a batch while there is room in the window and on the line; say whether all of it went."""
        unacked, window, largest, v5, mid = self._unacked, self.window, self.largest, self._v5, self._last_id
        for at, message in enumerate(batch.messages[batch.begun :], batch.begun):
            if len(unacked) >= window or len(packets) >= room:
                batch.begun = at
                break
            qos = message[2]
            if qos:
                mid = mid + 1 if mid < _LAST_ID else _FIRST_ID
                while mid in unacked:
                    mid = mid + 1 if mid < _LAST_ID else _FIRST_ID
            packet = _packet(message, mid, v5)
            if len(packet) > largest:
                batch.settle(at, PublishRefused(f"The broker takes no more than {largest} bytes in a message"))
                continue
            packets += packet
            if qos:
                unacked[mid] = (batch, at)
            else:
                unconfirmed.append((batch, at))
        else:
            batch.begun = len(batch.messages)
        self._last_id = mid
        return batch.begun == len(batch.messages)


def _packet(message: Publication, mid: int, v5: bool) -> bytes:
    topic, payload, qos, retain = message
    name = _name(topic)
    between = _pack_id(mid) if qos else b""
    if v5:
        between += b"\0"  # no properties
    return b"".join((_head(qos, retain, len(name) + len(between) + len(payload)), name, between, payload))


@lru_cache(maxsize=4096)
def _name(topic: str) -> bytes:
    """Return a topic as it goes on the wire."""
    name = topic.encode()
    return _pack_id(len(name)) + name


@lru_cache(maxsize=4096)
def _head(qos: int, retain: bool, length: int) -> bytes:
    """Return the fixed header of a PUBLISH packet of which so many bytes remain (section 2.2)."""
    head = [_PUBLISH | qos << 1 | retain]
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes((*head, length))

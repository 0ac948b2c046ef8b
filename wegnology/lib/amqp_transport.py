"""The ground under `wegnology.lib.amqp_line`: how frames of AMQP 1.0 come and go, and what its errors say."""

import asyncio
import contextlib
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from azure.eventhub._pyamqp._decode import _DECODE_BY_CONSTRUCTOR, decode_empty_frame, decode_frame
from azure.eventhub._pyamqp._encode import encode_frame
from azure.eventhub._pyamqp.aio._sasl_async import SASLAnonymousCredential, SASLTransportMixinAsync
from azure.eventhub._pyamqp.error import AMQPException

from wegnology.lib.opening import HandshakeFailed

FRAME_BYTES = 65_536
_UNREAD = {0x73: 4, 0x74: 4, 0x84: 8}
"""Types that the library cannot read, by their size: characters and decimals. A message that holds one is read all the same."""
CLOSING_SECONDS = 1.0
logging.getLogger("azure.eventhub._pyamqp").setLevel(logging.CRITICAL)  # it tells of every state; what is wrong is raised


def _read_whole(size: int) -> Callable[[memoryview], tuple[memoryview, bytes]]:
    return lambda buffer: (buffer[size:], bytes(buffer[:size]))


for _code, _size in _UNREAD.items():
    if _DECODE_BY_CONSTRUCTOR[_code] is None:
        _DECODE_BY_CONSTRUCTOR[_code] = _read_whole(_size)


class AmqpError(Exception):
    """What the other side said: a condition such as `amqp:not-found` (or the status of an answer), and its own words."""

    def __init__(self, condition: str, text: str) -> None:
        self.condition = condition
        super().__init__(text)


class StreamEnd(asyncio.StreamReaderProtocol):
    """A stream that says when its socket is gone."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader(limit=FRAME_BYTES)
        self.gone = asyncio.Event()
        super().__init__(self.reader)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell."""
        super().connection_lost(error)
        self.gone.set()


class Transport(SASLTransportMixinAsync):
    """What the protocol writes to and is greeted through. Writing never waits."""

    def __init__(self, host: str, stream: asyncio.Transport, protocol: StreamEnd) -> None:
        self.host = host
        self._protocol = protocol
        self.credential = SASLAnonymousCredential()
        self.connected = True
        self.reader = protocol.reader
        self.writer = asyncio.StreamWriter(stream, protocol, protocol.reader, asyncio.get_running_loop())
        self.heard = self.wrote = asyncio.get_running_loop().time()

    async def connect(self) -> None:
        """It is."""

    async def negotiate(self) -> None:
        """It was."""

    async def greet(self) -> None:
        """Agree on the anonymous login; who we are is shown by a token later."""
        try:
            await self._negotiate()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, IndexError, NotImplementedError, asyncio.IncompleteReadError) as error:
            raise HandshakeFailed(f"{self.host} does not speak AMQP 1.0") from error

    async def write(self, data: bytes) -> None:
        """Hand over to the loop."""
        if self.connected:
            self.writer.write(data)
            self.wrote = asyncio.get_running_loop().time()

    async def send_frame(self, channel: int, frame: Any, **options: Any) -> None:
        """Write a frame."""
        header, performative = encode_frame(frame, **options)
        await self.write(header if performative is None else header + struct.pack(">H", channel) + performative)

    async def receive_frame(self, timeout: float | None = None, verify_frame_type: int | None = 0) -> tuple[int, Any]:
        """Wait for a frame; raises `ConnectionError` at the end of the line."""
        head = await self.reader.readexactly(8)
        self.heard = asyncio.get_running_loop().time()
        if head[:4] == b"AMQP":
            return 0, decode_empty_frame(memoryview(head))
        size, offset = int.from_bytes(head[:4], "big"), 4 * head[4]
        if not 8 <= offset <= size <= FRAME_BYTES:
            raise AmqpError("amqp:connection:framing-error", f"{self.host} sent something else than AMQP frames")
        if size == offset:
            return 0, None
        body = await self.reader.readexactly(size - 8)
        return int.from_bytes(head[6:], "big"), decode_frame(memoryview(body)[offset - 8 :])

    async def close(self) -> None:
        """Begin to close; writes nothing more."""
        if self.connected:
            self.connected = False
            self.writer.close()

    async def closed(self) -> None:
        """Wait until the socket is closed; a peer that does not answer is waited for a moment only."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._protocol.gone.wait()
        except TimeoutError:
            self.writer.transport.abort()
            await self._protocol.gone.wait()


@contextlib.asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Bound what is done; a `TimeoutError` says that `what` took too long."""
    try:
        async with asyncio.timeout(seconds) as bound:
            yield
    except TimeoutError as error:
        if not bound.expired():
            raise
        raise TimeoutError(f"{what} took longer than {seconds:g} s") from error


@contextlib.contextmanager
def speaking() -> Iterator[None]:
    """Turn faults that the library raises where it is called."""
    try:
        yield
    except AMQPException as error:
        raise told(error) from error


def told(error: Any) -> Exception:
    """Turn a fault of the protocol into one with plain words."""
    condition = text_of(getattr(error.condition, "value", error.condition))
    if condition == "amqp:socket-error":
        return ConnectionResetError("the line was closed")
    return AmqpError(condition, text_of(error.description))


def text_of(value: Any) -> str:
    """Return a name or text of the protocol, which come as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else "" if value is None else str(value)

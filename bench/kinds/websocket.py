"""A WebSocket server that only sends. RFC 6455: 4.2.2 (the answer to an opening), 5.2 (frames)."""

import asyncio
import base64
import hashlib
from collections import defaultdict
from collections.abc import Sequence

from bench.kinds.base import Crowd, StreamKind, kinds, request_of
from wegnology.lib.types import JSONObject

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


@kinds.register
class WebsocketKind(StreamKind):
    """One connection an integration, told apart by its path."""

    name = "websocket"
    label = "WebSocket"
    text = "data.message.data"
    crowd = Crowd(200, 20.0)

    def __init__(self) -> None:
        super().__init__()
        self._lines: defaultdict[int, list[asyncio.StreamWriter]] = defaultdict(list)

    @classmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return the address."""
        return {"url": f"ws://127.0.0.1:{port}/{number}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the opening and pings."""
        request = await request_of(reader)
        proof = base64.b64encode(hashlib.sha1(request.headers["sec-websocket-key"].encode() + _GUID).digest())  # noqa: S324 (RFC)
        head = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
        )
        writer.write(head % proof)
        lines = self._lines[int(request.path.strip("/"))]
        lines.append(writer)
        try:
            while await self._answered(reader, writer):
                pass
        finally:
            lines.remove(writer)

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one short frame of the client."""
        first, second = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(second & 0x7F)))
        if first & 0xF == _PING:
            writer.write(_frame(_PONG, data))
        return first & 0xF != _CLOSE

    def write(self, number: int, bodies: Sequence[bytes]) -> None:
        """Send a frame for each message."""
        data = b"".join(_frame(_TEXT, body) for body in bodies)
        for line in self._lines[number]:
            line.write(data)


def _frame(opcode: int, data: bytes) -> bytes:
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + data

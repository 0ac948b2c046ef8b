"""Event streams as Particle's cloud gives them. https://docs.particle.io/reference/cloud-apis/api/#events"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from bench.kinds.base import Crowd, StreamKind, answer, kinds, request_of
from wegnology.lib.types import JSONObject

_KEEP_ALIVE_SECONDS = 9.0
_EVENT = (
    b'event: %b\ndata: {"data":"%b","ttl":60,"published_at":"2026-03-01T12:00:00.000Z","coreid":"e00fce68f1b2c3d4e5f60718"}\n\n'
)


@kinds.register
class ParticleKind(StreamKind):
    """One stream an integration, told apart by the event's name."""

    name = "particle"
    label = "Particle"
    text = "data.data"
    crowd = Crowd(40, 20.0)

    def __init__(self) -> None:
        super().__init__()
        self._streams: defaultdict[str, list[asyncio.StreamWriter]] = defaultdict(list)

    @classmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return a token that nobody looks at."""
        return {"accessToken": "token"}

    @classmethod
    def topics(cls, number: int) -> list[str]:
        """Return the event's name."""
        return [_event(number)]

    @classmethod
    def environment(cls, port: int) -> dict[str, str]:
        """Say where the cloud is."""
        return {"WEGNOLOGY_SERVICE_URLS": f"particle=http://127.0.0.1:{port}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Open a stream and keep it alive; anything else is answered with an empty object."""
        while True:
            request = await request_of(reader)
            if "/events" in request.path:
                break
            writer.write(answer(b"{}"))
        streams = self._streams[request.path.rpartition("/")[2]]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(_chunk(b":ok\n\n"))
        streams.append(writer)
        try:
            while not reader.at_eof():
                try:
                    await asyncio.wait_for(reader.read(1), _KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    writer.write(_chunk(b"\n"))
        finally:
            streams.remove(writer)

    def write(self, number: int, bodies: Sequence[bytes]) -> None:
        """Send an event for each message, each in a chunk of its own."""
        name = _event(number)
        data = b"".join(_chunk(_EVENT % (name.encode(), body.replace(b'"', b'\\"'))) for body in bodies)
        for stream in self._streams[name]:
            stream.write(data)


def _event(number: int) -> str:
    return f"bench-{number:04d}"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

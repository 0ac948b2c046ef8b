"""What the benchmark must know of an integration type: a server that messages arrive from, and how integrations find it.

A type is one file beside this one with one class that is registered. Nothing else names it: `python -m bench --only types,crowd`
measures every registered one, `--types websocket,sqs` some of them. Servers here are as lean as they can be, since they share the
machine with what is measured; that they behave like the real ones is what the tests' counterparts are for.
"""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from bench.procs import free_port
from wegnology.lib.registry import Registry
from wegnology.lib.types import JSONObject


class Crowd(NamedTuple):
    """Many integrations in one listener, each at `rate` messages a second."""

    integrations: int
    rate: float


class Kind(ABC):
    """A server for the integrations numbered from 0 on. It runs in the load generator's process, beside its loop."""

    name: ClassVar[str]
    """Public name of the integration type."""
    label: ClassVar[str]
    text: ClassVar[str]
    """Where a workflow finds the text of a message."""
    crowd: ClassVar[Crowd | None] = None
    idle: ClassVar[int] = 0
    """How many integrations to which nothing comes are measured in one listener; 0 for none."""
    windows: ClassVar[tuple[int, ...]] = (250, 1000)
    """Messages under way at saturation; the best counts."""

    @classmethod
    @abstractmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return the settings of an integration."""

    @classmethod
    def topics(cls, number: int) -> list[str]:
        """Return what an integration listens to."""
        return []

    @classmethod
    def environment(cls, port: int) -> dict[str, str]:
        """Return what listener and worker need in their environment."""
        return {}

    @abstractmethod
    def start(self, integrations: int) -> int:
        """Serve so many integrations; return the port."""

    @abstractmethod
    def publish(self, number: int, bodies: Sequence[bytes]) -> None:
        """Let messages arrive at an integration, in order; returns at once."""

    @abstractmethod
    def stop(self) -> None:
        """End; may be called before `start`."""


class StreamKind(Kind):
    """A server of asyncio in a thread; one call of `serve` for each connection."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)

    def start(self, integrations: int) -> int:
        """Listen on a free port of loopback."""
        self._thread.start()
        port = free_port()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._served, "127.0.0.1", port, backlog=1024), self._loop).result(
            10
        )
        return port

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.serve(reader, writer)
        writer.close()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one connection until it ends."""

    @abstractmethod
    def write(self, number: int, bodies: Sequence[bytes]) -> None:
        """As `publish`, on the server's loop."""

    def publish(self, number: int, bodies: Sequence[bytes]) -> None:
        """Hand over to the server's thread."""
        self._loop.call_soon_threadsafe(self.write, number, bodies)

    def stop(self) -> None:
        """Stop the loop; the process ends with it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)


class Request(NamedTuple):
    """The head of an HTTP request; names of headers are small."""

    method: str
    path: str
    headers: dict[str, str]


async def request_of(reader: asyncio.StreamReader) -> Request:
    """Read the head of a request; raises `IncompleteReadError` at the end."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    pairs = (line.partition(":") for line in lines[1:] if line)
    return Request(method, path, {name.lower(): value.strip() for name, _, value in pairs})


def answer(body: bytes, kind: str = "application/json") -> bytes:
    """Return an HTTP answer that keeps the connection."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


kinds: Registry[type[Kind]] = Registry("bench.kinds")

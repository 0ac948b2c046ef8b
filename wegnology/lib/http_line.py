"""HTTP/1.1 over a line on the loop, without a thread; h11 speaks the protocol. RFC 9112.

For answers that never end (event streams) and for short questions. Redirects are not followed: they would go to an address that
nobody judged. Nothing is decompressed: requests ask for plain answers.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h11

from wegnology.lib.sockets import Line

Headers = Mapping[str, str]


class NotHttp(ConnectionError):
    """What came is no HTTP, or the connection ended within an answer; the text says which."""


Pairs = tuple[tuple[str, str], ...]


class Head(NamedTuple):
    """The beginning of an answer; names of headers are in small letters. `pairs` holds every line, in order."""

    status: int
    headers: Headers
    pairs: Pairs = ()


class Answer(NamedTuple):
    """A whole answer. `body` is cut at the limit that was asked for."""

    status: int
    headers: Headers
    body: bytes
    pairs: Pairs = ()


class HttpLine:
    """One connection, one request at a time."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT)
        self._head: asyncio.Future[Head] | None = None
        self._chunks: list[bytes] = []
        self._ended: Exception | None = None
        self._complete = False
        self._on_data: Callable[[bytes], None] | None = None
        self._on_end: Callable[[Exception | None], None] | None = None
        self.heard = self._loop.time()
        """When the last byte came, on the loop's clock."""
        self._waiting: list[asyncio.Future[None]] = []
        self._line = Line(sock, self._feed, self._lost)

    # -- asking

    async def request(self, method: str, target: str, headers: Headers, body: bytes = b"", *, seconds: float) -> Head:
        """Send a request and return the head of its answer.

        `target` is already encoded. Raises `TimeoutError`, `NotHttp` and `OSError`; the request may have arrived then.
        """
        if self._ended is not None:
            raise self._ended
        named = {"Host": self._host, "Accept-Encoding": "identity", "User-Agent": "wegnology", **headers}
        if body or method not in ("GET", "HEAD"):
            named["Content-Length"] = str(len(body))
        head: asyncio.Future[Head] = self._loop.create_future()
        self._head = head
        self._chunks, self._complete = [], False
        parts: list[h11.Event] = [h11.Request(method=method, target=target, headers=list(named.items()))]
        parts += [h11.Data(data=body)] if body else []
        for part in [*parts, h11.EndOfMessage()]:
            self._line.write(self._http.send(part) or b"")
        try:
            async with asyncio.timeout(seconds):
                return await head
        except TimeoutError as error:
            raise TimeoutError(f"{self._host} did not answer within {seconds:g} s") from error

    def follow(self, on_data: Callable[[bytes], None], on_end: Callable[[Exception | None], None]) -> None:
        """Give the answer's body to `on_data` as it comes; `on_end` is told once: None for an end in good order."""
        self._on_data = on_data
        chunks, self._chunks = self._chunks, []
        for chunk in chunks:
            on_data(chunk)
        if self._complete or self._ended is not None:
            on_end(None if self._complete else self._ended)
        else:
            self._on_end = on_end

    async def body(self, limit: int, *, seconds: float) -> bytes:
        """Return the rest of the answer, at most `limit` bytes of it."""
        ended: asyncio.Future[None] = self._loop.create_future()
        kept = bytearray()

        def keep(data: bytes) -> None:
            kept.extend(data[: limit - len(kept)])
            if len(kept) >= limit:
                finish(None)

        def finish(error: Exception | None) -> None:
            if not ended.done():
                ended.set_result(None) if error is None else ended.set_exception(error)

        self.follow(keep, finish)
        try:
            async with asyncio.timeout(seconds):
                await ended
        except TimeoutError as error:
            raise TimeoutError(f"{self._host} did not finish its answer within {seconds:g} s") from error
        finally:
            self._on_data = self._on_end = None
        return bytes(kept)

    @property
    def reusable(self) -> bool:
        """Say whether another request may be made: the answer was taken whole, and the connection stays."""
        return self._ended is None and self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE

    # -- the line

    async def next_byte(self, deadline: float) -> None:
        """Wait until something comes. Raises `TimeoutError` at `deadline` (the loop's clock), or the reason of the line's end."""
        if self._ended is not None:
            raise self._ended
        heard: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(heard)
        async with asyncio.timeout_at(deadline):
            await heard

    def pause(self, paused: bool) -> None:
        """Stop or resume reading."""
        self._line.pause(paused)
        self.heard = self._loop.time()

    def alive(self) -> bool:
        """Say whether the peer is not known to have closed, without reading."""
        return self._ended is None and self._line.alive()

    def close(self) -> None:
        """Close; `on_end` is not called. May be called twice."""
        self._on_end = None
        self._line.close()
        self._end(NotHttp("The connection was closed"))

    def _feed(self, data: bytes) -> None:
        self.heard = self._loop.time()
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
        self._http.receive_data(data)
        self._work()

    def _work(self) -> None:
        try:
            while self._ended is None:
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self._finish()
                elif not isinstance(event, h11.InformationalResponse):
                    return
        except h11.RemoteProtocolError as error:
            self._line.close()
            self._end(NotHttp(f"{self._host} did not speak HTTP as expected: {error}"))

    def _begin(self, event: h11.Response) -> None:
        pairs = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
        if self._head is not None and not self._head.done():
            self._head.set_result(Head(event.status_code, dict(pairs), pairs))

    def _take(self, data: bytes) -> None:
        if self._on_data is not None:
            self._on_data(data)
        else:
            self._chunks.append(data)

    def _finish(self) -> None:
        self._complete = True
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(None)

    def _lost(self, error: Exception | None) -> None:
        if error is None and self._http.their_state is h11.SEND_BODY:
            try:  # an answer without a length ends with the connection
                self._http.receive_data(b"")
                if isinstance(self._http.next_event(), h11.EndOfMessage):
                    self._finish()
            except h11.RemoteProtocolError:
                pass
        self._end(error or NotHttp(f"{self._host} closed the connection"))

    def _end(self, reason: Exception) -> None:
        if self._ended is not None:
            return
        self._ended = reason
        futures: list[asyncio.Future[Any]] = [*self._waiting, *([self._head] if self._head is not None else [])]
        self._waiting = []
        for one in futures:
            if not one.done():
                one.set_exception(reason)
                one.exception()  # whoever waited was told; nobody may be waiting any more
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(reason)

"""Short questions to one server over lines that are kept: bounded, on the loop, without a thread."""

import asyncio
from typing import NamedTuple
from urllib.parse import urlsplit

from wegnology.lib.http_line import Answer, Headers, HttpLine
from wegnology.lib.opening import Opening
from wegnology.lib.tls import Tls

IDLE_SECONDS = 20.0
"""A line that was not used for so long is not used again: servers close idle ones, and a request could meet that."""


_REPEATABLE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
"""Methods that a server may see twice without harm: RFC 9110, 9.2.2."""


class Origin(NamedTuple):
    """Where a server is. `path` stands before every target; `ca` is the authority to trust in place of the public ones.

    `tls` says all about TLS and stands in place of `ca`.
    """

    host: str
    port: int
    secure: bool = True
    path: str = ""
    ca: str | None = None
    tls: Tls | None = None

    @classmethod
    def parse(cls, url: str, ca: str | None = None) -> "Origin":
        """Take an http or https URL apart; raises `ValueError`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address here starts with http:// or https:// and names a host")
        secure = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if secure else 80), secure, parts.path.rstrip("/"), ca)

    @property
    def header(self) -> str:
        """The host as requests name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    def opening(self, seconds: float) -> Opening:
        """Return the way to an open line; each phase may take `seconds`."""
        return Opening(self.host, self.port, (self.tls or Tls(ca=self.ca)) if self.secure else None, seconds)

    async def line(self, seconds: float) -> HttpLine:
        """Open a line."""
        opening = self.opening(seconds)
        try:
            return HttpLine(await opening.open(), self.header)
        finally:
            opening.close()


class MayHaveArrived(ConnectionError):
    """The request was handed over, but there is no answer; `__cause__` says why."""


class HttpClient:
    """At most `most` requests at a time, each on a line of its own; lines are kept for the next."""

    def __init__(
        self, origin: Origin, *, most: int, connect_seconds: float, answer_seconds: float, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._origin = origin
        self._connect_seconds, self._answer_seconds = connect_seconds, answer_seconds
        self._idle_seconds = idle_seconds
        self._free = asyncio.Semaphore(most)
        self._kept: list[HttpLine] = []
        self._busy: set[HttpLine] = set()
        self._closed = False

    async def ask(self, method: str, target: str, headers: Headers, body: bytes = b"", *, limit: int = 1024 * 1024) -> Answer:
        """Return the answer. Raises as `Opening` when nothing was sent, else `MayHaveArrived`.

        A kept line may turn out to have been closed meanwhile: what may be repeated is asked once more, on a new one.
        """
        async with self._free:
            kept = self._take()
            if kept is not None:
                heard = kept.heard
                try:
                    return await self._ask(kept, method, target, headers, body, limit)
                except MayHaveArrived as error:
                    late = isinstance(error.__cause__, TimeoutError)
                    if method not in _REPEATABLE or late or kept.heard != heard or self._closed:
                        raise
            return await self._ask(await self._origin.line(self._connect_seconds), method, target, headers, body, limit)

    async def _ask(self, line: HttpLine, method: str, target: str, headers: Headers, body: bytes, limit: int) -> Answer:
        self._busy.add(line)
        try:
            head = await line.request(method, self._origin.path + target, headers, body, seconds=self._answer_seconds)
            whole = await line.body(limit, seconds=self._answer_seconds)
        except (OSError, TimeoutError) as error:
            raise MayHaveArrived(str(error)) from error
        finally:
            self._busy.discard(line)
            self._keep(line)
        return Answer(head.status, head.headers, whole, head.pairs)

    @property
    def kept(self) -> int:
        """How many lines are open and not in use."""
        return len(self._kept)

    def trim(self, idle_seconds: float | None = None) -> None:
        """Close lines that were not used for so long; by default those that would not be used again."""
        oldest = asyncio.get_running_loop().time() - (self._idle_seconds if idle_seconds is None else idle_seconds)
        kept, self._kept = self._kept, []
        for line in kept:
            if line.heard > oldest:
                self._kept.append(line)
            else:
                line.close()

    def close(self) -> None:
        """Close every line; requests under way end with `MayHaveArrived`."""
        self._closed = True
        kept, self._kept = self._kept, []
        for line in [*kept, *self._busy]:
            line.close()

    def _take(self) -> HttpLine | None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            line = self._kept.pop()
            if now - line.heard < self._idle_seconds and line.reusable and line.alive():
                return line
            line.close()
        return None

    def _keep(self, line: HttpLine) -> None:
        if line.reusable and not self._closed:
            self._kept.append(line)
        else:
            line.close()

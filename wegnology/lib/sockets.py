"""A connection on an asyncio loop, without a busy thread: a line that reads and writes.

Works on any loop that has `add_reader` and `add_writer`; nothing here knows what the bytes mean.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Protocol

_READ_BYTES = 64 * 1024
_READS_PER_PASS = 4
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux: acknowledge at once. A peer with Nagle's algorithm on holds back its next small packet until then, 40 ms by
default. The kernel forgets the option at will, so it is set with every read, unless `prompt` says that an answer follows."""
_thread = threading.local()


class ByteLine(Protocol):
    """What carries bytes both ways: a `Line`, or frames over one."""

    prompt: bool
    """Whether what was read just now is acknowledged at once; else with what is written next, or after the kernel's 40 ms."""

    @property
    def unsent(self) -> int:
        """Bytes given to `write` that the kernel has not taken yet."""

    @property
    def written(self) -> int:
        """All bytes ever given to `write`, as they go on the line; `written - unsent` of them left."""

    def write(self, data: bytes | bytearray, at_once: bool = False) -> None:
        """Send in order; returns at once."""

    def pause(self, paused: bool) -> None:
        """Stop or resume reading."""

    def rest(self, seconds: float) -> None:
        """Read nothing for so long, so that what comes meanwhile comes in one go."""

    def alive(self) -> bool:
        """Say whether the peer is not known to have closed, without reading."""

    def close(self) -> None:
        """Send what is buffered as far as the kernel takes it, then close. May be called twice."""


class Line:
    """A connected, non-blocking socket on the running loop.

    `on_bytes` gets what arrived, `on_lost` the reason once when the line ends (None: the peer closed it) except by `close`,
    `on_flushed` is told each time the kernel took something. All of them are called from the loop.
    """

    __slots__ = (
        "_loop",
        "_on_bytes",
        "_on_flushed",
        "_on_lost",
        "_out",
        "_paused",
        "_resting",
        "_scheduled",
        "_scratch",
        "_sock",
        "_writing",
        "_written",
        "prompt",
    )

    def __init__(
        self,
        sock: socket.socket,
        on_bytes: Callable[[bytes], None],
        on_lost: Callable[[Exception | None], None],
        on_flushed: Callable[[], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock: socket.socket | None = sock
        self._on_bytes, self._on_lost, self._on_flushed = on_bytes, on_lost, on_flushed
        self._out = bytearray()
        self._written = 0
        self.prompt = True
        self._paused = self._resting = self._scheduled = self._writing = False
        self._scratch = _scratch()
        self._loop.add_reader(sock, self._readable)

    @property
    def unsent(self) -> int:
        """Bytes given to `write` that the kernel has not taken yet."""
        return len(self._out)

    @property
    def written(self) -> int:
        """All bytes ever given to `write`."""
        return self._written

    def write(self, data: bytes | bytearray, at_once: bool = False) -> None:
        """Send in order. What is written within one pass of the loop leaves in one go, or `at_once` with all before it.

        For what is complete: it saves a call by the loop, for PUBACKs 4 % of what a message that comes in costs a listener.
        """
        if self._sock is None:
            return
        self._out += data
        self._written += len(data)
        if at_once:
            self._flush()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def pause(self, paused: bool) -> None:
        """Stop or resume reading."""
        if self._sock is None or paused is self._paused:
            return
        self._paused = paused
        if paused:
            self._loop.remove_reader(self._sock)
        elif not self._resting:
            self._loop.add_reader(self._sock, self._readable)
            self._loop.call_soon(self._readable)  # TLS may hold what the selector cannot see

    def rest(self, seconds: float) -> None:
        """Read nothing for so long, so that what comes meanwhile comes in one go: each read has its price."""
        if self._sock is None or self._paused or self._resting:
            return
        self._resting = True
        self._loop.remove_reader(self._sock)
        self._loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._sock is not None and not self._paused:
            self._loop.add_reader(self._sock, self._readable)
            self._readable()

    def alive(self) -> bool:
        """Say whether the peer is not known to have closed, without reading."""
        if self._sock is None:
            return False
        try:
            with socket.socket(fileno=os.dup(self._sock.fileno())) as peek:  # TLS sockets take no flags
                return bool(peek.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Send what the kernel takes at once, then close. `on_lost` is not called."""
        if self._sock is None:
            return
        self._on_lost = lambda error: None
        self._on_flushed = None
        self._flush()
        sock = self._free()
        if sock is None:
            return
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_WR)
            # Closing over unread input makes the kernel reset the line, and the peer may lose our last bytes.
            while not isinstance(sock, ssl.SSLSocket) and sock.recv_into(self._scratch):
                pass
        sock.close()

    def setblocking(self, flag: bool) -> None:
        """Do nothing: the socket is non-blocking (client libraries ask for it)."""

    def _readable(self) -> None:
        for _ in range(_READS_PER_PASS):
            sock = self._sock
            if sock is None or self._paused or self._resting:
                return
            try:
                count = sock.recv_into(self._scratch)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._lose(error)
                return
            if not count:
                self._lose(None)
                return
            self._on_bytes(bytes(self._scratch[:count]))
            if self.prompt and _QUICK_ACK is not None and self._sock is not None:
                sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            if not (isinstance(sock, ssl.SSLSocket) and self._sock and sock.pending()):
                return
        self._loop.call_soon(self._readable)

    def _flush(self) -> None:
        self._scheduled = False
        if self._sock is None or not self._out:
            return
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._lose(self._last_words() or error)
            return
        if bool(self._out) is not self._writing:
            self._watch_writing()
        if self._on_flushed is not None:
            self._on_flushed()

    def _watch_writing(self) -> None:
        if self._sock is None:
            return
        self._writing = bool(self._out)
        if self._writing:
            self._loop.add_writer(self._sock, self._flush)
        else:
            self._loop.remove_writer(self._sock)

    def _free(self) -> socket.socket | None:
        """Take the socket off the loop; returns it open."""
        sock, self._sock = self._sock, None
        if sock is not None and not self._loop.is_closed():
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        self._out = bytearray()
        return sock

    def _last_words(self) -> ssl.SSLError | None:
        """Return why the peer ended TLS, if it said so before it hung up: what it said may be there, unread."""
        if isinstance(self._sock, ssl.SSLSocket):
            try:
                self._sock.recv(1)
            except ssl.SSLError as said:
                return said if said.reason else None
            except OSError:
                pass
        return None

    def _lose(self, error: Exception | None) -> None:
        sock = self._free()
        if sock is not None:
            sock.close()
            self._on_lost(error)


def _scratch() -> memoryview:
    """Return the read buffer of this thread: one for all its lines, since a read is handed on before the next."""
    if not hasattr(_thread, "scratch"):
        _thread.scratch = memoryview(bytearray(_READ_BYTES))
    scratch: memoryview = _thread.scratch
    return scratch

"""WebSocket frames over a line on the loop, by websocket-client's `WebSocket`.

The object reads from memory that the line fills, so a frame that has come only in part simply goes on when the rest is there.
Protocol: RFC 6455.
"""

from collections.abc import Callable
from typing import Any

from websocket import ABNF, WebSocketException

from wegnology.lib.sockets import Line

FRAME_BYTES = 32 * 1024 * 1024
"""The largest message that is read; a larger one ends the connection."""


class _Memory:
    """What the library takes for its socket: reads come from memory, writes go to the line."""

    __slots__ = ("_data", "_position", "line")

    def __init__(self) -> None:
        self._data = b""
        self._position = 0
        self.line: Line | None = None

    def fill(self, data: bytes) -> None:
        self._data = self._data[self._position :] + data if self._position < len(self._data) else data
        self._position = 0

    def recv(self, size: int) -> bytes:
        start = self._position
        data = self._data[start : start + size]
        if not data:
            raise BlockingIOError
        self._position = start + len(data)
        return data

    def send(self, data: bytes) -> int:
        if self.line is not None:
            self.line.write(data)
        return len(data)

    def gettimeout(self) -> float:
        return 0

    def close(self) -> None:
        pass


class FrameLine:
    """A WebSocket on the running loop.

    `on_frame` gets (opcode, data) of each whole message and of each close and pong; pings are answered. `on_lost` gets the
    reason once (None: the peer closed the line, which a close frame may have announced) except by `close`.
    """

    __slots__ = ("_line", "_memory", "_on_frame", "_on_lost", "_opcode", "_ws")

    def __init__(
        self,
        ws: Any,
        on_frame: Callable[[int, bytes], None],
        on_lost: Callable[[Exception | None], None],
        on_flushed: Callable[[], None] | None = None,
        opcode: int = ABNF.OPCODE_BINARY,
    ) -> None:
        self._ws, self._on_frame, self._on_lost, self._opcode = ws, on_frame, on_lost, opcode
        self._memory = _Memory()
        self._line = self._memory.line = Line(self._ws.sock, self._feed, on_lost, on_flushed)
        self._ws.sock = self._memory

    @property
    def unsent(self) -> int:
        """Bytes of frames that the kernel has not taken yet."""
        return self._line.unsent

    @property
    def written(self) -> int:
        """All bytes of frames ever written."""
        return self._line.written

    @property
    def prompt(self) -> bool:
        """Whether what was read is acknowledged at once."""
        return self._line.prompt

    @prompt.setter
    def prompt(self, prompt: bool) -> None:
        self._line.prompt = prompt

    def write(self, data: bytes | bytearray, at_once: bool = False) -> None:
        """Send one message of the line's own opcode."""
        self._line.write(ABNF.create_frame(bytes(data), self._opcode).format(), at_once)

    def send(self, data: bytes, opcode: int) -> None:
        """Send one frame."""
        self._line.write(ABNF.create_frame(data, opcode).format())

    def pause(self, paused: bool) -> None:
        """Stop or resume reading."""
        self._line.pause(paused)

    def rest(self, seconds: float) -> None:
        """Read nothing for so long."""
        self._line.rest(seconds)

    def alive(self) -> bool:
        """Say whether the peer is not known to have closed, without reading."""
        return self._line.alive()

    def close(self) -> None:
        """Say goodbye and close, without waiting for the peer's goodbye. May be called twice."""
        if self._ws.connected:
            self._ws.send_close()
        self._line.close()
        self._ws.sock = None

    def setblocking(self, flag: bool) -> None:
        """Do nothing: the socket is non-blocking."""

    def _feed(self, data: bytes) -> None:
        self._memory.fill(data)
        ws = self._ws
        try:
            while ws.sock is not None:
                opcode, frame = ws.recv_data_frame(control_frame=True)
                if opcode != ABNF.OPCODE_PING:
                    self._on_frame(opcode, bytes(frame.data))
        except BlockingIOError:
            self._check_size()
        except (WebSocketException, ValueError) as error:
            self._fail(error)

    def _check_size(self) -> None:
        begun = self._ws.cont_frame.cont_data
        if (self._ws.frame_buffer.length or 0) + (len(begun[1]) if begun else 0) > FRAME_BYTES:
            self._fail(WebSocketException(f"a message of more than {FRAME_BYTES} bytes"))

    def _fail(self, error: Exception) -> None:
        if self._ws.sock is not None:
            self.close()
            self._on_lost(error)

"""One side of a WebSocket in use: messages come, pings are proof of life, a sent message is confirmed once the kernel took it."""

import asyncio
import secrets
import struct
from collections.abc import Callable
from typing import Any

from websocket import ABNF

from wegnology.lib.frames import FrameLine

NO_STATUS = 1005
"""What stands for the code of a close frame without one: RFC 6455, 7.4.1."""
LOST = 1006
"""What stands for the code of a line that ended without a close frame."""


class TalkEnded(Exception):
    """The connection is over: the code of RFC 6455, and the reason as the other side gave it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


class FrameTalk:
    """A WebSocket on the running loop. `on_message` gets each whole message, `on_end` why it ended, once; not after `close`."""

    def __init__(self, ws: Any, on_message: Callable[[bytes], None], on_end: Callable[[TalkEnded], None]) -> None:
        self.ended: TalkEnded | None = None
        self._on_message, self._on_end = on_message, on_end
        self._paused = False
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._sending: list[tuple[int, asyncio.Future[None]]] = []
        self._line = FrameLine(ws, self._on_frame, self._on_lost, self._on_flushed, ABNF.OPCODE_TEXT)

    def pause(self, paused: bool) -> None:
        """Stop or resume reading."""
        self._paused = paused
        self._line.pause(paused)

    async def ping(self, seconds: float) -> None:
        """Ask for a pong and wait for it. Raises `TalkEnded`.

        While paused nothing is read: only a closed line is noticed.
        """
        if self.ended is not None:
            raise self.ended
        if self._paused:
            if not self._line.alive():
                raise TalkEnded(LOST, "Connection Lost")
            return
        mark = secrets.token_bytes(8)
        pong = self._pongs[mark] = asyncio.get_running_loop().create_future()
        self._line.send(mark, ABNF.OPCODE_PING)
        try:
            async with asyncio.timeout(seconds):
                await pong
        except TimeoutError as error:
            raise TalkEnded(LOST, "The server did not answer a ping") from error
        finally:
            self._pongs.pop(mark, None)

    async def send(self, data: bytes, opcode: int, seconds: float) -> None:
        """Send one message; returns when the kernel took all of it. Raises `TalkEnded` and `TimeoutError`."""
        if self.ended is not None:
            raise self.ended
        self._line.send(data, opcode)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sending.append((self._line.written, sent))
        async with asyncio.timeout(seconds):
            await sent

    def close(self) -> None:
        """Say goodbye and free everything. May be called twice."""
        self._on_end = lambda reason: None
        self._line.close()
        self._end(TalkEnded(LOST, "Connection Lost"))

    # -- called by the line, from the loop

    def _on_frame(self, opcode: int, data: bytes) -> None:
        if opcode == ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else NO_STATUS
            self._line.close()
            self._end(TalkEnded(code, data[2:].decode(errors="replace") or "Connection Lost"))
        elif opcode == ABNF.OPCODE_PONG:
            pong = self._pongs.pop(data, None)
            if pong is not None and not pong.done():
                pong.set_result(None)
        elif self.ended is None:
            self._on_message(data)

    def _on_flushed(self) -> None:
        if self._sending:
            taken = self._line.written - self._line.unsent
            for _, sent in [entry for entry in self._sending if entry[0] <= taken]:
                if not sent.done():
                    sent.set_result(None)
            self._sending = [entry for entry in self._sending if entry[0] > taken]

    def _on_lost(self, error: Exception | None) -> None:
        lost = TalkEnded(LOST, "Connection Lost")
        lost.__cause__ = error
        self._end(lost)

    def _end(self, reason: TalkEnded) -> None:
        if self.ended is not None:
            return
        self.ended = reason
        waiting = [*self._pongs.values(), *(sent for _, sent in self._sending)]
        self._sending = []
        for one in waiting:
            if not one.done():
                one.set_exception(reason)
                one.exception()  # nobody may be waiting any more
        self._on_end(reason)

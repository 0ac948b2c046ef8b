"""Server-sent events out of bytes as they come, read by sseclient-py. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Iterator
from typing import NamedTuple

from sseclient import SSEClient

EVENT_BYTES = 4 * 1024 * 1024
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class EventTooLarge(Exception):
    """An event is larger than `EVENT_BYTES`: what comes is hardly a stream of events."""


class ServerEvent(NamedTuple):
    """One event: its name ("message" where the server gave none) and its data."""

    name: str
    data: str


class EventReader:
    """Takes bytes in pieces of any size. Comments, blank lines and events without data are nothing to it."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """Yield the events that are now complete; raises `EventTooLarge`."""
        searched = max(0, len(self._begun) - 3)
        self._begun += data
        end = max(at + len(mark) if (at := self._begun.rfind(mark, searched)) >= 0 else 0 for mark in _ENDS)
        whole = bytes(self._begun[:end])
        del self._begun[:end]
        if len(self._begun) > EVENT_BYTES:
            raise EventTooLarge(f"an event of more than {EVENT_BYTES} bytes")
        return self._events(whole) if whole else iter(())

    def _events(self, whole: bytes) -> Iterator[ServerEvent]:
        readable = whole.decode(errors="replace").encode()  # one wrong byte must not end the stream for all others
        for event in SSEClient(iter([readable])).events():
            yield ServerEvent(event.event, event.data)

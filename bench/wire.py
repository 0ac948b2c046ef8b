"""Just enough of MQTT 3.1.1 to load a broker: packets that are sent, and reading answers in bulk.

Source: MQTT 3.1.1, OASIS standard, sections 2.2 (fixed header), 3.1 (CONNECT), 3.3 (PUBLISH), 3.8 (SUBSCRIBE).
"""

import re
import socket
import time
from collections.abc import Iterable, Iterator

PUBACK_BYTES = 4
FIRST_NUMBER = 10_000_000
"""Numbers of stream 0 start here, those of stream 1 at twice it: every number has eight digits."""
_STAMP_BASE = 10**15
_MARK = re.compile(rb'"n": ?(\d{8}), ?"stamp": ?(\d{16})')


def stamp_us() -> int:
    """Return the machine's monotonic clock in microseconds, lifted so that it always has sixteen digits."""
    return _STAMP_BASE + time.monotonic_ns() // 1000


def _length(size: int) -> bytes:
    encoded = bytearray()
    while True:
        size, digit = divmod(size, 128)
        encoded.append(digit | 0x80 if size else digit)
        if not size:
            return bytes(encoded)


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def connect_packet(client_id: str) -> bytes:
    """Return a CONNECT: clean session, no keep-alive."""
    body = _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id)
    return b"\x10" + _length(len(body)) + body


def subscribe_packet(topic: str) -> bytes:
    """Return a SUBSCRIBE at QoS 0: the measuring side shall cost little."""
    body = b"\x00\x01" + _text(topic) + b"\x00"
    return b"\x82" + _length(len(body)) + body


class Template:
    """A QoS 1 PUBLISH to one topic of which only packet id, number and stamp change from message to message.

    `head % (packet id, number, stamp)` is the packet, `body % (number, stamp)` the message in it.
    """

    def __init__(self, topic: str, device: str, ballast: int = 0) -> None:
        body = f'{{"device":"{device}","temperature":35.5,'
        if ballast:
            body += f'"series":{list(range(100_000, 100_000 + ballast // 7))},'.replace(" ", "")
        mark = b'"n":%d,"stamp":%b}'
        size = len(_text(topic)) + 2 + len(body) + len(mark) - len(b"%d%b") + 8 + 16
        start = b"\x32" + _length(size) + _text(topic)
        self.body = body.encode().replace(b"%", b"%%") + mark
        self.head = start.replace(b"%", b"%%") + b"%b" + self.body


PACKET_IDS = [number.to_bytes(2, "big") for number in range(1, 65_536)]


class StampCounter:
    """Counts messages in a stream of bytes as it passes."""

    _WORD = b'"stamp":'

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, data: bytes) -> int:
        """Return how many stamps begin in `data`."""
        joined = self._carry + data
        self._carry = joined[-(len(self._WORD) - 1) :]
        return joined.count(self._WORD)


def marks(chunks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, int, int]]:
    """Return (number, stamp, time) of every message in chunks of (time, bytes) of one stream."""
    carry = b""
    for time_us, chunk in chunks:
        data = carry + chunk
        found: list[tuple[bytes, bytes]] = _MARK.findall(data)
        end = data.rfind(found[-1][1]) + 16 if found else 0
        carry = data[max(end, len(data) - 64) :]
        for number, stamp in found:
            yield int(number), int(stamp), time_us


def open_line(port: int, client_id: str, subscribe: str = "") -> socket.socket:
    """Connect to the broker on loopback, subscribe if asked to, and return the non-blocking socket."""
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(connect_packet(client_id))
    if _exactly(line, 4) != b"\x20\x02\x00\x00":
        raise ConnectionError("the broker refused the load generator")
    if subscribe:
        line.sendall(subscribe_packet(subscribe))
        if _exactly(line, 5)[0] != 0x90:
            raise ConnectionError("the broker refused the subscription of the load generator")
    line.setblocking(False)
    return line


def answer_at_once(line: socket.socket) -> None:
    """Acknowledge what was read without the kernel's delay of up to 40 ms; it must be asked for after every read (Linux).

    A broker that holds small packets back until the last one is acknowledged would else add that delay to what is measured, for
    a line that never says anything itself.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker closed the line of the load generator")
        data += part
    return data

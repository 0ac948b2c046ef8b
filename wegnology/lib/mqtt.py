"""paho's MQTT client on an asyncio loop, without its thread.

paho builds and reads every packet except the four that a message costs (PUBLISH and PUBACK, both ways): those are handled
here, since this is the path of every message. paho writes through `_packet_queue` and is given packets through
`_packet_handle`. Protocol: MQTT 3.1.1 and 5.0 (OASIS).
"""

import asyncio
import re
import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from paho.mqtt import _packet
from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion, _ConnectionState
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from wegnology.lib.mqtt_publishing import Publisher, PublishRefused
from wegnology.lib.sockets import ByteLine

KEEPALIVE_SECONDS = 60
LARGEST_BYTES = 64 * 1024 * 1024
"""The largest packet that is read; a larger one ends the connection."""
MANY = 8
"""A line of which so many messages were acknowledged together is a busy one: its broker may stop at a window of 20, so each of
its packets should come at once. On the others TCP's acknowledgement goes with our PUBACK: that is a packet less in each
direction, what the broker has more comes in one read meanwhile, and a sixth of the listener's time is saved."""
REST_SECONDS = 0.01
"""How long a line over which much is published is not read, so that many confirmations come in one read: a tenth of the
listener's time at saturation. Longer brings no more."""
_PUBLISH, _PUBACK, _PUBREL = 0x30, 0x40, 0x62
_PUBACK_HEAD = b"\x40\x02"
_OK = MQTTErrorCode.MQTT_ERR_SUCCESS
_pack_head = struct.Struct("!BBH").pack
_pack_two = struct.Struct("!HH").pack
_unpack_two = struct.Struct("!HH").iter_unpack
_PUBACKS = re.compile(rb"(?:\x40\x02..)+", re.DOTALL)
"""Confirmations in a row, as they come on a line over which much is published."""


class LineLost(Exception):
    """The connection ended; the text is the reason as MQTT people know it ("Connection Lost", "Keepalive Timeout")."""


class Connack(NamedTuple):
    """The broker's answer to the login. `code` is its number, `reason` its name; session says whether it kept one."""

    code: int
    reason: str
    session: bool


Arrival = tuple[str, bytes, int, bool, bytes | None, Properties | None]
"""A message as it came: topic, payload, QoS, retain, receipt (the packet that confirms it; None with QoS 0), properties."""
OnArrivals = Callable[[list[Arrival]], None]


class LoopClient(Client):
    """One MQTT connection whose socket somebody else reads: `feed` takes what arrived.

    `on_arrivals` gets the messages that came together; nothing is acknowledged until `acknowledge`.
    `on_lost` gets the reason once, when the line ends without `hang_up`.
    """

    # paho's client has no slots, and its dictionary would grow by half with ours in it: 1.7 KB a connection.
    __slots__ = (
        "_answers",
        "_asyncio",
        "_busy",
        "_came",
        "_connack",
        "_line",
        "_need",
        "_on_arrivals",
        "_on_lost",
        "_paused",
        "_pongs",
        "_rest",
        "_tick",
        "_v5",
        "lost",
        "publisher",
    )

    def __init__(
        self,
        client_id: str,
        version: MQTTProtocolVersion,
        clean: bool | None,
        on_arrivals: OnArrivals,
        on_lost: Callable[[LineLost], None],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id, clean, protocol=version, reconnect_on_failure=False, manual_ack=True
        )
        self._asyncio = asyncio.get_running_loop()
        self._v5 = version is MQTTProtocolVersion.MQTTv5
        self._line: ByteLine | None = None
        self._rest: bytes | bytearray = b""
        self._need = 0
        self._came: list[Arrival] = []
        self._busy = False
        self.publisher = Publisher(v5=self._v5)
        self._paused = False
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._connack: asyncio.Future[Connack] = self._asyncio.create_future()
        self._pongs: list[asyncio.Future[None]] = []
        self._on_arrivals, self._on_lost = on_arrivals, on_lost
        self._tick: asyncio.TimerHandle | None = None
        self.lost: LineLost | None = None

    # -- the life of the line

    async def log_in(self, line: ByteLine, *, clean_start: bool = True, properties: Properties | None = None) -> Connack:
        """Send CONNECT over an open line and wait for the answer. Raises `LineLost`."""
        self._line = line
        if self._v5:
            self.connect("line", 1, KEEPALIVE_SECONDS, clean_start=clean_start, properties=properties)
        else:
            self.connect("line", 1, KEEPALIVE_SECONDS)
        return await self._connack

    def _create_socket(self) -> ByteLine:  # type: ignore[override]
        if self._line is None:
            raise ConnectionError("there is no line")
        return self._line

    def line_lost(self, error: Exception | None) -> None:
        """Be told that the line has ended."""
        self._end(LineLost("Connection Lost"), error)

    def hang_up(self) -> None:
        """Say goodbye and close. May be called twice."""
        if self._line is not None and self.is_connected() and self.lost is None:
            self._send_disconnect()
        self._on_lost = lambda reason: None
        self._end(LineLost("Connection Lost"))

    def _end(self, reason: LineLost, cause: Exception | None = None) -> None:
        if self.lost is None:
            reason.__cause__ = cause
            self.lost = reason
            self._state = _ConnectionState.MQTT_CS_DISCONNECTED
            self._fail_everything(reason)
            self._on_lost(reason)
        if self._tick is not None:
            self._tick.cancel()
        line, self._line, self._sock = self._line, None, None
        if line is not None:
            line.close()

    def _fail_everything(self, reason: LineLost) -> None:
        waiters: list[asyncio.Future[object]] = [self._connack, *self._answers.values(), *self._pongs]  # type: ignore[list-item]
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(reason)
                waiter.exception()  # nobody may be waiting
        self.publisher.end()

    def _start_ticking(self) -> None:
        interval = max(1.0, self._keepalive / 4) if self._keepalive else KEEPALIVE_SECONDS
        self._tick = self._asyncio.call_later(interval, self._on_tick)

    def _on_tick(self) -> None:
        self._last_msg_out = max(self._last_msg_out, self.publisher.last_sent)
        if self._paused:
            self._send_pingreq()
            self._ping_t = 0
        else:
            self.loop_misc()  # sends PINGREQ on a quiet line and ends one that did not answer
        if self._line is not None:
            self._start_ticking()

    def __del__(self) -> None:
        """Do nothing: paho would close the line, which belongs to a loop that may be gone."""

    def _sock_close(self) -> None:
        """End the line: paho calls this where the keepalive was not answered."""
        if self._sock is not None and self._line is not None and self.lost is None:
            self._end(LineLost("Keepalive Timeout"))

    # -- what arrives

    def feed(self, data: bytes) -> None:
        """Take bytes from the line: whole packets are handled, the rest is kept."""
        self._last_bytes_received = time.monotonic()
        line = self._line
        if line is not None:
            line.prompt = True
        if self._rest:
            if not isinstance(self._rest, bytearray):
                self._rest = bytearray(self._rest)
            self._rest += data
            if len(self._rest) < self._need:
                return
            data, self._rest = bytes(self._rest), b""
        fault: Exception | None = None
        try:
            used = self._packets(data)
            self._rest = data[used:]
        except (MalformedPacket, UnicodeDecodeError, IndexError, struct.error) as error:
            fault = error
        if came := self._came:
            self._came = []
            if line is not None and came[-1][4] and not self._busy and not self._rest:
                line.prompt = False  # our PUBACK follows
            self._on_arrivals(came)
        if fault is not None:
            self._end(LineLost("Protocol Error"), fault)
        elif not came and line is not None and self.publisher.is_busy:
            line.rest(REST_SECONDS)

    def _packets(self, data: bytes) -> int:
        """Handle every whole packet; return how many bytes they were."""
        position, end = 0, len(data)
        while end - position >= 2 and self.lost is None:
            command, length, body = data[position], data[position + 1], position + 2
            if length > 127:
                length, body = _long_length(data, position + 1)
                if not body:
                    break
            stop = body + length
            if length > LARGEST_BYTES:
                self._end(LineLost(f"Message Too Large ({length} bytes)"))
                break
            if stop > end:
                self._need = stop - position
                self.publisher.go_on()
                return position
            kind = command & 0xF0
            if kind == _PUBLISH and command & 0x06 != 0x04:
                self._arrived(command, data, body, stop)
            elif kind == _PUBACK and length == 2 and (row := _PUBACKS.match(data, position)):
                stop = row.end()
                self.publisher.confirmed_all([mid for _, mid in _unpack_two(row[0])])
            elif kind == _PUBACK and length > 2 and data[body + 2] < 0x80:
                self.publisher.confirmed_all([data[body] << 8 | data[body + 1]])
            else:
                self._other(command, data[body:stop])
            position = stop
        self._need = 0
        self.publisher.go_on()
        return position

    def _arrived(self, command: int, data: bytes, body: int, stop: int) -> None:
        start = body + 2
        at = start + (data[body] << 8 | data[body + 1])
        topic = data[start:at].decode()
        qos = command >> 1 & 3
        receipt = None
        if qos:
            receipt = _PUBACK_HEAD + data[at : at + 2]
            at += 2
        properties = None
        if self._v5:
            if data[at]:
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                at += properties.unpack(data[at:stop])[1]  # type: ignore[no-untyped-call]
            else:
                at += 1
        if at > stop:
            raise MalformedPacket("a message is shorter than its own header")
        self._came.append((topic, data[at:stop], qos, bool(command & 1), receipt, properties))

    def _other(self, command: int, packet: bytes) -> None:
        """Let paho handle a packet that is not a message."""
        self._in_packet["command"] = command
        self._in_packet["remaining_length"] = len(packet)
        self._in_packet["packet"] = bytearray(packet)
        if self._packet_handle() > 0:
            self._end(LineLost("Protocol Error"))

    def _handle_connack(self) -> MQTTErrorCode:
        result = _packet.decode_connack(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        granted = result.properties
        if result.rc == 0:
            self._state = _ConnectionState.MQTT_CS_CONNECTED
            self._keepalive = getattr(granted, "ServerKeepAlive", self._keepalive)
            if self._line is not None:
                window, largest = getattr(granted, "ReceiveMaximum", 65535), getattr(granted, "MaximumPacketSize", 268_435_455)
                self.publisher.begin(self._line, window, largest)
            self._start_ticking()
        if not self._connack.done():
            self._connack.set_result(Connack(int(result.rc), str(result.reason), bool(result.flags & 1)))
        return _OK

    def _handle_suback(self) -> None:
        result = _packet.decode_suback(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        self._answer(result.mid, result.reason_codes)

    def _handle_unsuback(self) -> MQTTErrorCode:
        result = _packet.decode_unsuback(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        self._answer(result.mid, result.reason_codes)
        return _OK

    def _answer(self, mid: int, codes: list[ReasonCode]) -> None:
        waiter = self._answers.pop(mid, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(codes)

    def _handle_pingresp(self) -> MQTTErrorCode:
        self._ping_t = 0
        pongs, self._pongs = self._pongs, []
        for pong in pongs:
            if not pong.done():
                pong.set_result(None)
        return _OK

    def _handle_disconnect(self) -> None:
        result = _packet.decode_disconnect(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        self._end(LineLost(str(result.reason) if result.reason else "Connection Lost"))

    def _handle_on_message(self, message: MQTTMessage) -> None:
        """Take a QoS 2 message (only a session made by somebody else has such subscriptions)."""
        self._came.append(
            (message.topic, bytes(message.payload), 2, message.retain, _pack_two(0x7002, message.mid), message.properties)
        )

    # -- what is sent

    def _packet_queue(
        self, command: int, packet: bytes | bytearray, mid: int, qos: int, info: MQTTMessageInfo | None = None
    ) -> MQTTErrorCode:
        if self._line is not None:
            self._line.write(packet)
            self._last_msg_out = time.monotonic()
        return _OK

    def acknowledge(self, receipts: Sequence[bytes]) -> None:
        """Confirm messages, given by their receipts, in this order and in one write."""
        if self._line is None:
            return
        self._line.write(b"".join(receipts), at_once=True)
        self._last_msg_out = time.monotonic()
        self._busy = len(receipts) >= MANY

    async def ask(self, send: Callable[[], tuple[MQTTErrorCode, int | None]]) -> list[ReasonCode]:
        """Call `send` (a `subscribe` or `unsubscribe`) and wait for the broker's answer. Raises `LineLost`."""
        _, mid = send()
        if mid is None:
            raise self.lost or LineLost("Connection Lost")
        waiter: asyncio.Future[list[ReasonCode]] = self._asyncio.create_future()
        self._answers[mid] = waiter
        return await waiter

    async def ping(self) -> None:
        """Ask for a sign of life and wait for it. Raises `LineLost`."""
        if self._line is None:
            raise self.lost or LineLost("Connection Lost")
        pong: asyncio.Future[None] = self._asyncio.create_future()
        self._pongs.append(pong)
        self._send_pingreq()
        await pong

    def pause(self, paused: bool) -> None:
        """Stop or resume reading. While paused the broker gets signs of life, but none are expected from it."""
        self._paused = paused
        self._ping_t = 0
        self._last_bytes_received = time.monotonic()
        if self._line is not None:
            self._line.pause(paused)

    def alive_unread(self) -> bool:
        """Give the broker a sign of life; say whether it is not known to have closed, without reading."""
        self._send_pingreq()
        self._ping_t = 0
        return self._line is not None and self._line.alive()

    def _handle_pubackcomp(self, cmd: str) -> MQTTErrorCode:
        decode = _packet.decode_puback if cmd == "PUBACK" else _packet.decode_pubcomp
        result = decode(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        self.publisher.confirmed(result.mid, _fault(result.reason))
        return _OK

    def _handle_pubrec(self) -> MQTTErrorCode:
        result = _packet.decode_pubrec(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        fault = _fault(result.reason)
        if fault is not None:
            self.publisher.confirmed(result.mid, fault)
        elif self._line is not None:
            self._line.write(_pack_head(_PUBREL, 2, result.mid))
        return _OK


def _fault(reason: ReasonCode | None) -> PublishRefused | None:
    return PublishRefused(f"The broker refused the message: {reason}") if reason is not None and reason.is_failure else None


def _long_length(data: bytes, position: int) -> tuple[int, int]:
    """Read a length of up to four bytes; returns it and where the body starts (0: not all of it is there)."""
    length = shift = 0
    for at in range(position, min(position + 4, len(data))):
        length |= (data[at] & 127) << shift
        shift += 7
        if not data[at] & 128:
            return length, at + 1
    if len(data) >= position + 4:
        raise MalformedPacket("a length of more than four bytes")
    return 0, 0

"""One connection to the Event Hubs namespace under test, as the server holds it."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.servers import amqp
from tests.servers.amqp import Described, Frame, UInt, ULong, UShort
from tests.servers.event_hubs_links import Condition, Link, Refused, Session, leave, start_of

if TYPE_CHECKING:
    from tests.servers.event_hubs import EventHubs

CREDIT = 200
MESSAGE_BYTES = 1_048_576
_BATCH = 0x80013700
_READER = re.compile(r"^/?(?P<hub>[^/]+)/ConsumerGroups/(?P<group>[^/]+)/Partitions/(?P<partition>[^/]+)$")
_SENDER = re.compile(r"^/?(?P<hub>[^/]+)(/Partitions/(?P<partition>[^/]+))?$")


class HubLine:
    """Reads frames of one client and answers them."""

    def __init__(self, hubs: "EventHubs", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hubs, self._reader, self._writer = hubs, reader, writer
        self._sessions: dict[int, Session] = {}
        self._granted: dict[str, tuple[float, frozenset[str]]] = {}
        self._frame_bytes = 512
        self._heard = asyncio.get_running_loop().time()
        self._timers: list[asyncio.TimerHandle] = []

    # -- reading

    async def run(self) -> None:
        """Serve until the client has gone."""
        heart: asyncio.Task[None] | None = None
        try:
            await self._greet()
            while True:
                frame = await self._frame()
                self._heard = asyncio.get_running_loop().time()
                if frame is None or self._hubs.deaf:
                    continue
                if frame.code == amqp.OPEN:
                    heart = asyncio.ensure_future(self._beat((frame.fields[4] or 0) / 1000))
                self._DISPATCH[frame.code](self, frame)
                await self._writer.drain()
                if frame.code == amqp.CLOSE:
                    return
        except (OSError, EOFError):
            pass
        finally:
            for timer in self._timers:
                timer.cancel()
            if heart is not None:
                heart.cancel()
            for session in self._sessions.values():
                for link in session.links.values():
                    leave(link)
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _greet(self) -> None:
        header = await self._reader.readexactly(8)
        if header == amqp.SASL_HEADER:
            self._writer.write(amqp.SASL_HEADER)
            mechanisms = amqp.Symbols(["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"])
            self._writer.write(amqp.frame(0, amqp.SASL_MECHANISMS, [mechanisms], kind=1))
            await self._frame()
            self._writer.write(amqp.frame(0, amqp.SASL_OUTCOME, [amqp.UByte(0), None], kind=1))
            header = await self._reader.readexactly(8)
        if header != amqp.HEADER:
            raise EOFError
        self._writer.write(amqp.HEADER)

    async def _frame(self) -> Frame | None:
        head = await self._reader.readexactly(8)
        size = int.from_bytes(head[:4], "big")
        body = await self._reader.readexactly(size - 8)
        return amqp.read_frame(int.from_bytes(head[6:], "big"), body[4 * head[4] - 8 :]) if body else None

    async def _beat(self, client_idle: float) -> None:
        """Send empty frames as often as the client wants to hear something; give up a client that says nothing."""
        loop = asyncio.get_running_loop()
        pause = min(client_idle / 2 if client_idle else 30.0, self._hubs.idle_seconds)
        while True:
            await asyncio.sleep(pause)
            if loop.time() - self._heard > 2 * self._hubs.idle_seconds:
                self.abort()
                return
            if not self._hubs.deaf:
                self._writer.write(amqp.EMPTY_FRAME)

    # -- connection and sessions

    def _open(self, frame: Frame) -> None:
        self._frame_bytes = min(frame.fields[2] or 65_536, self._hubs.frame_bytes)
        idle = UInt(int(self._hubs.idle_seconds * 1000))
        self._send(0, amqp.OPEN, ["namespace", None, UInt(self._hubs.frame_bytes), UShort(4999), idle])

    def _begin(self, frame: Frame) -> None:
        self._sessions[frame.channel] = Session(frame.fields[2] or 1)
        window = [UInt(0), UInt(5000), UInt(5000), UInt(255)]
        self._send(frame.channel, amqp.BEGIN, [UShort(frame.channel), *window])

    def _end(self, frame: Frame) -> None:
        session = self._sessions.pop(frame.channel, None)
        if session is not None:
            for link in session.links.values():
                leave(link)
            self._send(frame.channel, amqp.END, [])

    def _close(self, frame: Frame) -> None:
        self._send(0, amqp.CLOSE, [])

    # -- links

    def _attach(self, frame: Frame) -> None:
        session = self._sessions[frame.channel]
        link = Link(self, frame.channel, frame.fields)
        _, handle, _, sender_mode, receiver_mode, source, target = frame.fields[:7]
        count = UInt(0) if link.client_takes else None
        echoed = [link.name, UInt(handle), not link.client_takes, sender_mode, receiver_mode]
        try:
            self._admit(link, frame.fields)
        except Refused as error:
            self._send(frame.channel, amqp.ATTACH, [*echoed, None, None, None, None, count])
            self._send(frame.channel, amqp.DETACH, [UInt(handle), True, error.condition.described()])
            return
        session.links[handle] = link
        self._send(frame.channel, amqp.ATTACH, [*echoed, source, target, None, None, count, ULong(MESSAGE_BYTES)])
        if not link.client_takes:
            self._grant(link)

    def _admit(self, link: Link, attach: list[Any]) -> None:
        """Find what a link is for; raises `Refused`."""
        if link.address in ("$cbs", "$management"):
            return
        path = re.sub(r"^[a-z]+://[^/]*", "", link.address)
        match = (_READER if link.client_takes else _SENDER).match(path)
        link.hub = self._hubs.find(path)
        if match is None or link.hub is None:
            raise Refused("amqp:not-found", f"The messaging entity '{link.address}' could not be found.")
        self._check_right(path, "Listen" if link.client_takes else "Send")
        if self._hubs.lasting is not None:
            raise Refused(*self._hubs.lasting)
        partition = match["partition"]
        if partition is not None and partition not in link.hub.partitions:
            raise Refused(
                "amqp:not-found",
                f"The specified partition '{partition}' is invalid for an Event Hub partition sender or receiver.",
            )
        link.partition = link.hub.partitions[partition] if partition is not None else None
        if link.client_takes:
            self._admit_reader(link, match["group"], attach)

    def _admit_reader(self, link: Link, group: str, attach: list[Any]) -> None:
        from tests.servers.event_hubs import MOST_READERS

        hub, partition = link.hub, link.partition
        assert hub is not None and partition is not None  # noqa: PT018
        if group not in hub.groups:
            raise Refused("amqp:not-found", f"The messaging entity '{hub.name}|{group}' could not be found.")
        properties = attach[13] or {}
        level = properties.get("com.microsoft:epoch")
        others = {one: held for one, (of, held) in partition.readers.items() if of == group}
        highest = max((held for held in others.values() if held is not None), default=None)
        if highest is not None and (level is None or level < highest):
            text = f"At least one receiver for the endpoint is created with epoch of '{highest}': reconnect with a higher epoch."
            raise Refused("amqp:link:stolen", text)
        if level is not None:
            for one in others:
                one.detach(Condition("amqp:link:stolen", f"New receiver with higher epoch of '{level}' was created."))
        elif len(others) >= MOST_READERS:
            text = f"Exceeded the maximum number of allowed receivers per partition in a consumer group which is {MOST_READERS}."
            raise Refused("amqp:resource-limit-exceeded", text)
        link.next = start_of(partition, attach[5].value[7] or {})
        partition.readers[link] = (group, level)

    def _check_right(self, path: str, right: str) -> None:
        wanted = path.strip("/").lower()
        found = [grant for audience, grant in self._granted.items() if wanted.startswith(audience)]
        until, rights = max(found, default=(0.0, frozenset()))
        if until <= time.time():
            raise Refused("amqp:unauthorized-access", "Unauthorized access. There is no token for this entity.")
        if right not in rights:
            raise Refused(
                "amqp:unauthorized-access", f"Unauthorized access. '{right}' claim(s) are required to perform this operation."
            )

    def _detach(self, frame: Frame) -> None:
        session = self._sessions.get(frame.channel)
        link = session.links.pop(frame.fields[0], None) if session is not None else None
        if link is not None:
            leave(link)
            self._send(frame.channel, amqp.DETACH, [UInt(link.handle), True])

    def detach(self, link: Link, condition: Condition) -> None:
        """Detach a link with a reason."""
        session = self._sessions.get(link.channel)
        if session is not None and session.links.pop(link.handle, None) is not None:
            leave(link)
            self._send(link.channel, amqp.DETACH, [UInt(link.handle), True, condition.described()])

    def detach_all(self, condition: Condition) -> None:
        """Detach every link to a hub."""
        for session in list(self._sessions.values()):
            for link in list(session.links.values()):
                if link.hub is not None:
                    self.detach(link, condition)

    def close_in_order(self, condition: Condition) -> None:
        """Close the connection with a reason."""
        self._send(0, amqp.CLOSE, [condition.described()])

    def abort(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()

    # -- flow and transfers

    def _flow(self, frame: Frame) -> None:
        session = self._sessions.get(frame.channel)
        if session is None:
            return
        next_incoming, window, _, _, handle, count, credit, _, drain, echo = frame.fields[:10]
        session.window = (next_incoming or 0) + window - session.outgoing
        link = session.links.get(handle)
        if link is not None and link.client_takes:
            link.credit = (count or 0) + (credit or 0) - link.count
            link.feed()
            if drain:
                link.count, link.credit = link.count + link.credit, 0
                self._tell_flow(link, 0, drain=True)
        elif handle is None:
            for one in session.links.values():
                one.feed()
        if link is not None and echo:
            self._tell_flow(link, link.credit)

    def roomy(self, channel: int) -> bool:
        """Say whether the client takes more transfer frames in this session."""
        return self._sessions[channel].window > 0

    def _tell_flow(self, link: Link, credit: int, drain: bool = False) -> None:
        session = self._sessions[link.channel]
        ours = [UInt(session.incoming), UInt(5000), UInt(session.outgoing), UInt(5000)]
        self._send(link.channel, amqp.FLOW, [*ours, UInt(link.handle), UInt(link.count), UInt(credit), None, drain])

    def _grant(self, link: Link) -> None:
        link.credit = CREDIT
        self._tell_flow(link, CREDIT)

    def transfer(self, link: Link, message: bytes) -> None:
        """Send a message on a link, in as many frames as the client's frame size needs."""
        session = self._sessions[link.channel]
        number = next(session.deliveries)
        size = self._frame_bytes - 80
        for at in range(0, len(message), size):
            more = at + size < len(message)
            fields = [UInt(link.handle), UInt(number), number.to_bytes(4, "big"), UInt(0), link.settled, more]
            self._send(link.channel, amqp.TRANSFER, fields, message[at : at + size])
            session.outgoing += 1
            session.window -= 1
        link.count += 1
        link.credit -= 1

    def _transfer(self, frame: Frame) -> None:
        session = self._sessions[frame.channel]
        session.incoming += 1
        handle, number, _, form, settled, more = frame.fields[:6]
        link = session.links.get(handle)
        if link is None:
            return
        link.parts += frame.payload
        if more:
            return
        message, link.parts = bytes(link.parts), bytearray()
        link.count += 1
        link.credit -= 1
        state = self._take(link, message, form or 0)
        if not settled:
            self._send(frame.channel, amqp.DISPOSITION, [True, UInt(number), UInt(number), True, state])
        if link.credit <= CREDIT // 2:
            self._grant(link)

    def _take(self, link: Link, message: bytes, form: int) -> Described:
        """Do with a message what its link is for; return the outcome."""
        accepted = Described(amqp.ACCEPTED, [])
        if link.address == "$cbs":
            self._put_token(link, message)
            return accepted
        if link.address == "$management":
            self._tell(link, message)
            return accepted
        if self._hubs.lasting is not None:
            return Described(amqp.REJECTED, [self._hubs.lasting.described()])
        if len(message) > MESSAGE_BYTES:
            text = f"The message is larger than is currently allowed ({MESSAGE_BYTES} bytes)."
            return Described(amqp.REJECTED, [Condition("amqp:link:message-size-exceeded", text).described()])
        outer, _ = amqp.bare(message)
        hub = link.hub
        assert hub is not None
        for one in amqp.batch(message) if form == _BATCH else [message]:
            annotations, written = amqp.bare(one)
            key = annotations.get("x-opt-partition-key", outer.get("x-opt-partition-key"))
            (link.partition or hub.place(key)).append(written, key)
        return accepted

    # -- requests

    def _put_token(self, link: Link, message: bytes) -> None:
        parts = {part.code: part.value for part in amqp.sections(message)}
        asked = parts[amqp.APPLICATION_PROPERTIES]
        audience = str(asked.get("name"))
        status, text, until, rights = self._hubs.judge(str(parts[amqp.VALUE]), audience)
        if status == 202:
            path = re.sub(r"^[a-z]+://[^/]*/", "", audience).lower()
            self._granted[path] = (until, rights)
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(max(0.0, until - time.time()), self._expire, path))
        fields = {"status-code": amqp.Int(status), "status-description": text}
        self._answer(link, parts, fields, None)

    def expire_all(self) -> None:
        """End every login."""
        for path in list(self._granted):
            self._granted[path] = (0.0, frozenset())
            self._expire(path)

    def _expire(self, path: str) -> None:
        """Detach what a token allowed that was not renewed in time."""
        if self._granted.get(path, (0.0,))[0] > time.time():
            return
        for session in self._sessions.values():
            for link in list(session.links.values()):
                if link.hub is not None:
                    self.detach(link, Condition("amqp:unauthorized-access", "ExpiredToken: The token is expired."))

    def _tell(self, link: Link, message: bytes) -> None:
        parts = {part.code: part.value for part in amqp.sections(message)}
        asked = parts[amqp.APPLICATION_PROPERTIES]
        hub = self._hubs.find(str(asked.get("name")))
        if hub is None:
            self._answer(link, parts, {"status-code": amqp.Int(404), "status-description": "The hub could not be found."}, None)
            return
        about: dict[str, Any] = {"name": hub.name, "type": str(asked.get("type"))}
        if asked.get("type") == "com.microsoft:eventhub":
            about["created_at"] = amqp.Timestamp(hub.created_ms)
            about["partition_count"] = amqp.Int(len(hub.partitions))
            about["partition_ids"] = amqp.Strings(hub.partitions)
        else:
            partition = hub.partitions[str(asked.get("partition"))]
            about |= {"partition": partition.id, "begin_sequence_number": 0, "is_partition_empty": not partition.events}
            about["last_enqueued_sequence_number"] = partition.last.sequence
            about["last_enqueued_offset"] = partition.last.offset
            about["last_enqueued_time_utc"] = amqp.Timestamp(partition.last.enqueued_ms)
        self._answer(link, parts, {"status-code": amqp.Int(200), "status-description": "OK"}, about)

    def _answer(self, link: Link, asked: dict[int, Any], fields: dict[str, Any], value: Any) -> None:
        known = [*(asked.get(amqp.PROPERTIES) or []), *[None] * 5]
        links = [one for session in self._sessions.values() for one in session.links.values()]
        takers = [one for one in links if one.client_takes and one.address == link.address]
        wanted = [one for one in takers if known[4] and one.reply_to == known[4]] or [
            one for one in takers if one.channel == link.channel
        ]
        if wanted:
            # The clients look for the camel-case names in answers of $management.
            names = {**fields, "statusCode": fields["status-code"], "statusDescription": fields["status-description"]}
            self.transfer(wanted[0], amqp.answer(known[0], names, value))

    def _disposition(self, frame: Frame) -> None:
        """Events are settled when sent."""

    def _send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(amqp.frame(channel, code, fields, payload))

    _DISPATCH: dict[int, Callable[["HubLine", Frame], None]] = {
        amqp.OPEN: _open,
        amqp.BEGIN: _begin,
        amqp.ATTACH: _attach,
        amqp.FLOW: _flow,
        amqp.TRANSFER: _transfer,
        amqp.DISPOSITION: _disposition,
        amqp.DETACH: _detach,
        amqp.END: _end,
        amqp.CLOSE: _close,
    }

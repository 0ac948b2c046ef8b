"""The MQTT client, fed by hand: what no real broker does on request."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from wegnology.lib.mqtt import LARGEST_BYTES, MANY, LineLost, LoopClient
from wegnology.lib.mqtt_publishing import PublishLater, PublishRefused, PublishUnknown

CONNACK = b"\x20\x03\0\0\0"
MESSAGE = b"\x32\x0a\0\x03a/b\0\x07\0hi"  # version 5, QoS 1, id 7, no properties


class FakeLine:
    """Keeps what was written and takes all of it at once."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.closed = False
        self.unsent = 0
        self.prompt = True
        self.rests = 0

    @property
    def written(self) -> int:
        return len(self.sent)

    def write(self, data: bytes | bytearray, at_once: bool = False) -> None:
        self.sent += data

    def pause(self, paused: bool) -> None:
        pass

    def rest(self, seconds: float) -> None:
        self.rests += 1

    def alive(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True

    def setblocking(self, flag: bool) -> None:
        pass


class Session:
    """A client that is logged in, its line, and what it was told."""

    def __init__(self) -> None:
        self.line = FakeLine()
        self.arrived: list[tuple[Any, ...]] = []
        self.lost: list[str] = []
        self.client = LoopClient(
            "c",
            MQTTProtocolVersion.MQTTv5,
            None,
            self.arrived.extend,
            lambda r: self.lost.append(str(r)),
        )

    async def log_in(self, connack: bytes = CONNACK) -> None:
        login = asyncio.ensure_future(self.client.log_in(self.line))
        await asyncio.sleep(0)
        self.client.feed(connack)
        await login
        self.line.sent.clear()


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


@pytest.mark.parametrize("size", range(1, 2 * len(MESSAGE)))
def test_packets_may_come_in_pieces_of_any_size(size: int) -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        large = b"\x32" + bytes((0x80 | 8 + 200 & 127, 208 >> 7)) + b"\0\x03a/b\0\x08\0" + b"x" * 200
        stream = MESSAGE + large + b"\xd0\0" + MESSAGE
        for at in range(0, len(stream), size):
            session.client.feed(stream[at : at + size])
        assert [(m[0], m[1], m[2], m[4]) for m in session.arrived] == [
            ("a/b", b"hi", 1, b"\x40\x02\0\x07"),
            ("a/b", b"x" * 200, 1, b"\x40\x02\0\x08"),
            ("a/b", b"hi", 1, b"\x40\x02\0\x07"),
        ]

    play(story())


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"\xe0\x01\x8e", "Session taken over"),
        (b"\xe0\0", "Connection Lost"),
        (b"\x32\x03\xff\xff\xff", "Protocol Error"),
        (b"\x32\x08\0\x03\xff/b\0\x07\0", "Protocol Error"),
        (b"\xf0\0", "Protocol Error"),
        (b"\x32\xff\xff\xff\xff\x7f", "Protocol Error"),
        (b"\x32\x80\x80\x80" + bytes((LARGEST_BYTES >> 21 | 1,)), "Message Too Large"),
    ],
)
def test_the_end_of_a_line_has_a_reason(packet: bytes, reason: str) -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        session.client.feed(packet)
        assert len(session.lost) == 1
        assert session.lost[0].startswith(reason)
        assert session.line.closed
        with pytest.raises(LineLost):
            await session.client.ping()

    play(story())


def test_no_more_is_on_the_line_than_the_broker_takes() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x06\0\0\x03\x21\0\x02")  # receive maximum 2
        messages = [("t", str(number).encode(), 1, False) for number in range(5)]
        sending = asyncio.ensure_future(session.client.publisher.send_all(messages))
        await asyncio.sleep(0)
        assert session.line.sent.count(b"\0\x01t") == 2
        session.client.feed(b"\x40\x02\x10\0")
        assert session.line.sent.count(b"\0\x01t") == 3
        session.client.feed(b"\x40\x03\x10\x01\x97")  # quota exceeded
        session.client.line_lost(None)
        outcomes = await sending
        assert [type(outcome) for outcome in outcomes] == [
            type(None),
            PublishRefused,
            PublishUnknown,
            PublishUnknown,
            PublishLater,
        ]

    play(story())


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("size", [10, 113, 114, 200, 16_369, 16_370, 2_097_140, 2_097_160])
def test_messages_of_any_length_go_out_as_they_come_in(size: int, qos: int) -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        sending = asyncio.ensure_future(session.client.publisher.send_all([("a/b", b"x" * size, qos, True)]))
        await asyncio.sleep(0)
        packet = bytes(session.line.sent)
        session.client.feed(packet)
        assert [(m[0], len(m[1]), m[2], m[3]) for m in session.arrived] == [("a/b", size, qos, True)]
        sending.cancel()

    play(story())


def test_a_message_larger_than_the_broker_takes_fails_alone() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x08\0\0\x05\x27\0\0\0\x20")  # at most 32 bytes
        messages = [("t", b"x" * size, 0, False) for size in (5, 50, 6)]
        sending = asyncio.ensure_future(session.client.publisher.send_all(messages))
        await asyncio.sleep(0)
        session.client.publisher.flushed()
        assert [type(outcome) for outcome in await sending] == [type(None), PublishRefused, type(None)]

    play(story())


def test_confirmations_in_a_row_count_one_by_one() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        messages = [("t", b"", 1, False)] * 5
        sending = asyncio.ensure_future(session.client.publisher.send_all(messages))
        await asyncio.sleep(0)
        session.client.feed(b"\x40\x02\x10\0\x40\x02\x10\0\x40\x02\x10\x02" + MESSAGE + b"\x40\x02\x10\x03\x40\x02\x10")
        assert len(session.arrived) == 1
        session.client.feed(b"\x04\x40\x03\x10\x01\x97")
        outcomes = await sending
        assert [type(outcome) for outcome in outcomes] == [type(None), PublishRefused, *[type(None)] * 3]

    play(story())


def test_acknowledgements_leave_in_the_order_given() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        session.client.acknowledge([b"\x40\x02\0\x07", b"\x70\x02\0\x09", b"\x40\x02\x01\x02"])
        assert bytes(session.line.sent) == b"\x40\x02\0\x07\x70\x02\0\x09\x40\x02\x01\x02"

    play(story())


def test_what_is_read_is_acknowledged_at_once_unless_an_answer_follows() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        client, line = session.client, session.line
        client.feed(MESSAGE)
        assert not line.prompt  # with the PUBACK
        client.feed(MESSAGE + MESSAGE[:5])
        assert line.prompt  # the rest may wait for it
        client.feed(MESSAGE[5:7])
        assert line.prompt
        client.feed(MESSAGE[7:])
        assert not line.prompt
        client.feed(b"\x40\x02\0\x01")
        assert line.prompt  # nothing is said to a PUBACK
        client.acknowledge([b"\x40\x02\0\x07"] * MANY)
        client.feed(MESSAGE)
        assert line.prompt  # much comes on this line
        client.acknowledge([b"\x40\x02\0\x07"])
        client.feed(MESSAGE)
        assert not line.prompt

    play(story())


def test_a_line_rests_while_many_confirmations_are_due_and_the_window_has_room() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x06\0\0\x03\x21\0\x50")  # receive maximum 80
        publisher, line = session.client.publisher, session.line
        sending = [asyncio.ensure_future(publisher.send_all([("t", b"", 1, False)] * 29))]
        await asyncio.sleep(0)
        session.client.feed(b"\xd0\0")
        assert line.rests == 0
        sending.append(asyncio.ensure_future(publisher.send_all([("t", b"", 1, False)] * 11)))
        await asyncio.sleep(0)
        session.client.feed(b"\xd0\0")
        assert line.rests == 1
        sending.append(asyncio.ensure_future(publisher.send_all([("t", b"", 1, False)] * 10)))
        await asyncio.sleep(0)
        session.client.feed(b"\xd0\0")
        assert line.rests == 1  # the window is more than half full: each confirmation lets something go
        session.client.line_lost(None)
        await asyncio.gather(*sending)

    play(story())


def test_a_cancelled_sender_leaves_the_line_to_the_others() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x06\0\0\x03\x21\0\x01")
        first = asyncio.ensure_future(session.client.publisher.send_all([("t", b"a", 1, False), ("t", b"b", 1, False)]))
        second = asyncio.ensure_future(session.client.publisher.send_all([("t", b"c", 1, False)]))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        session.client.feed(b"\x40\x02\x10\0")
        session.client.feed(b"\x40\x02\x10\x01")
        assert await second == [None]
        assert b"b" not in session.line.sent

    play(story())


def test_packet_ids_come_round_again_and_pass_over_one_that_is_under_way() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in()
        publisher, sent = session.client.publisher, session.line.sent
        message = ("t", b"", 1, False)
        first = asyncio.ensure_future(publisher.send_all([message]))
        await asyncio.sleep(0)
        assert bytes(sent) == b"\x32\x06\0\x01t\x10\0\0"  # below are those of subscriptions
        used: list[int] = []
        while len(used) < 0x10000 - 0x1000:
            sent.clear()
            more = asyncio.ensure_future(publisher.send_all([message] * 480))
            await asyncio.sleep(0)
            used += [int.from_bytes(sent[at + 5 : at + 7], "big") for at in range(0, len(sent), 8)]
            session.client.feed(b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in used[-480:]))
            assert await more == [None] * 480
        assert used[:0xEFFF] == [*range(0x1001, 0x10000)]
        assert used[0xEFFF] == 0x1001
        session.client.feed(b"\x40\x02\x10\0")
        assert await first == [None]

    play(story())


def test_a_broker_that_answers_no_ping_is_given_up() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x06\0\0\x03\x13\0\x01")  # server keep alive of one second
        while not session.lost:
            await asyncio.sleep(0.05)
        assert session.lost == ["Keepalive Timeout"]
        assert bytes(session.line.sent) == b"\xc0\0"

    play(story())


def test_a_paused_line_is_kept_alive_but_not_given_up() -> None:
    async def story() -> None:
        session = Session()
        await session.log_in(b"\x20\x06\0\0\x03\x13\0\x01")
        session.client.pause(True)
        while len(session.line.sent) < 8:
            await asyncio.sleep(0.05)
        assert session.lost == []
        assert bytes(session.line.sent) == b"\xc0\0" * 4
        session.client.hang_up()

    play(story())

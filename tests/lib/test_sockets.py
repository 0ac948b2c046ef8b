"""A line over a pair of sockets: when it reads."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from wegnology.lib.sockets import Line

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


class Pair:
    """A line, the other end of its socket, and what came through."""

    def __init__(self) -> None:
        ours, self.far = socket.socketpair()
        ours.setblocking(False)
        self.far.setblocking(False)
        self.came: list[bytes] = []
        self.lost: list[Exception | None] = []
        self.line = Line(ours, self.came.append, self.lost.append)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)

    def close(self) -> None:
        """End both."""
        self.line.close()
        self.far.close()


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Callable[[Pair], Coroutine[Any, Any, None]]], None]:
    """Play a story with a pair on a loop."""

    def run(story: Callable[[Pair], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            pair = Pair()
            try:
                await story(pair)
            finally:
                pair.close()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(whole())

    return run


Play = Callable[[Callable[[Pair], Coroutine[Any, Any, None]]], None]


def test_what_comes_while_a_line_rests_comes_in_one_go(play: Play) -> None:
    async def story(pair: Pair) -> None:
        pair.line.rest(0.05)
        for letter in (b"a", b"b", b"c"):
            pair.far.send(letter)
            await asyncio.sleep(0)
        assert pair.came == []
        await pair.until(lambda: bool(pair.came))
        assert pair.came == [b"abc"]
        pair.far.send(b"d")
        await pair.until(lambda: pair.came == [b"abc", b"d"])

    play(story)


def test_a_line_that_is_paused_while_it_rests_stays_paused(play: Play) -> None:
    async def story(pair: Pair) -> None:
        pair.line.rest(0.01)
        pair.line.pause(True)
        pair.far.send(b"a")
        rested = asyncio.get_running_loop().time() + 0.03
        await pair.until(lambda: asyncio.get_running_loop().time() > rested)
        assert pair.came == []
        pair.line.pause(False)
        await pair.until(lambda: pair.came == [b"a"])

    play(story)


def test_a_line_that_goes_on_while_it_rests_is_read_after_its_rest(play: Play) -> None:
    async def story(pair: Pair) -> None:
        pair.line.rest(0.02)
        pair.line.pause(True)
        pair.line.pause(False)
        pair.line.rest(10)  # it rests already
        pair.far.send(b"a")
        await pair.until(lambda: pair.came == [b"a"])

    play(story)


def test_a_line_may_be_closed_or_lost_while_it_rests(play: Play) -> None:
    async def story(pair: Pair) -> None:
        pair.line.rest(0.01)
        pair.far.close()
        await pair.until(lambda: pair.lost == [None])
        pair.line.rest(0.01)
        pair.line.close()

    play(story)

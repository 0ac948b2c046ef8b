"""The pool of senders: shared, bounded, given up when idle, made anew when settings change."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from integrations.connectors.base import Sender
from integrations.exceptions import SendFailed, SendUnknown
from tests.integrations.runtime.hub import until
from wegnology.lib.ending import end_tasks
from wegnology.lib.types import JSONObject
from workflows.senders import PoolLimits, Senders


class Post(Sender[Any]):
    """Answers as told; counts what it does."""

    def __init__(self, answer: Callable[[str], Any] = lambda message: None) -> None:
        self.answer = answer
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = self.most = self.closes = 0
        self.sent: list[tuple[str, str]] = []

    async def send(self, message: str, identity: str) -> JSONObject:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
            if isinstance(error := self.answer(message), Exception):
                raise error
        finally:
            self.under_way -= 1
        self.sent.append((message, identity))
        return {"ok": message}

    async def close(self) -> None:
        self.closes += 1


def run(story: Callable[[Senders], Coroutine[Any, Any, None]], **limits: Any) -> None:
    """Run a story with a pool that keeps house meanwhile."""

    async def main() -> None:
        senders = Senders(PoolLimits(**limits))
        keeping = asyncio.create_task(senders.run())
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                await story(senders)
        finally:
            await end_tasks([keeping])

    asyncio.run(main())


def never() -> Post:
    raise AssertionError("no new sender is wanted")


def test_one_sender_serves_all_sends_of_a_key() -> None:
    async def story(senders: Senders) -> None:
        post = Post()
        assert await senders.send("a", "1", lambda: post, "x", "e1") == {"ok": "x"}
        assert await senders.send("a", "1", never, "y", "e2") == {"ok": "y"}
        assert post.sent == [("x", "e1"), ("y", "e2")]

    run(story)


def test_other_settings_get_another_sender_and_the_old_one_ends_with_its_last_send() -> None:
    async def story(senders: Senders) -> None:
        old, new = Post(), Post()
        old.gate.clear()
        slow = asyncio.create_task(senders.send("a", "1", lambda: old, "slow", "e1"))
        await until(lambda: old.under_way == 1)
        assert await senders.send("a", "2", lambda: new, "x", "e2") == {"ok": "x"}
        assert old.closes == 0
        old.gate.set()
        assert await slow == {"ok": "slow"}
        await until(lambda: old.closes == 1)
        assert new.closes == 0

    run(story)


def test_sends_through_one_key_are_bounded_and_others_are_not_held_up() -> None:
    async def story(senders: Senders) -> None:
        hanging, quick = Post(), Post()
        hanging.gate.clear()
        waiting = [asyncio.create_task(senders.send("a", "1", lambda: hanging, str(n), "e")) for n in range(10)]
        await until(lambda: hanging.under_way == 3)
        assert await senders.send("b", "1", lambda: quick, "x", "e") == {"ok": "x"}
        hanging.gate.set()
        await asyncio.gather(*waiting)
        assert hanging.most == 3
        assert [message for message, _ in hanging.sent] == [str(n) for n in range(10)]

    run(story, at_once=3)


def test_sends_together_are_bounded() -> None:
    async def story(senders: Senders) -> None:
        posts = [Post() for _ in range(4)]
        for post in posts:
            post.gate.clear()
        waiting = [
            asyncio.create_task(senders.send(str(n), "1", partial(lambda post: post, post), "x", "e"))
            for n, post in enumerate(posts)
        ]
        await until(lambda: sum(post.under_way for post in posts) == 2)
        for post in posts:
            post.gate.set()
        await asyncio.gather(*waiting)
        assert sum(post.most for post in posts) == 4

    run(story, together=2)


def test_a_service_that_hangs_ends_the_send_in_time_and_nobody_knows() -> None:
    async def story(senders: Senders) -> None:
        post = Post()
        post.gate.clear()
        sends = [asyncio.create_task(senders.send("a", "1", lambda: post, "x", "e")) for _ in range(2)]
        first, second = await asyncio.gather(*sends, return_exceptions=True)
        assert isinstance(first, SendUnknown)
        assert "did not answer within 0.2 s" in str(first)
        assert type(second) is SendFailed
        assert "Too many messages" in str(second)
        assert post.under_way == 0

    run(story, at_once=1, send_seconds=0.2)


def test_what_the_service_says_is_passed_on() -> None:
    async def story(senders: Senders) -> None:
        post = Post(lambda message: SendFailed("too heavy"))
        with pytest.raises(SendFailed, match="too heavy"):
            await senders.send("a", "1", lambda: post, "x", "e")

    run(story)


def test_a_fault_of_a_library_shows_its_kind_only(caplog: pytest.LogCaptureFixture) -> None:
    async def story(senders: Senders) -> None:
        post = Post(lambda message: ValueError("hunter2"))
        with pytest.raises(SendUnknown, match=r"Sending failed \(ValueError\)") as caught:
            await senders.send("a", "1", lambda: post, "x", "e")
        assert "hunter2" not in str(caught.value)

    with caplog.at_level(logging.ERROR):
        run(story)
    assert "unexpected fault while sending" in caplog.text


def test_idle_senders_are_given_up() -> None:
    async def story(senders: Senders) -> None:
        busy, idle = Post(), Post()
        busy.gate.clear()
        sending = asyncio.create_task(senders.send("busy", "1", lambda: busy, "x", "e"))
        await senders.send("idle", "1", lambda: idle, "x", "e")
        await until(lambda: idle.closes == 1)
        assert (len(senders), busy.closes) == (1, 0)
        busy.gate.set()
        await sending

    run(story, idle_seconds=0.1)


def test_the_one_used_longest_ago_makes_room() -> None:
    async def story(senders: Senders) -> None:
        posts = {name: Post() for name in "abc"}
        for name in ("a", "b", "a", "c"):
            await senders.send(name, "1", partial(posts.__getitem__, name), "x", "e")
        await until(lambda: posts["b"].closes == 1)
        assert (len(senders), posts["a"].closes, posts["c"].closes) == (2, 0, 0)

    run(story, kept=2)


def test_no_room_while_all_are_in_use() -> None:
    async def story(senders: Senders) -> None:
        post = Post()
        post.gate.clear()
        sending = asyncio.create_task(senders.send("a", "1", lambda: post, "x", "e"))
        await until(lambda: post.under_way == 1)
        with pytest.raises(SendFailed, match="no more are possible"):
            await senders.send("b", "1", never, "x", "e")
        post.gate.set()
        await sending

    run(story, kept=1)


def test_all_are_closed_at_the_end() -> None:
    posts: list[Post] = []

    async def story(senders: Senders) -> None:
        for name in "ab":
            posts.append(Post())
            await senders.send(name, "1", lambda: posts[-1], "x", "e")

    run(story)
    assert [post.closes for post in posts] == [1, 1]

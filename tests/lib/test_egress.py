"""Where connections may go, judged at the moment of connecting."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from wegnology.lib import egress
from wegnology.lib.egress import EgressRefused, judge, open_tcp, resolve
from wegnology.lib.threads import in_thread


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


@pytest.fixture
def public_only() -> Iterator[None]:
    egress.configure(allow_private=False)
    yield
    egress.configure(allow_private=True)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_some_addresses_are_never_connected_to(address: str) -> None:
    with pytest.raises(EgressRefused):
        judge(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"])
def test_private_addresses_are_a_setting(address: str, request: pytest.FixtureRequest) -> None:
    judge(address)
    request.getfixturevalue("public_only")
    with pytest.raises(EgressRefused, match="not a public address"):
        judge(address)


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_always_allowed(address: str) -> None:
    judge(address)


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::1]"])
def test_no_spelling_gets_around(host: str, listening: int) -> None:
    async def story() -> None:
        with pytest.raises(EgressRefused):
            await open_tcp(host, listening, timeout=5)

    play(story())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_socket_is_connected_and_does_not_block(host: str, listening: int) -> None:
    async def story() -> None:
        with await open_tcp(host, listening, timeout=5) as sock:
            assert sock.getpeername() == ("127.0.0.1", listening)
            assert sock.gettimeout() == 0

    play(story())


def test_a_closed_port_and_an_unknown_name_are_told_apart() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await open_tcp("127.0.0.1", port, timeout=5)
        for name in ("no such name", "a..b", "x" * 70 + ".example"):
            with pytest.raises(socket.gaierror):
                await resolve(name, timeout=5)

    play(story())


def test_a_black_hole_is_given_up_naming_the_phase() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as filling:
            address = server.getsockname()
            for _ in range(3):  # a full backlog: further connections are not answered
                client = filling.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(address)
            await asyncio.sleep(0.05)
            with pytest.raises(TimeoutError, match=f"Connecting to .* port {address[1]} took longer"):
                await open_tcp("127.0.0.1", address[1], timeout=0.2)

    play(story())


def test_two_hundred_stuck_look_ups_delay_nobody() -> None:
    release = threading.Event()

    async def story() -> None:
        stuck = [asyncio.ensure_future(in_thread(release.wait, seconds=60, what="stuck")) for _ in range(200)]
        await asyncio.sleep(0)
        assert await resolve("localhost", timeout=10)
        assert not any(task.done() for task in stuck)
        release.set()
        assert all(await asyncio.gather(*stuck))

    play(story())


def test_a_thread_that_is_given_up_is_woken_and_cleaned_up() -> None:
    async def story() -> None:
        woken, disposed = threading.Event(), asyncio.Event()
        with pytest.raises(TimeoutError, match="The nap took longer than"):
            await in_thread(lambda: woken.wait(20), seconds=0.05, what="The nap", abandon=woken.set, dispose=disposed.set)
        await disposed.wait()

    play(story())


def test_the_error_of_the_work_is_the_callers() -> None:
    async def story() -> None:
        def fail() -> None:
            time.sleep(0)
            raise TimeoutError("the work's own")

        with pytest.raises(TimeoutError, match="the work's own"):
            await in_thread(fail, seconds=5, what="It")

    play(story())

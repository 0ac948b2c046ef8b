"""Where connections may go, judged at the moment of connecting."""

import asyncio
import contextlib
import queue
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from wegnology.lib import egress
from wegnology.lib.egress import EgressRefused, judge, open_tcp, pinned, resolve
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
        "::169.254.169.254",
        "64:ff9b:1::a9fe:a9fe",
        "fe80::5efe:a9fe:a9fe",
        "2001:0:a9fe:a9fe::1",
        "fd00:ec2::254%lo",
        "0.1.2.3",
    ],
)
def test_some_addresses_are_never_connected_to(address: str) -> None:
    with pytest.raises(EgressRefused):
        judge(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "192.168.1.1",
        "100.64.0.1",
        "240.0.0.1",
        "fd12::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
    ],
)
def test_private_addresses_are_a_setting(address: str, request: pytest.FixtureRequest) -> None:
    judge(address)
    request.getfixturevalue("public_only")
    with pytest.raises(EgressRefused, match="not a public address"):
        judge(address)


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_always_allowed(address: str) -> None:
    judge(address)


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LocalHost",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "2130706433",
        "[::1]",
        "0:0:0:0:0:ffff:127.0.0.1",
        "１２７.0.0.1",
        "ｌocalhost",
    ],
)
def test_no_spelling_gets_around(host: str, listening: int) -> None:
    async def story() -> None:
        with pytest.raises(EgressRefused):
            await open_tcp(host, listening, timeout=5)

    play(story())


@pytest.mark.parametrize(
    "host",
    [
        "user@127.0.0.1",
        "127.0.0.1:80",
        "http://127.0.0.1",
        "127.0.0.1/x",
        "127.0.0.1#",
        "%31",
        "127.0.0.1\\@x",
        "a b",
        "",
    ],
)
def test_what_is_no_host_is_not_looked_up(host: str) -> None:
    async def story() -> None:
        with pytest.raises(socket.gaierror, match="cannot be the name of a host"):
            await resolve(host, timeout=5, resolver=lambda _: ["8.8.8.8"])

    play(story())


def test_a_name_that_changes_its_answer_gains_nothing(listening: int) -> None:
    """The answer that was judged is the one that is connected to; the next connection judges the next answer."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def story() -> None:
        with await open_tcp("rebinding.example", listening, timeout=5, resolver=lambda _: next(answers)) as sock:
            assert sock.getpeername() == ("127.0.0.1", listening)
        with pytest.raises(EgressRefused, match="metadata"):
            await open_tcp("rebinding.example", listening, timeout=5, resolver=lambda _: next(answers))

    play(story())


@pytest.mark.usefixtures("public_only")
def test_one_refused_address_refuses_the_name() -> None:
    async def story() -> None:
        with pytest.raises(EgressRefused):
            await pinned("mixed.example", timeout=5, resolver=lambda _: ["8.8.8.8", "10.0.0.1"])
        assert await pinned("fine.example", timeout=5, resolver=lambda _: ["8.8.8.8", "8.8.4.4"]) == "8.8.8.8"
        with pytest.raises(socket.gaierror, match="has no address"):
            await pinned("nothing.example", timeout=5, resolver=lambda _: [])

    play(story())


@pytest.fixture
def allow_list() -> Iterator[None]:
    allow = ["10.1.0.0/16", "192.168.7.7", "fd12::/16", "Broker.Plant.example.", "169.254.0.0/16", "sly.example"]
    egress.configure(allow_private=False, allow=allow)
    yield
    egress.configure(allow_private=True)


@pytest.mark.usefixtures("allow_list")
class TestAllowList:
    @pytest.mark.parametrize("address", ["10.1.2.3", "192.168.7.7", "fd12::1", "::ffff:10.1.2.3"])
    def test_listed_addresses_are_allowed(self, address: str) -> None:
        judge(address)

    @pytest.mark.parametrize("address", ["10.2.0.1", "192.168.7.8", "127.0.0.1"])
    def test_others_are_not(self, address: str) -> None:
        with pytest.raises(EgressRefused, match="WEGNOLOGY_EGRESS_ALLOW"):
            judge(address)

    @pytest.mark.parametrize("spelling", ["broker.plant.example", "BROKER.plant.example", "broker.plant.example."])
    def test_a_listed_host_may_be_private(self, spelling: str) -> None:
        async def story() -> None:
            assert await resolve(spelling, timeout=5, resolver=lambda _: ["10.9.9.9"]) == ["10.9.9.9"]
            with pytest.raises(EgressRefused):
                await resolve("other.example", timeout=5, resolver=lambda _: ["10.9.9.8"])

        play(story())

    def test_metadata_stays_refused_although_listed(self) -> None:
        async def story() -> None:
            for host in ("169.254.169.254", "169.254.1.1", "sly.example"):
                with pytest.raises(EgressRefused, match="never"):
                    await resolve(host, timeout=5, resolver=lambda _: ["169.254.169.254"])

        play(story())


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/99", "http://x", "a b"])
def test_a_bad_entry_of_the_allow_list_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=entry):
        egress.configure(allow_private=False, allow=[entry])


@pytest.mark.usefixtures("public_only")
def test_a_trailing_dot_gets_around_nothing(listening: int) -> None:
    """Some systems know `localhost.`, others do not; none connects."""

    async def story() -> None:
        with pytest.raises((EgressRefused, socket.gaierror)):
            await open_tcp("localhost.", listening, timeout=5)
        with pytest.raises(EgressRefused):
            await open_tcp("localhost.", listening, timeout=5, resolver=lambda _: ["127.0.0.1"])

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
    woken, disposed = threading.Event(), threading.Event()

    async def story() -> None:
        with pytest.raises(TimeoutError, match="The nap took longer than"):
            await in_thread(lambda: woken.wait(20), seconds=0.05, what="The nap", abandon=woken.set, dispose=disposed.set)

    play(story())
    assert woken.is_set()
    assert disposed.wait(20)


def test_what_nobody_takes_is_cleaned_up_once_also_when_the_loop_is_gone() -> None:
    for pause in (0.0, 0.0005, 0.001, 0.002, 0.02):
        let_go, disposed = threading.Event(), queue.SimpleQueue[int]()

        async def story(pause: float, let_go: threading.Event, disposed: queue.SimpleQueue[int]) -> None:
            work = in_thread(lambda: let_go.wait(20), seconds=20, what="It", dispose=lambda: disposed.put(1))
            task = asyncio.create_task(work)
            await asyncio.sleep(0)
            let_go.set()
            time.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(story(pause, let_go, disposed))
        assert disposed.get(timeout=20) == 1
        assert disposed.empty()


def test_what_failed_is_cleaned_up() -> None:
    async def story() -> None:
        disposed = threading.Event()
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0, seconds=20, what="It", dispose=disposed.set)
        assert disposed.is_set()

    play(story())


def test_the_error_of_the_work_is_the_callers() -> None:
    async def story() -> None:
        def fail() -> None:
            time.sleep(0)
            raise TimeoutError("the work's own")

        with pytest.raises(TimeoutError, match="the work's own"):
            await in_thread(fail, seconds=5, what="It")

    play(story())

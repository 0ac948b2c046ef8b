"""What every connector must do, against a real server: its test class inherits `ConnectorContract` and gives a `server`."""

import asyncio
import logging
import os
import threading
import types
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import (
    Any,
    ClassVar,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import pytest
import uvloop

from integrations.checking import run_check
from integrations.connectors.base import AnyConnector, CheckStep, Delivery, Promise, Source
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendLater, SendUnknown
from integrations.runtime.backoff import REFUSED_CAP_SECONDS, Backoff
from integrations.runtime.book import StatusBook
from integrations.runtime.inbox import Intake
from integrations.runtime.listener import Line
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import ConnectionState
from tests.servers.proxy import Proxy
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject

SECONDS = 30.0
"""How long a test waits for something that should come at once."""
Test = TypeVar("Test", bound=Callable[..., None])


def promises(promise: Promise) -> Callable[[Test], Test]:
    """Mark the test of a promise that some protocols cannot keep: their class says so in `cannot`, with the reason."""

    def mark(test: Test) -> Test:
        test.__dict__["promise"] = promise
        return test

    return mark


class Counterpart(ABC):
    """The server as one test sees it: topics and identity of its own, reached through a proxy."""

    secret: str
    """What must never be seen in a text."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    @abstractmethod
    def settings(self) -> JSONObject:
        """Return raw settings that connect."""

    @abstractmethod
    def wrong_settings(self) -> JSONObject:
        """Return raw settings whose login the server refuses."""

    @abstractmethod
    def source(self) -> Source:
        """Return what to listen to."""

    def parts(self) -> list[str]:
        """Return the names of the subscriptions; topics, unless the protocol knows others."""
        return list(self.source().topics)

    @abstractmethod
    def publish(self, messages: Sequence[str]) -> None:
        """Let messages arrive, in order."""

    @abstractmethod
    def text(self, data: JSONObject) -> str:
        """Return the text of a message's data."""

    @abstractmethod
    def outgoing(self, text: str) -> Schema:
        """Return a message to send."""

    @abstractmethod
    def watched(self) -> list[str]:
        """Return the texts that were sent to the server so far."""

    @abstractmethod
    def restart(self) -> None:
        """Stop the server and start it again on the same port."""


class ConnectorContract:
    """The contract as tests. They need the fixture `server`, a `Counterpart` made anew for each test."""

    connector: ClassVar[type[AnyConnector]]
    rounds: ClassVar[int] = 20
    """Of connecting and closing, after which nothing may be left. A second class of the same protocol may do with fewer."""

    @pytest.fixture(autouse=True)
    def _what_cannot_be(self, request: pytest.FixtureRequest) -> None:
        promise: Promise | None = getattr(request.function, "promise", None)
        if promise is not None and promise in self.connector.cannot:
            pytest.skip(f"{self.connector.name} cannot promise that {promise}: {self.connector.cannot[promise]}")

    @pytest.fixture(autouse=True)
    def _log_without_secrets(self, server: Counterpart, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level(logging.INFO)
        yield
        lines = map(logging.Formatter().format, [*caplog.get_records("setup"), *caplog.get_records("call")])
        assert [line for line in lines if server.secret in line] == []

    def make(self, server: Counterpart, settings: JSONObject | None = None) -> AnyConnector:
        """Return a connector that is not connected yet."""
        return self.connector(self.connector.Config.resolve(settings or server.settings(), {}), server.source())

    @asynccontextmanager
    async def connected(self, server: Counterpart, settings: JSONObject | None = None) -> Any:
        """Give a connected connector; closed at the end."""
        connector = self.make(server, settings)
        try:
            async with asyncio.timeout(SECONDS):
                await connector.connect()
            yield connector
        finally:
            await connector.close()

    @asynccontextmanager
    async def sending(self, server: Counterpart, settings: JSONObject | None = None) -> Any:
        """Give a way to send by request; closed at the end."""
        connector = self.make(server, settings)
        sender = type(connector).sender(connector.config, connector.source)
        try:
            yield sender
        finally:
            await sender.close()

    async def take(self, connector: AnyConnector, count: int) -> list[Delivery]:
        """Receive and acknowledge as the runtime does, until `count` have come."""
        got: list[Delivery] = []
        async with asyncio.timeout(SECONDS):
            while len(got) < count:
                some = await connector.receive()
                await connector.acknowledge(some)
                got += some
        return got

    # -- listening

    def test_connects_and_says_what_it_listens_to(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server)
            try:
                data = await connector.connect()
                assert_shape({"type": "connect", **data}, connector.payloads[EventKind.CONNECT])
                assert [s.topic for s in connector.subscriptions()] == server.parts()
                assert all(s.granted for s in connector.subscriptions())
            finally:
                await connector.close()

        run(story())

    def test_a_message_has_the_declared_shape(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                await publish(server, ["grüß dich"])
                [delivery] = await self.take(connector, 1)
                assert_shape(delivery.data, connector.payloads[EventKind.MESSAGE])
                assert server.text(delivery.data) == "grüß dich"
                assert delivery.size == len("grüß dich".encode())
                assert (delivery.receipt is not None) is connector.redelivers

        run(story())

    def test_order_is_kept(self, server: Counterpart) -> None:
        async def story() -> None:
            texts = [str(number) for number in range(500)]
            async with self.connected(server) as connector:
                publishing = asyncio.ensure_future(publish(server, texts))
                got = await self.take(connector, len(texts))
                await publishing
                assert [server.text(delivery.data) for delivery in got] == texts

        run(story())

    @promises(Promise.COMES_AGAIN)
    def test_unacknowledged_comes_again(self, server: Counterpart) -> None:
        async def story() -> None:
            settings = server.settings()
            texts = ["1", "2", "3"]
            async with self.connected(server, settings) as connector:
                await publish(server, texts)
                got: list[Delivery] = []
                async with asyncio.timeout(SECONDS):
                    while len(got) < 3:
                        got += await connector.receive()
                await connector.acknowledge(got[:1])
            async with self.connected(server, settings) as connector:
                assert [server.text(delivery.data) for delivery in await self.take(connector, 2)] == ["2", "3"]

        run(story())

    def test_a_cancelled_receive_loses_nothing(self, server: Counterpart) -> None:
        async def story() -> None:
            texts = [str(number) for number in range(50)]
            async with self.connected(server) as connector:
                publishing = asyncio.ensure_future(publish(server, texts))
                got: list[Delivery] = []
                async with asyncio.timeout(SECONDS):
                    while len(got) < len(texts):
                        receiving = asyncio.ensure_future(connector.receive())
                        await asyncio.sleep(0)
                        receiving.cancel()
                        await asyncio.wait([receiving])
                        if not receiving.cancelled():
                            got += receiving.result()
                            await connector.acknowledge(receiving.result())
                await publishing
                assert [server.text(delivery.data) for delivery in got] == texts

        run(story())

    def test_a_pause_reads_nothing_and_loses_nothing(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                connector.pause(True)
                await publish(server, ["1", "2"])
                await connector.probe()
                receiving = asyncio.ensure_future(connector.receive())
                done, _ = await asyncio.wait([receiving], timeout=0.2)
                assert not done
                connector.pause(False)
                got = list(await asyncio.wait_for(receiving, SECONDS))
                await connector.acknowledge(got)
                got += await self.take(connector, 2 - len(got))
                assert [server.text(delivery.data) for delivery in got] == ["1", "2"]

        run(story())

    @promises(Promise.WAITS)
    def test_a_full_inbox_makes_the_source_wait(self, server: Counterpart) -> None:
        """What is not asked for stays at the source, and is there for the next connection."""

        async def story() -> None:
            settings, texts = server.settings(), [str(number) for number in range(30)]
            async with self.connected(server, settings) as connector:
                connector.pause(True)
                await publish(server, texts)
                receiving = asyncio.ensure_future(connector.receive())
                done, _ = await asyncio.wait([receiving], timeout=0.2)
                assert not done
                receiving.cancel()
            async with self.connected(server, settings) as connector:
                assert [server.text(delivery.data) for delivery in await self.take(connector, 30)] == texts

        run(story())

    # -- the line

    def test_a_dropped_line_is_noticed(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                receiving = asyncio.ensure_future(connector.receive())
                await asyncio.sleep(0)
                server.proxy.cut()
                error = await loss(connector, receiving)
                assert_shape(event(connector, EventKind.DISCONNECT, error), connector.payloads[EventKind.DISCONNECT])
                await loss(connector, connector.probe())

        run(story())

    def test_a_probe_proves_life(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                for _ in range(3):
                    await asyncio.wait_for(connector.probe(), SECONDS)

        run(story())

    def test_a_half_open_line_is_noticed_by_a_probe_within_its_bound(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                server.proxy.freeze()
                await loss(connector, connector.probe(), connector.probe_limit)

        run(story())

    def test_a_wrong_login_is_refused(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server, server.wrong_settings())
            error = await failure(connector.connect(), (Refused, *connector.refused))
            assert_shape(event(connector, EventKind.FAILURE, error), connector.payloads[EventKind.FAILURE])
            await connector.close()

        run(story())

    def test_a_wrong_login_is_tried_again_slowly_and_its_cause_is_shown(self, server: Counterpart) -> None:
        async def story() -> None:
            witness = Witness()
            connector = self.make(server, server.wrong_settings())
            async with witness.watching(connector, attempts=12) as line:
                await until(lambda: witness.kinds == [EventKind.FAILURE], "the failure being told")
                assert line.status.state is ConnectionState.REFUSED
                assert line.status.latest_cause == connector.explain(await failure(connector.connect(), (Exception,)))
                assert witness.delays == [(REFUSED_CAP_SECONDS / 2, REFUSED_CAP_SECONDS)]
            await connector.close()

        run(story())

    def test_a_restarted_server_is_found_again_and_subscribed_to(self, server: Counterpart) -> None:
        async def story() -> None:
            witness = Witness()
            async with witness.watching(self.make(server)) as line:
                await until(lambda: line.connected, "the line being up")
                await asyncio.to_thread(server.restart)
                await until(lambda: EventKind.DISCONNECT in witness.kinds and line.connected, "the line being up again")
                connector = line.connector
                assert connector is not None
                assert [s.topic for s in connector.subscriptions() if s.granted] == server.parts()
                await publish(server, ["again"])
                await until(lambda: "again" in map(server.text, witness.messages), "the message")
            told = [kind for kind in witness.kinds if kind is not EventKind.FAILURE]
            assert told == [EventKind.CONNECT, EventKind.DISCONNECT, EventKind.CONNECT]
            assert {low for low, _ in witness.delays} == {0.05}

        run(story())

    def test_an_unreachable_server_says_so(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server)
            server.proxy.stop()
            assert "refused" in connector.explain(await failure(connector.connect(), connector.transient))
            await connector.close()

        run(story())

    # -- sending

    @promises(Promise.SENDS)
    @pytest.mark.parametrize("count", [1, 200])
    def test_sends_what_it_was_given(self, server: Counterpart, count: int) -> None:
        async def story() -> None:
            texts = [f"{number} grüß dich" for number in range(count)]
            if not self.connector.sends_live:
                async with self.sending(server) as sender:
                    for number, text in enumerate(texts):
                        assert_shape(await sender.send(server.outgoing(text), str(number)), self.connector.answer, "the answer")
                    await until(lambda: server.watched() == texts, "the server having got every message in order")
                return
            async with self.connected(server) as connector:
                assert list(await connector.send_many([server.outgoing(text) for text in texts])) == [None] * count
                await until(lambda: server.watched() == texts, "the server having got every message in order")

        run(story())

    @promises(Promise.SENDS)
    def test_a_send_that_fails_says_how_it_stands_and_leaves_nothing(self, server: Counterpart) -> None:
        run(self.fail_live(server) if self.connector.sends_live else self.fail_by_request(server))

    async def fail_by_request(self, server: Counterpart) -> None:
        """Send with a wrong login; close while a line was lost."""
        async with self.sending(server, server.wrong_settings()) as sender:
            with pytest.raises(SendFailed) as caught:
                await sender.send(server.outgoing("refused"), "one")
            assert [text for text in [repr(sender), *causes(caught.value)] if server.secret in text] == []
        async with self.sending(server) as sender:
            await sender.send(server.outgoing("taken"), "two")
            server.proxy.cut()
            await sender.close()
        await until(lambda: server.proxy.connections == 0, "every line being closed")

    async def fail_live(self, server: Counterpart) -> None:
        """Send before there is a line, while it is lost, and after."""
        connector = self.make(server)
        with pytest.raises(SendLater):
            await connector.send(server.outgoing("early"))
        await connector.connect()
        receiving = asyncio.ensure_future(connector.receive())
        server.proxy.freeze()
        messages = [server.outgoing("x" * 1000) for _ in range(2000)]
        sending = asyncio.ensure_future(connector.send_many(messages))
        await asyncio.sleep(0.1)
        server.proxy.cut()
        outcomes = await asyncio.wait_for(sending, SECONDS)
        assert all(outcome is None or isinstance(outcome, SendFailed) for outcome in outcomes)
        if connector.redelivers:
            assert isinstance(outcomes[0], SendUnknown)
        assert isinstance(outcomes[-1], SendLater | SendUnknown | None)
        await loss(connector, receiving)
        with pytest.raises(SendLater):
            await connector.send(server.outgoing("late"))
        await connector.close()

    # -- checking

    async def checked(self, server: Counterpart, settings: JSONObject | None = None) -> list[CheckStep]:
        """Run a check; return how each step ended."""
        one = self.make(server, settings)
        steps = run_check(Desired("5f00", "", "", self.connector, one.config, one.source, ""))
        async with asyncio.timeout(SECONDS):
            return list({step.name: step async for step in steps}.values())

    def test_a_check_finds_that_it_works(self, server: Counterpart) -> None:
        async def story() -> None:
            steps = await self.checked(server)
            assert [step for step in steps if step.state not in ("ok", "warning")] == []
            assert len(steps) > 3
            assert [step for step in steps if server.secret in f"{step.detail}{step.advice}"] == []
            await until(lambda: server.proxy.connections == 0, "its lines being closed")

        run(story())

    def test_a_check_says_of_a_wrong_login_what_the_status_says(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server, server.wrong_settings())
            error = await failure(connector.connect(), (Refused, *connector.refused))
            await connector.close()
            assert_fails_like(await self.checked(server, server.wrong_settings()), connector, error)

        run(story())

    def test_a_check_says_of_an_unreachable_server_what_the_status_says(self, server: Counterpart) -> None:
        async def story() -> None:
            server.proxy.stop()
            connector = self.make(server)
            error = await failure(connector.connect(), connector.transient)
            await connector.close()
            assert_fails_like(await self.checked(server), connector, error)

        run(story())

    def test_a_check_of_a_silent_server_ends(self, server: Counterpart) -> None:
        async def story() -> None:
            server.proxy.freeze()
            steps = await self.checked(server)
            assert [step.state for step in steps].count("failed") == 1
            assert {step.state for step in steps} <= {"ok", "warning", "failed", "skipped"}

        run(story())

    def test_twenty_checks_leave_the_live_connection_receiving(self, server: Counterpart) -> None:
        async def story() -> None:
            texts = [str(number) for number in range(40)]
            async with self.connected(server) as connector:
                taking = asyncio.ensure_future(self.take(connector, len(texts)))
                for number in range(4):
                    checking = asyncio.gather(*(self.checked(server) for _ in range(5)))
                    await publish(server, texts[10 * number : 10 * number + 10])
                    found = [step for steps in await checking for step in steps]
                    assert [step for step in found if step.state not in ("ok", "warning")] == []
                assert [server.text(delivery.data) for delivery in await taking] == texts
                await asyncio.wait_for(connector.probe(), SECONDS)

        run(story())

    def test_a_check_that_is_given_up_leaves_nothing(self, server: Counterpart) -> None:
        async def story() -> None:
            await self.checked(server)
            await until(lambda: server.proxy.connections == 0, "its lines being closed")
            before = held()
            one = self.make(server)
            for wanted in range(12):
                steps = run_check(Desired("5f00", "", "", self.connector, one.config, one.source, ""))
                seen = 0
                async for step in steps:
                    seen += step.state == "running"
                    if seen > wanted % 6:
                        break
                await steps.aclose()
            await until(lambda: server.proxy.connections == 0, "every line being closed")
            await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), f"no more than {before}")

        run(story())

    # -- leaving nothing behind

    def test_closing_twice_is_fine(self, server: Counterpart) -> None:
        async def story() -> None:
            await self.make(server).close()
            connector = self.make(server)
            await connector.connect()
            receiving = asyncio.ensure_future(connector.receive())
            await asyncio.sleep(0)
            await connector.close()
            await connector.close()
            await loss(connector, receiving)
            await until(lambda: server.proxy.connections == 0, "the line being closed")

        run(story())

    def test_no_secret_is_shown(self, server: Counterpart, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)

        async def story() -> None:
            settings = server.settings()
            shown: list[str] = []
            async with self.connected(server, settings) as connector:
                shown += [repr(connector), repr(connector.config), str(connector.config), repr(vars(connector))]
                server.proxy.cut()
                shown += texts_of(connector, await loss(connector, connector.receive()))
            refused = self.make(server, server.wrong_settings())
            fault = await failure(refused.connect(), (IntegrationError, *refused.refused, *refused.transient))
            shown += texts_of(refused, fault)
            await refused.close()
            assert [text for text in shown if server.secret in text] == []

        run(story())

    def test_nothing_is_left_after_many_rounds(self, server: Counterpart) -> None:
        async def round_trip(number: int) -> None:
            async with self.connected(server) as connector:
                probing = asyncio.ensure_future(connector.probe())
                await publish(server, [str(number)])
                await self.take(connector, 1)
                await probing

        async def story() -> None:
            await round_trip(0)
            await until(lambda: server.proxy.connections == 0, "the line being closed")
            before = held()
            for number in range(self.rounds):
                await round_trip(number)
            await until(lambda: server.proxy.connections == 0, "every line being closed")
            await until(
                lambda: all(now <= then for now, then in zip(held(), before, strict=True)),
                f"no more threads, tasks and files than before: {before}",
            )

        run(story())


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine on the kind of loop that production uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(story, 3 * SECONDS))


def held() -> tuple[int, int, int]:
    """Count threads, tasks and open files."""
    return threading.active_count(), len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails naming `what`."""
    try:
        async with asyncio.timeout(SECONDS):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"did not come true: {what}")


async def publish(server: Counterpart, messages: Sequence[str]) -> None:
    """Publish beside the loop."""
    await asyncio.to_thread(server.publish, messages)


async def failure(doing: Awaitable[Any], kinds: tuple[type[Exception], ...], seconds: float = SECONDS) -> Exception:
    """Wait until something fails by itself, with one of these errors; running out of time is not such a failure."""
    task = asyncio.ensure_future(doing)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
        pytest.fail(f"it did not fail within {seconds:g} s")
    error = task.exception()
    assert isinstance(error, kinds), f"it ended with {error!r}"
    return error


async def loss(connector: AnyConnector, doing: Awaitable[Any], seconds: float = SECONDS) -> Exception:
    """Wait until something fails because the line is lost."""
    return await failure(doing, (Disconnected, *connector.transient), seconds)


class Witness:
    """Stands for intake, status and outbox of a line, and acknowledges at once."""

    def __init__(self) -> None:
        self.kinds: list[EventKind] = []
        self.messages: list[JSONObject] = []
        self.delays: list[tuple[float, float]] = []
        """Bounds of every wait before another attempt."""

    @asynccontextmanager
    async def watching(self, connector: AnyConnector, attempts: int = 0) -> Any:
        """Run the runtime's own loop around such connectors, after so many attempts that failed; attempts follow at once."""
        wanted = Desired(connector.source.integration_id, "", "", type(connector), connector.config, connector.source, "")
        backoff = Backoff(self._uniform)
        backoff.attempts = attempts
        line = Line(wanted, cast(Intake, self), cast(StatusBook, self), self, "p1", None, backoff)
        line.begin()
        try:
            yield line
        finally:
            await line.end()

    def _uniform(self, low: float, high: float) -> float:
        self.delays.append((low, high))
        return high if low > SECONDS else 0.05

    def put(self, line: Line, deliveries: Sequence[Delivery], connector: AnyConnector) -> None:
        """Take messages."""
        self.messages += [delivery.data for delivery in deliveries]
        self._acknowledging = asyncio.ensure_future(connector.acknowledge(deliveries))

    def put_event(self, line: Line, kind: EventKind, ms: int, data: JSONObject) -> None:
        """Take an event."""
        self.kinds.append(kind)

    def note(self, integration_id: str, status: Any, transition: bool) -> None:
        """The line shows its status itself."""

    def mark(self, line: Line) -> None:
        """Nothing of a line that ended is kept."""

    def forget(self, line: Line) -> None:
        """Likewise."""

    def due(self, line: Line) -> None:
        """Nothing is sent."""


def event(connector: AnyConnector, kind: EventKind, error: BaseException) -> JSONObject:
    """Return the data of an event as a workflow sees it."""
    assert isinstance(error, Exception)
    return {"type": kind.value, **connector.event_data(kind, error)}


def assert_fails_like(steps: Sequence[CheckStep], connector: AnyConnector, error: BaseException) -> None:
    """Compare the one step that failed with the cause that the status would name; those after it were not tried."""
    states = [step.state for step in steps]
    failed = states.index("failed")
    assert steps[failed].detail == connector.explain(error)
    assert steps[failed].advice.endswith(".")
    assert set(states[failed + 1 :]) <= {"skipped"}


def texts_of(connector: AnyConnector, error: BaseException) -> list[str]:
    """Return all that may be shown of an error, its causes included."""
    return [connector.explain(error), *causes(error)]


def causes(error: BaseException) -> list[str]:
    """Return what an error and its causes say."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        texts += [str(cause), repr(cause)]
        cause = cause.__cause__ or cause.__context__
    return texts


def assert_shape(value: Any, expected: Any, place: str = "data") -> None:
    """Compare a value with a declared type: keys and types, all the way down."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Required, NotRequired):
        assert_shape(value, arguments[0], place)
    elif is_typeddict(expected):
        hints = get_type_hints(expected)
        assert isinstance(value, dict), place
        assert expected.__required_keys__ <= value.keys() <= hints.keys(), f"{place} has the keys {sorted(value)}"
        for key, item in value.items():
            assert_shape(item, hints[key], f"{place}.{key}")
    elif origin is Literal:
        assert value in arguments, place
    elif origin is list:
        assert isinstance(value, list), place
        for at, item in enumerate(value):
            assert_shape(item, arguments[0], f"{place}[{at}]")
    elif origin is dict:
        assert isinstance(value, dict), place
        for key, item in value.items():
            assert_shape(item, arguments[1], f"{place}.{key}")
    elif origin is types.UnionType:
        assert isinstance(value, arguments), place
    else:
        assert type(value) is expected, f"{place} is {value!r}"

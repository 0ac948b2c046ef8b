"""What every connector must do, against a real server: its test class inherits `ConnectorContract` and gives a `server`."""

import asyncio
import os
import threading
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import pytest
import uvloop

from integrations.checking import run_check
from integrations.connectors.base import AnyConnector, CheckStep, Delivery, Source
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendLater, SendUnknown
from integrations.runtime.snapshot import Desired
from tests.servers.proxy import Proxy
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject

SECONDS = 30.0
"""How long a test waits for something that should come at once."""


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
                assert [s.topic for s in connector.subscriptions()] == list(server.source().topics)
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

    def test_unacknowledged_comes_again(self, server: Counterpart) -> None:
        if not self.connector.redelivers:
            pytest.skip(f"{self.connector.name}: the source does not send again what was not acknowledged")

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

    # -- the line

    def test_a_dropped_line_is_noticed(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                receiving = asyncio.ensure_future(connector.receive())
                await asyncio.sleep(0)
                server.proxy.cut()
                with pytest.raises((Disconnected, *connector.transient)) as caught:
                    await asyncio.wait_for(receiving, SECONDS)
                assert_shape(event(connector, EventKind.DISCONNECT, caught.value), connector.payloads[EventKind.DISCONNECT])
                with pytest.raises((Disconnected, *connector.transient)):
                    await connector.probe()

        run(story())

    def test_a_probe_proves_life(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                for _ in range(3):
                    await asyncio.wait_for(connector.probe(), SECONDS)

        run(story())

    def test_a_half_open_line_is_noticed_by_a_probe(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                server.proxy.freeze()
                with pytest.raises((Disconnected, *connector.transient)):
                    await asyncio.wait_for(connector.probe(), SECONDS)

        run(story())

    def test_a_wrong_login_is_refused(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server, server.wrong_settings())
            with pytest.raises((Refused, *connector.refused)) as caught:
                await asyncio.wait_for(connector.connect(), SECONDS)
            assert_shape(event(connector, EventKind.FAILURE, caught.value), connector.payloads[EventKind.FAILURE])
            await connector.close()

        run(story())

    def test_a_server_that_is_away_is_found_again(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server) as connector:
                await asyncio.to_thread(server.restart)
                with pytest.raises((Disconnected, *connector.transient)):
                    await self.take(connector, 1)
            async with self.connected(server) as connector:
                await publish(server, ["again"])
                assert server.text((await self.take(connector, 1))[0].data) == "again"

        run(story())

    def test_an_unreachable_server_says_so(self, server: Counterpart) -> None:
        async def story() -> None:
            connector = self.make(server)
            server.proxy.stop()
            with pytest.raises(connector.transient) as caught:
                await asyncio.wait_for(connector.connect(), SECONDS)
            assert "refused" in connector.explain(caught.value)
            await connector.close()

        run(story())

    # -- sending

    @pytest.mark.parametrize("count", [1, 200])
    def test_sends_what_it_was_given(self, server: Counterpart, count: int) -> None:
        if self.connector.Outgoing is None:
            pytest.skip(f"{self.connector.name}: cannot send")

        async def story() -> None:
            texts = [f"{number} grüß dich" for number in range(count)]
            if not self.connector.sends_live:
                async with self.sending(server) as sender:
                    for number, text in enumerate(texts):
                        assert isinstance(await sender.send(server.outgoing(text), str(number)), dict)
                    await until(lambda: server.watched() == texts, "the server having got every message in order")
                return
            async with self.connected(server) as connector:
                assert list(await connector.send_many([server.outgoing(text) for text in texts])) == [None] * count
                await until(lambda: server.watched() == texts, "the server having got every message in order")

        run(story())

    def test_a_send_by_request_fails_in_plain_words_and_leaves_nothing(self, server: Counterpart) -> None:
        if self.connector.Outgoing is None or self.connector.sends_live:
            pytest.skip(f"{self.connector.name}: does not send by request")

        async def story() -> None:
            async with self.sending(server, server.wrong_settings()) as sender:
                with pytest.raises(SendFailed) as caught:
                    await sender.send(server.outgoing("refused"), "one")
                assert [text for text in [repr(sender), *causes(caught.value)] if server.secret in text] == []
            async with self.sending(server) as sender:
                await sender.send(server.outgoing("taken"), "two")
                server.proxy.cut()
                await sender.close()
            await until(lambda: server.proxy.connections == 0, "every line being closed")

        run(story())

    def test_sending_without_a_line_says_how_it_stands(self, server: Counterpart) -> None:
        if not self.connector.sends_live:
            pytest.skip(f"{self.connector.name}: does not send through its own line")

        async def story() -> None:
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
            with pytest.raises((Disconnected, *connector.transient)):
                await receiving
            with pytest.raises(SendLater):
                await connector.send(server.outgoing("late"))
            await connector.close()

        run(story())

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
            with pytest.raises((Refused, *connector.refused)) as caught:
                await asyncio.wait_for(connector.connect(), SECONDS)
            await connector.close()
            assert_fails_like(await self.checked(server, server.wrong_settings()), connector, caught.value)

        run(story())

    def test_a_check_says_of_an_unreachable_server_what_the_status_says(self, server: Counterpart) -> None:
        async def story() -> None:
            server.proxy.stop()
            connector = self.make(server)
            with pytest.raises(connector.transient) as caught:
                await asyncio.wait_for(connector.connect(), SECONDS)
            await connector.close()
            assert_fails_like(await self.checked(server), connector, caught.value)

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
            with pytest.raises((Disconnected, *connector.transient)):
                await asyncio.wait_for(receiving, SECONDS)
            await until(lambda: server.proxy.connections == 0, "the line being closed")

        run(story())

    def test_no_secret_is_shown(self, server: Counterpart) -> None:
        async def story() -> None:
            settings = server.settings()
            shown: list[str] = []
            async with self.connected(server, settings) as connector:
                shown += [repr(connector), repr(connector.config), str(connector.config), repr(vars(connector))]
                server.proxy.cut()
                with pytest.raises((Disconnected, *connector.transient)) as caught:
                    await asyncio.wait_for(connector.receive(), SECONDS)
                shown += texts_of(connector, caught.value)
            refused = self.make(server, server.wrong_settings())
            with pytest.raises((IntegrationError, *refused.refused, *refused.transient)) as fault:
                await refused.connect()
            shown += texts_of(refused, fault.value)
            await refused.close()
            assert [text for text in shown if server.secret in text] == []

        run(story())

    def test_nothing_is_left_after_twenty_rounds(self, server: Counterpart) -> None:
        async def story() -> None:
            async with self.connected(server):
                pass
            await until(lambda: server.proxy.connections == 0, "the line being closed")
            before = held()
            for _ in range(20):
                async with self.connected(server) as connector:
                    await connector.probe()
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

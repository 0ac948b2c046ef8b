"""The outbox: in order, kept until confirmed, failures counted, waiting nodes answered."""

import asyncio
import logging
from typing import Any

import orjson
import pytest

from integrations.exceptions import SendFailed, SendUnknown
from integrations.runtime import outbox
from integrations.runtime.keys import key
from tests.fakes import FakeWaitingConnector
from tests.integrations.runtime.hub import Hub, desired, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib.ids import new_id

pytestmark = pytest.mark.usefixtures("far_ends")


def test_messages_leave_in_order_and_only_while_connected(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        wanted = desired(new_id())
        i = wanted.integration_id
        hub.queue(i, *map(str, range(250)))
        line, far = await lines.connected(wanted)
        await until(lambda: hub.outbox(i) == [])
        assert far.sent == [str(n) for n in range(250)]
        assert hub.sent(i) == {"sent": 250}
        hub.queue(i, "late")
        lines.outbox.called([i, "unknown"])
        await until(lambda: far.sent[-1] == "late" and hub.outbox(i) == [])
        assert line.connected

    run_lines(hub, test)


def test_a_message_stays_until_the_peer_confirmed_it(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.hold_sends = asyncio.Event()
        hub.queue(line.integration_id, "a", "b")
        lines.outbox.due(line)
        await until(lambda: line.sending)
        assert hub.outbox(line.integration_id) == ["a", "b"]
        far.hold_sends.set()
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == ["a", "b"]

    run_lines(hub, test)


def test_what_the_peer_refuses_is_counted_and_the_rest_goes_on(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_send = lambda body: SendFailed("topic not allowed") if body == "b" else None
        hub.queue(line.integration_id, "a", "b", "c")
        lines.outbox.due(line)
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == ["a", "c"]
        assert hub.sent(line.integration_id) == {"sent": 2, "failed": 1}

    with caplog.at_level(logging.WARNING):
        run_lines(hub, test)
    assert "topic not allowed" in caplog.text


def test_what_was_not_confirmed_is_sent_again_after_the_reconnect(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_send = lambda body: SendUnknown("lost on the way") if body == "b" else None
        hub.queue(line.integration_id, "a", "b")
        lines.outbox.due(line)
        await until(lambda: hub.outbox(line.integration_id) == ["b"])
        far.error_on_send = lambda body: None
        far.drop()
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == ["a", "b"]
        assert hub.sent(line.integration_id) == {"sent": 2}

    run_lines(hub, test)


def test_a_connector_that_fails_to_send_is_not_asked_without_pause(
    hub: Hub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.bug_on_send = ZeroDivisionError("a bug")
        hub.queue(line.integration_id, "a")
        lines.outbox.due(line)
        await until(lambda: "sending failed" in caplog.text)
        for _ in range(20):  # a round trip each: a sender that did not pause would have tried as often
            await lines.client.ping()
        assert caplog.text.count("connector: sending failed") == 1
        assert hub.outbox(line.integration_id) == ["a"]
        far.bug_on_send = None
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == ["a"]

    monkeypatch.setattr(outbox, "LOOK_SECONDS", 0.5)
    with caplog.at_level(logging.ERROR):
        run_lines(hub, test)


def test_messages_wait_while_the_line_is_down(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_connect = ConnectionRefusedError()
        far.drop()
        await until(lambda: not line.connected)
        hub.queue(line.integration_id, "a")
        lines.outbox.called([line.integration_id])
        await until(lambda: far.connects > 5)
        assert hub.outbox(line.integration_id) == ["a"]
        far.error_on_connect = None
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == ["a"]

    run_lines(hub, test)


def test_without_a_call_outboxes_are_looked_at(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_SECONDS", 0.05)

    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        hub.queue(line.integration_id, "a")
        await until(lambda: far.sent == ["a"])

    run_lines(hub, test)


def test_confirmations_wait_for_a_lease_that_was_lost_for_a_moment(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        token = lines.tokens.pop(line.partition)
        hub.queue(line.integration_id, "a")
        lines.outbox.due(line)
        await until(lambda: far.sent == ["a"])
        lines.tokens[line.partition] = token
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert hub.sent(line.integration_id) == {"sent": 1}
        assert far.sent == ["a"]

    run_lines(hub, test)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, ""), (SendFailed("not allowed"), "failed:not allowed"), (SendUnknown("lost"), "unknown:lost")],
)
def test_a_waiting_node_gets_the_outcome_and_nothing_is_kept(hub: Hub, error: Exception | None, outcome: str) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(desired(new_id(), kind=FakeWaitingConnector))
        far.error_on_send = lambda body: error
        assert await answer(lines, line.integration_id) == {"reply": "e1:1", "outcome": outcome}
        await until(lambda: hub.outbox(line.integration_id) == [])

    run_lines(hub, test)


def test_a_waiting_node_learns_at_once_that_the_line_is_down(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = lines.begin(desired(new_id(), kind=FakeWaitingConnector))
        far.error_on_connect = ConnectionRefusedError()
        await until(lambda: far.connects > 1)
        found = await answer(lines, line.integration_id)
        assert found == {"reply": "e1:1", "outcome": "failed:The integration is not connected."}
        await until(lambda: hub.outbox(line.integration_id) == [])
        assert far.sent == []

    run_lines(hub, test)


async def answer(lines: Lines, integration_id: str) -> Any:
    """Queue a message whose node waits; return what the node hears."""
    channel = key("wake", "w1")
    async with lines.client.pubsub(ignore_subscribe_messages=True) as calls:
        await calls.subscribe(channel)
        lines.hub.queue(integration_id, "a", reply=f"{channel}#e1:1")
        lines.outbox.called([integration_id])
        async with asyncio.timeout(5):
            while (message := await calls.get_message(ignore_subscribe_messages=True, timeout=1.0)) is None:
                pass
    return orjson.loads(message["data"])

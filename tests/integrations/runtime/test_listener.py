"""One line: what it announces, how it fails, how it is brought to its end."""

import asyncio
import logging

import pytest

from integrations.events import EventKind, TriggerEvent
from integrations.exceptions import Unreachable
from integrations.runtime import listener
from integrations.runtime.status import ConnectionState, Status
from tests.fakes import refused
from tests.integrations.runtime.hub import Hub, desired, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib.ids import new_id

CONNECT, MESSAGE, DISCONNECT, FAILURE = EventKind.CONNECT, EventKind.MESSAGE, EventKind.DISCONNECT, EventKind.FAILURE
pytestmark = pytest.mark.usefixtures("far_ends")


def test_connect_message_and_disconnect_become_events_in_order(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        number = far.publish(text="hello")
        await until(lambda: far.acked == [number])
        far.drop("cable cut")
        await until(lambda: far.connects == 2 and len(hub.inbox(line.integration_id)) == 4)
        events = [TriggerEvent.from_json(entry.stored) for entry in hub.inbox(line.integration_id)]
        assert [event.kind for event in events] == [CONNECT, MESSAGE, DISCONNECT, CONNECT]
        assert events[0].data == {"type": "connect", "number": 1}
        assert events[1].data == {"number": number, "text": "hello"}
        assert events[2].data == {"type": "disconnect", "disconnectReason": "cable cut"}
        assert len({event.id for event in events}) == 4

    run_lines(hub, test)


def test_failure_fires_on_the_first_attempt_and_on_a_changed_cause(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        wanted = desired(new_id())
        line, far = lines.begin(wanted)
        far.error_on_connect = ConnectionRefusedError("nobody listens")
        await until(lambda: far.connects >= 4)
        far.error_on_connect = Unreachable("no route")
        at = far.connects
        await until(lambda: far.connects >= at + 4)
        far.error_on_connect = None
        await until(lambda: line.connected and CONNECT in hub.kinds(line.integration_id))
        assert hub.kinds(line.integration_id) == [FAILURE, FAILURE, CONNECT]

    run_lines(hub, test)


def test_the_first_and_the_latest_cause_are_kept_until_it_is_connected(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_connect = Unreachable("no route")
        far.drop("cable cut")
        await until(lambda: line.status.latest_cause == "no route")
        status = line.status
        assert (status.state, status.first_cause, status.disconnect_error) == (ConnectionState.FAILING, "cable cut", "cable cut")
        assert status.attempts >= 2
        assert status.next_attempt_ms >= status.since_ms > 0
        assert status.subscriptions == []
        far.error_on_connect = None
        await until(lambda: line.status.state is ConnectionState.CONNECTED)
        assert (line.status.first_cause, line.status.latest_cause, line.status.attempts) == ("", "", 0)
        assert line.status.disconnect_error == "cable cut"
        assert line.status.subscriptions == [{"topic": "t", "granted": True, "detail": ""}]

    run_lines(hub, test)


def test_a_handover_announces_nothing(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        first, far = await lines.connected()
        await until(lambda: hub.kinds(first.integration_id) == [CONNECT])
        await first.end()
        again, _ = await lines.connected(first.desired, last=first.status)
        far.publish()
        await until(lambda: len(hub.inbox(first.integration_id)) == 2)
        assert hub.kinds(first.integration_id) == [CONNECT, MESSAGE]
        assert again.status.connected_ms >= first.status.connected_ms

    run_lines(hub, test)


def test_the_next_holder_announces_the_end_of_a_failure(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        last = Status(ConnectionState.FAILING, 1, connected_ms=1, latest_cause="cable cut")
        line, _ = await lines.connected(last=last)
        await until(lambda: hub.kinds(line.integration_id) == [CONNECT])

    run_lines(hub, test)


def test_the_other_side_may_ask_for_a_pause(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = lines.begin()
        far.error_on_connect = Unreachable("too many requests", retry_after=120)
        await until(lambda: line.status.state is ConnectionState.FAILING)
        assert line.status.next_attempt_ms - line.status.since_ms >= 119_000
        assert far.connects == 1

    run_lines(hub, test)


def test_a_refused_login_is_tried_again_slowly(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = lines.begin()
        far.error_on_connect = refused("wrong password")
        await until(lambda: len(lines.waits.asked) >= 12)
        assert line.status.state is ConnectionState.REFUSED
        assert line.status.first_cause == "wrong password"
        assert lines.waits.asked[11] == (450.0, 900.0)
        await until(lambda: hub.kinds(line.integration_id) == [FAILURE])

    run_lines(hub, test)


def test_a_fault_of_the_connector_is_logged_and_retried(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async def test(lines: Lines) -> None:
        line, far = lines.begin()
        far.error_on_connect = ZeroDivisionError("a bug")
        await until(lambda: far.connects >= 2)
        assert line.status.state is ConnectionState.FAILING
        far.error_on_connect = None
        await until(lambda: line.connected)

    with caplog.at_level(logging.ERROR):
        run_lines(hub, test)
    assert "unexpected ZeroDivisionError" in caplog.text


def test_a_line_without_proof_of_life_is_broken_off_and_connected_again(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_probe = ConnectionResetError("dead")
        await line.probe()
        far.error_on_probe = None
        await until(lambda: far.connects == 2 and line.connected)
        await line.probe()
        await until(lambda: hub.kinds(line.integration_id) == [CONNECT, DISCONNECT, CONNECT])
        assert (far.closes, line.status.disconnect_error) == (1, "dead")

    run_lines(hub, test)


def test_a_probe_that_never_returns_is_no_proof(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECT_PHASE_SECONDS", 0.05)

    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        before = line.proof_ms
        far.hang_on_probe = True
        await line.probe()
        await until(lambda: far.connects == 2 and line.connected)
        assert line.status.disconnect_error == "Keepalive Timeout"
        assert line.proof_ms >= before

    run_lines(hub, test)


def test_a_connection_that_hangs_in_connecting_or_closing_does_not_stop_the_attempts(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CONNECT_PHASE_SECONDS", 0.05)
    monkeypatch.setattr(listener, "CONNECT_SECONDS", 0.05)

    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.hang_on_close = far.hang_on_connect = True
        far.drop()
        await until(lambda: far.connects >= 3)
        far.hang_on_close = far.hang_on_connect = False
        await until(lambda: line.connected)

    run_lines(hub, test)


@pytest.mark.parametrize("broken", [False, True])
def test_ending_is_final_even_while_the_line_breaks(hub: Hub, broken: bool) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        if broken:
            line.break_off(Unreachable("dead"))
        async with asyncio.timeout(5):
            await line.end()
        assert (far.connects, far.closes, far.line) == (1, 1, None)
        assert DISCONNECT not in hub.kinds(line.integration_id)

    run_lines(hub, test)


def test_ending_hands_over_and_acknowledges_what_is_held(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        token = lines.tokens.pop(line.partition)  # nothing can be appended for a moment
        numbers = [far.publish() for _ in range(20)]
        await until(lambda: sum(held.delivery is not None for held in line.held) == 20)
        ending = asyncio.create_task(line.end())
        await until(lambda: not line.reading)
        late = far.publish()
        lines.tokens[line.partition] = token
        lines.intake.mark(line)
        await ending
        assert hub.numbers(line.integration_id) == far.acked == numbers
        assert line.reading is False  # nothing more was read on the way out
        assert lines.intake.held_bytes == 0
        await lines.connected(line.desired, last=line.status)
        await until(lambda: far.acked == [*numbers, late])

    run_lines(hub, test)


def test_a_lost_line_ends_without_acknowledging_and_the_source_sends_again(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        hub.hold("listen", line.integration_id, "p2")
        number = far.publish()
        await until(lambda: lines.lost)
        await line.end(accept=False)
        assert (far.acked, hub.numbers(line.integration_id), lines.intake.held_bytes) == ([], [], 0)
        await lines.connected(line.desired, last=line.status)
        await until(lambda: far.acked == [number])

    run_lines(hub, test)


def test_messages_are_proof_of_life(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        line.proof_ms = 0
        far.publish()
        await until(lambda: line.proof_ms > 0)
        assert line.last_message_ms == line.proof_ms

    run_lines(hub, test)


def test_a_degraded_line_says_so_until_it_is_well_again(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        assert line.connector is not None
        line.connector.degraded = "Allow sqs:DeleteMessage."
        far.publish()
        await until(lambda: line.status.degraded == "Allow sqs:DeleteMessage.")
        assert (line.status.state, line.status.latest_cause) == (ConnectionState.CONNECTED, "Allow sqs:DeleteMessage.")
        line.connector.degraded = ""
        await line.probe()
        assert (line.status.degraded, line.status.latest_cause) == ("", "")

    run_lines(hub, test)

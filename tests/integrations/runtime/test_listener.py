"""One line: what it announces, how it fails, how it is brought to its end."""

import asyncio
import logging

import orjson
import pytest

from integrations.events import EventKind, TriggerEvent
from integrations.exceptions import SendFailed, Unreachable
from integrations.runtime import line_status, listener
from integrations.runtime.keys import key
from integrations.runtime.status import ConnectionState, Status
from tests.fakes import FakeConnector, refused
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
        assert (status.state, status.first_cause, status.disconnect_error) == (
            ConnectionState.DISCONNECTED,
            "cable cut",
            "cable cut",
        )
        assert status.attempts >= 2
        assert status.next_attempt_ms >= status.since_ms > 0
        assert status.subscriptions == []
        far.error_on_connect = None
        await until(lambda: line.status.state is ConnectionState.CONNECTED)
        assert (line.status.first_cause, line.status.latest_cause, line.status.attempts) == ("", "", 0)
        assert line.status.disconnect_error == "cable cut"
        assert [(row["topic"], row["granted"]) for row in line.status.subscriptions] == [("t", True)]
        assert len(line.status.losses) == 1

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


def test_a_cause_goes_on_with_the_next_holder_and_is_not_announced_again(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        first, far = await lines.connected()
        far.error_on_connect = Unreachable("no route")
        far.drop("cable cut")
        await until(lambda: first.status.attempts >= 3)
        await first.end()
        before = hub.kinds(first.integration_id)
        assert before == [CONNECT, DISCONNECT, FAILURE]
        attempts = far.connects
        again, _ = lines.begin(first.desired, last=Status.from_json(first.status.to_json()))
        status = again.status
        assert (status.state, status.first_cause, status.latest_cause) == (ConnectionState.CONNECTING, "cable cut", "no route")
        await until(lambda: far.connects >= attempts + 3)
        assert (again.status.state, again.status.first_cause) == (ConnectionState.DISCONNECTED, "cable cut")
        assert again.status.since_ms == first.status.since_ms
        assert again.status.attempts > first.status.attempts
        far.error_on_connect = Unreachable("no such host")
        await until(lambda: len(hub.inbox(first.integration_id)) == 4)
        assert hub.kinds(first.integration_id) == [*before, FAILURE]

    run_lines(hub, test)


def test_a_handover_while_connecting_forgets_no_cause(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        wanted = desired(new_id())
        refusal = Status(
            ConnectionState.CONNECTING, 5, first_cause="no", latest_cause="wrong password", down="refused", settings=wanted.digest
        )
        line, far = lines.begin(wanted, last=refusal)
        far.error_on_connect = refused("wrong password")
        await until(lambda: far.connects >= 2)
        assert (line.status.state, line.status.first_cause, line.status.since_ms) == (ConnectionState.REFUSED, "no", 5)
        assert hub.kinds(line.integration_id) == []

    run_lines(hub, test)


def test_after_an_edit_the_first_cause_is_that_of_the_new_settings(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        i = new_id()
        last = Status(ConnectionState.DISCONNECTED, 5, first_cause="cable cut", latest_cause="no route", down="disconnected")
        line, far = lines.begin(desired(i, "other.example"), last=last)
        far.error_on_connect = Unreachable("no such host")
        await until(lambda: far.connects >= 2)
        assert (line.status.first_cause, line.status.latest_cause) == ("no such host", "no such host")
        await until(lambda: hub.kinds(i) == [FAILURE])

    run_lines(hub, test)


def test_losses_are_remembered_through_a_handover(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        for number in (2, 3, 4):
            far.drop()
            await until(lambda number=number: far.connects == number and line.connected)  # type: ignore[misc]
        assert len(line.status.losses) == 3
        await line.end()
        again, _ = await lines.connected(line.desired, last=line.status)
        assert again.status.losses == line.status.losses

    run_lines(hub, test)


def test_a_source_that_is_not_read_says_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_status, "UNREAD_MS", 0)

    async def test(lines: Lines) -> None:
        line, _ = await lines.connected()
        line.set_reading(False)
        line.inbox_full = True
        line.look()
        assert line.status.degraded == "Nothing more is read from the source: the inbox is full."
        line.set_reading(True)
        line.look()
        assert (line.status.degraded, line.status.latest_cause) == ("", "")

    run_lines(hub, test)


def test_messages_that_cannot_be_sent_are_told_until_one_can(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected()
        far.error_on_send = lambda body: SendFailed("Quota exceeded.")
        hub.queue(line.integration_id, "a", "b", "c")
        lines.outbox.due(line)
        await until(lambda: hub.sent(line.integration_id).get("failed") == 3)
        await lines.faults.write()
        number, _, first, latest = orjson.loads(hub.client.hget(key("sendfaults"), line.integration_id))
        assert (number, first, latest) == (3, "Quota exceeded.", "Quota exceeded.")
        far.error_on_send = lambda body: None
        hub.queue(line.integration_id, "d")
        lines.outbox.due(line)
        await until(lambda: far.sent == ["d"])
        await lines.faults.write()
        assert hub.client.hget(key("sendfaults"), line.integration_id) is None

    run_lines(hub, test)


def test_a_source_is_asked_rarely_how_much_waits(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_status, "SOURCE_MS", 0)

    async def test(lines: Lines) -> None:
        line, _ = await lines.connected()
        asked: list[int] = []

        async def measure(connector: FakeConnector) -> None:
            asked.append(1)
            connector.backlog = {"queue": 7}
            if len(asked) > 1:
                raise PermissionError("not allowed to")

        monkeypatch.setattr(FakeConnector, "measure", measure)
        await line.probe()
        await line.probe()
        assert (asked, line.status.backlog) == ([1], {"queue": 7})
        monkeypatch.setattr(listener, "MEASURE_SECONDS", 0.0)
        await line.probe()
        assert (asked, line.connected) == ([1, 1], True)

    run_lines(hub, test)


def test_the_next_holder_announces_the_end_of_a_failure(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        last = Status(ConnectionState.DISCONNECTED, 1, connected_ms=1, latest_cause="cable cut")
        line, _ = await lines.connected(last=last)
        await until(lambda: hub.kinds(line.integration_id) == [CONNECT])

    run_lines(hub, test)


def test_the_other_side_may_ask_for_a_pause(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = lines.begin()
        far.error_on_connect = Unreachable("too many requests", retry_after=120)
        await until(lambda: line.status.state is ConnectionState.DISCONNECTED)
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
        assert line.status.state is ConnectionState.DISCONNECTED
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
    monkeypatch.setattr(FakeConnector, "probe_limit", 0.2)

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
        await until(lambda: sum(delivery is not None for _, _, delivery, _ in line.held) == 20)
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

"""Status is proof: what readers believe, and what is written of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import orjson
import pytest
from pytest_django import Settings

from integrations.runtime import book
from integrations.runtime.book import StatusBook
from integrations.runtime.keys import key
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import Hub, ids_apart, with_client
from wegnology.lib.redis import AsyncRedis


def now_ms() -> int:
    return int(time.time() * 1_000)


def report(hub: Hub, state: ConnectionState, *, listener: str = "p1", proof_age: float | None = 0.0) -> str:
    (i,) = ids_apart(1)
    hub.client.set(key("status", i), Status(state, 1, first_cause="why", latest_cause="why", listener=listener).to_json())
    if proof_age is not None:
        hub.client.hset(key("proof"), i, now_ms() - int(proof_age * 1_000))
    return i


def read(hub: Hub, i: str) -> Status:
    return read_statuses(hub.client, [i])[i]


def test_connected_is_believed_with_a_holder_and_fresh_proof(hub: Hub) -> None:
    i = report(hub, ConnectionState.CONNECTED)
    hub.hold("listen", i, "p1")
    hub.client.hset(key("last"), i, 123)
    status = read(hub, i)
    assert status.state is ConnectionState.CONNECTED
    assert status.last_message_ms == 123
    assert now_ms() - status.proof_ms < 10_000


def test_without_fresh_proof_it_is_unknown(hub: Hub, settings: Settings) -> None:
    settings.PROOF_SECONDS = 30.0
    i = report(hub, ConnectionState.CONNECTED, proof_age=31)
    hub.hold("listen", i, "p1")
    status = read(hub, i)
    assert (status.state, status.latest_cause) == (ConnectionState.UNKNOWN, "No proof of life for 31 s.")
    assert status.first_cause == "why"


def test_without_any_proof_it_is_unknown(hub: Hub) -> None:
    i = report(hub, ConnectionState.CONNECTED, proof_age=None)
    hub.hold("listen", i, "p1")
    assert read(hub, i).latest_cause == "No proof of life yet."


def test_without_a_holder_everything_that_needs_one_is_unknown(hub: Hub) -> None:
    for state in ConnectionState:
        i = report(hub, state)
        expected = ConnectionState.DISABLED if state is ConnectionState.DISABLED else ConnectionState.UNKNOWN
        assert read(hub, i).state is expected


def test_what_another_process_than_the_holder_wrote_is_not_believed(hub: Hub) -> None:
    i = report(hub, ConnectionState.CONNECTED, listener="p1")
    hub.hold("listen", i, "p2")
    status = read(hub, i)
    assert (status.state, status.latest_cause) == (ConnectionState.UNKNOWN, "Another listener is taking this integration over.")


def test_a_failing_connection_needs_no_proof_and_keeps_its_causes(hub: Hub) -> None:
    i = report(hub, ConnectionState.DISCONNECTED, proof_age=3_600)
    hub.hold("listen", i, "p1")
    status = read(hub, i)
    assert (status.state, status.first_cause, status.latest_cause) == (ConnectionState.DISCONNECTED, "why", "why")


def test_an_integration_nobody_reported_on_is_unknown(hub: Hub) -> None:
    first, second = ids_apart(2)
    found = read_statuses(hub.client, [first, second])
    assert {status.state for status in found.values()} == {ConnectionState.UNKNOWN}
    assert read_statuses(hub.client, []) == {}


def test_a_row_of_a_newer_release_is_read() -> None:
    row = {**orjson.loads(Status(ConnectionState.REFUSED, 5).to_json()), "new": 1}
    assert Status.from_json(orjson.dumps(row)) == Status(ConnectionState.REFUSED, 5)


@dataclass
class Seen:
    """What the book reads of a connection."""

    integration_id: str
    proof_ms: int = 1
    last_message_ms: int = 2
    status: Status = field(default_factory=Status)


def test_transitions_go_into_the_history_and_proofs_are_written_for_all_together(hub: Hub) -> None:
    first, second = ids_apart(2)

    async def work(client: AsyncRedis) -> None:
        book = StatusBook(client)
        book.note(first, Status(ConnectionState.DISCONNECTED, 7, latest_cause="gone"), transition=True)
        book.note(second, Status(ConnectionState.CONNECTING, 8), transition=False)
        await book.write([Seen(first), Seen(second)])

    asyncio.run(with_client(work))
    [line] = map(orjson.loads, hub.client.lrange(key("history"), 0, -1))
    assert abs(line.pop("t") - now_ms()) < 60_000
    assert line == {"i": first, "s": "disconnected", "c": "gone"}
    assert hub.client.hgetall(key("proof")) == {first.encode(): b"1", second.encode(): b"1"}
    assert hub.client.hgetall(key("last")) == {first.encode(): b"2", second.encode(): b"2"}
    assert Status.from_json(hub.client.get(key("status", second))).state is ConnectionState.CONNECTING


def test_a_row_of_an_earlier_release_is_read_and_a_state_of_a_later_one_is_unknown() -> None:
    assert Status.from_json(b'{"state": "failing"}').state is ConnectionState.DISCONNECTED
    assert Status.from_json(b'{"state": "levitating"}').state is ConnectionState.UNKNOWN


def write(hub: Hub, process: str, *notes: tuple[str, Status], before: Callable[[], object] = lambda: None) -> list[str]:
    """Let a book write rows twice, with something between; return the causes in the history."""

    async def work(client: AsyncRedis) -> None:
        book = StatusBook(client, process)
        for integration_id, status in notes:
            book.note(integration_id, status, transition=True)
        await book.write([])
        before()
        await book.write([])

    asyncio.run(with_client(work))
    return [orjson.loads(line)["c"] for line in hub.client.lrange(key("history"), 0, -1)]


def test_a_listener_that_was_late_overwrites_nothing(hub: Hub) -> None:
    (i,) = ids_apart(1)
    hub.hold("listen", i, "p2")
    assert write(hub, "p1", (i, Status(ConnectionState.DISCONNECTED, latest_cause="late"))) == []
    assert hub.client.get(key("status", i)) is None


def test_what_was_refused_is_written_when_the_lease_is_regained(hub: Hub) -> None:
    (i,) = ids_apart(1)
    rows = [(i, Status(ConnectionState.CONNECTED, latest_cause=cause)) for cause in ("first", "second")]
    assert write(hub, "p1", *rows, before=lambda: hub.hold("listen", i, "p1")) == ["first", "second"]
    assert Status.from_json(hub.client.get(key("status", i))).latest_cause == "second"


def test_pauses_between_messages_are_kept(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "PACE_SECONDS", 0.0)
    (i,) = ids_apart(1)
    seen = Seen(i, last_message_ms=1_000)

    async def work(client: AsyncRedis) -> None:
        writing = StatusBook(client)
        for _ in range(3):
            await writing.write([seen])
            seen.last_message_ms += 60_000
        seen.status = replace(seen.status, connected_ms=seen.last_message_ms)
        seen.last_message_ms += 9_000_000
        await writing.write([seen])  # what was spent disconnected is no pause
        seen.last_message_ms += 5_000
        await writing.write([seen])

    asyncio.run(with_client(work))
    kept = orjson.loads(hub.client.hget(key("pace"), i))
    assert kept[0] == 3
    assert round(sum(kept[1:]), -3) == 125_000

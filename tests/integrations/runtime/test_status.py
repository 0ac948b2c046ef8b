"""Status is proof: what readers believe, and what is written of it."""

import asyncio
import time
from dataclasses import dataclass

import orjson
from pytest_django import Settings

from integrations.runtime.book import StatusBook
from integrations.runtime.keys import key
from integrations.runtime.status import ConnectionState, Status, read_statuses
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
    i = report(hub, ConnectionState.FAILING, proof_age=3_600)
    hub.hold("listen", i, "p1")
    status = read(hub, i)
    assert (status.state, status.first_cause, status.latest_cause) == (ConnectionState.FAILING, "why", "why")


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


def test_transitions_go_into_the_history_and_proofs_are_written_for_all_together(hub: Hub) -> None:
    first, second = ids_apart(2)

    async def work(client: AsyncRedis) -> None:
        book = StatusBook(client)
        book.note(first, Status(ConnectionState.FAILING, 7, latest_cause="gone"), transition=True)
        book.note(second, Status(ConnectionState.CONNECTING, 8), transition=False)
        await book.write([Seen(first), Seen(second)])

    asyncio.run(with_client(work))
    assert [orjson.loads(line) for line in hub.client.lrange(key("history"), 0, -1)] == [
        {"i": first, "t": 7, "s": "failing", "c": "gone"}
    ]
    assert hub.client.hgetall(key("proof")) == {first.encode(): b"1", second.encode(): b"1"}
    assert hub.client.hgetall(key("last")) == {first.encode(): b"2", second.encode(): b"2"}
    assert Status.from_json(hub.client.get(key("status", second))).state is ConnectionState.CONNECTING

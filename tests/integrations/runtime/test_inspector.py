"""What people may look at: the newest messages, what was skipped, what became of them; logins masked, sizes bounded."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest

from integrations.connectors.base import Delivery
from integrations.events import EventKind, TriggerEvent, message_event
from integrations.inspection import Inspection, Message, find_message, matching, read_inspection, views
from integrations.runtime import inbox
from integrations.runtime.inbox import Held
from integrations.runtime.inspector import Inspector, Outcome, Way
from integrations.runtime.keys import key
from integrations.runtime.limits import Limits
from tests.integrations.runtime.hub import Hub, until
from tests.integrations.runtime.lines import Lines, run_lines
from tests.servers.redis import RedisServer
from wegnology.lib.ids import new_id
from wegnology.lib.redis import async_client
from wegnology.lib.types import JSONObject

I = "5f3a1b2c4d5e6f7a8b9c0d1e"  # noqa: E741  (an integration)


def held(data: JSONObject, event_id: str = "", policy: str = "W") -> Held:
    """Return a message as the intake holds it."""
    delivery = Delivery(data, 1_700_000_000_000, receipt=1)
    return message_event(event_id or new_id(), delivery.received_ms, data), policy, delivery, None


def inspected(work: Callable[[Inspector], Awaitable[None]], **limits: int) -> Inspection:
    """Return what is kept after some work."""

    async def main() -> None:
        client = async_client()
        inspector = Inspector(client, Limits(**limits))
        await work(inspector)
        await inspector._link.close()
        await client.aclose()

    asyncio.run(main())
    return read_inspection(I)


def test_the_newest_messages_are_kept_with_what_was_skipped(hub: Hub) -> None:
    async def work(inspector: Inspector) -> None:
        for start in range(0, 50, 10):
            inspector.accepted(I, [held({"message": str(number)}) for number in range(start, start + 10)])
        await inspector.write()
        inspector.accepted(I, [held({"message": "50"})])
        await inspector.write()

    found = inspected(work, inspect_messages=8, inspect_per_second=5)
    assert [message.data["message"] for message in found.messages] == ["50", "49", "48", "47", "46", "45"]
    assert [message.skipped_before for message in found.messages] == [0, 0, 0, 0, 0, 45]


def test_no_more_than_the_setting_is_kept_and_it_goes_with_the_integration(hub: Hub) -> None:
    async def work(inspector: Inspector) -> None:
        for number in range(7):
            inspector.accepted(I, [held({"message": str(number)})])
            await inspector.write()

    found = inspected(work, inspect_messages=3)
    assert [message.data["message"] for message in found.messages] == ["6", "5", "4"]
    assert hub.client.hget(key("inspected"), I) == b"7"
    inbox.discard(hub.client, I)
    assert not hub.client.keys(key("messages", "*"))
    assert not hub.client.hgetall(key("inspected"))


def test_switched_off_nothing_is_kept(hub: Hub) -> None:
    async def work(inspector: Inspector) -> None:
        inspector.accepted(I, [held({"message": "1"})])
        inspector.sent([(I, new_id())], Way(I, "sent", 1))
        await inspector.write()

    assert inspected(work, inspect_messages=0).messages == []
    assert not hub.client.keys("*")


def test_logins_are_masked_and_long_texts_cut(hub: Hub) -> None:
    headers: JSONObject = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "accept": "text/html", "cookie": "s3cret"}
    pairs: JSONObject = {"userProperties": [["password", "s3cret"], ["floor", "2"]]}

    async def work(inspector: Inspector) -> None:
        inspector.accepted(I, [held({"topic": "a/b", "headers": headers, "properties": pairs, "message": "x" * 9_000})])
        await inspector.write()

    (message,) = inspected(work, inspect_bytes=500).messages
    assert "s3cret" not in str(hub.client.lrange(key("messages", I), 0, -1))
    assert message.data["headers"] == {
        **dict.fromkeys(("Authorization", "X-Api-Key", "cookie"), "********"),
        "accept": "text/html",
    }
    assert message.data["properties"] == {"userProperties": [["password", "********"], ["floor", "2"]]}
    assert message.cut
    assert 300 < len(str(message.data["message"])) < 500
    assert message.size > 9_000
    assert message.topic == "a/b"


def test_dropped_messages_and_events_of_the_connection_are_kept_too(hub: Hub) -> None:
    event = TriggerEvent(new_id(), EventKind.CONNECT, 5, {"type": "connect"})

    async def work(inspector: Inspector) -> None:
        large = (b"dropped:too large", "X", held({"message": "large"})[2], None)
        inspector.accepted(I, [large, (event.to_json(), "d", None, None)])
        await inspector.write()

    connect, large = inspected(work).messages
    assert (connect.event_id, connect.kind, connect.received_ms) == (event.id, "connect", 5)
    assert (large.outcome, large.data) == ("dropped:too large", {"message": "large"})
    assert large.skipped_before == connect.skipped_before == 0


def test_each_message_says_what_became_of_it_and_what_took_how_long(hub: Hub) -> None:
    done, waits = new_id(), new_id()
    outcome = Outcome(done, "parked:failed", 1_000, 300, 1_500, 1_900, [("w1", "v1", "Unwell: no"), ("w2", "v2", "")])

    async def work(inspector: Inspector) -> None:
        inspector.accepted(I, [held({"message": "first"}, done), held({"message": "second"}, waits)])
        inspector.ended(I, outcome)
        await inspector.write()
        inspector.sent([(I, done)], Way("t1", "sent", 70))
        await inspector.write()

    hub.append(I, [b"{}"], "*")
    found = inspected(work)
    first = find_message(found, done)
    second = find_message(found, waits)
    assert first is not None
    assert second is not None
    assert (first.outcome, first.throttle_ms, first.queue_ms, first.run_ms, first.send_ms) == ("parked:failed", 300, 200, 400, 70)
    assert [(run.workflow_id, run.error) for run in first.runs] == [("w1", "Unwell: no"), ("w2", "")]
    assert [(sent.integration_id, sent.outcome) for sent in first.sends] == [("t1", "sent")]
    assert second.outcome == "waiting"
    assert matching(found.messages, "FIRST") == [first]
    assert matching(found.messages, outcome="waiting") == [second]
    hub.client.delete(key("inbox", I))
    hub.client.rpush(key("messages", I), orjson.dumps({"id": new_id(), "a": 1, "t": 1, "k": "message", "n": 1, "d": {}}))
    assert [message.outcome for message in read_inspection(I).messages] == ["ended", "waiting", "parked:failed"]


def test_an_intake_and_an_outbox_tell_it(hub: Hub, far_ends: object) -> None:
    async def test(lines: Lines) -> None:
        inspector = Inspector(lines.client, Limits())
        lines.intake._on_accepted, lines.outbox._on_sent = inspector.accepted, inspector.sent
        line, far = await lines.connected()
        numbers = [far.publish(), far.publish()]
        await until(lambda: far.acked == numbers)
        message = orjson.dumps({"m": {"body": "out"}, "o": [line.integration_id, new_id()]})
        hub.client.xadd(key("outbox", line.integration_id), {"m": message})
        hub.client.sadd(key("outboxes"), line.integration_id)
        lines.outbox.due(line)
        await until(lambda: not hub.outbox(line.integration_id))
        await inspector.write()
        found = read_inspection(line.integration_id)
        assert [one.data.get("number") for one in found.messages if one.kind == "message"] == [2, 1]
        assert hub.client.llen(key("outcomes", line.integration_id)) == 1
        await inspector._link.close()

    run_lines(hub, test)


def test_while_redis_is_away_or_full_nothing_is_lost_but_the_look(own_redis: RedisServer) -> None:
    async def main() -> None:
        client = async_client()
        inspector = Inspector(client, Limits())
        own_redis.stop()
        inspector.accepted(I, [held({"message": "1"}), held({"message": "2"})])
        await inspector.write()
        own_redis.start()
        with own_redis.client() as sync:
            sync.config_set("maxmemory", "100kb")
            inspector.accepted(I, [held({"message": "3"})])
            await inspector.write()
            sync.config_set("maxmemory", "0")
        inspector.accepted(I, [held({"message": "4"})])
        await inspector.write()
        await inspector._link.close()
        await client.aclose()

    asyncio.run(main())
    (message,) = read_inspection(I).messages
    assert (message.data["message"], message.skipped_before) == ("4", 3)


@pytest.mark.parametrize(
    ("data", "wanted", "form", "text"),
    [
        ({"message": '{"a":1}'}, "", "json", '{\n  "a": 1\n}'),
        ({"message": '{"a":1}'}, "text", "text", '{"a":1}'),
        ({"message": "hello"}, "json", "text", "hello"),
        ({"message": "hi\x00"}, "hex", "hex", "000000  68 69 00                                         hi."),
        ({"message": "/wA=", "encoding": "base64"}, "", "hex", "000000  ff 00                                            .."),
        ({"body": {"a": 1}}, "text", "json", '{\n  "a": 1\n}'),
        ({"qos": 1}, "", "json", "1"),
    ],
)
def test_parts_are_shown_decoded(data: JSONObject, wanted: str, form: str, text: str) -> None:
    (shown,) = views(Message("e", 0, 0, "message", 1, data, "ended"), wanted)
    assert (shown.form, shown.text) == (form, text)

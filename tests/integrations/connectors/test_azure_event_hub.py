"""Azure Event Hubs against a namespace on loopback, plain and secured."""

import asyncio
import itertools
import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from integrations.connectors.azure_event_hub import AzureEventHubConfig, AzureEventHubConnector, AzureEventHubOutgoing
from integrations.connectors.base import AnyConnector, Delivery, Source
from integrations.exceptions import Disconnected, Refused, SendFailed, SendUnknown, Unreachable
from tests.integrations.connectors.contract import ConnectorContract, Counterpart, held, publish, run, until
from tests.servers import amqp
from tests.servers.certificates import Certificates
from tests.servers.event_hubs import KEY, EventHubs
from tests.servers.event_hubs_links import Condition
from tests.servers.proxy import Proxy
from wegnology.lib import egress, event_hub_line
from wegnology.lib.credential_types import AzureCredential
from wegnology.lib.egress import EgressRefused
from wegnology.lib.event_hub_line import HubLine, PartitionFacts
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject

_numbers = itertools.count()


class QuickEventHub(AzureEventHubConnector):
    """The connector with a shorter patience; it keeps positions as the runtime does."""

    phase_seconds: ClassVar[float] = 3.0
    positions: ClassVar[dict[str, str]] = {}

    async def connect(self) -> JSONObject:
        data = await super().connect()
        self.positions.update(self.passed())
        return data

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        await super().acknowledge(deliveries)
        self.positions.update(one.position for one in deliveries if one.position is not None)
        self.positions.update(self.passed())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def shared() -> Iterator[EventHubs]:
    with EventHubs() as hubs:
        yield hubs


@pytest.fixture(scope="module")
def shared_secured(certificates: Certificates) -> Iterator[EventHubs]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_file, certificates.server_key_file)
    with EventHubs(tls=context, frame_bytes=1024) as hubs:
        yield hubs


class Peer(Counterpart):
    """A hub of the test's own."""

    secret = KEY

    def __init__(self, hubs: EventHubs, proxy: Proxy) -> None:
        super().__init__(proxy)
        self.hubs = hubs
        self.name = f"hub{next(_numbers)}"
        self.sent = f"{self.name}out"
        hubs.hub(self.name)
        QuickEventHub.positions.clear()

    def settings(self) -> JSONObject:
        return {
            "connectionString": self.hubs.connection_string(self.proxy.port),
            "hubName": self.name,
            "consumerGroup": "$Default",
        }

    def wrong_settings(self) -> JSONObject:
        return {**self.settings(), "connectionString": self.hubs.connection_string(self.proxy.port).replace(KEY, KEY[::-1])}

    def source(self) -> Source:
        return Source("5f30", positions=dict(QuickEventHub.positions))

    def parts(self) -> list[str]:
        return ["partition 0", "partition 1"]

    def publish(self, messages: Sequence[str]) -> None:
        self.hubs.publish(self.name, messages, key="one")

    def text(self, data: JSONObject) -> str:
        event: Any = data["event"]
        return str(event["body"])

    def outgoing(self, text: str) -> AzureEventHubOutgoing:
        return AzureEventHubOutgoing(data=text, partition_key="one")

    def watched(self) -> list[str]:
        return self.hubs.bodies(self.name)

    def restart(self) -> None:
        self.hubs.restart()


class TestAzureEventHub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickEventHub

    @pytest.fixture
    def server(self, shared: EventHubs) -> Iterator[Peer]:
        with Proxy(shared.port) as proxy:
            yield Peer(shared, proxy)


class TestSecuredAzureEventHub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickEventHub

    @pytest.fixture
    def server(self, shared_secured: EventHubs, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
        monkeypatch.setattr(QuickEventHub, "authority", certificates.ca)
        with Proxy(shared_secured.port) as proxy:
            yield Peer(shared_secured, proxy)


# -- settings


STRING = f"Endpoint=sb://green.servicebus.windows.net/;SharedAccessKeyName=hub;SharedAccessKey={KEY}"
HUB: JSONObject = {"hubName": "readings", "consumerGroup": "$Default"}
POLICY = AzureCredential(account="hub", account_key=SecretStr(KEY))


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({**HUB, "connectionString": STRING}, []),
        ({**HUB, "connectionString": f"{STRING};EntityPath=Readings"}, []),
        ({**HUB, "hostName": "green.servicebus.windows.net"}, []),
        ({**HUB, "connectionString": f"{STRING};EntityPath=other"}, ["hubName"]),
        ({**HUB, "connectionString": STRING, "hostName": "green.servicebus.windows.net"}, ["hostName"]),
        ({**HUB, "connectionString": "Endpoint"}, ["connectionString"]),
        ({**HUB, "hostName": "sb://green.servicebus.windows.net/"}, ["hostName"]),
        ({"connectionString": STRING, "hubName": "a/b", "consumerGroup": "$Default"}, ["hubName"]),
        ({"connectionString": STRING}, ["consumerGroup", "hubName"]),
    ],
)
def test_faults_of_settings_name_the_field(settings: JSONObject, faults: list[str]) -> None:
    found: list[str] = []
    try:
        AzureEventHubConfig.resolve(settings, {})
    except ConfigInvalid as error:
        found = sorted(error.errors)
    assert found == faults


@pytest.mark.parametrize(
    ("settings", "credential", "faults"),
    [
        ({"connectionString": STRING}, None, []),
        ({"hostName": "a.b"}, POLICY, []),
        ({}, None, ["credentialName"]),
        ({"hostName": "a.b"}, None, ["credentialName"]),
        ({"connectionString": STRING, "hostName": "a.b"}, None, ["hostName"]),
        ({"connectionString": STRING}, POLICY, ["connectionString", "hostName"]),
        ({"hostName": "a.b"}, AzureCredential(account=None, account_key=SecretStr(KEY)), ["credentialName"]),
    ],
)
def test_one_way_to_log_in(settings: JSONObject, credential: AzureCredential | None, faults: list[str]) -> None:
    assert sorted(AzureEventHubConnector.check_access(settings, credential)) == faults


def test_partition_keys_are_checked() -> None:
    assert sorted(AzureEventHubConnector.check_topics(["a", "b", "a", "x" * 129])) == [2, 3]


# -- what arrives


@pytest.fixture
def server(shared: EventHubs) -> Iterator[Peer]:
    """A hub reached through a proxy, and a namespace without faults."""
    shared.fault("none")
    with Proxy(shared.port) as proxy:
        yield Peer(shared, proxy)
    shared.fault("none")


def make(server: Peer, *keys: str, **more: Any) -> QuickEventHub:
    """Return a connector that goes on where the last one was."""
    config = QuickEventHub.Config.resolve({**server.settings(), **more}, {})
    return QuickEventHub(config, Source("5f31", keys, positions=dict(QuickEventHub.positions)))  # type: ignore[arg-type]


async def take(connector: QuickEventHub, count: int) -> list[Any]:
    """Receive and acknowledge so many events; return their data."""
    got: list[Any] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            some = await connector.receive()
            await connector.acknowledge(some)
            got += [delivery.data for delivery in some]
    return got


def test_events_have_their_documented_shape(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        properties: dict[str, Any] = {
            "text": "grüß",
            "number": 7,
            "big": 2**40,
            "yes": True,
            "half": 0.5,
            "raw": b"\xff",
            "none": None,
        }
        await asyncio.to_thread(server.hubs.publish, server.name, ["grüß"], "boiler", **properties)
        await asyncio.to_thread(server.hubs.publish, server.name, [b"\xff\x00"], partition="0")
        got = {data["event"]["partitionKey"]: data for data in await take(connector, 2)}
        keyed, plain = got["boiler"], got[None]
        moment = keyed["event"].pop("enqueuedTimeUtc")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
        assert keyed == {
            "type": "message",
            "event": {
                "body": "grüß",
                "offset": "0",
                "partitionKey": "boiler",
                "properties": {**properties, "raw": "/w=="},
                "sequenceNumber": 0,
            },
            "eventHubName": server.name,
            "partitionId": keyed["partitionId"],
        }
        assert (plain["event"]["body"], plain["event"]["encoding"], plain["partitionId"]) == ("/wA=", "base64", "0")
        await connector.close()

    run(story())


@pytest.mark.parametrize(
    ("section", "body"),
    [
        (amqp.Described(amqp.VALUE, "text"), "text"),
        (amqp.Described(amqp.VALUE, {"a": [1, True], "b": None}), '{"a":[1,true],"b":null}'),
        (amqp.Described(0x76, [1, "two"]), '[1,"two"]'),
        (amqp.Described(amqp.VALUE, None), ""),
    ],
)
def test_bodies_that_are_no_bytes(server: Peer, section: amqp.Described, body: str) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        decimal = b"\x00\x53\x74\xc1\x0f\x02\xa1\x01d\x84" + bytes(8)  # a property that the library cannot read
        raw = decimal.replace(b"\xc1\x0f", b"\xc1" + bytes([len(decimal) - 5])) + amqp.encode(section)
        server.hubs._call(lambda: server.hubs.hubs[server.name].partitions["0"].append(raw, None))
        [data] = await take(connector, 1)
        assert data["event"]["body"] == body
        await connector.close()

    run(story())


def test_only_wanted_partition_keys_arrive_and_the_rest_is_passed(server: Peer) -> None:
    async def story() -> None:
        connector = make(server, "boiler", "lamp")
        await connector.connect()
        for key in ("door", "boiler", "Boiler", None, "lamp", "door"):
            await asyncio.to_thread(server.hubs.publish, server.name, [str(key)], key)
        assert sorted(data["event"]["body"] for data in await take(connector, 2)) == ["boiler", "lamp"]
        await until(lambda: sum(connector._read.values()) == 4, "all six events read")
        waiting = asyncio.ensure_future(connector.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        QuickEventHub.positions.update(connector.passed())
        assert sorted(value.partition(":")[0] for value in QuickEventHub.positions.values()) == sorted(
            str(len(one.events) - 1) for one in server.hubs.hubs[server.name].partitions.values()
        )
        await connector.close()

    run(story())


# -- where it goes on


def test_a_first_start_is_at_the_newest_event_and_the_next_goes_on(server: Peer) -> None:
    async def story() -> None:
        await publish(server, ["old"])
        for round_ in range(3):
            connector = make(server)
            await connector.connect()
            if round_:
                assert [server.text(data) for data in await take(connector, 1)] == [f"away {round_ - 1}"]
            await connector.close()
            for partition in ("0", "1") if round_ == 2 else ("0",):
                await asyncio.to_thread(server.hubs.publish, server.name, [f"away {round_}"], partition=partition)
        connector = make(server)
        await connector.connect()
        assert [server.text(data) for data in await take(connector, 2)] == ["away 2", "away 2"]
        assert connector.notices == []
        await connector.close()

    run(story())


def test_hub_partitions_that_appear_later_are_read_from_their_beginning(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        server.hubs.add_partition(server.name)
        await asyncio.to_thread(server.hubs.publish, server.name, ["early"], partition="2")
        await connector.probe()
        assert [data["partitionId"] for data in await take(connector, 1)] == ["2"]
        await connector.close()
        server.hubs.add_partition(server.name)
        await asyncio.to_thread(server.hubs.publish, server.name, ["while away"], partition="3")
        connector = make(server)
        await connector.connect()
        assert [server.text(data) for data in await take(connector, 1)] == ["while away"]
        await connector.close()

    run(story())


def test_a_hub_of_the_same_name_is_read_from_its_beginning(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        await publish(server, ["one", "two"])
        await take(connector, 2)
        await asyncio.sleep(0.002)  # the hub's age is told in milliseconds
        server.hubs.hub(server.name)
        await publish(server, ["new"])
        with pytest.raises(Disconnected, match="made anew"):
            await connector.probe()
        await connector.close()
        connector = make(server)
        await connector.connect()
        assert [server.text(data) for data in await take(connector, 1)] == ["new"]
        await connector.close()

    run(story())


def test_a_position_that_the_hub_does_not_know_is_no_reason_to_stand_still(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        await publish(server, ["one"])
        await take(connector, 1)
        await connector.close()
        for name in QuickEventHub.positions:
            QuickEventHub.positions[name] = "99:123456"
        connector = make(server)
        await connector.connect()
        assert [server.text(data) for data in await take(connector, 1)] == ["one"]
        assert "does not know the position" in connector.notices[0]
        await connector.close()

    run(story())


def test_events_that_are_past_their_retention_are_told(server: Peer) -> None:
    connector = make(server)
    connector.source = connector.source._replace(positions={connector._position_name("0"): "4:320"})
    assert connector._start("0", PartitionFacts(10, 20, "1280")) == ("320", 4)
    assert connector.notices == ["Hub partition 0: 5 events were gone before they could be read, past their retention."]


def test_what_waits_in_the_hub_is_told(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        connector.pause(True)
        await connector.probe()  # the pause is known there now
        await asyncio.to_thread(server.hubs.publish, server.name, ["x"] * 7, partition="1")
        await connector.probe()
        assert connector.backlog == {"partition 0": 0, "partition 1": 7}
        connector.pause(False)
        await take(connector, 7)
        assert connector.backlog == {"partition 0": 0, "partition 1": 0}
        await connector.close()

    run(story())


def test_few_large_events_are_on_their_way_at_once(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        assert connector._readers["0"].window == 100
        await asyncio.to_thread(server.hubs.publish, server.name, ["x" * 400_000] * 5, partition="0")
        await take(connector, 5)
        assert connector._readers["0"].window == 2
        await asyncio.to_thread(server.hubs.publish, server.name, ["x"] * 200, partition="0")
        await take(connector, 200)
        assert connector._readers["0"].window == 100
        await connector.close()

    run(story())


# -- faults


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("unauthorized-access", Refused, "The policy may not do that"),
        ("not-found", Refused, "has no hub"),
        ("server-busy", Unreachable, "is busy"),
        ("timeout", Unreachable, "did not finish in time"),
        ("link-stolen", Unreachable, "Another reader with an owner level"),
        ("deaf", TimeoutError, "took longer than"),
    ],
)
def test_faults_of_the_service_are_told_while_connecting(
    server: Peer, fault: str, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickEventHub, "phase_seconds", 0.5)

    async def story() -> None:
        server.hubs.fault(fault)
        connector = make(server)
        with pytest.raises(kind) as caught:
            await connector.connect()
        assert words in connector.explain(caught.value)
        assert connector.advise(caught.value).endswith(".")
        await connector.close()
        server.hubs.fault("none")
        connector = make(server)
        await connector.connect()
        await connector.close()

    run(story())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized-access", "amqp:unauthorized-access"),
        ("server-busy", "com.microsoft:server-busy"),
        ("detach-forced", "moved the hub"),
        ("connection-forced", "closed the connection for its own reasons"),
        ("link-stolen", "Another reader with an owner level"),
        ("token-expired", "The shared access signature has ended"),
    ],
)
def test_faults_of_the_service_end_the_line_and_nothing_is_lost(server: Peer, fault: str, words: str) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        await publish(server, ["1", "2"])
        assert len(await take(connector, 2)) == 2
        await asyncio.to_thread(server.hubs.fault, fault)
        await publish(server, ["3"])
        with pytest.raises(Disconnected, match=words):
            await take(connector, 2)
        await connector.close()
        await asyncio.to_thread(server.hubs.fault, "none")
        connector = make(server)
        await connector.connect()
        assert [server.text(data) for data in await take(connector, 1)] == ["3"]
        await connector.close()

    run(story())


def test_another_key_and_other_rights(server: Peer) -> None:
    server.hubs.policies["sender"] = (KEY[::-1], frozenset({"Send"}))

    async def story() -> None:
        connector = make(server, connectionString=server.hubs.connection_string(server.proxy.port, policy="sender"))
        with pytest.raises(Refused, match="'Listen' claim"):
            await connector.connect()
        await connector.close()
        sender = connector.sender(connector.config, connector.source)
        assert await sender.send(server.outgoing("x"), "1") == {"success": True}
        await sender.close()
        connector = make(server, hubName="nowhere")
        with pytest.raises(Refused, match="There is no hub nowhere"):
            await connector.connect()
        await connector.close()
        connector = make(server, consumerGroup="nobody")
        with pytest.raises(Refused, match="consumer group nobody"):
            await connector.connect()
        await connector.close()

    run(story())


def test_the_login_is_renewed_before_it_ends(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubLine, "token_seconds", 3.0)
    monkeypatch.setattr(event_hub_line, "TICK_SECONDS", 0.1)

    async def story() -> None:
        server.hubs.tokens.clear()
        connector = make(server)
        await connector.connect()
        await until(lambda: len(server.hubs.tokens) == 3, "the login being renewed twice")
        await publish(server, ["still"])
        assert len(await take(connector, 1)) == 1
        server.hubs.policies["hub"] = (KEY[::-1], server.hubs.policies["hub"][1])
        try:
            with pytest.raises(Disconnected, match="does not accept the login"):
                await connector.receive()
        finally:
            server.hubs.policies["hub"] = (KEY, server.hubs.policies["hub"][1])
        await connector.close()

    run(story())


def test_a_signature_ends(server: Peer) -> None:
    async def story() -> None:
        audience = f"sb://127.0.0.1/{server.name}"
        for seconds in (2.0, -10.0):
            login = server.hubs.connection_string(server.proxy.port, signature=server.hubs.signature(audience, seconds))
            connector = make(server, connectionString=login)
            if seconds < 0:
                with pytest.raises(Refused, match="The shared access signature has ended"):
                    await connector.connect()
            else:
                await connector.connect()
                with pytest.raises(Disconnected, match="The shared access signature has ended"):
                    await asyncio.wait_for(connector.receive(), 20)
            await connector.close()

    run(story())


def test_addresses_are_judged(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        with pytest.raises(EgressRefused):
            await connector.connect()
        await connector.close()
        with pytest.raises(SendFailed, match=r"127\.0\.0\.1"):
            await connector.sender(connector.config, connector.source).send(server.outgoing("x"), "1")
        assert server.proxy.connections == 0

    egress.configure(allow_private=False)
    try:
        run(story())
    finally:
        egress.configure(allow_private=True)


# -- sending


def test_properties_and_keys_are_sent_as_they_are(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        sender = connector.sender(connector.config, connector.source)
        properties = {"n": 2**40, "huge": 2**70, "yes": True, "half": 0.5, "text": "grüß", "none": None}
        message = AzureEventHubOutgoing(data='{"t": 31}', properties=properties, partition_key="boiler")
        assert await sender.send(message, "identity") == {"success": True}
        [data] = await take(connector, 1)
        wanted = {"n": 2**40, "huge": str(2**70), "yes": True, "half": 0.5, "text": "grüß"}
        assert (data["event"]["body"], data["event"]["properties"], data["event"]["partitionKey"]) == (
            '{"t": 31}',
            wanted,
            "boiler",
        )
        await sender.close()
        await connector.close()

    run(story())


def test_sends_fail_in_plain_words(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        sender = connector.sender(connector.config, connector.source)
        with pytest.raises(SendFailed, match="too large"):
            await sender.send(AzureEventHubOutgoing(data="x" * 1_048_577), "1")
        await sender.send(AzureEventHubOutgoing(data="x" * 1_000_000), "2")
        server.hubs.lasting = Condition("com.microsoft:server-busy", "Slow down.")
        with pytest.raises(SendFailed, match="is busy") as caught:
            await sender.send(server.outgoing("3"), "3")
        assert connector.failure_answer(caught.value) == {"success": False, "error": {"message": str(caught.value)}}
        server.hubs.lasting = None
        outcomes = await asyncio.gather(*(sender.send(server.outgoing(str(n)), str(n)) for n in range(50)))
        assert outcomes == [{"success": True}] * 50
        server.proxy.freeze()
        with pytest.raises(SendUnknown, match="not known"):
            await sender.send(server.outgoing("lost"), "4")
        await sender.close()
        await connector.close()

    run(story())


# -- checking


def test_a_check_names_what_is_wrong(server: Peer) -> None:
    async def check(**more: Any) -> tuple[str, str, str]:
        one = make(server, **more)
        steps = {step.name: step async for step in type(one).check(one.config, one.source)}
        last = [step for step in steps.values() if step.state in ("failed", "warning")][-1]
        return last.name, last.detail, last.advice

    async def story() -> None:
        name, detail, advice = await check(consumerGroup="nobody")
        assert (name, "consumer group nobody" in detail, advice[-1]) == ("Open the consumer group", True, ".")
        name, detail, _ = await check(hubName="nowhere")
        assert (name, "There is no hub nowhere" in detail) == ("Log in", True)
        readers = [make(server) for _ in range(5)]
        await asyncio.gather(*(one.connect() for one in readers))
        name, detail, advice = await check()
        assert (name, detail) == ("Open the consumer group", "There is a consumer group $Default, and it is full.")
        assert "consumer group of its own" in advice
        await asyncio.gather(*(one.close() for one in readers))
        server.hubs.steal(server.name, "0")
        name, detail, _ = await check()
        assert "Another reader with an owner level" in detail

    run(story())


def test_fifty_rounds_leave_nothing(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        await connector.close()
        await until(lambda: server.proxy.connections == 0, "the line being closed")
        before = held()
        for number in range(50):
            connector = make(server)
            await connector.connect()
            if number % 2:
                server.proxy.cut()
            await connector.close()
        await until(lambda: server.proxy.connections == 0, "every line being closed")
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), f"no more than {before}")

    run(story())


def test_a_service_that_lost_count_is_asked_again(server: Peer) -> None:
    async def story() -> None:
        connector = make(server)
        await connector.connect()
        await connector.probe()

        def forget() -> None:
            for partition in server.hubs.hubs[server.name].partitions.values():
                for reader in partition.readers:
                    reader.credit = 0

        server.hubs._call(forget)
        await publish(server, ["1", "2"])
        await connector.probe()
        assert len(await take(connector, 2)) == 2
        await connector.close()

    run(story())

"""MQTT against a real mosquitto, in all four protocols and both versions."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, cast

import pytest
from django.test import Client
from django.urls import reverse
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from integrations.connectors.base import AnyConnector, CheckStep, Source, run_phases
from integrations.connectors.mqtt import MqttConfig, MqttConnector, MqttOutgoing
from integrations.events import EventKind
from integrations.exceptions import IntegrationError, Refused, SendFailed
from integrations.models import Integration
from tests import factories
from tests.integrations.connectors.contract import ConnectorContract, Counterpart, run, texts_of, until
from tests.servers.mosquitto import PASSWORD, USERNAME, Mosquitto, Watch
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import Proxy
from wegnology.applications.models import Application, Role
from wegnology.lib.ids import new_id
from wegnology.lib.mqtt_session import Session
from wegnology.lib.mqtt_trial import topic_phases
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


class QuickMqtt(MqttConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 1.5


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with Mosquitto("password", "tls", "certificate", "ws", "wss_certificate") as broker:
        yield broker


class Broker(Counterpart):
    """A broker as one test sees it: a topic and a client id of its own, and a session that outlives a connection."""

    def __init__(self, broker: Mosquitto, proxy: Proxy, **settings: Any) -> None:
        super().__init__(proxy)
        self.broker, self.mark, self._settings = broker, new_id(), settings
        self.secret = PASSWORD if "password" in settings else broker.certificates.client.private_key.splitlines()[3]
        self._watch: Watch | None = None

    def settings(self) -> JSONObject:
        identity = {"clientId": f"c-{self.mark}", "clean": False}
        return {"protocol": "mqtt", "host": LOOPBACK, "port": self.proxy.port, **identity, **self._settings}

    def wrong_settings(self) -> JSONObject:
        if "password" in self._settings:
            return self.settings() | {"password": "another", "clientId": "wrong"}
        return self.settings() | {"caCertificate": self.broker.certificates.other_ca}

    def source(self) -> Source:
        return Source("5f00", (f"in/{self.mark}/#",))

    def publish(self, messages: Sequence[str]) -> None:
        self.broker.publish(f"in/{self.mark}/x", messages)

    def text(self, data: JSONObject) -> str:
        return str(data["message"])

    def outgoing(self, text: str) -> MqttOutgoing:
        if self._watch is None:
            self._watch = self.broker.watch(f"out/{self.mark}")
        return MqttOutgoing(topic=f"out/{self.mark}", message=text)

    def watched(self) -> list[str]:
        return [message for _, _, _, message in self._watch.received] if self._watch else []

    def restart(self) -> None:
        self.broker.restart()

    def end(self) -> None:
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
        self.proxy.stop()


def counterpart(broker: Mosquitto, listener: str, **settings: Any) -> Iterator[Broker]:
    with Proxy(broker.ports[listener]) as proxy:
        server = Broker(broker, proxy, **settings)
        try:
            yield server
        finally:
            server.end()


class TestMqtt(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickMqtt

    @pytest.fixture
    def server(self, broker: Mosquitto) -> Iterator[Broker]:
        yield from counterpart(broker, "password", username=USERNAME, password=PASSWORD)


class TestMqttsVersion5(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickMqtt
    rounds: ClassVar[int] = 5

    @pytest.fixture
    def server(self, broker: Mosquitto) -> Iterator[Broker]:
        yield from counterpart(broker, "certificate", protocol="mqtts", protocolVersion="5", **login(broker))


class TestWssVersion5(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickMqtt
    rounds: ClassVar[int] = 5

    @pytest.fixture
    def server(self, broker: Mosquitto) -> Iterator[Broker]:
        yield from counterpart(broker, "wss_certificate", protocol="wss", protocolVersion="5", **login(broker))


def login(broker: Mosquitto) -> dict[str, str]:
    """Return the settings of a login by certificate."""
    files = broker.certificates
    return {"certificate": files.client.certificate, "privateKey": files.client.private_key, "caCertificate": files.ca}


def make(broker: Mosquitto, listener: str = "plain", topics: Sequence[str] = (), **settings: Any) -> MqttConnector:
    """Return a connector straight to a listener of the broker."""
    source = settings.pop("source", Source("5f01", tuple(topics)))
    raw = {"protocol": "mqtt", "host": LOOPBACK, "port": broker.ports[listener], "clientId": f"c-{new_id()}", **settings}
    return QuickMqtt(MqttConfig.resolve(raw, {}), source)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize(
    ("protocol", "listener"), [("mqtt", "plain"), ("mqtt", "password"), ("mqtts", "tls"), ("mqtts", "certificate"), ("ws", "ws")]
)
def test_every_way_in(broker: Mosquitto, protocol: str, listener: str, version: str) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "protocolVersion": version}
    if listener == "password":
        settings |= {"username": USERNAME, "password": PASSWORD}
    if protocol == "mqtts":
        settings |= {"caCertificate": broker.certificates.ca}
    if listener == "certificate":
        settings |= login(broker)

    async def story() -> None:
        topic = f"way/{new_id()}"
        connector = make(broker, listener, [topic], **settings)
        await connector.connect()
        assert await connector.send_many([MqttOutgoing(topic=topic, message="x" * 30_000)]) == [None]
        [delivery] = await asyncio.wait_for(connector.receive(), 20)
        expected = {"type": "message", "message": "x" * 30_000, "topic": topic, "qos": 1, "retain": False}
        assert delivery.data == expected
        await connector.close()

    run(story())


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_wrong_password_is_unauthorized(broker: Mosquitto, version: str) -> None:
    async def story() -> None:
        connector = make(broker, "password", username=USERNAME, password="wrong", protocolVersion=version)
        with pytest.raises(Refused) as caught:
            await connector.connect()
        assert "Not authorized" in connector.explain(caught.value)
        assert connector.event_data(EventKind.FAILURE, caught.value) == {"failureReason": "Unauthorized"}

    run(story())


@pytest.mark.parametrize(
    ("listener", "settings", "text"),
    [
        ("tls", {"protocol": "mqtts"}, "not trusted"),
        ("plain", {"protocol": "mqtts"}, "TLS handshake"),
        ("tls", {"protocol": "mqtt"}, "closed the connection"),
        ("certificate", {"protocol": "mqtts", "disableSSLVerification": True}, "client certificate"),
        ("plain", {"protocol": "ws"}, "WebSocket upgrade"),
    ],
)
def test_a_failed_connect_names_what_is_wrong(broker: Mosquitto, listener: str, settings: dict[str, Any], text: str) -> None:
    async def story() -> None:
        connector = make(broker, listener, **settings)
        with pytest.raises((IntegrationError, *connector.refused, *connector.transient)) as caught:
            await connector.connect()
        assert text in connector.explain(caught.value)

    run(story())


def test_unusable_certificates_are_named(broker: Mosquitto) -> None:
    async def story() -> None:
        files = broker.certificates
        pair = {"certificate": files.client.certificate, "privateKey": files.foreign_client.private_key}
        faults: list[tuple[dict[str, Any], str]] = [
            ({"caCertificate": "nonsense"}, "CA certificate"),
            (pair, "do not belong together"),
        ]
        for settings, text in faults:
            connector = make(broker, "tls", protocol="mqtts", **settings)
            with pytest.raises(connector.refused) as caught:
                await connector.connect()
            assert text in connector.explain(caught.value)
            assert files.foreign_client.private_key.splitlines()[3] not in " ".join(texts_of(connector, caught.value))

    run(story())


def test_a_silent_server_fails_in_the_phase_it_is_silent_in(broker: Mosquitto) -> None:
    async def story() -> None:
        with Proxy(broker.ports["plain"]) as proxy:
            proxy.freeze()
            for protocol, phase in (("mqtt", "The login"), ("mqtts", "TLS handshake"), ("ws", "WebSocket upgrade")):
                connector = make(broker, protocol=protocol, port=proxy.port)
                with pytest.raises(TimeoutError, match=phase):
                    await connector.connect()
                await connector.close()

    run(story())


def test_bytes_that_are_no_text_arrive_as_base64(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"bytes/{new_id()}"
        connector = make(broker, topics=[topic])
        await connector.connect()
        await asyncio.to_thread(broker.publish_bytes, topic, b"\xff\x00a")
        [delivery] = await asyncio.wait_for(connector.receive(), 20)
        assert (delivery.data["message"], delivery.data["encoding"], delivery.size) == ("/wBh", "base64", 3)
        await connector.close()

    run(story())


def test_version_5_properties_stand_beside_the_message(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"properties/{new_id()}"
        connector = make(broker, topics=[topic], protocolVersion="5")
        await connector.connect()
        extra = ["-V", "5"]
        for said in (
            "content-type text/plain",
            "response-topic back",
            "correlation-data id7",
            "user-property a 1",
            "user-property a 2",
        ):
            extra += ["-D", "publish", *said.split(" ")]
        await asyncio.to_thread(broker.publish_bytes, topic, b"hello", *extra)
        [delivery] = await asyncio.wait_for(connector.receive(), 20)
        assert delivery.data["properties"] == {
            "contentType": "text/plain",
            "responseTopic": "back",
            "correlationData": "aWQ3",
            "userProperties": [["a", "1"], ["a", "2"]],
        }
        await connector.close()

    run(story())


def test_retained_messages_say_so(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"retained/{new_id()}"
        sender = make(broker)
        await sender.connect()
        await sender.send(MqttOutgoing(topic=topic, message="kept", qos=2, retain=True))
        connector = make(broker, topics=[topic])
        await connector.connect()
        [delivery] = await asyncio.wait_for(connector.receive(), 20)
        assert delivery.data["retain"] is True
        await sender.send(MqttOutgoing(topic=topic, retain=True))
        [delivery] = await asyncio.wait_for(connector.receive(), 20)
        assert (delivery.data["message"], delivery.data["retain"]) == ("", False)
        await sender.close()
        await connector.close()

    run(story())


def test_every_quality_of_service_arrives_as_asked(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"qos/{new_id()}"
        connector = make(broker)
        await connector.connect()
        with broker.watch(topic) as watch:
            for qos in (0, 1, 2):
                await connector.send(MqttOutgoing(topic=topic, message=str(qos), qos=qos))
            expected = [(qos, False, topic, str(qos)) for qos in (0, 1, 2)]
            await until(lambda: watch.received == expected, "the three messages")
        await connector.close()

    run(story())


def test_a_bad_topic_fails_alone(broker: Mosquitto) -> None:
    async def story() -> None:
        connector = make(broker)
        await connector.connect()
        topics = ["", "a/+", "a/#", "a\0b", "x" * 70_000, "fine"]
        outcomes = await connector.send_many([MqttOutgoing(topic=topic, message="m") for topic in topics])
        assert [type(outcome) for outcome in outcomes] == [SendFailed] * 5 + [type(None)]
        await connector.close()

    run(story())


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_session_is_resumed_and_its_old_topics_are_dropped(broker: Mosquitto, version: str) -> None:
    async def story() -> None:
        mark = new_id()
        old, new = f"old/{mark}", f"new/{mark}"
        settings: dict[str, Any] = {"clientId": f"c-{mark}", "clean": False, "protocolVersion": version}
        first = make(broker, topics=[old, new], **settings)
        await first.connect()
        assert first.notices == []  # nothing can be missed before the first time
        await first.close()
        await asyncio.to_thread(broker.publish, new, ["while away"])
        second = make(broker, source=Source("5f02", (new,), previous_topics=(old, new)), **settings)
        await second.connect()
        assert second.notices == []
        await asyncio.to_thread(broker.publish, old, ["not wanted"])
        await asyncio.to_thread(broker.publish, new, ["wanted"])
        got: list[str] = []
        while len(got) < 2:
            some = await asyncio.wait_for(second.receive(), 20)
            got += [str(delivery.data["message"]) for delivery in some]
            await second.acknowledge(some)
        assert got == ["while away", "wanted"]
        await second.close()
        await make(broker, **settings).purge()
        third = make(broker, source=Source("5f02", (new,), previous_topics=(new,)), **settings)
        await third.connect()
        assert third.notices
        await third.close()

    run(story())


@pytest.mark.parametrize(("version", "connack"), [("3.1.1", b"\x20\x02\0\0"), ("5", b"\x20\x03\0\0\0")])
def test_refused_topics_are_said_and_none_granted_is_refused(version: str, connack: bytes) -> None:
    async def story() -> None:
        for codes, granted in ((b"\x01\x80", [True, False]), (b"\x80\x80", None)):
            suback = b"\0\x01" + (b"\0" if version == "5" else b"") + codes
            async with scripted(connack, bytes((0x90, len(suback))) + suback) as port:
                raw: JSONObject = {
                    "protocol": "mqtt",
                    "host": LOOPBACK,
                    "port": port,
                    "clientId": "c",
                    "protocolVersion": version,
                }
                connector = QuickMqtt(MqttConfig.resolve(raw, {}), Source("5f03", ("mine", "theirs")))
                if granted is None:
                    with pytest.raises(Refused, match="theirs"):
                        await connector.connect()
                else:
                    await connector.connect()
                    assert [subscription.granted for subscription in connector.subscriptions()] == granted
                    assert "refused" in connector.subscriptions()[1].detail
                await connector.close()

    run(story())


def test_a_broker_that_gives_no_answer_to_a_subscription_is_named() -> None:
    async def story() -> None:
        async with scripted(b"\x20\x02\0\0") as port:
            raw: JSONObject = {"protocol": "mqtt", "host": LOOPBACK, "port": port, "clientId": "c"}
            connector = QuickMqtt(MqttConfig.resolve(raw, {}), Source("5f04", ("a",)))
            with pytest.raises(TimeoutError, match="The subscription"):
                await connector.connect()

    run(story())


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[int]:
    """Give the port of a broker that answers each packet it gets with the next of these bytes, whatever it was asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            if not await reader.read(4096):
                break
            writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_what_cannot_be_used_together_is_named() -> None:
    base: JSONObject = {"protocol": "mqtts", "host": "h"}
    for settings, field in (
        ({"certificate": "pem!", "privateKey": "pem!", "username": "u"}, "certificate"),
        ({"certificate": "pem!"}, "privateKey"),
        ({"privateKey": "pem!"}, "certificate"),
        ({"password": "p"}, "username"),
        ({"protocol": "ws", "caCertificate": "pem!"}, "caCertificate"),
        ({"protocol": "mqtt", "certificate": "pem!", "privateKey": "pem!"}, "certificate"),
        ({"port": 70000}, "port"),
        ({"host": ""}, "host"),
        ({"surplus": 1}, "surplus"),
    ):
        with pytest.raises(ConfigInvalid) as caught:
            MqttConfig.check(base | settings)  # type: ignore[operator]
        assert list(caught.value.errors) == [field]
    MqttConfig.check(base | {"password": "p", "protocolVersion": "5"})


def test_a_client_id_and_a_port_are_assigned() -> None:
    prepared = MqttConnector.prepare({"protocol": "wss", "host": "h"})
    assert prepared["port"] == 443
    assert str(prepared["clientId"]).startswith("wegnology-")
    assert len(str(prepared["clientId"])) == 22
    assert MqttConnector.prepare(dict(prepared)) == prepared


def test_topic_filters_are_checked() -> None:
    topics = ["a/b", "#", "a/#", "+/b/+", "a/b", "a#", "a/#/b", "a+/b", "", "x" * 1025, "a\0b", "$share/g/a/#", "/"]
    assert sorted(MqttConnector.check_topics(topics)) == [4, 5, 6, 7, 8, 9, 10]


def test_large_messages_pass_whole(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"large/{new_id()}"
        connector = make(broker, topics=[topic])
        await connector.connect()
        text = "0123456789abcdef" * 65_536
        assert await connector.send_many([MqttOutgoing(topic=topic, message=text) for _ in range(5)]) == [None] * 5
        got: list[Any] = []
        while len(got) < 5:
            some = await asyncio.wait_for(connector.receive(), 20)
            await connector.acknowledge(some)
            got += some
        assert [delivery.data["message"] for delivery in got] == [text] * 5
        await connector.close()

    run(story())


async def checked(connector: MqttConnector) -> dict[str, CheckStep]:
    """Run the connector's check; return how each step ended."""
    return {step.name: step async for step in connector.check(connector.config, connector.source)}


def failed(steps: dict[str, CheckStep]) -> CheckStep:
    """Return the one step that failed."""
    [step] = [step for step in steps.values() if step.state == "failed"]
    return step


@pytest.mark.parametrize(
    ("listener", "settings", "name", "detail", "advice"),
    [
        ("tls", {"protocol": "mqtts"}, "Secure it with TLS", "is not trusted", "Give the authority that signed it"),
        ("plain", {"protocol": "mqtts"}, "Secure it with TLS", "TLS", "protocol"),
        ("certificate", {"protocol": "mqtts", "ca": True}, "Log in", "demands a client certificate", "Give a certificate"),
        ("password", {"username": "bob", "password": "wrong"}, "Log in", "refused the login", "Check username and password"),
        ("plain", {"protocol": "ws"}, "Open the WebSocket", "closed the connection", "Check that the protocol fits the port"),
    ],
    ids=["untrusted", "no-tls", "certificate-demanded", "password", "no-websocket"],
)
def test_a_check_advises(broker: Mosquitto, listener: str, settings: dict[str, Any], name: str, detail: str, advice: str) -> None:
    raw = {key: value for key, value in settings.items() if key != "ca"}
    if "ca" in settings:
        raw["caCertificate"] = broker.certificates.ca
    step = failed(asyncio.run(checked(make(broker, listener, **raw))))
    assert step.name == name
    assert detail in step.detail
    assert advice in step.advice


def test_a_check_names_the_certificates_that_are_not_trusted(broker: Mosquitto) -> None:
    step = failed(asyncio.run(checked(make(broker, "tls", protocol="mqtts"))))
    assert "it is for localhost, 127.0.0.1" in step.advice
    assert "more days" in step.advice


def test_a_check_warns_where_nobody_verifies(broker: Mosquitto) -> None:
    steps = asyncio.run(checked(make(broker, "tls", protocol="mqtts", disableSSLVerification=True)))
    assert steps["Secure it with TLS"].state == "warning"
    assert "pose as the other side" in steps["Secure it with TLS"].advice


def test_a_check_takes_nothing_from_a_group(broker: Mosquitto) -> None:
    async def story() -> None:
        topic = f"group/{new_id()}"
        member = make(broker, topics=[f"$share/g/{topic}"], protocolVersion="5")
        await member.connect()
        texts = [str(number) for number in range(60)]
        publishing = asyncio.ensure_future(asyncio.to_thread(broker.publish, topic, texts))
        for _ in range(5):
            steps = await checked(make(broker, topics=[f"$share/g/{topic}"], protocolVersion="5"))
            assert "without joining its group" in steps[f"Subscribe to $share/g/{topic}"].detail
        got: list[str] = []
        async with asyncio.timeout(20):
            while len(got) < len(texts):
                some = await member.receive()
                await member.acknowledge(some)
                got += [str(delivery.data["message"]) for delivery in some]
        await publishing
        assert got == texts
        await member.close()

    run(story())


def test_a_check_tries_many_topics_and_names_the_refused() -> None:
    class Answers:
        """A session in which the broker lets nobody hear what begins with no/."""

        client = object()

        async def subscribe(self, topics: Sequence[str], *, retained: bool = True) -> list[tuple[str, ReasonCode]]:
            code = {
                True: ReasonCode(PacketTypes.SUBACK, "Not authorized"),
                False: ReasonCode(PacketTypes.SUBACK, "Granted QoS 1"),
            }
            return [(topic, code[topic.startswith("no/")]) for topic in topics]

    async def story() -> list[CheckStep]:
        topics = ["no/1", *(f"yes/{number}" for number in range(30)), "no/2"]
        connector = MqttConnector(MqttConfig(protocol="mqtt", host="h"), Source("5f02"))
        phases = topic_phases(cast(Session, Answers()), topics)
        return list({step.name: step async for step in run_phases(phases, connector)}.values())

    steps = asyncio.run(story())
    assert len(steps) == 21
    assert (steps[0].state, steps[0].detail) == ("failed", "The broker refused it: Not authorized")
    assert {step.state for step in steps[1:20]} == {"ok"}
    assert (steps[20].name, steps[20].detail) == (
        "Subscribe to 12 more topics",
        "no/2 (The broker refused it: Not authorized)",
    )
    assert "right to subscribe" in steps[20].advice


# ---- the form


ADD = reverse("admin:integrations_integration_add") + "?type=mqtt"
PEM = {"privateKey": "{{globals.key}}", "certificate": "{{globals.certificate}}"}
LOGINS: dict[str, JSONObject] = {
    "none": {},
    "usernamePassword": {"username": "ann", "password": "hunter2"},
    "certificate": dict(PEM),
}


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_here")
class TestLoginInTheForm:
    @pytest.fixture
    def plant(self) -> Application:
        return factories.application("Plant", certificate="certificate", key="key")

    def typed(self, plant: Application, method: str = "", protocol: str = "mqtts", **settings: str) -> dict[str, str]:
        filled = {"application": plant.pk, "name": "Broker", "enabled": "on", "config_protocol": protocol, "config_host": "b"}
        filled |= {"config_protocolVersion": "3.1.1", "config_clean": "on", "config_authenticationMethod": method}
        return filled | {f"config_{name}": value for name, value in settings.items()}

    def faults(self, response: Any) -> dict[str, list[str]]:
        return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}

    def selected(self, client: Client, address: str) -> str:
        [method] = re.findall(
            r'<select[^>]*name="config_authenticationMethod".*?</select>', client.get(address).content.decode(), re.S
        )
        return "".join(re.findall(r'value="(\w+)" selected', method))

    def page_of(self, row: Integration) -> str:
        return reverse("admin:integrations_integration_change", args=[row.pk])

    def test_a_new_one_begins_with_username_and_password(self, admin_client: Client) -> None:
        assert self.selected(admin_client, ADD) == "usernamePassword"

    @pytest.mark.parametrize("method", LOGINS)
    def test_what_was_stored_says_the_method(self, admin_client: Client, plant: Application, method: str) -> None:
        row = factories.integration(plant, config={"protocol": "mqtts", "host": "b", **LOGINS[method]})
        assert self.selected(admin_client, self.page_of(row)) == method

    @pytest.mark.parametrize("method", LOGINS)
    def test_only_the_login_that_was_chosen_is_kept_and_what_goes_is_named(
        self, admin_client: Client, plant: Application, method: str
    ) -> None:
        every = {name: str(value) for login in LOGINS.values() for name, value in login.items()}
        html = admin_client.post(ADD, self.typed(plant, method, **every), follow=True).content.decode()
        stored = Integration.objects.get().raw_config()
        assert {name: stored[name] for name in every if name in stored} == LOGINS[method]
        assert "authenticationMethod" not in stored
        gone = [MqttConfig.fields()[name].title for name in MqttConfig.fields() if name in every and name not in LOGINS[method]]
        assert f"Not kept, because they do not apply with these settings: {', '.join(map(str, gone))}." in html

    def test_a_stored_secret_stays_with_its_method_and_goes_with_it(self, admin_client: Client, plant: Application) -> None:
        row = factories.integration(plant, config={"protocol": "mqtts", "host": "b", **LOGINS["usernamePassword"]})
        assert admin_client.post(self.page_of(row), self.typed(plant, "usernamePassword", username="bob")).status_code == 302
        row.refresh_from_db()
        assert (row.raw_config()["username"], row.raw_config()["password"]) == ("bob", "hunter2")
        html = admin_client.post(self.page_of(row), self.typed(plant, "none", username="bob"), follow=True).content.decode()
        assert "Not kept, because they do not apply with these settings: Username Template, Password Template." in html
        row.refresh_from_db()
        assert not {"username", "password"} & row.raw_config().keys()

    @pytest.mark.parametrize(
        ("method", "given", "faults"),
        [
            (
                "usernamePassword",
                {},
                {"config_username": "Enter a username; for a broker that asks for none, choose None above."},
            ),
            ("usernamePassword", {"password": "p"}, {"config_username": "Version 3.1.1 takes no password without a username."}),
            ("certificate", {}, {"config_privateKey": "Enter the private key.", "config_certificate": "Enter the certificate."}),
            ("certificate", {"certificate": "pem!"}, {"config_privateKey": "A certificate needs its private key."}),
            (
                "password",
                {},
                {"config_authenticationMethod": "Select a valid choice. password is not one of the available choices."},
            ),
        ],
    )
    def test_what_is_missing_is_said_at_its_field(
        self, admin_client: Client, plant: Application, method: str, given: dict[str, str], faults: dict[str, str]
    ) -> None:
        found = self.faults(admin_client.post(ADD, self.typed(plant, method, **given)))
        assert found == {name: [text] for name, text in faults.items()}
        assert not Integration.objects.exists()

    @pytest.mark.parametrize("protocol", ["mqtt", "ws"])
    def test_a_certificate_needs_tls_and_is_not_lost(self, admin_client: Client, plant: Application, protocol: str) -> None:
        row = factories.integration(plant, config={"protocol": "mqtts", "host": "b", **PEM})
        response = admin_client.post(
            self.page_of(row), self.typed(plant, "certificate", protocol, certificate=PEM["certificate"])
        )
        [[text]] = self.faults(response).values()
        assert list(self.faults(response)) == ["config_authenticationMethod"]
        assert text.startswith("A certificate logs in through the protocols mqtts and wss only")
        row.refresh_from_db()
        assert row.raw_config()["privateKey"] == PEM["privateKey"]

    def test_who_sends_no_method_is_understood(self, admin_client: Client, plant: Application) -> None:
        filled = self.typed(plant, username="ann", password="hunter2")
        del filled["config_authenticationMethod"]
        assert admin_client.post(ADD, filled).status_code == 302
        assert Integration.objects.get().raw_config()["username"] == "ann"

    def test_who_may_only_look_sees_the_method(self, client: Client, plant: Application) -> None:
        row = factories.integration(plant, config={"protocol": "mqtts", "host": "b", **PEM})
        client.force_login(factories.person("viewer", plant, Role.VIEWER))
        assert "<dt>Authentication Method</dt><dd>Certificate" in client.get(self.page_of(row)).content.decode()


def test_the_method_is_no_setting() -> None:
    """So the REST API of the original product stays as it is, and what is stored cannot disagree with it."""
    with pytest.raises(ConfigInvalid, match="authenticationMethod: There is no such field"):
        MqttConfig.check({"protocol": "mqtt", "host": "h", "authenticationMethod": "none"})

"""MQTT brokers: mqtt, mqtts, ws and wss; protocol versions 3.1.1 and 5.

https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html, https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html

Subscribes at QoS 1 and acknowledges by hand. Over WebSockets the path is /mqtt. It sets no will and uses no topic aliases.
"""

import asyncio
import base64
import secrets
import ssl
import string
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict, TypeVar, cast

from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import model_validator
from websocket import ABNF, WebSocketException

from integrations.connectors.base import CONNECT_PHASE_SECONDS, Connector, Delivery, Source, Subscription, connectors
from integrations.events import EventKind
from integrations.exceptions import Disconnected, Refused, SendFailed, SendLater, SendUnknown, Unreachable
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.connection_faults import explain_socket_error
from wegnology.lib.egress import EgressRefused
from wegnology.lib.frames import FrameLine, UpgradeRefused, upgrade
from wegnology.lib.mqtt import Connack, LineLost, LoopClient
from wegnology.lib.mqtt_publishing import Publication, PublishLater, PublishUnknown
from wegnology.lib.mqtt_topics import filter_fault, name_fault
from wegnology.lib.opening import open_socket
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.sockets import ByteLine, Line
from wegnology.lib.tls import CertificateUnusable, Tls, pem_field
from wegnology.lib.types import JSONObject, JSONValue

RECEIVE_MAXIMUM = 1_000
"""Messages that a version 5 broker may send before the first is acknowledged: as many as a line holds in memory."""
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_SECURED = ("mqtts", "wss")
_secured_only: dict[str, list[JSONValue]] = {"protocol": [*_SECURED]}
_PER_SUBSCRIBE = 8  # some brokers take no more topics in one packet
_SEND_FAULTS = {PublishUnknown: SendUnknown, PublishLater: SendLater}
T = TypeVar("T")


class MqttConfig(Schema):
    """How to reach a broker and log in."""

    protocol: Literal["mqtt", "mqtts", "ws", "wss"] = Field(
        title="Protocol",
        description="How to reach the broker: plain (mqtt), encrypted (mqtts), or through a WebSocket (ws, wss; path /mqtt).",
        json_schema_extra=ui(section="Connection"),
    )
    host: Templated[str] = Field(
        min_length=1,
        max_length=1024,
        title="Host Template",
        description="Name or address of the broker.",
        json_schema_extra=ui(section="Connection", placeholder="broker.example.com"),
    )
    port: Templated[int | None] = Field(
        None,
        ge=1,
        le=65535,
        title="Port Template",
        description="Blank is the usual port of the protocol: 1883, 8883, 80 or 443.",
        json_schema_extra=ui(section="Connection"),
    )
    protocol_version: Literal["3.1.1", "5"] = Field(
        "3.1.1",
        title="Protocol Version",
        description="The version of MQTT that the broker speaks.",
        json_schema_extra=ui(section="Connection"),
    )
    clean: bool = Field(
        True,
        title="Clean Session",
        description="Checked: messages sent while disconnected are missed. Unchecked: the broker keeps them for this client ID, "
        "for up to 7 days in version 5, else as long as it is set to.",
        json_schema_extra=ui(section="Session"),
    )
    client_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Client ID Template",
        description="Blank: one is assigned when saved. Two connections with the same client ID throw each other out.",
        json_schema_extra=ui(section="Session"),
    )
    username: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Username Template",
        description="For logging in with username and password.",
        json_schema_extra=ui(section="Authentication"),
    )
    password: Templated[SecretStr | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Password Template",
        description="For logging in with username and password.",
        json_schema_extra=ui(section="Authentication"),
    )
    private_key: Templated[SecretStr | None] = pem_field(
        "Private Key Template",
        "For logging in with a certificate: its private key in PEM form, without a passphrase.",
        "Authentication",
        _secured_only,
    )
    certificate: Templated[str | None] = pem_field(
        "Certificate Template", "For logging in with a certificate: the certificate in PEM form.", "Authentication", _secured_only
    )
    ca_certificate: Templated[str | None] = pem_field(
        "CA Certificate Template",
        "The authority that signed the broker's certificate, in PEM form. Blank: the usual public ones.",
        "Security",
        _secured_only,
    )
    disable_ssl_verification: bool = Field(
        False,
        alias="disableSSLVerification",
        title="Disable SSL Verification",
        description="Accept any certificate of the broker. Whoever is on the way to it can then read and change everything.",
        json_schema_extra=ui(section="Security", when=_secured_only),
    )

    @model_validator(mode="after")
    def _authentication(self) -> Self:
        if self.certificate and (self.username or self.password):
            raise ValueError("certificate: Log in either with a certificate or with username and password, not with both.")
        if self.certificate and not self.private_key:
            raise ValueError("privateKey: A certificate needs its private key.")
        if self.private_key and not self.certificate:
            raise ValueError("certificate: A private key needs its certificate.")
        if self.password and not self.username and self.protocol_version == "3.1.1":
            raise ValueError("username: Version 3.1.1 takes no password without a username.")
        for name, value in (("certificate", self.certificate), ("caCertificate", self.ca_certificate)):
            if value and self.protocol not in _SECURED:
                raise ValueError(f"{name}: Only for the protocols mqtts and wss.")
        return self

    @property
    def effective_port(self) -> int:
        """The port, by default that of the protocol."""
        return self.port or DEFAULT_PORTS[self.protocol]

    @property
    def tls(self) -> Tls | None:
        """How the connection is secured, if it is."""
        if self.protocol not in _SECURED:
            return None
        key = self.private_key.get_secret_value() if self.private_key else None
        return Tls(not self.disable_ssl_verification, self.ca_certificate, self.certificate, key)


class MqttOutgoing(Schema):
    """A message to publish."""

    topic: Templated[str] = Field(
        title="Topic Template",
        description="The topic to publish to; it need not be one of the integration's topics.",
        examples=["greenhouse/alerts"],
    )
    message: Templated[str] = Field(
        "",
        title="Message Template",
        description="The text to publish; blank is an empty message.",
        examples=["{{jsonEncode working.alert}}"],
    )
    qos: int = Field(1, ge=0, le=2, title="QoS", description="Quality of service: 0, 1 or 2.")
    retain: bool = Field(False, title="Retain", description="Ask the broker to keep the message for later subscribers.")


class MqttProperties(TypedDict, total=False):
    """Version 5: what the sender said beside the message. `userProperties` is a list of [name, value]."""

    userProperties: list[list[str]]
    contentType: str
    responseTopic: str
    correlationData: str
    messageExpiryInterval: int
    payloadFormatIndicator: int
    subscriptionIdentifier: list[int]


class MqttMessage(TypedDict):
    """A message that arrived. `encoding` is "base64" where the bytes are not UTF-8, and `message` is then base64."""

    type: Literal["message"]
    message: Annotated[str, Field(examples=['{"temperature": 31}'])]
    topic: Annotated[str, Field(examples=["greenhouse/north/climate"])]
    qos: int
    retain: bool
    properties: NotRequired[MqttProperties]
    encoding: NotRequired[Literal["base64"]]


class MqttConnect(TypedDict):
    """The connection is up."""

    type: Literal["connect"]
    topics: Annotated[list[str], Field(examples=[["greenhouse/+/climate"]])]


class MqttDisconnect(TypedDict):
    """The connection is gone."""

    type: Literal["disconnect"]
    disconnectReason: Annotated[str, Field(examples=["Connection Lost"])]


class MqttFailure(TypedDict):
    """No connection could be made."""

    type: Literal["failure"]
    failureReason: Annotated[str, Field(examples=["Unauthorized"])]


class _Unauthorized(Refused):
    """The broker refused the login."""


@connectors.register
class MqttConnector(Connector[MqttConfig, MqttOutgoing]):
    """One connection to a broker."""

    name: ClassVar[str] = "mqtt"
    label: ClassVar[str] = "MQTT"
    Config: ClassVar[type[Schema]] = MqttConfig
    Outgoing: ClassVar[type[Schema] | None] = MqttOutgoing
    send_node: ClassVar[str] = "MqttMessageNode"
    topics_help: ClassVar[str] = "Topics to subscribe to; + stands for one level, # at the end for all that follow."
    sends_live: ClassVar[bool] = True
    redelivers: ClassVar[bool] = True
    can_wait: ClassVar[bool] = True
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: MqttMessage,
        EventKind.CONNECT: MqttConnect,
        EventKind.DISCONNECT: MqttDisconnect,
        EventKind.FAILURE: MqttFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (LineLost, WebSocketException, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused, CertificateUnusable, ssl.SSLCertVerificationError)
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS
    session_seconds: ClassVar[int] = 7 * 24 * 3600
    """How long a version 5 broker is asked to keep the session of an integration with `clean` unchecked."""

    def __init__(self, config: MqttConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self.notices: list[str] = []
        """What people should know about this connection although it works."""
        self._client: LoopClient | None = None
        self._arrivals: Arrivals[Delivery] = Arrivals()
        self._granted: list[Subscription] = []
        self._paused = False

    def __repr__(self) -> str:
        return f"<MqttConnector {self.source.integration_id}>"

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Return faults of topic filters by position."""
        faults = {at: fault for at, topic in enumerate(topics) if (fault := filter_fault(topic))}
        for at, topic in enumerate(topics):
            if topic in topics[:at]:
                faults.setdefault(at, "This topic is there twice.")
        return faults

    @classmethod
    def prepare(cls, config: JSONObject) -> JSONObject:
        """Assign a client id where there is none, and the protocol's port."""
        if not config.get("clientId"):
            letters = string.ascii_lowercase + string.digits
            config["clientId"] = "wegnology-" + "".join(secrets.choice(letters) for _ in range(12))
        if config.get("port") in (None, ""):
            config["port"] = DEFAULT_PORTS.get(str(config.get("protocol")), 1883)
        return config

    async def connect(self) -> JSONObject:
        """Open, log in and subscribe."""
        for at, fault in self.check_topics(self.source.topics).items():
            raise Refused(f"{self.source.topics[at]}: {fault}")
        await self._log_in(clean=self.config.clean)
        await self._subscribe()
        return {"topics": list(self.source.topics)}

    def subscriptions(self) -> Sequence[Subscription]:
        """Say which topics the broker granted."""
        return self._granted

    async def receive(self) -> Sequence[Delivery]:
        """Return every message that is there; raises `Disconnected`."""
        return await self._arrivals.take()

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Send PUBACKs in the order given."""
        if self._client is not None:
            receipts = [cast(int, delivery.receipt) for delivery in deliveries if delivery.receipt is not None]
            if receipts:
                self._client.acknowledge([(abs(receipt), 1 if receipt > 0 else 2) for receipt in receipts])

    def pause(self, paused: bool) -> None:
        """Stop or resume reading the socket."""
        self._paused = paused
        if self._client is not None:
            self._client.pause(paused)

    async def probe(self) -> None:
        """Send PINGREQ and wait for PINGRESP.

        While paused nothing is read: the broker gets its PINGREQ, but its answer cannot be seen; only a closed line is noticed.
        """
        client = self._client
        if client is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or Disconnected("Not connected")
        if self._paused:
            if not client.alive_unread():
                raise Disconnected("Connection Lost")
            return
        try:
            async with asyncio.timeout(self.phase_seconds):
                await client.ping()
        except TimeoutError as error:
            raise Disconnected("Keepalive Timeout") from error
        except LineLost as error:
            raise Disconnected(str(error)) from error

    async def send(self, message: MqttOutgoing) -> JSONObject:
        """Publish; returns after PUBACK (QoS 0: after the socket write)."""
        [fault] = await self.send_many([message])
        if fault is not None:
            raise fault
        return {}

    async def send_many(self, messages: Sequence[MqttOutgoing]) -> Sequence[Exception | None]:
        """Publish together, in order; up to 100 are on the line unconfirmed."""
        faults = [name_fault(message.topic) for message in messages]
        outcomes: list[Exception | None] = [SendFailed(fault) if fault else None for fault in faults]
        good = [at for at, fault in enumerate(outcomes) if fault is None]
        if self._client is None:
            return [fault or SendLater("Not connected") for fault in outcomes]
        sent = await self._client.publisher.send_all([_publication(messages[at]) for at in good])
        for at, fault in zip(good, sent, strict=True):
            if fault is not None:
                outcomes[at] = _SEND_FAULTS.get(type(fault), SendFailed)(str(fault))
        return outcomes

    def event_data(self, kind: EventKind, error: Exception) -> JSONObject:
        """Return the data of a disconnect or failure event in the words of the original product."""
        if kind is EventKind.FAILURE and isinstance(error, _Unauthorized):
            return {"failureReason": "Unauthorized"}
        return super().event_data(kind, error)

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong."""
        if isinstance(error, WebSocketException):
            return f"{self.config.host} did not speak WebSocket as expected: {error}"
        return explain_socket_error(error, self.config.host, self.config.effective_port)

    async def close(self) -> None:
        """Say goodbye and free everything."""
        client, self._client = self._client, None
        self._arrivals.end(Disconnected("Connection Lost"))
        if client is not None:
            client.hang_up()

    async def purge(self) -> None:
        """Remove the session that the broker keeps: log in once with a clean one."""
        if self.config.clean:
            return
        try:
            await self._log_in(clean=True)
        finally:
            await self.close()

    # -- connecting

    async def _log_in(self, *, clean: bool) -> None:
        config = self.config
        v5 = config.protocol_version == "5"
        client = LoopClient(
            config.client_id or f"wegnology-{secrets.token_hex(6)}",
            MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            None if v5 else clean,
            self._on_arrival,
            self._on_lost,
        )
        if config.username or config.password:
            client.username_pw_set(config.username, config.password.get_secret_value() if config.password else None)
        line = await self._open_line(client)
        self._client = client
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0 if clean else self.session_seconds
        # Named although it is below the protocol's default: mosquitto keeps to 20 where a client says nothing, and a burst
        # then fills its queue, from which it drops.
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        login = client.log_in(line, clean_start=clean, properties=properties)
        answer = await self._phase(login, "The login")
        if answer.code:
            await self.close()
            raise _login_fault(answer, v5)
        if not clean and not answer.session and self.source.previous_topics:
            self.notices.append(
                "The broker kept no session for this client ID: messages sent while disconnected did not wait there."
            )

    async def _open_line(self, client: LoopClient) -> ByteLine:
        config = self.config
        host, port = config.host, config.effective_port
        sock = await open_socket(host, port, tls=config.tls, timeout=self.phase_seconds)
        if config.protocol in ("mqtt", "mqtts"):
            return Line(sock, client.feed, client.line_lost, client.publisher.flushed)
        url = f"{config.protocol}://{f'[{host}]' if ':' in host else host}:{port}/mqtt"
        try:
            ws = await upgrade(sock, url, timeout=self.phase_seconds, subprotocols=["mqtt"])
        except UpgradeRefused as error:
            raise (Refused if error.final else Unreachable)(
                f"{host} did not accept the WebSocket: HTTP status {error.status}"
            ) from error

        def on_frame(opcode: int, data: bytes) -> None:
            if opcode == ABNF.OPCODE_BINARY:
                client.feed(data)
            elif opcode == ABNF.OPCODE_CLOSE:
                client.line_lost(None)

        return FrameLine(ws, on_frame, client.line_lost, client.publisher.flushed)

    async def _phase(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Wait for an answer of the broker; on failure everything is closed."""
        try:
            async with asyncio.timeout(self.phase_seconds):
                return await work
        except TimeoutError as error:
            await self.close()
            raise TimeoutError(f"{what} at {self.config.host} took longer than {self.phase_seconds:g} s") from error
        except LineLost as error:
            await self.close()
            demanded = isinstance(error.__cause__, ssl.SSLError)  # a missing client certificate shows only now
            text = self.explain(error.__cause__) if error.__cause__ else f"{self.config.host} ended the connection: {error}"
            raise (Refused if demanded else Unreachable)(f"{what} failed: {text}") from error
        except BaseException:
            await self.close()
            raise

    async def _subscribe(self) -> None:
        client, topics = self._client, self.source.topics
        if client is None:
            return
        self._granted = []
        removed = [topic for topic in self.source.previous_topics if topic not in topics]
        if removed and not self.config.clean:
            await self._phase(client.ask(lambda: client.unsubscribe(removed)), "Unsubscribing")
        for start in range(0, len(topics), _PER_SUBSCRIBE):
            wanted = topics[start : start + _PER_SUBSCRIBE]
            codes = await self._phase(client.ask(lambda: client.subscribe([(topic, 1) for topic in wanted])), "The subscription")  # noqa: B023
            for topic, code in zip(wanted, codes, strict=False):
                detail = f"The broker refused it: {code}" if code.value >= 0x80 else f"QoS {code.value}"
                self._granted.append(Subscription(topic, code.value < 0x80, detail))
        if topics and not any(subscription.granted for subscription in self._granted):
            await self.close()
            raise Refused("The broker refused every topic: " + ", ".join(f"{s.topic} ({s.detail})" for s in self._granted))

    # -- called by the client, from the loop

    def _on_arrival(self, topic: str, payload: bytes, qos: int, retain: bool, mid: int, properties: Properties | None) -> None:
        data: JSONObject = {"type": "message", "message": "", "topic": topic, "qos": qos, "retain": retain}
        try:
            data["message"] = payload.decode()
        except UnicodeDecodeError:
            data["message"] = base64.b64encode(payload).decode()
            data["encoding"] = "base64"
        if properties is not None and (said := _properties(properties)):
            data["properties"] = said
        receipt = None if not qos else mid if qos == 1 else -mid
        self._arrivals.put(Delivery(data, time.time_ns() // 1_000_000, receipt, len(payload)))

    def _on_lost(self, reason: LineLost) -> None:
        lost = Disconnected(str(reason))
        lost.__cause__ = reason.__cause__
        self._arrivals.end(lost)


def _login_fault(answer: Connack, v5: bool) -> Exception:
    """Tell a login that needs an edit from a broker that is busy."""
    if answer.code in ((0x86, 0x87, 0x8C) if v5 else (4, 5)):
        return _Unauthorized(f"The broker refused the login: {answer.reason}")
    if answer.code in ((0x80, 0x83, 0x88, 0x89, 0x97, 0x9F) if v5 else (3,)):
        return Unreachable(f"The broker takes no connections now: {answer.reason}")
    return Refused(f"The broker refused the connection: {answer.reason}")


def _properties(properties: Properties) -> JSONObject:
    """Return what a version 5 sender said beside the message."""
    said: JSONObject = {}
    for name, key in (
        ("ContentType", "contentType"),
        ("ResponseTopic", "responseTopic"),
        ("MessageExpiryInterval", "messageExpiryInterval"),
        ("PayloadFormatIndicator", "payloadFormatIndicator"),
        ("SubscriptionIdentifier", "subscriptionIdentifier"),
    ):
        if hasattr(properties, name):
            said[key] = getattr(properties, name)
    if hasattr(properties, "UserProperty"):
        said["userProperties"] = [list(pair) for pair in properties.UserProperty]
    if hasattr(properties, "CorrelationData"):
        said["correlationData"] = base64.b64encode(properties.CorrelationData).decode()
    return said


def _publication(message: MqttOutgoing) -> Publication:
    return Publication(message.topic.encode(), message.message.encode(), message.qos, message.retain)

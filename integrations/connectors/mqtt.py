"""MQTT brokers: mqtt, mqtts, ws and wss; protocol versions 3.1.1 and 5.

https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html, https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html

Subscribes at QoS 1 and acknowledges by hand. Over WebSockets the path is /mqtt. It sets no will and uses no topic aliases.
"""

import asyncio
import secrets
import ssl
import string
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict

from pydantic import model_validator
from websocket import WebSocketException

from integrations.connectors.base import (
    CONNECT_PHASE_SECONDS,
    CheckStep,
    Connector,
    Delivery,
    Source,
    Subscription,
    connectors,
    run_phases,
)
from integrations.events import EventKind
from integrations.exceptions import Disconnected, Refused, SendFailed, SendLater, SendUnknown, Unreachable
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.choices import Choice, Option
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.egress import EgressRefused
from wegnology.lib.marking import marked
from wegnology.lib.mqtt import Arrival, LineLost, LoopClient
from wegnology.lib.mqtt_messages import message_data
from wegnology.lib.mqtt_publishing import Publication, PublishLater, PublishUnknown
from wegnology.lib.mqtt_session import BrokerFault, Login, Session
from wegnology.lib.mqtt_topics import filter_fault, name_fault
from wegnology.lib.mqtt_trial import said, trial_phases
from wegnology.lib.opening import Opening, open_socket
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.tls import CertificateUnusable, Tls
from wegnology.lib.tls_fields import (
    ca_certificate_field,
    certificate_field,
    check_pair,
    no_verification_field,
    private_key_field,
    tls_of,
)
from wegnology.lib.types import JSONObject, JSONValue
from wegnology.lib.upgrading import UpgradeRefused, advise_upgrade, explain_upgrade

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
CLIENT_ID = "wegnology-"
"""Begins a client id that was assigned."""
_SECURED = ("mqtts", "wss")
_secured_only: dict[str, list[JSONValue]] = {"protocol": [*_SECURED]}
_verified_only: dict[str, list[JSONValue]] = {**_secured_only, "disableSSLVerification": [False]}
_LOGIN = Choice(
    name="authenticationMethod",
    title="Authentication Method",
    description="How to log in at the broker.",
    options=(
        Option("none", "None"),
        Option(
            "usernamePassword",
            "Username and password",
            needs={"username": "Enter a username; for a broker that asks for none, choose None above.", "password": ""},
        ),
        Option(
            "certificate",
            "Certificate (mqtts and wss only)",
            needs={"privateKey": "Enter the private key.", "certificate": "Enter the certificate."},
            when=_secured_only,
            otherwise="A certificate logs in through the protocols mqtts and wss only: choose one of them, or another method.",
        ),
    ),
    default="usernamePassword",
)
_topic_of: Callable[[Publication], str] = itemgetter(0)
_SEND_FAULTS = {PublishUnknown: SendUnknown, PublishLater: SendLater}


class MqttConfig(Schema):
    """How to reach a broker and log in."""

    choices: ClassVar[tuple[Choice, ...]] = (_LOGIN,)

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
        json_schema_extra=ui(section="Connection", follows={"protocol": DEFAULT_PORTS}),
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
    private_key: Templated[SecretStr | None] = private_key_field(_secured_only)
    certificate: Templated[str | None] = certificate_field(_secured_only)
    ca_certificate: Templated[str | None] = ca_certificate_field("broker", _verified_only)
    disable_ssl_verification: bool = no_verification_field("broker", _secured_only)

    @model_validator(mode="after")
    def _authentication(self) -> Self:
        if self.certificate and (self.username or self.password):
            raise ValueError(
                "certificate: " + marked("Log in either with a certificate or with username and password, not with both.")
            )
        check_pair(self.certificate, self.private_key)
        if self.password and not self.username and self.protocol_version == "3.1.1":
            raise ValueError("username: " + marked("Version 3.1.1 takes no password without a username."))
        for name, value in (("certificate", self.certificate), ("caCertificate", self.ca_certificate)):
            if value and self.protocol not in _SECURED:
                raise ValueError(f"{name}: " + marked("Only for the protocols mqtts and wss."))
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
        return tls_of(self.disable_ssl_verification, self.ca_certificate, self.certificate, self.private_key)


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
        json_schema_extra=ui(multiline=True),
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
    icon: ClassVar[str] = "cell_tower"
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
        self._session: Session | None = None
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
            config["clientId"] = CLIENT_ID + "".join(secrets.choice(letters) for _ in range(12))
        if config.get("port") in (None, ""):
            config["port"] = DEFAULT_PORTS.get(str(config.get("protocol")), 1883)
        return config

    @classmethod
    def unassigned(cls, config: JSONObject) -> JSONObject:
        """Leave out a client id that was assigned: a broker ends one connection when another one takes its id."""
        given = str(config.get("clientId") or "")
        assigned = given.startswith(CLIENT_ID) and len(given) == len(CLIENT_ID) + 12 and given.removeprefix(CLIENT_ID).isalnum()
        return {name: value for name, value in config.items() if name != "clientId" or not assigned}

    @property
    def _client(self) -> LoopClient | None:
        return self._session.client if self._session is not None else None

    async def connect(self) -> JSONObject:
        """Open, log in and subscribe."""
        for at, fault in self.check_topics(self.source.topics).items():
            raise Refused(f"{self.source.topics[at]}: {fault}")
        await self._log_in(clean=self.config.clean)
        await self._subscribe()
        return {"topics": list(self.source.topics)}

    @classmethod
    async def check(cls, config: MqttConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Log in under another client ID with a clean session and subscribe; what arrives is a copy, and is not looked at."""
        trial = cls(config.model_copy(update={"client_id": f"{config.client_id}-check-{secrets.token_hex(2)}"}), source)
        opening = Opening(config.host, config.effective_port, config.tls, cls.phase_seconds)
        trial._session = trial._new_session(clean=True)
        try:
            async for step in run_phases(trial_phases(opening, trial._session, source.topics), trial):
                yield step
        finally:
            opening.close()
            await trial.close()

    def subscriptions(self) -> Sequence[Subscription]:
        """Say which topics the broker granted."""
        return self._granted

    async def receive(self) -> Sequence[Delivery]:
        """Return every message that is there; raises `Disconnected`."""
        return await self._arrivals.take()

    def pour(self, taker: Callable[[Sequence[Delivery]], None]) -> None:
        """Hand over what comes in the callback that reads it."""
        self._arrivals.pour(taker)

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Send PUBACKs in the order given."""
        client = self._client
        if client is not None:
            receipts: list[Any] = [delivery.receipt for delivery in deliveries]
            client.acknowledge(receipts)

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
        """Publish together, in order; a window of them is on the line unconfirmed."""
        return await self._publish([(m.topic, m.message.encode(), m.qos, m.retain) for m in messages])

    async def send_stored(self, messages: Sequence[JSONObject]) -> Sequence[Exception | None]:
        """As `send_many`: from what is stored to the wire without an object of the schema for each."""
        values: Sequence[Any] = messages
        return await self._publish(
            [(m["topic"], m.get("message", "").encode(), m.get("qos", 1), m.get("retain", False)) for m in values]
        )

    async def _publish(self, messages: Sequence[Publication]) -> Sequence[Exception | None]:
        faults = [*map(name_fault, map(_topic_of, messages))]
        if not any(faults):
            return await self._publish_good(messages)
        good = [message for message, fault in zip(messages, faults, strict=True) if not fault]
        sent = iter(await self._publish_good(good))
        return [SendFailed(fault) if fault else next(sent) for fault in faults]

    async def _publish_good(self, messages: Sequence[Publication]) -> Sequence[Exception | None]:
        """Publish what has topics that can be published to."""
        if self._client is None:
            return [SendLater("Not connected") for _ in messages]
        sent = await self._client.publisher.send_all(messages)
        if not any(sent):
            return sent
        return [fault and _SEND_FAULTS.get(type(fault), SendFailed)(str(fault)) for fault in sent]

    def event_data(self, kind: EventKind, error: Exception) -> JSONObject:
        """Return the data of a disconnect or failure event in the words of the original product."""
        if kind is EventKind.FAILURE and isinstance(error, _Unauthorized):
            return {"failureReason": "Unauthorized"}
        return super().event_data(kind, error)

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong."""
        host = self.config.host
        if isinstance(error, UpgradeRefused):
            return f"{host} did not accept the WebSocket: HTTP status {error.status}"
        return explain_upgrade(error, host) or explain_socket_error(error, host, self.config.effective_port)

    def advise(self, error: BaseException) -> str:
        """Say what to do about it."""
        if isinstance(error, BrokerFault):
            return error.advice
        if isinstance(error.__cause__, BrokerFault):
            return error.__cause__.advice
        return advise_upgrade(error) or advise_socket_error(error, self.config.host, self.config.effective_port)

    async def close(self) -> None:
        """Say goodbye and free everything."""
        session, self._session = self._session, None
        self._arrivals.end(Disconnected("Connection Lost"))
        if session is not None:
            session.close()

    async def purge(self) -> None:
        """Remove the session that the broker keeps: log in once with a clean one."""
        if self.config.clean:
            return
        try:
            await self._log_in(clean=True)
        finally:
            await self.close()

    # -- connecting

    def _new_session(self, *, clean: bool) -> Session:
        config = self.config
        password = config.password.get_secret_value() if config.password else None
        v5 = config.protocol_version == "5"
        login = Login(config.protocol, config.host, config.effective_port, v5, config.client_id or "", config.username, password)
        return Session(login, self.phase_seconds, clean=clean)

    async def _log_in(self, *, clean: bool) -> None:
        config = self.config
        sock = await open_socket(config.host, config.effective_port, tls=config.tls, timeout=self.phase_seconds)
        session = self._session = self._new_session(clean=clean)
        try:
            await session.over(sock, self._on_arrivals, self._on_lost)
            answer = await session.log_in(0 if clean else self.session_seconds)
        except UpgradeRefused as error:
            raise (Refused if error.final else Unreachable)(self.explain(error)) from error
        except BrokerFault as error:
            raise _instruction(error) from error
        if not clean and not answer.session and self.source.previous_topics:
            self.notices.append(
                "The broker kept no session for this client ID: messages sent while disconnected did not wait there."
            )

    async def _subscribe(self) -> None:
        session, topics = self._session, self.source.topics
        if session is None:
            return
        removed = [topic for topic in self.source.previous_topics if topic not in topics]
        try:
            if removed and not self.config.clean:
                await session.unsubscribe(removed)
            answers = await session.subscribe(topics)
        except BrokerFault as error:
            raise _instruction(error) from error
        self._granted = [Subscription(topic, code.value < 0x80, said(code)) for topic, code in answers]
        if topics and not any(subscription.granted for subscription in self._granted):
            await self.close()
            raise Refused("The broker refused every topic: " + ", ".join(f"{s.topic} ({s.detail})" for s in self._granted))

    # -- called by the client, from the loop

    def _on_arrivals(self, messages: list[Arrival]) -> None:
        now = time.time_ns() // 1_000_000
        deliveries = [
            Delivery(message_data(topic, body, qos, retain, properties), now, receipt, len(body))
            for topic, body, qos, retain, receipt, properties in messages
        ]
        self._arrivals.put_all(deliveries)

    def _on_lost(self, reason: LineLost) -> None:
        lost = Disconnected(str(reason))
        lost.__cause__ = reason.__cause__
        self._arrivals.end(lost)


def _instruction(fault: BrokerFault) -> Exception:
    """Say what the runtime shall do about a broker that does not take us."""
    if fault.login:
        return _Unauthorized(str(fault))
    return Refused(str(fault)) if fault.lasting else Unreachable(str(fault))

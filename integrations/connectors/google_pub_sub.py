"""Topics of Google Pub/Sub, received through subscriptions of our own. https://cloud.google.com/pubsub/docs/overview

A subscription belongs to one integration and one topic. It is made when first needed, keeps what comes while the integration is
switched off, and goes with the topic or the integration. A message is acknowledged once it is stored here.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NotRequired, TypedDict

from pydantic import field_validator

from integrations.connectors.base import (
    CONNECT_PHASE_SECONDS,
    CheckStep,
    Connector,
    Delivery,
    Sender,
    Source,
    Subscription,
    connectors,
    run_phases,
)
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendUnknown
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.credential_types import NO_CREDENTIAL, Credential, GcpCredential
from wegnology.lib.egress import EgressRefused
from wegnology.lib.endpoints import service_url
from wegnology.lib.google_keys import read_key
from wegnology.lib.http_client import Origin
from wegnology.lib.marking import marked
from wegnology.lib.outgoing import Content, Pairs, Scalar
from wegnology.lib.pubsub_account import PubsubAccount
from wegnology.lib.pubsub_faults import EDITOR, PASSING, REFUSALS, PubsubFault, PubsubLost, advise_fault, explain_fault
from wegnology.lib.pubsub_messages import moment_of, text_of, texts_of
from wegnology.lib.pubsub_names import Project, project_fault, subscription_id, topic_fault
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.seen import Seen
from wegnology.lib.types import JSONObject

if TYPE_CHECKING:
    from wegnology.lib.pubsub_leases import Held, Leases
    from wegnology.lib.pubsub_line import PubsubLine
    from wegnology.lib.pubsub_pull import Pull
    from wegnology.lib.pubsub_topics import Topics

CLOUD = "https://pubsub.googleapis.com"
VERSION_ATTRIBUTE = "flowVersion"
SEND_SECONDS = 15.0
PROBED_AT_ONCE = 10
"""Subscriptions asked for in one probe; with more of them, each is asked for in turn."""
AGAIN_SECONDS = 60.0
"""How often a topic that was refused is tried again while others work."""
SEEN_SECONDS = 120.0
"""How long a message that comes again is known. Google sends some twice, shortly after; a person may send old ones again."""
HELD_MESSAGES, HELD_BYTES = 300, 4 * 1024 * 1024
_accepted = Seen(sources=200, most=10_000, seconds=SEEN_SECONDS)


class GooglePubSubConfig(Schema):
    """Which project, and how to log in: with a service credential, or with a key entered here."""

    key_json: Templated[SecretStr | None] = Field(
        None,
        min_length=4,
        max_length=32767,
        title="Account Key JSON Template",
        description="The service account's key file, as downloaded.",
        json_schema_extra=ui(section="Login", multiline=True, when=NO_CREDENTIAL),
    )
    project_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=255,
        title="Project ID Template",
        description="The project of the topics. Blank: that of the key.",
        json_schema_extra=ui(section="Project", placeholder="greenhouse-1234"),
    )

    @field_validator("key_json")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            read_key(key.get_secret_value())
        return key

    @field_validator("project_id")
    @classmethod
    def _project(cls, project: str | None) -> str | None:
        if project and (fault := project_fault(project)):
            raise ValueError(fault)
        return project


class GooglePubSubOutgoing(Schema):
    """A message to publish."""

    topic: Templated[str] = Field(
        min_length=1,
        title="Topic Template",
        description="Name of the topic, only its last part; it need not be one of the integration's.",
        examples=["alerts"],
    )
    project_id: Templated[str | None] = Field(
        None, title="Project ID Template", description="The topic's project. Blank: that of the integration, or of the key."
    )
    data: Annotated[str, Content("data")] = Field(
        "",
        title="Data Template",
        description="The message.",
        examples=["{{jsonEncode working.alert}}"],
        json_schema_extra=ui(multiline=True),
    )
    attributes: Annotated[dict[str, Scalar], Pairs("attr")] = Field(
        {}, title="Attributes", description="Attributes of the message, all sent as texts."
    )

    @field_validator("topic")
    @classmethod
    def _topic(cls, topic: str) -> str:
        if fault := topic_fault(topic):
            raise ValueError(fault)
        return topic

    @field_validator("project_id")
    @classmethod
    def _project(cls, project: str | None) -> str | None:
        if project and (fault := project_fault(project)):
            raise ValueError(fault)
        return project


class GooglePubSubDirect(Schema):
    """A login of the node's own, in place of an integration."""

    credential_name: Templated[str | None] = Field(
        None, max_length=255, title="Credential Name Template", description="Name of a service credential of type GCP."
    )
    jwt_data: Annotated[str, Content("jwtData", methods=("jsonTemplate", "payloadPath"))] = Field(
        "",
        title="Key JSON",
        description="A service account's key file; better a secret global or a service credential than the key itself.",
    )


class GooglePubSubError(TypedDict):
    """What the service said: its own code, and a sentence."""

    type: Annotated[str, Field(examples=["PERMISSION_DENIED"])]
    message: str


class GooglePubSubAnswer(TypedDict):
    """What became of a message."""

    success: bool
    messageId: NotRequired[Annotated[str, Field(examples=["12480713290114"])]]
    error: NotRequired[GooglePubSubError]


class GooglePubSubMessage(TypedDict):
    """A message that arrived. Its data is text as sent, also when it holds JSON; bytes that are none are base64."""

    type: Literal["message"]
    data: Annotated[str, Field(examples=['{"temperature": 31}'])]
    encoding: NotRequired[Annotated[str, Field(description="base64 where the data is no text, else not there.")]]
    attributes: Annotated[dict[str, str], Field(examples=[{"device": "boiler"}])]
    id: Annotated[str, Field(examples=["12480713290114"])]
    timestamp: Annotated[str, Field(examples=["2026-03-01T12:00:00.000Z"], description="When it was published.")]
    orderingKey: NotRequired[Annotated[str, Field(description="Messages of one key come in order; not there without one.")]]
    topic: Annotated[str, Field(examples=["readings"])]
    topics: Annotated[list[str], Field(examples=[["readings", "alerts"]], description="All topics of the integration.")]


class GooglePubSubConnect(TypedDict):
    """The topics are received."""

    type: Literal["connect"]
    topics: Annotated[list[str], Field(examples=[["readings", "alerts"]])]


class GooglePubSubDisconnect(TypedDict):
    """The topics are not received any more."""

    type: Literal["disconnect"]
    disconnectReason: Annotated[str, Field(examples=["The connection to Pub/Sub was lost"])]


class GooglePubSubFailure(TypedDict):
    """The topics cannot be received."""

    type: Literal["failure"]
    failureReason: Annotated[str, Field(examples=["Google does not accept the service account's key (UNAUTHENTICATED)"])]


class PubsubSendFailed(SendFailed):
    """The service did not take a message; `type` is its own code."""

    def __init__(self, kind: str, message: str) -> None:
        self.type = kind
        super().__init__(message)


@connectors.register
class GooglePubSubConnector(Connector[GooglePubSubConfig, GooglePubSubOutgoing]):
    """Own subscriptions to topics of one project."""

    name: ClassVar[str] = "googlePubSub"
    label: ClassVar[str] = "Google Pub/Sub"
    icon: ClassVar[str] = "campaign"
    Config: ClassVar[type[Schema]] = GooglePubSubConfig
    topics_help: ClassVar[str] = (
        "One name a line, only the last part: of projects/plant/topics/alerts it is alerts. None: only publishing is possible. "
        f"Subscriptions are made by the integration itself: the service account needs the role {EDITOR}."
    )
    Outgoing: ClassVar[type[Schema] | None] = GooglePubSubOutgoing
    send_node: ClassVar[str] = "GooglePublishNode"
    Direct: ClassVar[type[Schema] | None] = GooglePubSubDirect
    direct_ways: ClassVar[tuple[tuple[str, ...], ...]] = (("credentialName",), ("jwtData",))
    answer: ClassVar[type | None] = GooglePubSubAnswer
    credential_types: ClassVar[tuple[str, ...]] = (GcpCredential.name,)
    redelivers: ClassVar[bool] = True
    can_wait: ClassVar[bool] = True
    polls: ClassVar[bool] = True
    names_versions: ClassVar[bool] = True
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: GooglePubSubMessage,
        EventKind.CONNECT: GooglePubSubConnect,
        EventKind.DISCONNECT: GooglePubSubDisconnect,
        EventKind.FAILURE: GooglePubSubFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (PubsubFault, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused, ssl.SSLCertVerificationError)
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS
    lease_seconds: ClassVar[int] = 15
    """How soon Google gives a message to another listener when this one dies; what is held longer is extended."""
    authority: ClassVar[str | None] = None
    """Who signed the service's certificate, in PEM form; None: the usual public authorities."""

    def __init__(self, config: GooglePubSubConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self._origin = self.origin()
        self._line: PubsubLine | None = None
        self._topics: Topics | None = None
        self._pulls: dict[str, Pull] = {}
        self._refusals: dict[str, PubsubFault] = {}
        self._again = 0.0
        self._proved: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._arrivals: Arrivals[Delivery] = Arrivals()
        self._kept: list[Delivery] = []
        self._paused = False

    def __repr__(self) -> str:
        return f"<GooglePubSubConnector {self.source.integration_id}>"

    @classmethod
    def origin(cls) -> Origin:
        """Return where Pub/Sub is."""
        return Origin.parse(service_url(cls.name, CLOUD), cls.authority)

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Return faults of topics by position."""
        faults = {at: marked("This topic is there twice.") for at, topic in enumerate(topics) if topic in topics[:at]}
        return faults | {at: fault for at, topic in enumerate(topics) if (fault := topic_fault(topic))}

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        """Want one way of logging in."""
        if credential is None:
            return (
                {} if raw.get("keyJson") else {"credentialName": marked("Name a service credential, or enter an account's key.")}
            )
        return {"keyJson": marked("Not used beside a service credential: leave it empty.")} if raw.get("keyJson") else {}

    # -- listening

    async def connect(self) -> JSONObject:
        """Make the subscriptions that are missing, end those that are not wanted any more, begin to read."""
        account = account_for(self.config, self.source, self._origin, self.phase_seconds)
        try:
            self._line = await account.open()
            self._topics = account.topics(self._line)
            await account.proven(self._line, self._begin())
        except PubsubFault as fault:
            raise self._translated(fault) from fault
        return {"topics": list(self.source.topics)}

    async def _begin(self) -> None:
        topics = self._topics
        if topics is None:
            raise Disconnected("Not connected")
        if not self.source.topics:
            await topics.show_login()
        await self._together(self._follow(topic) for topic in self.source.topics)
        if self.source.topics and not self._pulls:
            raise next(iter(self._refusals.values()))
        gone = [topic for topic in self.source.previous_topics if topic not in self.source.topics]
        await self._together(topics.unsubscribe(self._subscription(topic)) for topic in gone)
        self._note_refusals()

    async def _together(self, calls: Any) -> None:
        """Await calls side by side; the first fault is raised after all have ended."""
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _follow(self, topic: str) -> None:
        """Subscribe to a topic and begin to read it; one that is refused does not keep the others from it."""
        try:
            if self._topics is not None:
                await self._topics.subscribe(topic, self._subscription(topic), self.lease_seconds)
            await self._read(topic)
        except PubsubFault as fault:
            if fault.code not in REFUSALS - {"UNAUTHENTICATED"} | {"ALREADY_EXISTS"}:
                raise
            self._refusals[topic] = fault
        else:
            self._refusals.pop(topic, None)

    async def _read(self, topic: str) -> None:
        from wegnology.lib.pubsub_pull import Pull, PullLimits

        if self._line is None or self._topics is None:
            raise Disconnected("Not connected")
        name = self._topics.project.subscription(self._subscription(topic))
        share = max(1, len(self.source.topics))
        limits = PullLimits(max(10, HELD_MESSAGES // share), max(65_536, HELD_BYTES // share), self.lease_seconds)
        pull = Pull(
            self._line, name, topic, limits, _accepted.of(name), self._on_messages, self._on_end, seconds=self.phase_seconds
        )
        self._pulls[topic] = pull
        try:
            await pull.start()
        except BaseException:
            del self._pulls[topic]
            await pull.close(0.0)
            raise

    def _subscription(self, topic: str) -> str:
        return subscription_id(self.source.integration_id, topic)

    def _note_refusals(self) -> None:
        self._again = time.monotonic() + AGAIN_SECONDS
        self.degraded = " ".join(f"{topic}: {explain_fault(fault)}." for topic, fault in sorted(self._refusals.items()))

    def subscriptions(self) -> Sequence[Subscription]:
        """Say what became of each topic, when its subscription was last seen, and when its last message came."""
        refusals = {topic: explain_fault(fault) for topic, fault in self._refusals.items()}
        return [
            Subscription(
                topic, topic not in refusals, refusals.get(topic, ""), self._proved.get(topic, 0), self._last.get(topic, 0)
            )
            for topic in self.source.topics
        ]

    async def receive(self) -> Sequence[Delivery]:
        """Return every message that is there; raises what ended the reading."""
        return await self._arrivals.take()

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let Google know, in batches beside the loop."""
        by_topic: dict[Leases, list[Held]] = {}
        for delivery in deliveries:
            held: Any = delivery.receipt
            by_topic.setdefault(held.leases, []).append(held)
        for leases, messages in by_topic.items():
            leases.accept(messages)

    def pause(self, paused: bool) -> None:
        """Hand nothing on; Google sends no more than may be held, and what is held is leased on."""
        self._paused = paused
        if not paused:
            kept, self._kept = self._kept, []
            for delivery in kept:
                self._arrivals.put(delivery)

    async def probe(self) -> None:
        """Ask for some of the subscriptions, in turn; without topics only the login is tried. Refused topics are tried again."""
        topics = self._topics
        if topics is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or Disconnected("Not connected")
        working = list(self._pulls)[:PROBED_AT_ONCE]
        if not working:
            await topics.show_login()
            return
        for topic in working:
            self._pulls[topic] = self._pulls.pop(topic)  # each in turn
        await self._together(self._prove(topics, topic) for topic in working)
        if self._refusals and time.monotonic() > self._again:
            await self._together(self._follow(topic) for topic in list(self._refusals))
            self._note_refusals()

    async def _prove(self, topics: "Topics", working: str) -> None:
        """See that a subscription is there and its topic too; ends the line when not."""
        found = await topics.topic_of(self._subscription(working))
        if found != topics.project.topic(working):
            said = "was deleted" if found else "has no subscription any more"
            self._arrivals.end(Disconnected(f"The topic {working} {said}"))
            raise Disconnected(f"The topic {working} {said}")
        self._proved[working] = time.time_ns() // 1_000_000

    async def close(self) -> None:
        """Acknowledge what was accepted, give the rest back, close the connection."""
        self._arrivals.end(Disconnected("The connection was closed"))
        pulls, self._pulls = list(self._pulls.values()), {}
        line, self._line, self._topics = self._line, None, None
        try:
            await asyncio.gather(*(pull.close(self.phase_seconds / 4) for pull in pulls))
        finally:
            if line is not None:
                await line.close()

    async def purge(self) -> None:
        """Delete the subscriptions."""
        account = account_for(self.config, self.source, self._origin, self.phase_seconds)
        line = await account.open()
        try:
            topics = account.topics(line)
            wanted = dict.fromkeys([*self.source.topics, *self.source.previous_topics])
            await account.proven(line, self._together(topics.unsubscribe(self._subscription(topic)) for topic in wanted))
        finally:
            await line.close()

    # -- called by the readers

    def _on_messages(self, pull: "Pull", messages: "Sequence[tuple[Held, Any]]") -> None:
        now = self._last[pull.topic] = self._proved[pull.topic] = time.time_ns() // 1_000_000
        for held, message in messages:
            delivery = self._delivery(pull.topic, held, message, now)
            if self._paused:
                self._kept.append(delivery)
            else:
                self._arrivals.put(delivery)

    def _delivery(self, topic: str, held: "Held", message: Any, now: int) -> Delivery:
        attributes = dict(message.attributes)
        data: JSONObject = {"type": "message", **text_of(message.data), "attributes": attributes, "id": held.message_id}
        data["timestamp"] = moment_of(message.publish_time)
        if message.ordering_key:
            data["orderingKey"] = message.ordering_key
        data["topic"] = topic
        data["topics"] = list(self.source.topics)
        return Delivery(data, now, held, len(message.data), version=attributes.get(VERSION_ATTRIBUTE, ""))

    def _on_end(self, pull: "Pull", fault: PubsubFault) -> None:
        if fault.code == "NOT_FOUND":
            self._arrivals.end(Disconnected(f"The subscription to the topic {pull.topic} was deleted; it is made anew"))
        else:
            self._arrivals.end(self._translated(fault))

    def _translated(self, fault: PubsubFault) -> Exception:
        if fault.code in REFUSALS:
            refused = Refused(explain_fault(fault))
            refused.__cause__ = fault
            return refused
        return fault

    # -- words

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong, with Google's own code."""
        if isinstance(error, IntegrationError):
            return str(error)
        if isinstance(error, PubsubFault):
            return explain_fault(error)
        return explain_socket_error(error, self._origin.host, self._origin.port)

    def advise(self, error: BaseException) -> str:
        """Say what to do, for example which role is missing."""
        cause = error.__cause__ if isinstance(error, Refused) else error
        if isinstance(cause, PubsubFault):
            return advise_fault(cause)
        if isinstance(error, Refused):
            return "Name a service credential of type GCP, or enter an account's key."
        return advise_socket_error(error, self._origin.host, self._origin.port)

    # -- asked by a person

    @classmethod
    async def check(cls, config: GooglePubSubConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Go to Google step by step, over a connection of its own; nothing is received, made or changed."""
        from wegnology.lib.pubsub_trial import TopicTrial

        account = account_for(config, source, cls.origin(), cls.phase_seconds)
        opening = account.opening()
        lines: list[PubsubLine] = []

        async def topics() -> "Topics":
            lines.append(await account.open())
            return account.topics(lines[0])

        own = {topic: subscription_id(source.integration_id, topic) for topic in source.topics}
        trial = TopicTrial(topics, account.project, own)
        try:
            async for step in run_phases([*opening.phases(), *trial.phases()], cls(config, source)):
                yield step
        finally:
            opening.close()
            for line in lines:
                await line.close()

    # -- publishing

    @classmethod
    def sender(cls, config: GooglePubSubConfig, source: Source) -> "GooglePubSubSender":
        """Return a way to publish."""
        return GooglePubSubSender(account_for(config, source, cls.origin(), cls.phase_seconds))

    @classmethod
    def direct_config(cls, values: JSONObject) -> JSONObject:
        """Take a node's key as that of an integration."""
        return {"keyJson": values["jwtData"]} if "jwtData" in values else {}

    @classmethod
    def failure_answer(cls, error: SendFailed) -> JSONObject:
        """Return the service's own code, and a sentence."""
        kind = error.type if isinstance(error, PubsubSendFailed) else type(error).__name__
        return {"success": False, "error": {"type": kind, "message": str(error)}}


class GooglePubSubSender(Sender[GooglePubSubOutgoing]):
    """Publishes over one connection, which is made with the first message."""

    seconds: ClassVar[float] = SEND_SECONDS

    def __init__(self, account: PubsubAccount) -> None:
        self._account = account
        self._line: PubsubLine | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<GooglePubSubSender {self._account.project.id}>"

    async def send(self, message: GooglePubSubOutgoing, identity: str) -> JSONObject:
        """Publish one message."""
        project = Project(message.project_id) if message.project_id else self._account.project
        body = {"data": message.data.encode(), "attributes": texts_of(message.attributes)}
        request = {"topic": project.topic(message.topic), "messages": [body]}
        about = f"the topic {message.topic} in the project {project.id}"
        try:
            async with asyncio.timeout(self.seconds):
                line = await self._opened()
                publishing = line.ask(line.publisher.publish, request, seconds=self.seconds * 0.6, about=about)
                answer = await self._account.proven(line, publishing)
        except PubsubFault as fault:
            await self._drop_lost(line)
            raise self._failed(fault) from fault
        except TimeoutError as error:
            raise SendUnknown(
                f"{error or 'Pub/Sub did not answer in time'}. Whether the message was sent is not known"
            ) from error
        except (EgressRefused, OSError) as error:
            origin = self._account.origin
            text = str(error) if isinstance(error, EgressRefused) else explain_socket_error(error, origin.host, origin.port)
            raise PubsubSendFailed(type(error).__name__, text) from error
        return {"success": True, "messageId": str(answer.message_ids[0])}

    async def _opened(self) -> "PubsubLine":
        async with self._opening:
            if self._line is None:
                self._line = await self._account.open()
            return self._line

    async def _drop_lost(self, line: "PubsubLine") -> None:
        """Look the address up again for the next message once the connection is lost."""
        if self._line is line and not line.ready:
            self._line = None
            await line.close()

    def _failed(self, fault: PubsubFault) -> SendFailed:
        text = explain_fault(fault)
        if isinstance(fault, PubsubLost) or fault.code in PASSING - {"RESOURCE_EXHAUSTED"}:
            return SendUnknown(f"{text}. Whether the message was sent is not known")
        return PubsubSendFailed(fault.code, text)

    async def close(self) -> None:
        """Close the connection; what is under way ends."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def account_for(config: GooglePubSubConfig, source: Source, origin: Origin, seconds: float) -> PubsubAccount:
    """Return the service account; raises `Refused` when there is none."""
    if isinstance(source.credential, GcpCredential):
        text = source.credential.key_json.get_secret_value()
    elif config.key_json is not None:
        text = config.key_json.get_secret_value()
    else:
        raise Refused("There is no login: name a service credential, or enter an account's key.")
    return PubsubAccount(origin, text, Project(config.project_id or read_key(text).project_id), seconds)

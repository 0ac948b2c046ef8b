"""Hubs of Azure Event Hubs. https://learn.microsoft.com/azure/event-hubs/

Nothing is acknowledged: a hub keeps its events for days, and whoever reads says where to go on. The position after each event is
kept with the event itself, so that a restart or another listener goes on there. All hub partitions of a hub come over one
connection, without an owner level. A connection string with `UseDevelopmentEmulator=true` is for a line without TLS, as in the
official clients.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict

from pydantic import field_validator, model_validator

from integrations.connectors.base import (
    CONNECT_PHASE_SECONDS,
    CheckStep,
    Connector,
    Delivery,
    Finding,
    Phase,
    Sender,
    Source,
    Subscription,
    connectors,
    run_phases,
)
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendUnknown, Unreachable
from wegnology.lib.amqp_transport import AmqpError
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.credential_types import NO_CREDENTIAL, WITH_CREDENTIAL, AzureCredential, Credential
from wegnology.lib.egress import EgressRefused
from wegnology.lib.event_hub_access import Access, parse_connection_string, parse_host, resource_of
from wegnology.lib.event_hub_events import outgoing, received
from wegnology.lib.event_hub_faults import LASTING, POSITION_FAULTS, Where, advise_hub, explain_hub
from wegnology.lib.event_hub_line import BEGINNING, HubFacts, HubLine, PartitionFacts, PartitionReader
from wegnology.lib.fault_texts import Filled
from wegnology.lib.marking import marked
from wegnology.lib.opening import Opening
from wegnology.lib.outgoing import Content, Pairs, Scalar, Setting
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.tls import CertificateUnusable, Tls
from wegnology.lib.types import JSONObject

_ALL_AT_ONCE = 8
_FULL = "amqp:resource-limit-exceeded"


class AzureEventHubConfig(Schema):
    """Which hub, as which consumer group, and how to log in: with a connection string, or a service credential and a host."""

    connection_string: Templated[SecretStr | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Connection String Template",
        description="Of the namespace or the hub, as the Azure portal shows it for a policy that may listen and send.",
        json_schema_extra=ui(section="Login", when=NO_CREDENTIAL),
    )
    host_name: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=256,
        title="Host Name Template",
        description="Full host name of the namespace; needed with a service credential.",
        json_schema_extra=ui(section="Login", placeholder="greenhouse.servicebus.windows.net", when=WITH_CREDENTIAL),
    )
    hub_name: Templated[str] = Field(
        min_length=1,
        max_length=256,
        title="Event Hub Name Template",
        description="The hub to receive from and to send to.",
        examples=["readings"],
        json_schema_extra=ui(section="Hub", placeholder="readings"),
    )
    consumer_group: Templated[str] = Field(
        min_length=1,
        max_length=256,
        title="Consumer Group Template",
        description="Name of a consumer group of the hub, best one for this integration alone.",
        examples=["$Default"],
        json_schema_extra=ui(section="Hub", placeholder="$Default"),
    )

    @field_validator("connection_string")
    @classmethod
    def _connection_string(cls, text: SecretStr | None) -> SecretStr | None:
        if text is not None:
            parse_connection_string(text.get_secret_value())
        return text

    @field_validator("host_name")
    @classmethod
    def _host_name(cls, text: str | None) -> str | None:
        if text is not None:
            parse_host(text)
        return text

    @field_validator("hub_name", "consumer_group")
    @classmethod
    def _name(cls, text: str) -> str:
        if "/" in text or not text.isprintable():
            raise ValueError(marked("Enter the name alone, without a slash."))
        return text

    @model_validator(mode="after")
    def _one_hub(self) -> Self:
        if self.connection_string is None:
            return self
        if self.host_name is not None:
            raise ValueError("hostName: " + marked("The connection string names the host: leave this empty."))
        access = parse_connection_string(self.connection_string.get_secret_value())
        if access.hub and access.hub.lower() != self.hub_name.lower():
            raise ValueError(Filled("hubName: " + marked("The connection string is for the hub {hub}."), {"hub": access.hub}))
        resource = resource_of(access.signature).split("/")[0] if access.signature else ""
        if resource and resource.lower() != self.hub_name.lower():
            text = marked("The signature in the connection string is for the hub {hub}.")
            raise ValueError(Filled(f"hubName: {text}", {"hub": resource}))
        return self


class AzureEventHubOutgoing(Schema):
    """An event to send."""

    data: Annotated[str, Content("data")] = Field(
        title="Data Template",
        description="The body of the event.",
        examples=["{{jsonEncode working.alert}}"],
        json_schema_extra=ui(multiline=True),
    )
    properties: Annotated[dict[str, Scalar], Pairs("prop")] = Field(
        {}, title="Properties", description="Application properties of the event; numbers and true and false are sent as such."
    )
    partition_key: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=128,
        title="Partition Key Template",
        description="Events of one key keep their order. Blank: the hub spreads events over its partitions.",
    )


class AzureEventHubDirect(Schema):
    """A hub of the node's own."""

    credential_name: Templated[str | None] = Field(
        None, max_length=255, title="Credential Name Template", description="Name of a service credential of type Azure."
    )
    host_name: Templated[str | None] = Field(
        None, title="Host Name Template", description="Full host name of the namespace, beside a service credential."
    )
    connection_string: Annotated[Templated[str | None], Setting("connectionString")] = Field(
        None,
        title="Connection String Template",
        description="Of the namespace or the hub. Whoever sees the workflow sees it: use a service credential instead.",
    )
    hub_name: Annotated[Templated[str | None], Setting("hubName")] = Field(
        None, title="Event Hub Name Template", description="The hub, when no integration is chosen; may be a template."
    )


class AzureEventHubError(TypedDict):
    """What the service said."""

    message: str


class AzureEventHubAnswer(TypedDict):
    """What became of an event."""

    success: bool
    error: NotRequired[AzureEventHubError]


class AzureEventHubEvent(TypedDict):
    """An event. A body that is not text is base64, and `encoding` says so; without a partition key that is null."""

    body: Annotated[str, Field(examples=['{"temperature": 31}'])]
    encoding: NotRequired[Literal["base64"]]
    enqueuedTimeUtc: Annotated[str | None, Field(examples=["2026-07-31T12:20:11.460Z"])]
    offset: Annotated[str | None, Field(examples=["21474849832"])]
    partitionKey: Annotated[str | None, Field(examples=["boiler"])]
    properties: Annotated[dict[str, str | int | float | bool | None], Field(examples=[{"floor": 2}])]
    sequenceNumber: Annotated[int | None, Field(examples=[1024])]


class AzureEventHubMessage(TypedDict):
    """An event that arrived, and which partition of which hub it is from."""

    type: Literal["message"]
    event: AzureEventHubEvent
    eventHubName: Annotated[str, Field(examples=["readings"])]
    partitionId: Annotated[str, Field(examples=["0"])]


class AzureEventHubConnect(TypedDict):
    """The hub is being read."""

    type: Literal["connect"]


class AzureEventHubDisconnect(TypedDict):
    """The hub is not read any more."""

    type: Literal["disconnect"]
    disconnectReason: Annotated[str, Field(examples=["greenhouse.servicebus.windows.net port 5671 closed the connection"])]


class AzureEventHubFailure(TypedDict):
    """The hub cannot be read."""

    type: Literal["failure"]
    failureReason: Annotated[str, Field(examples=["There is no hub readings at greenhouse.servicebus.windows.net (404)"])]


@connectors.register
class AzureEventHubConnector(Connector[AzureEventHubConfig, AzureEventHubOutgoing]):
    """One hub of Azure Event Hubs."""

    name: ClassVar[str] = "azureEventHub"
    label: ClassVar[str] = "Azure Event Hubs"
    icon: ClassVar[str] = "event_note"
    Config: ClassVar[type[Schema]] = AzureEventHubConfig
    topics_label: ClassVar[str] = "Partition Keys"
    topics_help: ClassVar[str] = "One key a line: only events with one of these partition keys are taken. Empty: all events."
    Outgoing: ClassVar[type[Schema] | None] = AzureEventHubOutgoing
    send_node: ClassVar[str] = "AzureEventHubPublishNode"
    Direct: ClassVar[type[Schema] | None] = AzureEventHubDirect
    direct_ways: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("credentialName", "hostName", "hubName"),
        ("connectionString", "hubName"),
    )
    answer: ClassVar[type | None] = AzureEventHubAnswer
    credential_types: ClassVar[tuple[str, ...]] = (AzureCredential.name,)
    redelivers: ClassVar[bool] = True
    can_wait: ClassVar[bool] = True
    polls: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: AzureEventHubMessage,
        EventKind.CONNECT: AzureEventHubConnect,
        EventKind.DISCONNECT: AzureEventHubDisconnect,
        EventKind.FAILURE: AzureEventHubFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (AmqpError, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused, CertificateUnusable, ssl.SSLCertVerificationError)
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS
    probe_limit: ClassVar[float] = CONNECT_PHASE_SECONDS + 2.0
    authority: ClassVar[str | None] = None
    """Who signed the service's certificate, in PEM form; None: the usual public authorities."""

    def __init__(self, config: AzureEventHubConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self.notices: list[str] = []
        self._access = access_for(config, source)
        self._where = Where(self._access.host, self._access.port, config.hub_name, config.consumer_group)
        self._keys = frozenset(source.topics)
        self._line: HubLine | None = None
        self._facts = HubFacts(0, ())
        self._readers: dict[str, PartitionReader] = {}
        self._newest: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._passed: dict[str, str] = {}
        self._kept: list[Delivery | tuple[str, str]] = []
        self._paused = False
        self._begun = False
        self._arrivals: Arrivals[Delivery | tuple[str, str]] = Arrivals()

    def __repr__(self) -> str:
        return f"<AzureEventHubConnector {self.source.integration_id}>"

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Return faults of partition keys by position."""
        faults: dict[int, str] = {}
        for at, topic in enumerate(topics):
            if len(topic) > 128:
                faults[at] = marked("A partition key has at most 128 characters.")
            elif topic in topics[:at]:
                faults[at] = marked("This partition key is there twice.")
        return faults

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        """Want one way of logging in: a connection string, or a service credential with a host name."""
        if credential is None:
            if not raw.get("connectionString"):
                return {"credentialName": marked("Name a service credential and the host name, or enter a connection string.")}
            return {"hostName": marked("The connection string names the host: leave this empty.")} if raw.get("hostName") else {}
        faults = {}
        if raw.get("connectionString"):
            faults["connectionString"] = "Not used beside a service credential: leave it empty."
        if not raw.get("hostName"):
            faults["hostName"] = "Needed with a service credential: the namespace's full host name."
        if isinstance(credential, AzureCredential) and not credential.account:
            faults["credentialName"] = "The credential names no account: for Event Hubs that is the shared access policy's name."
        return faults

    # -- receiving

    async def connect(self) -> JSONObject:
        """Open every hub partition where it was left; a hub that is new here at its newest event."""
        line = self._line = self._new_line(self._on_end)
        try:
            await line.open()
            await line.log_in()
            self._facts = await line.look()
            await self._open_all(line, self._facts.partitions)
        except AmqpError as error:
            raise self._translated(error) from error
        self._begun = True
        for reader in self._readers.values():
            reader.ask()
        return {}

    def _new_line(self, on_end: Any) -> HubLine:
        return HubLine(self._access, self.config.hub_name, self.phase_seconds, on_end, self.authority)

    async def _open_all(self, line: HubLine, partitions: Sequence[str]) -> None:
        """Open hub partitions, some at a time."""
        slots = asyncio.Semaphore(_ALL_AT_ONCE)

        async def open_one(partition: str) -> None:
            async with slots:
                self._readers[partition] = await self._open_one(line, partition)

        outcomes = await asyncio.gather(*map(open_one, partitions), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _open_one(self, line: HubLine, partition: str) -> PartitionReader:
        facts = await line.look_at(partition)
        offset, sequence = self._start(partition, facts)
        self._newest[partition], self._read[partition] = facts.last_sequence, sequence
        try:
            return await line.read(self.config.consumer_group, partition, offset, self._on_event)
        except AmqpError as error:
            if error.condition not in POSITION_FAULTS or offset == BEGINNING:
                raise
        self.notices.append(
            f"Hub partition {partition} does not know the position kept here: it is read from its oldest event on."
        )
        self._read[partition] = facts.first_sequence - 1
        return await line.read(self.config.consumer_group, partition, BEGINNING, self._on_event)

    def _start(self, partition: str, facts: PartitionFacts) -> tuple[str, int]:
        """Return the offset and the sequence number after which to read a hub partition."""
        known = self.source.positions
        kept = known.get(self._position_name(partition))
        if kept is not None:
            number, _, offset = kept.partition(":")
            sequence = int(number)
            if facts.first_sequence > sequence + 1 and facts.last_sequence > sequence:
                gone = facts.first_sequence - sequence - 1
                self.notices.append(
                    f"Hub partition {partition}: {gone:,} events were gone before they could be read, past their retention."
                )
            return offset, sequence
        ours = f"{self._where.host}/{self.config.hub_name}/{self.config.consumer_group}/".lower()
        if self._begun or any(name.startswith(ours) for name in known):
            return BEGINNING, facts.first_sequence - 1  # a hub partition, or a whole hub, that is new
        offset = facts.last_offset if facts.last_sequence >= 0 else BEGINNING
        self._passed[self._position_name(partition)] = f"{facts.last_sequence}:{offset}"
        return offset, facts.last_sequence

    def _position_name(self, partition: str) -> str:
        """Name a hub partition, the time at which the hub was made included: one of the same name may take its place."""
        return f"{self._where.host}/{self.config.hub_name}/{self.config.consumer_group}/{self._facts.made}/{partition}".lower()

    async def receive(self) -> Sequence[Delivery]:
        """Return what arrived; raises what ended the line."""
        while True:
            deliveries: list[Delivery] = []
            for item in await self._arrivals.take():
                if not isinstance(item, Delivery):
                    self._passed[item[0]] = item[1]
                    continue
                deliveries.append(item)
                if item.position is not None:
                    self._passed.pop(item.position[0], None)  # it lies before this one
            if deliveries:
                return deliveries

    def passed(self) -> Mapping[str, str]:
        """Return positions behind events of other partition keys, and those of a first start."""
        passed, self._passed = self._passed, {}
        return passed

    def pause(self, paused: bool) -> None:
        """Ask for no more events; what is on its way is kept."""
        self._paused = paused
        for reader in self._readers.values():
            reader.pause(paused)
        if not paused:
            for item in self._kept:
                self._arrivals.put(item)
            self._kept.clear()

    def _on_event(self, partition: str, message: Any) -> int:
        event = received(message)
        self._read[partition] = event.sequence
        self._newest[partition] = max(self._newest.get(partition, -1), event.sequence, event.last_sequence or -1)
        now = self._last[partition] = time.time_ns() // 1_000_000
        position = (self._position_name(partition), f"{event.sequence}:{event.offset}")
        item: Delivery | tuple[str, str] = position
        if not self._keys or event.key in self._keys:
            data: JSONObject = {
                "type": "message",
                "event": event.event,
                "eventHubName": self.config.hub_name,
                "partitionId": partition,
            }
            item = Delivery(data, now, event.offset, event.size, position)
        (self._kept.append if self._paused else self._arrivals.put)(item)
        return event.size

    @property
    def backlog(self) -> Mapping[str, int]:  # type: ignore[override]
        """How many events of each hub partition have not come yet."""
        return {f"partition {one}": max(0, newest - self._read.get(one, newest)) for one, newest in self._newest.items()}

    def subscriptions(self) -> Sequence[Subscription]:
        """Name the hub partitions, with the number of the last event read of each."""
        return [
            Subscription(f"partition {one}", True, f"read up to event {self._read[one]}" if one in self._read else "", 0, last)
            for one, last in ((one, self._last.get(one, 0)) for one in self._readers)
        ]

    async def probe(self) -> None:
        """Ask for the hub's facts: proves login and service, and finds hub partitions that were added."""
        line = self._line
        if line is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or Disconnected("Not connected")
        facts = await line.look()
        if facts.made != self._facts.made:
            raise Disconnected(f"The hub {self.config.hub_name} was made anew")
        self._facts = facts
        added = [partition for partition in facts.partitions if partition not in self._readers]
        if added:
            await self._open_all(line, added)
            for partition in added:
                self._readers[partition].pause(self._paused)
        for reader in self._readers.values():
            reader.ask()  # again: a service that lost count of what we asked for would send nothing more
        for partition in self._readers if self._paused else ():
            self._newest[partition] = (await line.look_at(partition)).last_sequence

    async def close(self) -> None:
        """Close the connection."""
        line, self._line = self._line, None
        self._arrivals.end(Disconnected("The connection was closed"))
        if line is not None:
            await line.close()

    def _on_end(self, error: Exception) -> None:
        lost = Disconnected(self.explain(error))
        lost.__cause__ = error
        self._arrivals.end(lost)

    # -- words

    def _translated(self, error: AmqpError) -> IntegrationError:
        text = self.explain(error)
        busy = 4.0 if error.condition in ("com.microsoft:server-busy", "503") else 0.0
        return Refused(text) if error.condition in LASTING else Unreachable(text, retry_after=busy)

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong, with Azure's own."""
        return str(error) if isinstance(error, IntegrationError) else explain_hub(error, self._where)

    def advise(self, error: BaseException) -> str:
        """Say what to do about it."""
        if isinstance(error, IntegrationError) and error.__cause__ is None:
            return ""
        return advise_hub(error.__cause__ or error if isinstance(error, IntegrationError) else error, self._where)

    # -- asked by a person

    @classmethod
    async def check(cls, config: AzureEventHubConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Go to the hub step by step, and open one hub partition behind its newest event, asking for none."""
        trial = cls(config, source)
        opening = Opening(
            trial._access.host, trial._access.port, Tls(ca=cls.authority) if trial._access.secured else None, cls.phase_seconds
        )
        line = trial._new_line(lambda _: None)
        try:
            async for step in run_phases([*opening.phases(), *trial._phases(opening, line)], trial):
                yield step
        finally:
            opening.close()
            await line.close()

    def _phases(self, opening: Opening, line: HubLine) -> list[Phase]:
        async def log_in() -> Finding:
            opening.close()
            await line.open()
            await line.log_in()
            until = f" until {time.strftime('%d %b %Y', time.gmtime(self._access.ends))}" if self._access.signature else ""
            return Finding(f"{self._access.host} accepts the login{until}.")

        async def look() -> Finding:
            self._facts = await line.look()
            count = len(self._facts.partitions)
            return Finding(f"{self.config.hub_name} has {count} partition{'' if count == 1 else 's'}.")

        async def read() -> Finding:
            return await self._try_reading(line)

        return [
            Phase(marked("Log in"), log_in),
            Phase(marked("Look at the hub"), look),
            Phase(marked("Open the consumer group"), read),
        ]

    async def _try_reading(self, line: HubLine) -> Finding:
        group = self.config.consumer_group
        partition = self._facts.partitions[0]
        facts = await line.look_at(partition)
        offset = facts.last_offset if facts.last_sequence >= 0 else BEGINNING
        try:
            await line.read(group, partition, offset, lambda *_: 0)
        except AmqpError as error:
            if error.condition != _FULL:
                raise
            return Finding(f"There is a consumer group {group}, and it is full.", self.advise(error))
        return Finding(f"Consumer group {group} can be read.")

    # -- sending

    @classmethod
    def sender(cls, config: AzureEventHubConfig, source: Source) -> "AzureEventHubSender":
        """Return what sends to the hub."""
        return AzureEventHubSender(cls(config, source))

    @classmethod
    def direct_config(cls, values: JSONObject) -> JSONObject:
        """Return settings for a login of the node's own; sending needs no consumer group."""
        return {**values, "consumerGroup": "$Default"}


class AzureEventHubSender(Sender[AzureEventHubOutgoing]):
    """Sends to one hub over a connection that is kept; several events may be under way."""

    def __init__(self, connector: AzureEventHubConnector) -> None:
        self._connector = connector
        self._line: HubLine | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<AzureEventHubSender {self._connector.config.hub_name}>"

    async def send(self, message: AzureEventHubOutgoing, identity: str) -> JSONObject:
        """Send one event; returns when the hub has stored it."""
        event = outgoing(message.data, message.properties, message.partition_key, identity)
        try:
            line = await self._ready()
        except (EgressRefused, CertificateUnusable, AmqpError, OSError) as error:
            raise SendFailed(self._connector.explain(error)) from error
        try:
            await line.send(event)
        except AmqpError as error:
            kind = SendFailed if line.usable else SendUnknown
            raise kind(self._connector.explain(error)) from error
        except OSError as error:
            raise SendUnknown(f"{self._connector.explain(error)}. Whether the event was sent is not known") from error
        return {"success": True}

    async def _ready(self) -> HubLine:
        """Return an open connection, a new one where the last was lost."""
        async with self._opening:
            if self._line is not None and self._line.usable:
                return self._line
            await self.close()
            line = self._connector._new_line(lambda _: None)
            try:
                await line.open()
                await line.log_in()
                await line.open_sender()
            except BaseException:
                await line.close()
                raise
            self._line = line
            return line

    async def close(self) -> None:
        """Close the connection."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def access_for(config: AzureEventHubConfig, source: Source) -> Access:
    """Return where to go and how to log in."""
    if config.connection_string is not None:
        return parse_connection_string(config.connection_string.get_secret_value())
    credential = source.credential
    if not isinstance(credential, AzureCredential) or config.host_name is None:
        return Access("")
    host, port = parse_host(config.host_name)
    return Access(host, port, True, credential.account or "", credential.account_key.get_secret_value())

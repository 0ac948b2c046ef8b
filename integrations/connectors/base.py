"""The contract between a protocol and the runtime.

A connector speaks one protocol and does nothing else: no retry, no counting, no throttle, no database, no Redis, no logging
of lost lines. All methods are called from the listener's event loop; what must block belongs into threads of the
connector's own. The runtime turns the exceptions it declares into instructions (see `integrations.exceptions`).

A type that sends by request, not through the listener's connection, declares this, and its node and the worker's pool follow:

- `Outgoing`, the fields of a message, with the marks of `wegnology.lib.outgoing` (`Content`, `Pairs`, `Setting`) where a field is
  more than one template; `send_node`; and `sender`, which returns a `Sender` for a resolved configuration.
- `Direct`, where a node may name a login of its own instead of an integration: optional templated fields, and `direct_ways`,
  which of them go together. `direct_config` turns their values into settings of `Config`; a `credentialName` among them is opened
  into `Source.credential`.
- `answer` and `failure_answer`, what a workflow finds at the node's `resultPath`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, Unreachable
from wegnology.lib.check_steps import CheckStep, Finding, Phase, run_phases
from wegnology.lib.credential_types import Credential
from wegnology.lib.registry import Registry
from wegnology.lib.schema import Schema
from wegnology.lib.trusted import constructor
from wegnology.lib.types import JSONObject

CONNECT_PHASE_SECONDS = 10.0
"""Limit of each phase of a connect: resolve, TCP, TLS, login, subscribe."""


class Source(NamedTuple):
    """What a connector may know of its integration."""

    integration_id: str
    topics: tuple[str, ...] = ()
    credential: Credential | None = None
    """The service credential that the integration names, opened; of one of the connector's `credential_types`."""
    previous_topics: tuple[str, ...] = ()
    """Topics that were subscribed to before: what of them is not in `topics` is unsubscribed where the source kept it."""
    positions: Mapping[str, str] = MappingProxyType({})
    """Where to go on in the source, by names of the connector's own (`Connector.resumes`)."""


class Delivery:
    """One message as received.

    `data` is exactly what a workflow finds under `data`. `receipt` is what `acknowledge` needs and opaque to the runtime; None
    says that the source will not send the message again, so that intake cannot wait for it. `size` is in bytes. `position` is a
    name and the place after this message, of a source that resumes (`Connector.resumes`). `version` names the workflow version
    that shall run instead of the default one (`Connector.names_versions`).
    """

    __slots__ = ("data", "position", "receipt", "received_ms", "size", "version")

    def __init__(
        self,
        data: JSONObject,
        received_ms: int,
        receipt: object = None,
        size: int = 0,
        position: tuple[str, str] | None = None,
        version: str = "",
    ) -> None:
        self.data = data
        self.received_ms = received_ms
        self.receipt = receipt
        self.size = size
        self.position = position
        self.version = version


class Promise(StrEnum):
    """What most types promise and some protocols cannot; as the second half of "it is not promised that"."""

    COMES_AGAIN = "a message that was not acknowledged comes again"
    WAITS = "messages wait at the source while the inbox is full"
    SENDS = "messages can be sent"


class Subscription(NamedTuple):
    """What became of one topic, or of another part that the source knows (a hub partition, a queue).

    `granted` says whether the source accepted it, `detail` how or why not. `proof_ms` and `last_ms` are when it gave proof of
    life and when its last message came, in ms since 1970, where the connector knows it for this one; 0 says: as the connection.
    """

    topic: str
    granted: bool
    detail: str = ""
    proof_ms: int = 0
    last_ms: int = 0


C = TypeVar("C", bound=Schema)
M = TypeVar("M", bound=Schema)


class Sender(ABC, Generic[M]):
    """A way to send by request, without the listener's connection. Workers make and pool them; used from one event loop."""

    @abstractmethod
    async def send(self, message: M, identity: str) -> JSONObject:
        """Send within a bounded time; return the answer as the workflow finds it at `resultPath`.

        `identity` is the same when the run is repeated after a crash: give it to services that remove doubles. Several sends may
        be under way at once; one that is cancelled must end soon.

        Raises `SendFailed` with the service's own words, or `SendUnknown` when the message may have arrived.
        """

    @abstractmethod
    async def close(self) -> None:
        """Free what it holds; may be called twice."""


class Connector(ABC, Generic[C, M]):
    """One connection of one integration."""

    name: ClassVar[str]
    """Public and stored, never renamed: "mqtt"."""
    label: ClassVar[str]
    """As people read it: "MQTT"."""
    icon: ClassVar[str] = "hub"
    """A name of Google's Material Symbols, shown beside the label."""
    notice: ClassVar[str] = ""
    """What people should know before they choose this type, in a sentence; forms and the reference show it."""
    Config: ClassVar[type[Schema]]
    topics_label: ClassVar[str] = "Topics"
    """What `topics` means for this type; empty when it has none."""
    topics_required: ClassVar[bool] = False
    topics_help: ClassVar[str] = ""
    Outgoing: ClassVar[type[Schema] | None] = None
    """Fields of a message to send; None when the type cannot send."""
    send_node: ClassVar[str] = ""
    """Type name of the workflow node that sends: "MqttMessageNode"."""
    Direct: ClassVar[type[Schema] | None] = None
    """Settings of the sending node that take the place of an integration: optional and templated; none are secret fields, since a
    workflow is stored in clear. None: only an integration can be sent through."""
    direct_ways: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """JSON names of `Direct` that go together. The first name of each is what says that this way was chosen."""
    answer: ClassVar[type | None] = None
    """The TypedDict of what a workflow finds at `resultPath` after a send by request."""
    sends_live: ClassVar[bool] = False
    """Sending needs the listener's own connection."""
    credential_types: ClassVar[tuple[str, ...]] = ()
    """Names of the kinds of service credentials that replace entered values (`wegnology.lib.credential_types`)."""
    send_waits: ClassVar[bool] = False
    """The sending node waits for the outcome; a message is never kept for a later connection."""
    redelivers: ClassVar[bool] = False
    """The source sends an unacknowledged message again."""
    can_wait: ClassVar[bool] = False
    """Intake may pause without loss."""
    cannot: ClassVar[Mapping[Promise, str]] = MappingProxyType({})
    """Promises that the protocol cannot keep, each with the reason, a sentence: the reference lists them, and the contract suite
    skips what it would ask."""
    payloads: ClassVar[Mapping[EventKind, type]]
    """A TypedDict per kind: the documented shape of `data`."""
    transient: ClassVar[tuple[type[Exception], ...]] = (OSError, TimeoutError)
    """Library errors that mean: connect again."""
    refused: ClassVar[tuple[type[Exception], ...]] = ()
    """Library errors that mean: wait for an edit, retry slowly."""
    polls: ClassVar[bool] = False
    """Messages are asked for, and wait at the source for free: no more are asked for above 80 % of an inbox."""
    names_versions: ClassVar[bool] = False
    """A message may name the workflow version that it is for: then every version of a workflow is kept ready, not only one."""
    resumes: ClassVar[bool] = False
    """The source keeps messages and is told where to go on. The runtime keeps the position of each delivery with what it accepts,
    and gives the last ones back in `Source.positions`."""
    probe_seconds: ClassVar[float] = 10.0
    """How often the runtime asks a quiet line for proof of life."""
    probe_limit: ClassVar[float] = CONNECT_PHASE_SECONDS
    """How long a probe may take, in seconds."""
    degraded: str = ""
    """While the line works, but not as it should: what is wrong and what to do, a sentence. The runtime looks after each
    `receive` and each probe."""
    backlog: Mapping[str, int] = MappingProxyType({})
    """How many messages wait at the source, by its parts, as far as is known; shown with the status."""

    def __init__(self, config: C, source: Source) -> None:
        """Keep the settings; no I/O here."""
        self.config = config
        self.source = source

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Return faults by position of the topic, for the form and the API."""
        return {}

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        """Return faults of how the integration logs in, by JSON name (`credentialName` for the credential's own).

        Asked when saving and before connecting. `raw` holds settings as stored; which of them are there says which method was
        chosen. When saving, templates in it are open; before connecting, their values stand in their place.
        """
        return {}

    @classmethod
    def prepare(cls, config: JSONObject) -> JSONObject:
        """Fill in raw settings that are assigned once, when the integration is first saved (such as a client id)."""
        return config

    @classmethod
    def unassigned(cls, config: JSONObject) -> JSONObject:
        """Return raw settings without what `prepare` gave this integration alone: a copy of it gets its own."""
        return config

    @abstractmethod
    async def connect(self) -> JSONObject:
        """Open and subscribe; return the data of the connect event without `type`.

        Raises what `transient` and `refused` declare, or `Refused` and `Unreachable` with a text for people.
        """

    def subscriptions(self) -> Sequence[Subscription]:
        """Say what became of each topic; asked after `connect`, and every few seconds while messages come or probes succeed."""
        return [Subscription(topic, True) for topic in self.source.topics]

    @abstractmethod
    async def receive(self) -> Sequence[Delivery]:
        """Wait for the first delivery, return all that are there. Raises when the line is lost.

        May be cancelled while it waits; nothing that arrived is lost by that.
        """

    def pour(self, taker: Callable[[Sequence[Delivery]], None]) -> None:
        """Be given what takes deliveries as they come, called once after `connect`.

        A connector that uses it has no more to return from `receive`, which then waits for the end of the line: that saves a
        switch of tasks for each read. What `taker` raises is the end of the line.
        """

    def passed(self) -> Mapping[str, str]:
        """Return positions to keep that no delivery carries, new since the last call.

        Asked after `connect`, `receive` and `probe`; all that lies before them has been returned by `receive`.
        """
        return {}

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the source, in arrival order, that these are durable; each has a receipt.

        What was not acknowledged at `close` is the source's.
        """

    def pause(self, paused: bool) -> None:
        """Stop or resume reading the source; called when too much is held or the inbox is nearly full."""

    @abstractmethod
    async def probe(self) -> None:
        """Prove that the live line is alive; raises when it is not. Bounded to `probe_limit`."""

    async def measure(self) -> None:
        """Ask the source how much waits there and keep it in `backlog`; called about once a minute, after a probe.

        For types whose messages do not tell by themselves. May raise: a source that does not tell is none that is down.
        """

    async def send(self, message: M) -> JSONObject:
        """Send; returns when the peer confirmed, where the protocol confirms.

        Raises `SendLater` (the line is not up, nothing was handed over), `SendUnknown` (handed over, but the line was lost before
        the peer confirmed) or `SendFailed` (this message cannot be sent).
        """
        raise SendFailed(f"{self.label} cannot send")

    @classmethod
    def sender(cls, config: C, source: Source) -> Sender[M]:
        """Return a way to send by request; no I/O here. For types with `Outgoing` and without `sends_live`."""
        raise NotImplementedError(f"{cls.label} does not send by request")

    @classmethod
    def direct_config(cls, values: JSONObject) -> JSONObject:
        """Return raw settings of `Config` for what a node gave as `Direct` (without `credentialName`)."""
        return values

    @classmethod
    def failure_answer(cls, error: SendFailed) -> JSONObject:
        """Return what stands at `resultPath` when the service did not take a message."""
        return {"success": False, "error": {"message": str(error)}}

    async def send_many(self, messages: Sequence[M]) -> Sequence[Exception | None]:
        """Send in order; return per message None when it is confirmed, else what `send` would raise.

        A connector that can have several on the line at once overrides this.
        """
        outcomes: list[Exception | None] = []
        for message in messages:
            try:
                await self.send(message)
                outcomes.append(None)
            except SendFailed as error:
                outcomes.append(error)
        return outcomes

    async def send_stored(self, messages: Sequence[JSONObject]) -> Sequence[Exception | None]:
        """As `send_many`, for messages as an outbox keeps them: values of `Outgoing` by their JSON names, checked before."""
        if self.Outgoing is None:
            raise SendFailed(f"{self.label} cannot send")
        construct = constructor(self.Outgoing)
        return await self.send_many([cast(M, construct(message)) for message in messages])

    def event_data(self, kind: EventKind, error: Exception) -> JSONObject:
        """Return the data of a disconnect or failure event without `type`."""
        key = "disconnectReason" if kind is EventKind.DISCONNECT else "failureReason"
        return {key: self.explain(error)}

    def explain(self, error: BaseException) -> str:
        """Say in plain words what an exception of this protocol means; never with a secret in it.

        It may be any that the connector raises, an `IntegrationError` included. Status, events and checks all ask here, so
        that the same fault reads the same everywhere.
        """
        return str(error) or type(error).__name__

    def advise(self, error: BaseException) -> str:
        """Say in a plain sentence what to do about it; "" when nothing can be said."""
        return ""

    @abstractmethod
    async def close(self) -> None:
        """Free socket, thread and task. May be called twice and before `connect`."""

    async def purge(self) -> None:
        """Remove what the integration left at the source (a session, subscriptions); called after deletion."""

    @classmethod
    def check(cls, config: Any, source: Source) -> AsyncIterator[CheckStep]:
        """Try a connection of its own, step by step: never the live identity, consuming nothing.

        Usually an async generator over `run_phases`. Each phase is bounded; the whole is ended by whoever runs it
        (`integrations.checking`), and must then clean up within a second or two.
        """
        raise NotImplementedError(f"{cls.label} cannot be checked")


AnyConnector = Connector[Any, Any]

connectors: Registry[type[AnyConnector]] = Registry("integrations.connectors")


def connector_choices() -> list[tuple[str, str]]:
    """Return (name, label) of every type. A module-level function, so that no migration lists the types."""
    return connectors.choices()


__all__ = [
    "CONNECT_PHASE_SECONDS",
    "AnyConnector",
    "CheckStep",
    "Connector",
    "Delivery",
    "Disconnected",
    "Finding",
    "IntegrationError",
    "Phase",
    "Promise",
    "Refused",
    "SendFailed",
    "Sender",
    "Source",
    "Subscription",
    "Unreachable",
    "connector_choices",
    "connectors",
    "run_phases",
]

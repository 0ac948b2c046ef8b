"""Queues of Amazon SQS. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/

A message is deleted once it is stored here. Where deleting is not allowed, messages come again: their ids are remembered, so that
each runs once as long as this process lives. A queue whose URL is not Amazon's is asked at that address (a local server).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NotRequired, Self, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
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
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendUnknown
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.aws import Keys, Lines, code_of
from wegnology.lib.credential_types import NO_CREDENTIAL, AwsCredential, Credential
from wegnology.lib.egress import EgressRefused
from wegnology.lib.fault_texts import Filled
from wegnology.lib.marking import marked
from wegnology.lib.opening import Opening
from wegnology.lib.outgoing import Content, Pairs, Scalar, Setting
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.seen import Seen
from wegnology.lib.sqs_messages import attribute_of, request_of
from wegnology.lib.sqs_queue import Queue, QueueAddress, advise_queue, explain_queue, refuses
from wegnology.lib.sqs_reading import Message, Reader
from wegnology.lib.sqs_trial import QueueTrial
from wegnology.lib.threads import in_thread
from wegnology.lib.tls import Tls
from wegnology.lib.types import JSONObject

SEND_SECONDS = 15.0
_LOGIN = ("region", "accessKeyId", "secretAccessKey")
_COUNTS = {
    "ApproximateNumberOfMessages": "waiting",
    "ApproximateNumberOfMessagesNotVisible": "being received",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
"""What a queue tells of what is in it, in our words."""
_accepted = Seen(sources=200, most=10_000)


class SqsConfig(Schema):
    """Which queue, and how to log in: with a service credential, or with region and access key entered here."""

    queue_url: Templated[str] = Field(
        min_length=1,
        max_length=256,
        title="SQS Queue URL Template",
        description="The queue's whole URL, as the AWS console shows it.",
        json_schema_extra=ui(section="Queue", placeholder="https://sqs.eu-central-1.amazonaws.com/123456789012/greenhouse"),
    )
    region: Templated[str | None] = Field(
        None,
        min_length=4,
        max_length=128,
        title="AWS Region Template",
        description="The region of the queue.",
        json_schema_extra=ui(section="Login", placeholder="eu-central-1", when=NO_CREDENTIAL),
    )
    access_key_id: Templated[str | None] = Field(
        None,
        min_length=4,
        max_length=128,
        title="Access Key ID Template",
        description="Id of an access key of an AWS user.",
        json_schema_extra=ui(section="Login", placeholder="AKIAIOSFODNN7EXAMPLE", when=NO_CREDENTIAL),
    )
    secret_access_key: Templated[SecretStr | None] = Field(
        None,
        min_length=4,
        max_length=128,
        title="Secret Access Key Template",
        description="The secret part of the access key.",
        json_schema_extra=ui(section="Login", when=NO_CREDENTIAL),
    )

    @field_validator("queue_url")
    @classmethod
    def _queue_url(cls, url: str) -> str:
        QueueAddress.parse(url)
        return url

    @model_validator(mode="after")
    def _regions_agree(self) -> Self:
        told = self.address.region
        if self.region and told and told != self.region:
            raise ValueError(Filled("region: " + marked("The queue's URL says {region}."), {"region": told}))
        return self

    @property
    def address(self) -> QueueAddress:
        """The queue's URL taken apart."""
        return QueueAddress.parse(self.queue_url)


class SqsOutgoing(Schema):
    """A message to send."""

    data: Annotated[str, Content("data")] = Field(
        title="Data Template",
        description="The message.",
        examples=["{{jsonEncode working.alert}}"],
        json_schema_extra=ui(multiline=True),
    )
    attributes: Annotated[dict[str, Scalar], Pairs("attribute", most=10)] = Field(
        {}, title="Attributes", description="Message attributes, at most 10. Numbers are sent as such."
    )
    message_group_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=128,
        title="Message Group ID Template",
        description="A FIFO queue keeps the order within a group and needs one.",
    )
    message_deduplication_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=128,
        title="Message Deduplication ID Template",
        description="A FIFO queue takes one message of an id within five minutes. Blank: one for each send, whatever it holds.",
    )


class SqsDirect(Schema):
    """A queue of the node's own."""

    credential_name: Templated[str | None] = Field(
        None, max_length=255, title="Credential Name Template", description="Name of a service credential of type AWS."
    )
    access_key_id: Templated[str | None] = Field(
        None, title="Access Key ID Template", description="Id of an access key. Better: a service credential."
    )
    secret_access_key: Templated[str | None] = Field(
        None,
        title="Secret Access Key Template",
        description="Its secret part. Whoever sees the workflow sees it: use a service credential instead.",
    )
    region: Templated[str | None] = Field(None, title="AWS Region Template", description="The region of the queue.")
    queue_url: Annotated[Templated[str | None], Setting("queueUrl")] = Field(
        None, title="SQS Queue URL Template", description="The queue, when no integration is chosen; may be a template."
    )


class SqsError(TypedDict):
    """What the service said: its own name of the error, and a sentence."""

    type: Annotated[str, Field(examples=["AccessDenied"])]
    message: str


class SqsAnswer(TypedDict):
    """What became of a message."""

    success: bool
    messageId: NotRequired[Annotated[str, Field(examples=["5fea7756-0ea4-451a-a703-a558b933e274"])]]
    error: NotRequired[SqsError]


class SqsAttribute(TypedDict):
    """A message attribute. A number is a number, and bytes are base64; `dataType` is what the sender declared."""

    value: Annotated[str | int | float, Field(examples=["alert"])]
    dataType: Annotated[str, Field(examples=["String"])]


class SqsMessage(TypedDict):
    """A message that arrived; its text is as sent, also when it holds JSON. `systemAttributes` are texts."""

    type: Literal["message"]
    message: Annotated[str, Field(examples=['{"temperature": 31}'])]
    messageId: Annotated[str, Field(examples=["5fea7756-0ea4-451a-a703-a558b933e274"])]
    messageAttributes: dict[str, SqsAttribute]
    systemAttributes: Annotated[
        dict[str, str],
        Field(
            examples=[
                {
                    "ApproximateFirstReceiveTimestamp": "1785500411460",
                    "ApproximateReceiveCount": "1",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "SentTimestamp": "1785500411442",
                }
            ]
        ),
    ]
    queueUrl: Annotated[str, Field(examples=["https://sqs.eu-central-1.amazonaws.com/123456789012/greenhouse"])]


class SqsConnect(TypedDict):
    """The queue can be read."""

    type: Literal["connect"]
    queueUrl: Annotated[str, Field(examples=["https://sqs.eu-central-1.amazonaws.com/123456789012/greenhouse"])]


class SqsDisconnect(TypedDict):
    """The queue cannot be read any more."""

    type: Literal["disconnect"]
    disconnectReason: Annotated[str, Field(examples=["sqs.eu-central-1.amazonaws.com did not answer in time"])]


class SqsFailure(TypedDict):
    """The queue cannot be read."""

    type: Literal["failure"]
    failureReason: Annotated[str, Field(examples=["There is no such queue in this region and account (QueueDoesNotExist)."])]


class SqsSendFailed(SendFailed):
    """The service did not take a message; `type` is its own name for why."""

    def __init__(self, kind: str, message: str) -> None:
        self.type = kind
        super().__init__(message)


@connectors.register
class SqsConnector(Connector[SqsConfig, SqsOutgoing]):
    """One queue of Amazon SQS."""

    name: ClassVar[str] = "sqs"
    label: ClassVar[str] = "Amazon SQS"
    icon: ClassVar[str] = "queue"
    Config: ClassVar[type[Schema]] = SqsConfig
    topics_label: ClassVar[str] = ""
    Outgoing: ClassVar[type[Schema] | None] = SqsOutgoing
    send_node: ClassVar[str] = "SqsSendNode"
    Direct: ClassVar[type[Schema] | None] = SqsDirect
    direct_ways: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("credentialName", "queueUrl"),
        ("accessKeyId", "secretAccessKey", "region", "queueUrl"),
    )
    answer: ClassVar[type | None] = SqsAnswer
    credential_types: ClassVar[tuple[str, ...]] = (AwsCredential.name,)
    redelivers: ClassVar[bool] = True
    can_wait: ClassVar[bool] = True
    polls: ClassVar[bool] = True
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: SqsMessage,
        EventKind.CONNECT: SqsConnect,
        EventKind.DISCONNECT: SqsDisconnect,
        EventKind.FAILURE: SqsFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (ClientError, BotoCoreError, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused,)
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS
    poll_seconds: ClassVar[int] = 20
    slack_seconds: ClassVar[float] = 5.0
    """How long after its time a poll may be answered."""
    probe_seconds: ClassVar[float] = 5.0
    probe_limit: ClassVar[float] = 23.0

    def __init__(self, config: SqsConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self._address = config.address
        self._reader: Reader | None = None
        self._arrivals: Arrivals[Delivery] = Arrivals()
        self._kept: list[Delivery] = []
        self._paused = False
        self._answers: list[asyncio.Future[None]] = []
        self._last_ms = 0
        self._untold = False
        self._seen = _accepted.of(f"{source.integration_id} {config.queue_url}")

    def __repr__(self) -> str:
        return f"<SqsConnector {self.source.integration_id}>"

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        """Want one way of logging in, for the region of the queue."""
        entered = [name for name in _LOGIN if raw.get(name)]
        if credential is None:
            missing = [name for name in _LOGIN if name not in entered]
            if missing and not entered:
                return {
                    "credentialName": marked("Name a service credential, or enter region, access key ID and secret access key.")
                }
            return dict.fromkeys(missing, marked("Needed for logging in with an access key."))
        if entered:
            return dict.fromkeys(entered, "Not used beside a service credential: leave it empty.")
        try:
            told = QueueAddress.parse(str(raw.get("queueUrl"))).region
        except ValueError:
            return {}
        region = credential.region if isinstance(credential, AwsCredential) else told
        return {"queueUrl": f"The queue is in {told}; the credential is for {region}."} if told and told != region else {}

    # -- listening

    async def connect(self) -> JSONObject:
        """Receive for the first time, without waiting: that proves login and permission."""
        keys = keys_for(self.config, self.source)
        self._reader = Reader(
            lambda: self._open(keys),
            poll_seconds=self.poll_seconds,
            on_messages=self._on_messages,
            on_end=self._on_end,
            on_denied=self._on_deletion,
            on_attributes=self._on_attributes,
        )
        answered = self._next_answer()
        self._reader.start()
        async with asyncio.timeout(2 * self.phase_seconds + 1):
            await answered
        return {"queueUrl": self.config.queue_url}

    def _open(self, keys: Keys) -> Queue:
        return Queue(self._address, keys, Lines(self.phase_seconds, self.poll_seconds + self.slack_seconds))

    async def receive(self) -> Sequence[Delivery]:
        """Return a batch; raises what ended the reading."""
        return await self._arrivals.take()

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Delete; where that is not allowed, remember."""
        receipts = [str(delivery.receipt) for delivery in deliveries]
        self._seen.add(str(delivery.data["messageId"]) for delivery in deliveries)
        if self._reader is None:
            raise Disconnected("Not connected")
        await self._reader.delete(receipts)

    def pause(self, paused: bool) -> None:
        """Ask for no more; what a poll under way still brings is kept until later."""
        self._paused = paused
        if self._reader is not None:
            self._reader.pause(paused)
        if not paused:
            for delivery in self._kept:
                self._arrivals.put(delivery)
            self._kept.clear()

    async def probe(self) -> None:
        """Wait for the answer to the poll under way; without one ask for the queue's settings, where a "no" counts too."""
        if self._reader is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or Disconnected("Not connected")
        await (self._next_answer() if self._reader.polling else self._reader.ask())

    def subscriptions(self) -> Sequence[Subscription]:
        """Name the queue."""
        return [Subscription(self._address.name, True, last_ms=self._last_ms)]

    async def measure(self) -> None:
        """Ask how many messages wait, where the user may see that."""
        if self._reader is not None and not self._untold:
            self._reader.look()

    def _on_attributes(self, attributes: dict[str, str]) -> None:
        self._untold = not attributes
        counts = {words: int(attributes.get(name, 0)) for name, words in _COUNTS.items()}
        self.backlog = {words: count for words, count in counts.items() if count or words == "waiting"} if attributes else {}

    async def close(self) -> None:
        """Delete what was accepted, give the rest back, end the thread."""
        reader, self._reader = self._reader, None
        self._arrivals.end(Disconnected("The connection was closed"))
        if reader is not None:
            await reader.stop(self.phase_seconds / 2)

    # -- called by the reader, on the loop

    def _next_answer(self) -> "asyncio.Future[None]":
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.append(answered)
        return answered

    def _on_messages(self, messages: list[Message]) -> None:
        answers, self._answers = self._answers, []
        for answered in answers:
            if not answered.done():
                answered.set_result(None)
        known = [message for message in messages if message["MessageId"] in self._seen]
        if known and self._reader is not None:
            self._reader.delete([message["ReceiptHandle"] for message in known], known=len(known) == len(messages))
        for message in messages:
            if message["MessageId"] not in self._seen:
                (self._kept.append if self._paused else self._arrivals.put)(self._delivery(message))

    def _delivery(self, message: Message) -> Delivery:
        body = str(message["Body"])
        data: JSONObject = {
            "type": "message",
            "message": body,
            "messageId": str(message["MessageId"]),
            "messageAttributes": {name: attribute_of(it) for name, it in message.get("MessageAttributes", {}).items()},
            "systemAttributes": {str(name): str(text) for name, text in message.get("Attributes", {}).items()},
            "queueUrl": self.config.queue_url,
        }
        self._last_ms = time.time_ns() // 1_000_000
        return Delivery(data, self._last_ms, message["ReceiptHandle"], len(body.encode()))

    def _on_deletion(self, denied: Exception | None) -> None:
        stands = " A FIFO queue stands still after each batch until then." if self._address.fifo else ""
        self.degraded = (
            "AWS does not allow this user to delete messages, so that each comes again and is left out: "
            f"allow sqs:DeleteMessage for this queue.{stands}"
            if denied is not None
            else ""
        )

    def _on_end(self, fault: Exception) -> None:
        reason = self._translated(fault)
        self._arrivals.end(reason)
        answers, self._answers = self._answers, []
        for answered in answers:
            if not answered.done():
                answered.set_exception(reason)
                answered.exception()  # whoever waits hears of it

    def _translated(self, fault: Exception) -> Exception:
        if refuses(fault):
            refused = Refused(self.explain(fault))
            refused.__cause__ = fault
            return refused
        return fault

    # -- words

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong, with AWS's own code."""
        return str(error) if isinstance(error, IntegrationError) else explain_queue(error, self._address)

    def advise(self, error: BaseException) -> str:
        """Say what to do, for example which permission is missing."""
        if isinstance(error, Refused) and error.__cause__ is None:
            return "Choose a login for the region of the queue, as its URL tells it."
        return advise_queue(error.__cause__ or error, self._address, "sqs:ReceiveMessage")

    # -- asked by a person

    @classmethod
    async def check(cls, config: SqsConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Go to the queue step by step. No message is received: what may be received is asked with a number AWS must refuse."""
        trial = cls(config, source)
        opening = Opening(*trial._address[1:3], Tls() if trial._address.secured else None, cls.phase_seconds)
        lines = Lines(cls.phase_seconds, cls.phase_seconds)

        async def compare() -> Finding:
            keys = keys_for(config, source)
            return Finding(f"The queue is in {keys.region}." if trial._address.region else f"Signed for {keys.region}.")

        trying = QueueTrial(trial._address, lambda: Queue(trial._address, keys_for(config, source), lines), cls.phase_seconds)
        phases = [Phase(marked("Compare the regions"), compare), *opening.phases(), *trying.phases()]
        try:
            async for step in run_phases(phases, trial):
                yield step
        finally:
            opening.close()
            lines.end()
            lines.close()

    # -- sending

    @classmethod
    def sender(cls, config: SqsConfig, source: Source) -> "SqsSender":
        """Return a sender to the queue."""
        return SqsSender(config, source)

    @classmethod
    def failure_answer(cls, error: SendFailed) -> JSONObject:
        """Return the service's own name of the error, and a sentence."""
        kind = error.type if isinstance(error, SqsSendFailed) else type(error).__name__
        return {"success": False, "error": {"type": kind, "message": str(error)}}


class SqsSender(Sender[SqsOutgoing]):
    """Sends to one queue; each send has a thread of its own while it lasts."""

    seconds: ClassVar[float] = SEND_SECONDS

    def __init__(self, config: SqsConfig, source: Source) -> None:
        self._config = config
        self._source = source
        self._address = config.address
        self._lines = Lines(self.seconds / 3, self.seconds / 2, at_once=16, send_again=True)
        self._queue: Queue | None = None

    def __repr__(self) -> str:
        return f"<SqsSender {self._address.url}>"

    async def send(self, message: SqsOutgoing, identity: str) -> JSONObject:
        """Send one message."""
        request = request_of(
            message.data,
            message.attributes,
            message.message_group_id,
            message.message_deduplication_id,
            fifo=self._address.fifo,
            identity=identity,
        )
        keys = keys_for(self._config, self._source)
        what = f"Sending to {self._address.host}"
        try:
            sent = await in_thread(lambda: self._opened(keys).send(request), seconds=self.seconds, what=what)
        except (EgressRefused, ClientError, BotoCoreError, OSError) as error:
            raise self._failed(error) from error
        return {"success": True, "messageId": sent}

    def _opened(self, keys: Keys) -> Queue:
        if self._queue is None:
            self._queue = Queue(self._address, keys, self._lines, attempts=2)
        return self._queue

    def _failed(self, error: Exception) -> SendFailed:
        text = explain_queue(error, self._address)
        if isinstance(error, TimeoutError | ConnectionResetError):
            return SendUnknown(f"{text}. Whether the message was sent is not known")
        return SqsSendFailed(code_of(error) or type(error).__name__, text)

    async def close(self) -> None:
        """End what is under way."""
        self._lines.end()
        self._lines.close()


def keys_for(config: SqsConfig, source: Source) -> Keys:
    """Return the login; raises `Refused` when there is none, or one for another region than the queue's."""
    credential = source.credential
    if isinstance(credential, AwsCredential):
        keys = Keys(credential.access_key_id, credential.secret_access_key.get_secret_value(), credential.region)
    elif config.region and config.access_key_id and config.secret_access_key:
        keys = Keys(config.access_key_id, config.secret_access_key.get_secret_value(), config.region)
    else:
        raise Refused("There is no login: name a service credential, or enter region, access key ID and secret access key.")
    told = config.address.region
    if told and told != keys.region:
        raise Refused(f"The queue is in {told}, but the login is for {keys.region}.")
    return keys

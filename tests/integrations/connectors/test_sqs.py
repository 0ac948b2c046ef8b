"""Amazon SQS against a server that checks logins and permissions as AWS does."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from integrations.connectors.base import AnyConnector, CheckStep, Delivery, Source
from integrations.connectors.sqs import SqsAnswer, SqsConfig, SqsConnector, SqsOutgoing, SqsSender
from integrations.exceptions import Refused, SendFailed
from tests.integrations.connectors.contract import SECONDS, ConnectorContract, Counterpart, assert_shape, run, until
from tests.servers.moto import MotoServer
from tests.servers.proxy import Proxy
from tests.servers.sqs import ALL, DELETE, LOOK, RECEIVE, REGION, SEND, AwsUser, SqsServer
from wegnology.lib.credential_types import AwsCredential
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.sqs_queue import QueueAddress
from wegnology.lib.sqs_reading import Message
from wegnology.lib.types import JSONObject

AMAZON = "https://sqs.eu-west-1.amazonaws.com/123456789012/greenhouse"


class QuickSqs(SqsConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 2.0
    poll_seconds: ClassVar[int] = 1
    slack_seconds: ClassVar[float] = 2.0
    came: int = 0
    """Messages that the queue gave, known ones too."""

    def _on_messages(self, messages: list[Message]) -> None:
        self.came += len(messages)
        super()._on_messages(messages)


@pytest.fixture(scope="module")
def cloud() -> Iterator[SqsServer]:
    with SqsServer() as server:
        yield server


@pytest.fixture(scope="module")
def user(cloud: SqsServer) -> AwsUser:
    return cloud.user(*ALL)


def login(user: AwsUser) -> JSONObject:
    return {"region": REGION, "accessKeyId": user.access_key_id, "secretAccessKey": user.secret_access_key}


class Peer(Counterpart):
    """A queue of this test's own."""

    def __init__(self, cloud: SqsServer, user: AwsUser, proxy: Proxy, *, fifo: bool = False) -> None:
        super().__init__(proxy)
        self.cloud = cloud
        self.queue = cloud.queue(fifo=fifo)
        self.secret = user.secret_access_key
        self._user, self._fifo = user, fifo
        self._watched: list[str] = []

    def settings(self) -> JSONObject:
        return {"queueUrl": self.cloud.url(self.queue, self.proxy.port), **login(self._user)}

    def wrong_settings(self) -> JSONObject:
        return {**self.settings(), "secretAccessKey": self.secret[::-1]}

    def source(self) -> Source:
        return Source("5f20")

    def parts(self) -> list[str]:
        return [self.queue]

    def publish(self, messages: Sequence[str]) -> None:
        self.cloud.publish(self.queue, messages, **({"MessageGroupId": "one"} if self._fifo else {}))

    def text(self, data: JSONObject) -> str:
        return str(data["message"])

    def outgoing(self, text: str) -> SqsOutgoing:
        return SqsOutgoing(data=text, message_group_id="one" if self._fifo else None)

    def watched(self) -> list[str]:
        self._watched += [message["Body"] for message in self.cloud.take_all(self.queue)]
        return self._watched

    def restart(self) -> None:
        self.cloud.restart()


class TestSqs(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickSqs

    @pytest.fixture
    def server(self, cloud: SqsServer, user: AwsUser) -> Iterator[Peer]:
        with Proxy(cloud.port) as proxy:
            yield Peer(cloud, user, proxy)

    @asynccontextmanager
    async def connected(self, server: Counterpart, settings: JSONObject | None = None) -> AsyncIterator[SqsConnector]:
        """Give a connector that waits for messages: between two polls a connection may go without anyone noticing."""
        async with super().connected(server, settings) as connector:
            await until(lambda: connector._reader.polling or connector._reader._open, "the next poll")
            await asyncio.sleep(0.05)  # the request is written by then; were it not, a cut would be harmless
            yield connector


# -- receiving


def make(cloud: SqsServer, queue: str, user: AwsUser, *, name: str = "5f21", port: int = 0) -> QuickSqs:
    """Return a connector straight to a queue."""
    settings = {"queueUrl": cloud.url(queue, port), **login(user)}
    return QuickSqs(SqsConfig.resolve(settings, {}), Source(name))


async def take(connector: SqsConnector, count: int) -> list[JSONObject]:
    """Receive and acknowledge; return the data."""
    got: list[Delivery] = []
    async with asyncio.timeout(SECONDS):
        while len(got) < count:
            some = await connector.receive()
            await connector.acknowledge(some)
            got += some
    return [delivery.data for delivery in got]


def test_attributes_arrive_typed(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue()
    attributes = {
        "kind": {"DataType": "String", "StringValue": "alert"},
        "count": {"DataType": "Number", "StringValue": "2"},
        "level": {"DataType": "Number.float", "StringValue": "-1.5"},
        "huge": {"DataType": "Number", "StringValue": "123456789012345678901234567890"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\xff\x00"},
    }
    cloud.publish(queue, ['{"a": 1}'], MessageAttributes=attributes)

    async def story() -> None:
        connector = make(cloud, queue, user)
        assert await connector.connect() == {"queueUrl": cloud.url(queue)}
        [data] = await take(connector, 1)
        assert (data["message"], data["queueUrl"]) == ('{"a": 1}', cloud.url(queue))
        assert data["messageAttributes"] == {
            "kind": {"value": "alert", "dataType": "String"},
            "count": {"value": 2, "dataType": "Number"},
            "level": {"value": -1.5, "dataType": "Number.float"},
            "huge": {"value": 123456789012345678901234567890.0, "dataType": "Number"},
            "raw": {"value": "/wA=", "dataType": "Binary"},
        }
        system = data["systemAttributes"]
        assert isinstance(system, dict)
        assert {"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"} <= system.keys()
        assert all(isinstance(text, str) for text in system.values())
        await connector.close()

    run(story())
    assert cloud.left(queue) == 0


def test_a_fifo_queue_keeps_its_order_and_nothing_more_is_asked_for_before_it_was_deleted(
    cloud: SqsServer, user: AwsUser
) -> None:
    queue = cloud.queue(fifo=True)
    texts = [str(number) for number in range(25)]
    cloud.publish(queue, texts, MessageGroupId="one")

    async def story() -> None:
        connector = make(cloud, queue, user)
        await connector.connect()
        first = list(await connector.receive())
        assert [delivery.data["message"] for delivery in first] == texts[:10]
        assert {"MessageGroupId", "MessageDeduplicationId", "SequenceNumber"} <= set(first[0].data["systemAttributes"])  # type: ignore[arg-type]
        waiting = asyncio.ensure_future(connector.receive())
        await connector.acknowledge(first[:9])
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        await connector.acknowledge(first[9:])
        second = list(await waiting)
        await connector.acknowledge(second)
        rest = await take(connector, 5)
        assert [delivery.data["message"] for delivery in second] + [data["message"] for data in rest] == texts[10:]
        await connector.close()

    run(story())
    assert cloud.left(queue) == 0


@pytest.mark.parametrize("told", [True, False])
def test_how_much_waits_is_told_where_that_may_be_seen(cloud: SqsServer, user: AwsUser, told: bool) -> None:
    queue = cloud.queue()
    one = user if told else cloud.user(*RECEIVE, *DELETE)

    async def story() -> None:
        connector = make(cloud, queue, one)
        cloud.publish(queue, [str(number) for number in range(25)])
        await connector.connect()
        first = await connector.receive()
        await connector.measure()
        await connector.acknowledge(first)
        second = await connector.receive()
        await until(lambda: bool(connector.backlog) if told else connector._untold, "the answer")
        left = 25 - len(first)
        assert dict(connector.backlog) == ({"waiting": left - len(second), "being received": len(second)} if told else {})
        await connector.acknowledge(second)
        assert connector.subscriptions()[0].last_ms > 0
        await connector.close()

    run(story())


def test_what_is_accepted_after_its_visibility_timeout_is_deleted_all_the_same(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue(VisibilityTimeout="0")
    cloud.publish(queue, ["late"])

    async def story() -> None:
        connector = make(cloud, queue, user)
        await connector.connect()
        [delivery] = await connector.receive()
        [other] = cloud.client().receive_message(QueueUrl=cloud.url(queue))["Messages"]  # somebody else gets it too
        await connector.acknowledge([delivery])
        assert other["MessageId"] == delivery.data["messageId"]
        receiving = asyncio.ensure_future(connector.receive())
        await until(lambda: cloud.left(queue) == 0, "the message being deleted")
        assert not receiving.done()
        receiving.cancel()
        await connector.close()

    run(story())


def test_what_may_not_be_deleted_arrives_once_and_the_status_says_so(cloud: SqsServer) -> None:
    queue, reader = cloud.queue(), cloud.user(*RECEIVE)
    cloud.publish(queue, ["1", "2", "3"])

    async def story() -> None:
        connector = make(cloud, queue, reader, name="5f22")
        await connector.connect()
        assert [data["message"] for data in await take(connector, 3)] == ["1", "2", "3"]
        came = connector.came
        await until(lambda: connector.came >= came + 3, "the messages coming again")
        assert connector.degraded.startswith("AWS does not allow this user to delete messages")
        assert "sqs:DeleteMessage" in connector.degraded
        await asyncio.to_thread(cloud.publish, queue, ["4"])
        assert [data["message"] for data in await take(connector, 1)] == ["4"]
        await connector.close()

        again = make(cloud, queue, reader, name="5f22")  # a reconnect forgets nothing
        await again.connect()
        await until(lambda: again.came >= 4, "the messages coming again")
        await asyncio.to_thread(cloud.publish, queue, ["5"])
        assert [data["message"] for data in await take(again, 1)] == ["5"]
        await asyncio.to_thread(cloud.allow, reader, *RECEIVE, *DELETE)
        await until(lambda: cloud.left(queue) == 0, "the messages being deleted as they come again")
        await until(lambda: again.degraded == "", "the status being well again")
        await again.close()

    run(story())


def test_closing_gives_back_what_was_not_accepted(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue(VisibilityTimeout="600")
    cloud.publish(queue, ["1", "2"])

    async def story() -> None:
        connector = make(cloud, queue, user)
        await connector.connect()
        await connector.acknowledge((await connector.receive())[:1])
        await connector.close()

    run(story())
    assert [message["Body"] for message in cloud.take_all(queue)] == ["2"]


@pytest.mark.slow
@pytest.mark.parametrize("fifo", [False, True])
def test_another_server_gives_and_takes_the_same(fifo: bool) -> None:
    texts = [str(number) for number in range(15)]

    async def story(server: MotoServer) -> None:
        queue, user = server.queue(fifo=fifo), server.user(*ALL)
        await asyncio.to_thread(server.publish, queue, texts, **({"MessageGroupId": "one"} if fifo else {}))
        connector = make(server, queue, user)
        await connector.connect()
        got = [data["message"] for data in await take(connector, len(texts))]
        assert got == texts if fifo else sorted(got) == sorted(texts)  # type: ignore[type-var]
        await until(lambda: server.left(queue) == 0, "the messages being deleted")
        sender = SqsSender(connector.config, connector.source)
        await sender.send(SqsOutgoing(data="back", message_group_id="one" if fifo else None), "e")
        await sender.close()
        assert [data["message"] for data in await take(connector, 1)] == ["back"]
        await connector.close()

        wrong = server.client(user=AwsUser(user.access_key_id, user.secret_access_key[::-1]))
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            wrong.receive_message(QueueUrl=server.url(queue))

    with MotoServer() as server:
        run(story(server))


# -- refusals


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, "AWS does not know this access key ID (InvalidClientTokenId)."),
        (
            {"secretAccessKey": "another one"},
            "The secret access key does not belong to the access key ID (SignatureDoesNotMatch).",
        ),
        ({"queueUrl": "/000000000000/nowhere"}, "There is no such queue in this region and account (NonExistentQueue)."),
    ],
)
def test_refusals_in_plain_words(cloud: SqsServer, user: AwsUser, change: dict[str, str], text: str) -> None:
    settings = {"queueUrl": cloud.url(cloud.queue()), **login(user), **change}
    if "queueUrl" in change:
        settings["queueUrl"] = f"http://127.0.0.1:{cloud.port}{change['queueUrl']}"
    connector = QuickSqs(SqsConfig.resolve(settings, {}), Source("5f23"))

    async def story() -> None:
        with pytest.raises(Refused) as caught:
            await connector.connect()
        assert str(caught.value) == text
        assert connector.advise(caught.value).endswith(".")
        await connector.close()

    run(story())


def test_a_user_who_may_not_receive_is_refused_with_what_to_allow(cloud: SqsServer) -> None:
    connector = make(cloud, cloud.queue(), cloud.user(*SEND))

    async def story() -> None:
        with pytest.raises(Refused, match=r"AWS does not allow it to this user \(AccessDenied\): User: arn:aws:iam") as caught:
            await connector.connect()
        assert connector.advise(caught.value) == "Allow sqs:ReceiveMessage for this queue in the policy of the AWS user."
        await connector.close()

    run(story())


# -- settings


@pytest.mark.parametrize(
    ("url", "region", "endpoint"),
    [
        (AMAZON, "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        (f"{AMAZON}.fifo", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
        ("https://sqs-fips.us-east-1.amazonaws.com/123456789012/q", "us-east-1", "https://sqs-fips.us-east-1.amazonaws.com"),
        ("https://sqs.eu-west-1.api.aws/123456789012/q", "eu-west-1", "https://sqs.eu-west-1.api.aws"),
        (
            "https://vpce-1a2b-c3.sqs.eu-west-1.vpce.amazonaws.com/123456789012/q",
            "eu-west-1",
            "https://vpce-1a2b-c3.sqs.eu-west-1.vpce.amazonaws.com",
        ),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1", None),
        ("https://queue.amazonaws.com/123456789012/q", "us-east-1", None),
        ("http://localhost:4566/000000000000/q", "", "http://localhost:4566"),
    ],
)
def test_addresses(url: str, region: str, endpoint: str | None) -> None:
    address = QueueAddress.parse(url)
    assert (address.region, address.endpoint, address.fifo) == (region, endpoint, url.endswith(".fifo"))


KEYS: dict[str, Any] = {"region": "eu-west-1", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "hunter22"}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({}, {}),
        ({"queueUrl": "{{globals.queue}}", "region": "{{globals.region}}"}, {}),
        ({"region": "us-east-1"}, {"region": "The queue's URL says eu-west-1."}),
        (
            {"queueUrl": "greenhouse"},
            {"queueUrl": "A queue's URL starts with https://, as the AWS console shows it."},
        ),
        ({"queueUrl": AMAZON.replace("https", "http")}, {"queueUrl": "Queues of AWS are reached with https://."}),
        (
            {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/greenhouse"},
            {"queueUrl": "A queue's URL ends in the account's number (12 digits) and the queue's name."},
        ),
        ({"queueUrl": f"{AMAZON}?a=b"}, {"queueUrl": None}),
        ({"queueUrl": f"https://{'x' * 260}.example/1/q"}, {"queueUrl": None}),
        ({"accessKeyId": "abc"}, {"accessKeyId": None}),
    ],
)
def test_settings_are_checked(change: dict[str, Any], errors: dict[str, str | None]) -> None:
    found: dict[str, str] = {}
    try:
        SqsConfig.check({"queueUrl": AMAZON, **KEYS, **change})
    except ConfigInvalid as error:
        found = error.errors
    assert found.keys() == errors.keys()
    assert all(text is None or found[name] == text for name, text in errors.items())


def aws(region: str = "eu-west-1") -> AwsCredential:
    return AwsCredential(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SecretStr("hunter22"), region=region)


@pytest.mark.parametrize(
    ("raw", "credential", "fields"),
    [
        (KEYS, None, []),
        ({}, None, ["credentialName"]),
        ({"region": "eu-west-1"}, None, ["accessKeyId", "secretAccessKey"]),
        ({}, aws(), []),
        ({"accessKeyId": "x"}, aws(), ["accessKeyId"]),
        ({}, aws("us-east-1"), ["queueUrl"]),
        ({"queueUrl": "{{globals.queue}}"}, aws("us-east-1"), []),
        ({"queueUrl": "http://localhost:4566/000000000000/q"}, aws("us-east-1"), []),
    ],
)
def test_one_way_of_logging_in(raw: JSONObject, credential: AwsCredential | None, fields: list[str]) -> None:
    assert list(SqsConnector.check_access({"queueUrl": AMAZON, **raw}, credential)) == fields


def test_a_credential_for_another_region_is_refused_when_templates_hid_it() -> None:
    connector = SqsConnector(SqsConfig.resolve({"queueUrl": AMAZON}, {}), Source("5f24", credential=aws("us-east-1")))

    async def story() -> None:
        with pytest.raises(Refused, match="The queue is in eu-west-1, but the login is for us-east-1"):
            await connector.connect()
        await connector.close()

    run(story())


# -- the check


def checked(connector: SqsConnector) -> dict[str, CheckStep]:
    async def story() -> dict[str, CheckStep]:
        return {step.name: step async for step in QuickSqs.check(connector.config, connector.source)}

    return asyncio.run(story())


def test_a_check_says_what_may_be_done_and_receives_nothing(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue(VisibilityTimeout="30")
    cloud.publish(queue, ["1"])
    steps = checked(make(cloud, queue, user))
    assert {name: step.state for name, step in steps.items()} == {
        "Compare the regions": "ok",
        "Find the address": "ok",
        "Connect": "ok",
        "Log in": "ok",
        "May receive": "ok",
        "May delete": "ok",
    }
    assert steps["Log in"].detail == "The queue answers: about 1 messages wait, each is hidden for 30 s once received."
    [message] = cloud.take_all(queue)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_check_finds_missing_permissions(cloud: SqsServer) -> None:
    steps = checked(make(cloud, cloud.queue(), cloud.user(*RECEIVE)))
    assert (steps["Log in"].state, steps["May receive"].state, steps["May delete"].state) == ("ok", "ok", "warning")
    assert "sqs:GetQueueAttributes" in steps["Log in"].detail
    assert steps["May delete"].advice == "Allow sqs:DeleteMessage for this queue in the policy of the AWS user."
    steps = checked(make(cloud, cloud.queue(), cloud.user(*LOOK)))
    assert (steps["May receive"].state, steps["May delete"].state) == ("failed", "skipped")
    assert steps["May receive"].advice == "Allow sqs:ReceiveMessage for this queue in the policy of the AWS user."


# -- sending


class QuickSender(SqsSender):
    """The sender with a shorter patience."""

    seconds: ClassVar[float] = 2.0


def sent(sender: SqsSender, *messages: tuple[JSONObject, str]) -> list[JSONObject]:
    """Send one after the other; return the answers as a workflow finds them."""

    async def story() -> list[JSONObject]:
        answers: list[JSONObject] = []
        for values, identity in messages:
            try:
                answers.append(await sender.send(SqsOutgoing.model_validate(values), identity))
            except SendFailed as error:
                answers.append(SqsConnector.failure_answer(error))
        await sender.close()
        return answers

    answers = asyncio.run(story())
    for answer in answers:
        assert_shape(answer, SqsAnswer)
    return answers


def sender_to(cloud: SqsServer, queue: str, user: AwsUser, port: int = 0) -> QuickSender:
    return QuickSender(SqsConfig.resolve({"queueUrl": cloud.url(queue, port), **login(user)}, {}), Source("5f25"))


def test_a_message_arrives_with_its_attributes(cloud: SqsServer) -> None:
    queue = cloud.queue()
    attributes: JSONObject = {"kind": "alert", "count": 2, "level": -1.5, "on": True, "none": None}
    [answer] = sent(sender_to(cloud, queue, cloud.user(*SEND)), ({"data": "grüß", "attributes": attributes}, "e"))
    [message] = cloud.take_all(queue)
    assert answer == {"success": True, "messageId": message["MessageId"]}
    assert message["Body"] == "grüß"
    assert {name: (it["DataType"], it["StringValue"]) for name, it in message["MessageAttributes"].items()} == {
        "kind": ("String", "alert"),
        "count": ("Number", "2"),
        "level": ("Number", "-1.5"),
        "on": ("String", "true"),
    }


def test_a_fifo_queue_takes_what_a_repeated_run_sends_again_once(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue(fifo=True)
    one: JSONObject = {"data": "same", "messageGroupId": "g"}
    sent(sender_to(cloud, queue, user), (one, "e1:w:n:0"), (one, "e1:w:n:0"), (one, "e2:w:n:0"))
    assert [message["Body"] for message in cloud.take_all(queue)] == ["same", "same"]
    named = {**one, "messageDeduplicationId": "mine"}
    sent(sender_to(cloud, queue, user), (named, "e3"), (named, "e4"))
    [message] = cloud.take_all(queue)
    assert message["Attributes"]["MessageDeduplicationId"] == "mine"


def test_what_the_service_refuses_keeps_its_name(cloud: SqsServer, user: AwsUser) -> None:
    [answer] = sent(sender_to(cloud, cloud.queue(), cloud.user(*RECEIVE)), ({"data": "x"}, "e"))
    assert answer["success"] is False
    assert answer["error"]["type"] == "AccessDenied"  # type: ignore[call-overload,index]
    [answer] = sent(sender_to(cloud, cloud.queue(fifo=True), user), ({"data": "x"}, "e"))
    assert answer["error"]["type"] == "MissingParameter"  # type: ignore[call-overload,index]
    [answer] = sent(sender_to(cloud, "nowhere", user), ({"data": "x"}, "e"))
    assert answer["error"] == {
        "type": "NonExistentQueue",
        "message": "There is no such queue in this region and account (NonExistentQueue).",
    }


def test_a_service_that_is_not_there_or_hangs_says_so(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue()
    with Proxy(cloud.port) as proxy:
        proxy.freeze()
        [answer] = sent(sender_to(cloud, queue, user, proxy.port), ({"data": "x"}, "e"))
        assert answer["error"]["type"] == "SendUnknown"  # type: ignore[call-overload,index]
        assert "not known" in answer["error"]["message"]  # type: ignore[call-overload,index,operator]
    [answer] = sent(sender_to(cloud, queue, user, proxy.port), ({"data": "x"}, "e"))
    assert answer["error"]["type"] == "ConnectionRefusedError"  # type: ignore[call-overload,index]


def test_a_connection_that_was_closed_meanwhile_is_made_anew(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue()
    with Proxy(cloud.port) as proxy:
        sender = sender_to(cloud, queue, user, proxy.port)

        async def story() -> None:
            await sender.send(SqsOutgoing(data="1"), "e1")
            proxy.cut()
            await sender.send(SqsOutgoing(data="2"), "e2")
            await sender.close()

        asyncio.run(story())
    assert sorted(message["Body"] for message in cloud.take_all(queue)) == ["1", "2"]


def test_a_sender_logs_in_with_a_credential(cloud: SqsServer, user: AwsUser) -> None:
    queue = cloud.queue()
    credential = AwsCredential(
        access_key_id=user.access_key_id, secret_access_key=SecretStr(user.secret_access_key), region=REGION
    )
    sender = SqsSender(SqsConfig.resolve({"queueUrl": cloud.url(queue)}, {}), Source("", credential=credential))
    assert [answer["success"] for answer in sent(sender, ({"data": "x"}, "e"))] == [True]
    assert user.secret_access_key not in repr(vars(sender))

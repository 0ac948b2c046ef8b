"""Google Pub/Sub against a counterpart that checks tokens and permissions as Google does."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from integrations.connectors.base import AnyConnector, CheckStep, Delivery, Source
from integrations.connectors.google_pub_sub import (
    GooglePubSubAnswer,
    GooglePubSubConfig,
    GooglePubSubConnector,
    GooglePubSubOutgoing,
    GooglePubSubSender,
)
from integrations.exceptions import Disconnected, Refused, SendFailed
from tests.integrations.connectors.contract import SECONDS, ConnectorContract, Counterpart, assert_shape, run, until
from tests.servers.certificates import Certificates
from tests.servers.proxy import Proxy
from tests.servers.pubsub import PubsubServer
from tests.servers.pubsub_accounts import PROJECT, PUBLISHER, SUBSCRIBER, Account
from wegnology.lib import egress, endpoints
from wegnology.lib.credential_types import GcpCredential
from wegnology.lib.ids import new_id
from wegnology.lib.pubsub_names import subscription_id
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


class QuickPubSub(GooglePubSubConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 2.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def cloud(certificates: Certificates) -> Iterator[PubsubServer]:
    with PubsubServer(certificates) as server:
        yield server


@pytest.fixture(scope="module")
def account(cloud: PubsubServer) -> Account:
    return cloud.account()


@pytest.fixture
def proxy(cloud: PubsubServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to the service, for every connector of a test."""
    monkeypatch.setattr(GooglePubSubConnector, "authority", certificates.ca)
    with Proxy(cloud.port) as proxy:
        endpoints.configure([f"googlePubSub=https://localhost:{proxy.port}"])
        yield proxy
    endpoints.configure([])
    cloud.fault("none")


class Peer(Counterpart):
    """A topic of this test's own."""

    def __init__(self, cloud: PubsubServer, account: Account, proxy: Proxy) -> None:
        super().__init__(proxy)
        self.cloud, self.account = cloud, account
        self.topic = f"topic-{new_id()}"
        self.out = f"out-{new_id()}"
        self.integration_id = new_id()
        cloud.topic(self.topic)
        cloud.topic(self.out)
        self.secret = str(json.loads(account.key_json)["private_key"])[100:160]

    def settings(self) -> JSONObject:
        return {"keyJson": self.account.key_json}

    def wrong_settings(self) -> JSONObject:
        return {"keyJson": json.dumps({**json.loads(self.account.key_json), "private_key_id": "another"})}

    def source(self) -> Source:
        return Source(self.integration_id, (self.topic,))

    def publish(self, messages: Sequence[str]) -> None:
        self.cloud.publish(self.topic, messages, key="one")

    def text(self, data: JSONObject) -> str:
        return str(data["data"])

    def outgoing(self, text: str) -> GooglePubSubOutgoing:
        return GooglePubSubOutgoing(topic=self.out, data=text)

    def watched(self) -> list[str]:
        return [message.data.decode() for message in self.cloud.published(self.out)]

    def restart(self) -> None:
        self.cloud.restart()


class TestGooglePubSub(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickPubSub

    @pytest.fixture
    def server(self, cloud: PubsubServer, account: Account, proxy: Proxy) -> Peer:
        return Peer(cloud, account, proxy)


# -- receiving


def make(account: Account, *topics: str, name: str = "", previous: Sequence[str] = (), **settings: str) -> QuickPubSub:
    """Return a connector that logs in as this account."""
    config = GooglePubSubConfig.resolve({"keyJson": account.key_json, **settings}, {})
    return QuickPubSub(config, Source(name or new_id(), topics, previous_topics=tuple(previous)))


@asynccontextmanager
async def connected(connector: QuickPubSub) -> AsyncIterator[QuickPubSub]:
    """Connect, and close at the end."""
    try:
        await connector.connect()
        yield connector
    finally:
        await connector.close()


async def take(connector: QuickPubSub, count: int, *, accept: bool = True) -> list[Delivery]:
    """Receive so many, acknowledged as the runtime does it."""
    got: list[Delivery] = []
    async with asyncio.timeout(SECONDS):
        while len(got) < count:
            some = await connector.receive()
            if accept:
                await connector.acknowledge(some)
            got += some
    return got


@pytest.fixture
def topic(cloud: PubsubServer, proxy: Proxy) -> str:
    """A topic of the test's own."""
    name = f"topic-{new_id()}"
    cloud.topic(name)
    return name


def own(connector: QuickPubSub, topic: str) -> str:
    return subscription_id(connector.source.integration_id, topic)


def test_a_message_with_attributes_and_bytes_that_are_no_text(cloud: PubsubServer, account: Account, topic: str) -> None:
    async def story() -> None:
        async with connected(make(account, topic)) as connector:
            cloud.publish(topic, ['{"a": 1}'], key="k", kind="alert", flowVersion="v2")
            cloud.publish(topic, [b"\xff\x00"])
            first, second = await take(connector, 2)
            assert {name: value for name, value in first.data.items() if name not in ("id", "timestamp")} == {
                "type": "message",
                "data": '{"a": 1}',
                "attributes": {"kind": "alert", "flowVersion": "v2"},
                "orderingKey": "k",
                "topic": topic,
                "topics": [topic],
            }
            assert str(first.data["timestamp"]).endswith("Z")
            assert (first.version, second.version) == ("v2", "")
            assert (second.data["data"], second.data["encoding"], second.size) == ("/wA=", "base64", 2)
            assert "orderingKey" not in second.data

    run(story())


def test_subscriptions_are_made_kept_and_go_with_their_topic_or_integration(
    cloud: PubsubServer, account: Account, topic: str
) -> None:
    other = f"other-{new_id()}"
    cloud.topic(other)
    integration = new_id()

    async def story() -> None:
        async with connected(make(account, topic, other, name=integration)) as connector:
            names = [own(connector, topic), own(connector, other)]
            assert {name for name in cloud.subscriptions if integration in name} == set(names)
            settings = cloud.subscription(names[0]).settings
            assert settings.enable_message_ordering
            assert not settings.expiration_policy.HasField("ttl")
        await until(lambda: not any(integration in name for name in cloud.streams), "nobody reading")
        cloud.publish(topic, ["meanwhile"])
        async with connected(make(account, topic, name=integration, previous=[topic, other])) as connector:
            assert [delivery.data["data"] for delivery in await take(connector, 1)] == ["meanwhile"]
            assert [name for name in cloud.subscriptions if integration in name] == names[:1]
        for _ in range(2):  # what is gone already is no fault
            await make(account, topic, name=integration, previous=[topic]).purge()
        assert [name for name in cloud.subscriptions if integration in name] == []

    run(story())


def test_a_subscription_whose_topic_was_deleted_is_noticed_and_made_anew(
    cloud: PubsubServer, account: Account, topic: str
) -> None:
    integration = new_id()

    async def story() -> None:
        async with connected(make(account, topic, name=integration)) as connector:
            cloud.store.delete_topic(f"projects/{PROJECT}/topics/{topic}")
            with pytest.raises(Disconnected, match="was deleted"):
                await connector.probe()
            with pytest.raises(Disconnected, match="was deleted"):
                await connector.receive()
        with pytest.raises(Refused, match=rf"There is no topic {topic} in the project {PROJECT} \(NOT_FOUND\)"):
            await make(account, topic, name=integration).connect()
        cloud.topic(topic)
        async with connected(make(account, topic, name=integration)) as connector:
            cloud.publish(topic, ["again"])
            assert [delivery.data["data"] for delivery in await take(connector, 1)] == ["again"]
            cloud.store.delete(f"projects/{PROJECT}/subscriptions/{own(connector, topic)}")
            with pytest.raises(Disconnected, match="it is made anew"):
                await connector.receive()

    run(story())


def test_one_topic_that_is_refused_does_not_keep_the_others_from_it(
    cloud: PubsubServer, account: Account, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = f"late-{new_id()}"
    monkeypatch.setattr("integrations.connectors.google_pub_sub.AGAIN_SECONDS", 0.0)

    async def story() -> None:
        async with connected(make(account, late, topic)) as connector:
            assert [one.granted for one in connector.subscriptions()] == [False, True]
            assert connector.degraded == f"{late}: There is no topic {late} in the project {PROJECT} (NOT_FOUND)."
            cloud.publish(topic, ["one"])
            await take(connector, 1)
            cloud.topic(late)
            await connector.probe()
            assert connector.degraded == ""
            cloud.publish(late, ["two"])
            assert [delivery.data["topic"] for delivery in await take(connector, 1)] == [late]
            await connector.probe()
            assert [(one.granted, one.proof_ms > 0, one.last_ms > 0) for one in connector.subscriptions()] == [
                (True, True, True)
            ] * 2

    run(story())


def test_what_is_held_is_leased_on_and_given_back_in_the_end(
    certificates: Certificates, account: Account, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickPubSub, "lease_seconds", 1)
    with PubsubServer(certificates, longest_lease=0.6) as hasty:
        mine = hasty.account()
        hasty.topic(topic)
        endpoints.configure([f"googlePubSub=https://localhost:{hasty.port}"])

        async def story() -> None:
            async with connected(make(mine, topic)) as connector:
                hasty.publish(topic, ["1", "2", "3"], key="one")
                held = await take(connector, 3, accept=False)
                subscription = hasty.subscription(own(connector, topic))
                await until(lambda: subscription.extended >= 6, "two extensions of each")
                assert subscription.delivered == 3
                await connector.acknowledge(held[:1])
            assert (subscription.acknowledged, len(subscription.waiting), len(subscription.out)) == (1, 2, 0)

        run(story())


def test_what_comes_twice_is_run_once(cloud: PubsubServer, account: Account, topic: str) -> None:
    texts = [str(number) for number in range(20)]

    async def story() -> None:
        cloud.fault("duplicates")
        async with connected(make(account, topic)) as connector:
            cloud.publish(topic, texts)
            assert [delivery.data["data"] for delivery in await take(connector, len(texts))] == texts
            await until(lambda: cloud.left(own(connector, topic)) == 0, "both copies being acknowledged")
            receiving = asyncio.ensure_future(connector.receive())
            done, _ = await asyncio.wait([receiving], timeout=0.2)
            assert not done
            receiving.cancel()

    run(story())


@pytest.mark.parametrize("disturb", ["end_streams", "expire_tokens"])
def test_a_stream_that_ends_is_nothing_special(cloud: PubsubServer, account: Account, topic: str, disturb: str) -> None:
    async def story() -> None:
        async with connected(make(account, topic)) as connector:
            for number in range(3):
                await asyncio.sleep(1.1 if disturb == "expire_tokens" else 0)  # tokens of one second are all the same
                getattr(cloud, disturb)()
                cloud.publish(topic, [str(number)])
                assert [delivery.data["data"] for delivery in await take(connector, 1)] == [str(number)]
            await connector.probe()

    run(story())


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("permission_denied", Refused, "Google does not allow it to this service account (PERMISSION_DENIED)"),
        ("unauthenticated", Refused, "Google does not accept the service account's key (UNAUTHENTICATED)"),
        ("unavailable", Exception, "Pub/Sub is not available (UNAVAILABLE)"),
        ("closed_stream", Exception, "Pub/Sub is not available (UNAVAILABLE)"),
    ],
)
def test_a_service_that_says_no_ends_the_line_with_its_reason(
    cloud: PubsubServer, account: Account, topic: str, fault: str, kind: type[Exception], text: str
) -> None:
    async def story() -> None:
        async with connected(make(account, topic)) as connector:
            cloud.fault(fault)
            with pytest.raises(kind) as caught:
                await asyncio.wait_for(connector.receive(), SECONDS)
            assert connector.explain(caught.value).startswith(text)
            assert connector.advise(caught.value).endswith(".")
        if fault != "closed_stream":
            again = make(account, topic)
            with pytest.raises((kind, *again.transient)) as caught:
                await again.connect()
            assert again.explain(caught.value).startswith(text)
            await again.close()

    run(story())


def test_a_service_that_hangs_is_noticed_by_a_probe(cloud: PubsubServer, account: Account, topic: str) -> None:
    async def story() -> None:
        async with connected(make(account, topic)) as connector:
            cloud.fault("hang")
            with pytest.raises(connector.transient) as caught:
                await connector.probe()
            assert "DEADLINE_EXCEEDED" in connector.explain(caught.value)
            cloud.fault("none")

    run(story())


def test_slow_acknowledgements_are_gathered(cloud: PubsubServer, account: Account, topic: str) -> None:
    async def story() -> None:
        async with connected(make(account, topic)) as connector:
            cloud.fault("slow_acks")
            before = cloud.calls.count("Acknowledge")
            for number in range(20):
                cloud.publish(topic, [str(number)])
                await take(connector, 1)
            await until(lambda: cloud.left(own(connector, topic)) == 0, "every message being acknowledged")
            assert cloud.calls.count("Acknowledge") - before < 10

    run(story())


def test_publishing_alone_needs_no_topic(cloud: PubsubServer, proxy: Proxy) -> None:
    async def story() -> None:
        async with connected(make(cloud.account(*PUBLISHER))) as connector:
            await connector.probe()
        wrong = make(cloud.account(*PUBLISHER), projectId="another-project")
        await wrong.connect()  # who may not see topics is believed
        await wrong.close()

    run(story())


def test_without_the_role_the_advice_names_it(cloud: PubsubServer, topic: str) -> None:
    async def story() -> None:
        connector = make(cloud.account(*SUBSCRIBER), topic)
        with pytest.raises(Refused, match="PERMISSION_DENIED") as caught:
            await connector.connect()
        assert "roles/pubsub.editor" in connector.advise(caught.value)
        await connector.close()

    run(story())


def test_an_address_that_is_not_connected_to_is_refused(cloud: PubsubServer, account: Account, topic: str) -> None:
    egress.configure(allow_private=False)
    try:

        async def story() -> None:
            connector = make(account, topic)
            with pytest.raises(connector.refused, match="private networks are not allowed here"):
                await connector.connect()
            await connector.close()
            with pytest.raises(SendFailed, match="private networks are not allowed here"):
                await sender_for(account).send(GooglePubSubOutgoing(topic=topic, data="x"), "e")

        run(story())
    finally:
        egress.configure(allow_private=True)


# -- settings


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"type": "authorized_user"}, "type: must be service_account"),
        ({"private_key": "none"}, "private_key: "),
        ({"client_email": "nobody"}, "client_email: is not an email address"),
        ({"token_uri": "https://evil.example/token"}, "token_uri: must be https://oauth2.googleapis.com/token"),
        ({"universe_domain": "evil.example"}, "universe_domain: must be googleapis.com"),
        ({"project_id": ""}, "project_id: is missing"),
    ],
)
def test_a_key_is_judged_property_by_property(account: Account, change: JSONObject, fault: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        GooglePubSubConfig.check({"keyJson": json.dumps({**json.loads(account.key_json), **change})})
    assert caught.value.errors["keyJson"].startswith(fault)


def test_a_project_is_checked(account: Account) -> None:
    GooglePubSubConfig.check({"projectId": "{{globals.project}}", "keyJson": "{{globals.key}}"})
    with pytest.raises(ConfigInvalid) as caught:
        GooglePubSubConfig.check({"projectId": "Greenhouse 7"})
    assert caught.value.errors.keys() == {"projectId"}


def test_topics_are_checked_by_the_rules_of_the_service() -> None:
    topics = ["alerts", "projects/p/topics/alerts", "1st", "googlers", "alerts", "a" * 256, "grün", "a.b-c_d~e+f%g"]
    assert list(GooglePubSubConnector.check_topics(topics)) == [4, 1, 2, 3, 5, 6]


def test_names_of_subscriptions_fit() -> None:
    long = [subscription_id("6653a1f0c2b84e7d9a5f1302", "a" * 254 + end) for end in "bc"]
    assert subscription_id("5f00", "alerts") == "wegnology-5f00-alerts"
    assert {len(name) for name in long} == {255}
    assert long[0] != long[1]


def test_one_way_of_logging_in(account: Account) -> None:
    credential = GcpCredential(key_json=SecretStr(account.key_json))
    faults = GooglePubSubConnector.check_access
    assert faults({}, None).keys() == {"credentialName"}
    assert faults({"keyJson": "x"}, credential).keys() == {"keyJson"}
    assert faults({"keyJson": "x"}, None) == faults({}, credential) == {}


# -- the check


def checked(connector: QuickPubSub) -> dict[str, CheckStep]:
    async def story() -> dict[str, CheckStep]:
        return {step.name: step async for step in QuickPubSub.check(connector.config, connector.source)}

    return asyncio.run(story())


def test_a_check_says_what_may_be_received_and_makes_nothing(cloud: PubsubServer, account: Account, topic: str) -> None:
    before = cloud.subscriptions
    steps = checked(make(account, topic))
    assert {name: step.state for name, step in steps.items()} == {
        "Read the certificates": "ok",
        "Find the address": "ok",
        "Connect": "ok",
        "Secure it with TLS": "ok",
        "Log in": "ok",
        "See the topics": "ok",
    }
    assert steps["See the topics"].detail == f"Messages of {topic} can be received."
    assert cloud.subscriptions == before


def test_a_check_finds_what_is_missing(cloud: PubsubServer, account: Account, topic: str) -> None:
    steps = checked(make(account, topic, "nowhere"))
    assert steps["See the topics"].state == "failed"
    assert steps["See the topics"].detail == f"There is no topic nowhere in the project {PROJECT} (NOT_FOUND)"
    steps = checked(make(cloud.account("subscriptions.get", "topics.get"), topic))
    assert steps["See the topics"].state == "warning"
    assert "pubsub.topics.attachSubscription" in steps["See the topics"].detail
    assert "roles/pubsub.editor" in steps["See the topics"].advice


# -- publishing


def sent(sender: GooglePubSubSender, *messages: JSONObject) -> list[Any]:
    """Send one after the other; return the answers as a workflow finds them."""

    async def story() -> list[Any]:
        answers: list[Any] = []
        for values in messages:
            try:
                answers.append(await sender.send(GooglePubSubOutgoing.model_validate(values), "e"))
            except SendFailed as error:
                answers.append(GooglePubSubConnector.failure_answer(error))
        await sender.close()
        return answers

    answers = asyncio.run(story())
    for answer in answers:
        assert_shape(answer, GooglePubSubAnswer)
    return answers


def sender_for(account: Account) -> GooglePubSubSender:
    return QuickPubSub.sender(GooglePubSubConfig.resolve({"keyJson": account.key_json}, {}), Source(""))


def test_a_message_is_published_with_its_attributes(cloud: PubsubServer, topic: str) -> None:
    attributes: JSONObject = {"kind": "alert", "count": 2, "level": -1.5, "on": True, "none": None}
    [answer] = sent(sender_for(cloud.account(*PUBLISHER)), {"topic": topic, "data": "grüß", "attributes": attributes})
    [message] = cloud.published(topic)
    assert answer == {"success": True, "messageId": message.message_id}
    assert message.data.decode() == "grüß"
    assert dict(message.attributes) == {"kind": "alert", "count": "2", "level": "-1.5", "on": "true"}


def test_what_the_service_refuses_keeps_its_name(cloud: PubsubServer, account: Account, topic: str, proxy: Proxy) -> None:
    other: JSONObject = {"topic": topic, "data": "x", "projectId": "another-project"}
    answers = sent(sender_for(account), {"topic": "nowhere", "data": "x"}, other)
    assert [answer["error"]["type"] for answer in answers] == ["NOT_FOUND", "NOT_FOUND"]
    assert "another-project" in answers[1]["error"]["message"]
    [answer] = sent(sender_for(cloud.account(*SUBSCRIBER)), {"topic": topic, "data": "x"})
    assert answer["error"]["type"] == "PERMISSION_DENIED"
    proxy.stop()
    [answer] = sent(sender_for(account), {"topic": topic, "data": "x"})
    assert answer["error"] == {
        "type": "ConnectionRefusedError",
        "message": f"localhost refused connections to port {proxy.port}",
    }


def test_a_connection_that_was_lost_is_made_anew(cloud: PubsubServer, account: Account, topic: str, proxy: Proxy) -> None:
    sender = sender_for(account)

    async def story() -> None:
        await sender.send(GooglePubSubOutgoing(topic=topic, data="1"), "e1")
        proxy.cut()
        await asyncio.sleep(0.1)  # the library must have seen it: a message that meets it may have been sent or not
        await sender.send(GooglePubSubOutgoing(topic=topic, data="2"), "e2")
        await sender.close()

    asyncio.run(story())
    assert [message.data for message in cloud.published(topic)] == [b"1", b"2"]


def test_a_sender_logs_in_with_a_credential_and_shows_none(cloud: PubsubServer, account: Account, topic: str) -> None:
    credential = GcpCredential(key_json=SecretStr(account.key_json))
    sender = QuickPubSub.sender(GooglePubSubConfig.resolve({}, {}), Source("", credential=credential))
    assert sent(sender, {"topic": topic, "data": "x"})[0]["success"]
    assert "PRIVATE KEY" not in repr(vars(sender))

"""The node that publishes to Google Pub/Sub, down to the topic."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.connectors.base import Source
from integrations.connectors.google_pub_sub import GooglePubSubConnector, GooglePubSubOutgoing
from integrations.exceptions import SendFailed
from tests.servers.processes import LOOPBACK
from tests.servers.pubsub import PubsubServer
from tests.servers.pubsub_accounts import PROJECT, Account
from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import finished
from wegnology.lib import endpoints
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Login, NodeFailed, nodes


@pytest.fixture(scope="module")
def shared() -> Iterator[PubsubServer]:
    with PubsubServer() as cloud:
        cloud.topic("alerts")
        yield cloud


@pytest.fixture(scope="module")
def account(shared: PubsubServer) -> Account:
    return shared.account()


@pytest.fixture
def cloud(shared: PubsubServer) -> Iterator[PubsubServer]:
    endpoints.configure([f"googlePubSub=http://{LOOPBACK}:{shared.port}"])
    shared.store.published.clear()
    yield shared
    endpoints.configure([])


class Publishing(FakeRunContext):
    """A context that really publishes."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    async def _publish(self, settings: JSONObject, message: JSONObject) -> JSONObject:
        config: Any = GooglePubSubConnector.Config.resolve(settings, {})
        sender = GooglePubSubConnector.sender(config, Source("i1"))
        try:
            return await sender.send(GooglePubSubOutgoing.model_validate(message), "one")
        finally:
            await sender.close()

    async def send(self, integration_id: str, message: JSONObject, node_id: str) -> JSONObject:
        return await self._publish({"keyJson": self._account.key_json}, message)

    async def send_directly(self, login: Login, message: JSONObject, node_id: str) -> JSONObject:
        settings = dict(login.settings)
        if login.credential_name:
            assert login.credential_name == "Plant"
            settings = {"jwtData": self._account.key_json}
        return await self._publish(GooglePubSubConnector.direct_config(settings), message)


def run(account: Account, config: JSONObject, payload: JSONObject) -> JSONObject:
    """Run the node once; returns the payload after it."""
    kind: Any = nodes.get("GooglePublishNode")
    node: AwaitingNode[Any] = kind(kind.Config.resolve(config, {}))
    return asyncio.run(asyncio.wait_for(finished(node, payload, Publishing(account)), 20)).payload


ALERT: JSONObject = {"topicTemplate": "{{working.topic}}", "dataTemplate": "{{working.text}} & co", "resultPath": "working.sent"}
PAYLOAD: JSONObject = {"working": {"topic": "alerts", "text": "hot", "about": {"room": "b", "floor": 2}}}


@pytest.mark.parametrize(
    "login",
    [
        {"integrationId": "i1"},
        {"credentialNameTemplate": "Plant"},
        {"jwtDataMethod": "payloadPath", "jwtDataPayloadPath": "working.key"},
        {"jwtDataTemplate": "{{{working.key}}}"},
    ],
    ids=["integration", "credential", "key in the payload", "key from a template"],
)
def test_it_publishes_with_each_login(cloud: PubsubServer, account: Account, login: JSONObject) -> None:
    payload: JSONObject = {"working": {**PAYLOAD["working"], "key": account.key_json}}  # type: ignore[dict-item]
    after: Any = run(account, {**ALERT, **login}, payload)
    [message] = cloud.published("alerts")
    assert after["working"]["sent"] == {"success": True, "messageId": message.message_id}
    assert message.data == b"hot & co"


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [
        ({"attrFields": [{"keyTemplate": "kind", "valueTemplate": "{{working.text}}"}]}, {"kind": "hot"}),
        ({"attrMethod": "jsonTemplate", "attrTemplate": '{"n": 2, "on": true, "none": null}'}, {"n": "2", "on": "true"}),
        ({"attrMethod": "payloadPath", "attrPayloadPath": "working.about"}, {"room": "b", "floor": "2"}),
    ],
)
def test_attributes(cloud: PubsubServer, account: Account, settings: JSONObject, attributes: dict[str, str]) -> None:
    more: JSONObject = {"integrationId": "i1", "dataMethod": "payloadPath", "dataPayloadPath": "working.about"}
    run(account, {**ALERT, **more, "projectIdTemplate": PROJECT, **settings}, PAYLOAD)
    [message] = cloud.published("alerts")
    assert dict(message.attributes) == attributes
    assert message.data == b'{"room":"b","floor":2}'


def test_what_the_service_refuses_stands_at_the_result_path_or_fails_the_run(cloud: PubsubServer, account: Account) -> None:
    nowhere: JSONObject = {**ALERT, "integrationId": "i1", "topicTemplate": "nowhere"}
    after: Any = run(account, nowhere, PAYLOAD)
    assert after["working"]["sent"]["success"] is False
    assert after["working"]["sent"]["error"]["type"] == "NOT_FOUND"
    with pytest.raises(NodeFailed, match="There is no topic nowhere"):
        run(account, {**nowhere, "resultPath": ""}, PAYLOAD)


def test_what_is_missing_is_named(account: Account) -> None:
    kind: Any = nodes.get("GooglePublishNode")
    with pytest.raises(ConfigInvalid) as caught:
        kind(kind.Config.resolve(ALERT, {}))
    assert caught.value.errors.keys() == {"integrationId"}
    with pytest.raises(ConfigInvalid) as caught:
        kind.Config.resolve({"integrationId": "i1"}, {})
    assert caught.value.errors.keys() == {"topicTemplate"}
    with pytest.raises(NodeFailed, match="topicTemplate gave an empty text"):
        run(account, {**ALERT, "integrationId": "i1"}, {"working": {}})


def test_a_service_that_cannot_be_reached_is_told(account: Account) -> None:
    endpoints.configure([f"googlePubSub=http://{LOOPBACK}:1"])
    try:
        config: Any = GooglePubSubConnector.Config.resolve({"keyJson": account.key_json}, {})
        sender = GooglePubSubConnector.sender(config, Source("i1"))

        async def story() -> None:
            with pytest.raises(SendFailed, match="refused connections"):
                await sender.send(GooglePubSubOutgoing(topic="alerts", data="x"), "one")
            await sender.close()

        asyncio.run(story())
    finally:
        endpoints.configure([])

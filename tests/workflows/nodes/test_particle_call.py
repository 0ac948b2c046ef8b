"""The node that calls functions of Particle devices, down to the device."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.connectors.base import Source
from integrations.connectors.particle import ParticleConnector
from tests.servers.particle import LAMP, OVEN, TOKEN, Call, ParticleCloud
from tests.servers.processes import LOOPBACK
from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import finished
from wegnology.lib import endpoints
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Login, NodeFailed, nodes


@pytest.fixture(scope="module")
def shared() -> Iterator[ParticleCloud]:
    with ParticleCloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(shared: ParticleCloud) -> Iterator[ParticleCloud]:
    endpoints.configure([f"particle=http://{LOOPBACK}:{shared.port}"])
    shared.calls.clear()
    yield shared
    endpoints.configure([])


class Calling(FakeRunContext):
    """A context that really calls; integration i1 has a device of a product, i2 has none."""

    async def _call(self, settings: JSONObject, message: JSONObject) -> JSONObject:
        config = ParticleConnector.Config.resolve(settings, {})
        sender = ParticleConnector.sender(config, Source("i1"))  # type: ignore[arg-type]
        try:
            return await sender.send(ParticleConnector.Outgoing.model_validate(message), "one")  # type: ignore[union-attr,arg-type]
        finally:
            await sender.close()

    async def send(self, integration_id: str, message: JSONObject, node_id: str) -> JSONObject:
        settings: dict[str, JSONObject] = {"i1": {"deviceNameOrId": "oven", "productSlugOrId": "thermo"}, "i2": {}}
        return await self._call({"accessToken": TOKEN, **settings[integration_id]}, message)

    async def send_directly(self, login: Login, message: JSONObject, node_id: str) -> JSONObject:
        assert login.connector == "particle"
        return await self._call(ParticleConnector.direct_config(login.settings), message)


def run(config: JSONObject, payload: JSONObject) -> JSONObject:
    """Run the node once; returns the payload after it."""
    kind: Any = nodes.get("ParticleCallNode")
    node: AwaitingNode[Any] = kind(kind.Config.resolve(config, {}))
    return asyncio.run(asyncio.wait_for(finished(node, payload, Calling()), 20)).payload


PAYLOAD: JSONObject = {"data": {"fn": "brew", "who": "lamp", "cups": {"n": 2}, "text": "two"}}


@pytest.mark.parametrize(
    ("config", "call"),
    [
        ({"integrationId": "i1"}, Call(OVEN.id, "brew", "", "thermo")),
        ({"integrationId": "i2", "deviceTemplate": "{{data.who}}"}, Call(LAMP.id, "brew", "")),
        (
            {"integrationId": "i1", "productTemplate": "12345", "argTemplate": "{{data.text}} cups"},
            Call(OVEN.id, "brew", "two cups", "12345"),
        ),
        (
            {"integrationId": "i1", "argMethod": "payloadPath", "argPayloadPath": "data.cups"},
            Call(OVEN.id, "brew", '{"n":2}', "thermo"),
        ),
        (
            {"integrationId": "i1", "argMethod": "payloadPath", "argPayloadPath": "data.text"},
            Call(OVEN.id, "brew", "two", "thermo"),
        ),
        ({"accessToken": "{{data.token}}", "deviceTemplate": "lamp"}, Call(LAMP.id, "brew", "")),
    ],
)
def test_calls(cloud: ParticleCloud, config: JSONObject, call: Call) -> None:
    payload: Any = {"data": {**PAYLOAD["data"], "token": TOKEN}}  # type: ignore[dict-item]
    after: Any = run({"nameTemplate": "{{data.fn}}", "resultPath": "working.result", **config}, payload)
    assert cloud.calls == [call]
    answer = after["working"]["result"]
    assert (answer["id"], answer["connected"], answer["return_value"]) == (call.device, True, len(call.argument))
    assert "last_app" in answer


def test_a_fault_goes_to_the_result_path_or_fails_the_node(cloud: ParticleCloud) -> None:
    config: JSONObject = {"integrationId": "i2", "nameTemplate": "fly", "deviceTemplate": "lamp"}
    after: Any = run({**config, "resultPath": "working.result"}, dict(PAYLOAD))
    assert after["working"]["result"] == {
        "error": {"message": "Particle knows nothing of that name (404): Function fly not found"}
    }
    with pytest.raises(NodeFailed, match="Function fly not found"):
        run(config, dict(PAYLOAD))
    with pytest.raises(NodeFailed, match="Which device"):
        run({"integrationId": "i2", "nameTemplate": "brew"}, dict(PAYLOAD))
    with pytest.raises(NodeFailed, match="nameTemplate gave an empty text"):
        run({"integrationId": "i2", "nameTemplate": "{{data.none}}", "resultPath": "working.result"}, dict(PAYLOAD))


def test_an_integration_or_a_token_is_needed() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        run({"nameTemplate": "brew"}, {})
    assert caught.value.errors == {"integrationId": "Choose an integration, or give accessToken."}

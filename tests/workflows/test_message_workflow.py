"""A workflow made from a message of the inspector."""

import time

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from integrations.runtime.keys import key
from tests import factories
from tests.servers.redis import RedisServer
from wegnology.applications.models import Role
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject
from workflows.graph import Graph
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(redis_here: RedisServer) -> Integration:
    return factories.integration(name="Broker")


def kept(server: RedisServer, row: Integration, data: JSONObject, kind: str = "message") -> str:
    """Keep a message as a listener does; return the address that makes a workflow from it."""
    event_id, now = new_id(), int(time.time() * 1000)
    with server.client() as client:
        client.rpush(key("messages", row.pk), orjson.dumps({"id": event_id, "a": now, "t": now, "k": kind, "n": 9, "d": data}))
    return reverse("admin:integrations_integration_message_workflow", args=[row.pk, event_id])


def test_it_decodes_json_and_is_disabled(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    address = kept(redis_here, row, {"topic": "plant/north", "message": '{"a": 1}'})
    assert address in admin_client.get(address.removesuffix("workflow")).content.decode()
    answer = admin_client.post(address)
    made = Workflow.objects.get()
    assert answer["Location"] == reverse("admin:workflows_workflow_change", args=[made.pk])
    assert (made.name, made.enabled, made.application_id) == ("On plant/north", False, row.application_id)
    develop = made.versions.get()
    graph = Graph.parse(develop.triggers, develop.nodes)
    [trigger] = graph.triggers("integration", row.pk)
    assert trigger.wants("message")
    assert not trigger.wants("connect")
    assert [node["type"] for node in develop.nodes] == ["JsonDecodeNode", "DebugNode"]
    assert develop.nodes[0]["config"]["source"] == "data.message"
    assert develop.nodes[1]["meta"]["label"] == "plant/north"
    admin_client.post(address)
    assert Workflow.objects.filter(name="On plant/north (2)").exists()


def test_other_text_is_only_shown(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    admin_client.post(kept(redis_here, row, {"type": "connect"}, "connect"))
    made = Workflow.objects.get()
    develop = made.versions.get()
    assert made.name == "On Broker"
    assert [node["type"] for node in develop.nodes] == ["DebugNode"]
    assert develop.triggers[0]["config"]["connect"] is True
    Graph.parse(develop.triggers, develop.nodes)


def test_what_is_not_kept_makes_nothing(client: Client, admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    gone = reverse("admin:integrations_integration_message_workflow", args=[row.pk, new_id()])
    assert "not kept any more" in admin_client.post(gone, follow=True).content.decode()
    client.force_login(factories.person("vera", row.application, Role.VIEWER))
    assert client.post(kept(redis_here, row, {"message": "x"})).status_code == 403
    assert not Workflow.objects.exists()

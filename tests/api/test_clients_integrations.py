"""The official clients: integrations."""

from typing import Any

import pytest
import requests

from integrations.connectors.base import connectors
from integrations.models import Integration
from integrations.runtime.keys import key, partition_of
from integrations.runtime.status import ConnectionState, Status
from tests import factories
from tests.api.conftest import Api
from tests.api.test_clients_accounts import refused
from wegnology.applications.models import Application, Role
from wegnology.lib.known_globals import MASK
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

MQTT = {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883, "username": "ann", "password": "hunter2"}
GOOGLE_KEY = '{"template": "{{globals.key}}"}'
LEAST: dict[str, dict[str, Any]] = {
    "mqtt": MQTT,
    "websocket": {"url": "wss://127.0.0.1/feed", "headers": [{"headerKey": "X-Key", "headerValue": "hunter2"}]},
    "sqs": {
        "queueUrl": "https://sqs.eu-central-1.amazonaws.com/123456789012/q",
        "region": "eu-central-1",
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "secretAccessKey": "hunter2hunter2",
    },
    "azureEventHub": {
        "hubName": "hub",
        "consumerGroup": "$Default",
        "connectionString": "Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=aHVudGVyMg==",
    },
    "googlePubSub": {"keyJson": "{{globals.key}}", "projectId": "my-project"},
    "particle": {"accessToken": "hunter2"},
}
TOPICS = {"mqtt": ["a/#"], "googlePubSub": ["topic"], "particle": ["*"]}
"""Settings of each type that are enough; a new type adds its own."""


def made(client: Any, of: Application, kind: str = "mqtt", **more: Any) -> dict[str, Any]:
    """Create an integration."""
    body = {"name": f"My {kind}", "integrationType": kind, "topics": TOPICS.get(kind, []), f"{kind}Config": LEAST[kind], **more}
    answer: dict[str, Any] = client.integrations.post(applicationId=of.pk, integration=body)
    return answer


def faults(answer: tuple[int, dict[str, Any]]) -> set[str]:
    """Return the places of the faults of a refusal."""
    assert answer[0] == 400, answer
    return {fault["name"] for fault in answer[1]["validationErrors"]}


def test_every_type_has_an_example() -> None:
    connectors.autodiscover()
    assert {connector.name for connector in connectors if connector.name != "lamp"} == LEAST.keys()


@pytest.mark.parametrize("type_name", LEAST)
def test_every_type_can_be_made_read_and_sent_back(api: Api, kind: str, type_name: str) -> None:
    client, row = api.client(kind), api.application()
    answer = made(client, row, type_name, enabled=False)
    ids = {"applicationId": row.pk, "integrationId": answer["integrationId"]}
    name = f"{type_name}Config"
    assert "hunter2" not in str(answer)
    read = client.integration.get(**ids)
    assert read[name] == answer[name]
    before = Integration.objects.get(pk=ids["integrationId"]).raw_config()
    again = client.integration.patch(**ids, integration={name: read[name], "topics": read["topics"], "enabled": False})
    assert Integration.objects.get(pk=ids["integrationId"]).raw_config() == before
    assert again[name] == read[name]


class TestReading:
    def test_the_answer_is_the_products(self, api: Api, kind: str) -> None:
        row = api.application()
        answer = made(api.client(kind), row)
        assert answer["id"] == answer["integrationId"]
        assert (answer["applicationId"], answer["integrationType"], answer["enabled"]) == (row.pk, "mqtt", True)
        assert answer["creationDate"].endswith("Z")
        assert answer["mqttConfig"]["password"] == MASK
        assert answer["mqttConfig"]["clientId"].startswith("wegnology-")
        status = answer["status"]
        assert (status["connectInfo"], status["disconnectInfo"]) == ({"ts": None}, {"ts": None, "error": ""})
        assert (status["lastKeepAlive"], status["nextAttempt"], status["state"]) == (None, None, "unknown")

    def test_the_status_is_live(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        one, two = made(client, row)["id"], made(client, row)["id"]
        lost = Status(
            ConnectionState.DISCONNECTED,
            listener="listener-1",
            connected_ms=1_000,
            disconnected_ms=2_000,
            disconnect_error="Connection Lost",
            next_attempt_ms=3_000,
            latest_cause="refused",
        )
        with api.redis.client() as redis:
            redis.set(key("status", one), lost.to_json())
            redis.set(key("listen", partition_of(one)), "listener-1/abc")
        status = client.integration.get(applicationId=row.pk, integrationId=one)["status"]
        assert status["connectInfo"] == {"ts": 1_000}
        assert status["disconnectInfo"] == {"ts": 2_000, "error": "Connection Lost"}
        assert (status["nextAttempt"], status["state"]) == (3_000, "disconnected")
        listed = client.integrations.get(applicationId=row.pk, sortField="id")["items"]
        assert [item["status"]["state"] for item in listed] == ["disconnected", "unknown"]
        every = client.request("GET", f"/applications/{row.pk}/integrations/status")
        assert {item["integrationId"]: item["status"]["state"] for item in every["items"]} == {
            one: "disconnected",
            two: "unknown",
        }

    def test_pages_sorting_and_filters(self, api: Api, kind: str) -> None:
        row = api.application()
        for name, type_name in (("b", "mqtt"), ("A", "websocket"), ("c*", "mqtt")):
            factories.integration(row, name=name, integration_type=type_name, config=LEAST[type_name])
        client = api.client(kind)

        def names(**how: Any) -> list[str]:
            return [item["name"] for item in client.integrations.get(applicationId=row.pk, **how)["items"]]

        assert names(sortField="creationDate", sortDirection="desc") == ["c*", "A", "b"]
        assert names(filterField="integrationType", filter="MQTT", sortField="name") == ["b", "c*"]
        assert names(sortField="id", page=1, perPage=2) == ["c*"]
        answer = client.integrations.get(applicationId=row.pk, filterField="name", filter="*")
        assert (answer["applicationId"], answer["totalCount"], answer["filter"]) == (row.pk, 3, "*")
        assert refused(client.integrations.get, applicationId=row.pk, filterField="config", filter="x")[0] == 400
        assert refused(client.integrations.get, applicationId=row.pk, filterField="name", filter="*" * 9)[0] == 400
        assert refused(client.integrations.get, applicationId="f" * 24)[0] == 404


class TestWriting:
    def test_every_fault_is_named_at_once(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        body = {
            "name": "",
            "integrationType": "mqtt",
            "topics": ["a", "a"],
            "other": 1,
            "mqttConfig": {"host": "h", "port": 99999, "protocol": "http", "colour": "red"},
            "sqsConfig": {},
        }
        places = faults(refused(client.integrations.post, applicationId=row.pk, integration=body))
        assert places == {
            "name",
            "topics",
            "other",
            "sqsConfig",
            "mqttConfig.port",
            "mqttConfig.protocol",
            "mqttConfig.colour",
        }

    @pytest.mark.parametrize(
        ("body", "places"),
        [
            ({}, {"name", "integrationType"}),
            ({"name": "x", "integrationType": "meridian"}, {"integrationType"}),
            ({"name": "x", "integrationType": "mqtt"}, {"mqttConfig.protocol", "mqttConfig.host"}),
            (
                {"name": "x", "integrationType": "mqtt", "mqttConfig": "x"},
                {"mqttConfig", "mqttConfig.protocol", "mqttConfig.host"},
            ),
            (
                {"name": "x", "integrationType": "azureEventHub", "azureEventHubConfig": {"hubName": "h", "consumerGroup": "g"}},
                {"credentialName"},
            ),
            (
                {"name": "x", "integrationType": "mqtt", "topics": ["a/#/b"], "mqttConfig": MQTT},
                {"topics.0"},
            ),
            (
                {"name": "x", "integrationType": "websocket", "websocketConfig": {"url": "ws://a"}, "credentialName": "none"},
                {"credentialName"},
            ),
            (
                {"name": "x", "integrationType": "mqtt", "mqttConfig": {**MQTT, "password": MASK}},
                {"mqttConfig.password"},
            ),
        ],
    )
    def test_what_cannot_be(self, api: Api, body: dict[str, Any], places: set[str]) -> None:
        answer = refused(api.client().integrations.post, applicationId=api.application().pk, integration=body)
        assert places <= faults(answer)

    def test_a_config_is_replaced_as_a_whole_and_the_rest_stays(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        ids = {"applicationId": row.pk, "integrationId": made(client, row)["id"]}
        client.integration.patch(**ids, integration={"name": "Renamed", "enabled": False})
        config = {"protocol": "mqtt", "host": "other", "port": 1884}
        answer = client.integration.patch(**ids, integration={"mqttConfig": config})
        assert (answer["name"], answer["enabled"], answer["topics"]) == ("Renamed", False, ["a/#"])
        assert "password" not in answer["mqttConfig"]
        assert answer["mqttConfig"]["host"] == "other"
        missing = refused(client.integration.patch, **ids, integration={"mqttConfig": {"host": "x"}})
        assert faults(missing) == {"mqttConfig.protocol"}
        assert faults(refused(client.integration.patch, **ids, integration={"integrationType": "sqs"})) == {"integrationType"}

    def test_reading_changing_and_writing_keeps_secrets(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        headers = [{"headerKey": "X-A", "headerValue": "one"}, {"headerKey": "X-B", "headerValue": "two"}]
        answer = made(client, row, "websocket", websocketConfig={"url": "wss://127.0.0.1/feed", "headers": headers})
        ids = {"applicationId": row.pk, "integrationId": answer["id"]}
        config = client.integration.get(**ids)["websocketConfig"]
        assert {header["headerValue"] for header in config["headers"]} == {MASK}
        config["headers"] = [config["headers"][1], {"headerKey": "X-C", "headerValue": "three"}]
        config["url"] = "wss://127.0.0.1/other"
        client.integration.patch(**ids, integration={"websocketConfig": config})
        stored = Integration.objects.get(pk=answer["id"]).raw_config()
        assert stored["headers"] == [{"headerKey": "X-B", "headerValue": "two"}, {"headerKey": "X-C", "headerValue": "three"}]
        config["headers"][0]["headerKey"] = "X-D"
        config["headers"][0]["headerValue"] = MASK
        config["headers"] = config["headers"][:1]
        assert faults(refused(client.integration.patch, **ids, integration={"websocketConfig": config})) == {
            "websocketConfig.headers.0.headerValue"
        }

    def test_templates_are_kept_as_they_are(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        config = {**MQTT, "host": "{{globals.host}}", "port": "{{globals.port}}", "password": "{{globals.secret}}"}
        answer = made(client, row, mqttConfig=config)
        assert (answer["mqttConfig"]["host"], answer["mqttConfig"]["port"]) == ("{{globals.host}}", "{{globals.port}}")
        assert answer["mqttConfig"]["password"] == MASK
        broken = {**MQTT, "host": "{{globals.host"}
        ids = {"applicationId": row.pk, "integrationId": answer["id"]}
        assert faults(refused(client.integration.patch, **ids, integration={"mqttConfig": broken})) == {"mqttConfig.host"}

    def test_a_credential_is_named_and_let_go(self, api: Api, kind: str) -> None:
        row = api.application()
        factories.credential(row, name="Feed")
        client = api.client(kind)
        config = {"url": "ws://127.0.0.1/feed"}
        answer = made(client, row, "websocket", websocketConfig=config, credentialName="Feed")
        assert answer["credentialName"] == "Feed"
        ids = {"applicationId": row.pk, "integrationId": answer["id"]}
        elsewhere = {"websocketConfig": {"url": "ws://elsewhere"}}
        assert refused(client.integration.patch, **ids, integration=elsewhere)[0] == 400
        assert "credentialName" not in client.integration.patch(**ids, integration={"credentialName": None})

    def test_two_editors_do_not_overwrite_each_other(self, api: Api) -> None:
        row = api.application()
        client = api.client()
        address = f"{api.url}/applications/{row.pk}/integrations/{made(client, row)['id']}"
        token = {"Authorization": f"Bearer {client.auth_token}"}

        def patch(name: str, mark: str) -> Any:
            return requests.patch(address, json={"name": name}, headers={**token, "If-Match": mark}, timeout=60)

        seen = requests.get(address, headers=token, timeout=60).headers["ETag"]
        first, second = patch("first", seen), patch("second", seen)
        again = patch("third", first.headers["ETag"])
        gone = requests.delete(address, headers={**token, "If-Match": seen}, timeout=60)
        assert (first.status_code, second.status_code, again.status_code, gone.status_code) == (200, 412, 200, 412)
        assert (second.json()["type"], again.json()["name"]) == ("PreconditionFailed", "third")


class TestDeleting:
    @pytest.fixture
    def scene(self, api: Api) -> tuple[Application, Integration, Integration]:
        """Two integrations; workflows of the first alone, of both, and of none."""
        row = api.application()
        one, two = factories.integration(row, name="one"), factories.integration(row, name="two")
        factories.workflow(one, name="only")
        factories.workflow(row, name="both", triggers=[factories.trigger(one), factories.trigger(two)])
        factories.workflow(row, name="none")
        return row, one, two

    @pytest.mark.parametrize(
        ("asked", "left"),
        [
            ({}, ["both", "none", "only"]),
            ({"includeWorkflows": False}, ["both", "none", "only"]),
            ({"includeWorkflows": True}, ["both", "none"]),
            ({"includeWorkflows": "true"}, ["both", "none"]),
            ({"includeWorkflows": "all"}, ["none"]),
        ],
    )
    def test_with_and_without_workflows(
        self, api: Api, kind: str, scene: tuple[Application, Integration, Integration], asked: dict[str, Any], left: list[str]
    ) -> None:
        row, one, _ = scene
        client = api.client(kind)
        answer = client.integration.delete(applicationId=row.pk, integrationId=one.pk, **asked)
        assert answer["success"] is True
        assert sorted(answer["workflows"]) == sorted({"both", "none", "only"} - set(left))
        assert list(Workflow.objects.filter(application=row).order_by("name").values_list("name", flat=True)) == left
        assert refused(client.integration.get, applicationId=row.pk, integrationId=one.pk) == (
            404,
            {"type": "NotFound", "message": "Integration was not found"},
        )

    def test_what_is_not_understood_deletes_nothing(self, api: Api, scene: tuple[Application, Integration, Integration]) -> None:
        row, one, _ = scene
        asked = {"applicationId": row.pk, "integrationId": one.pk, "includeWorkflows": "some"}
        assert faults(refused(api.client().integration.delete, **asked)) == {"includeWorkflows"}
        assert Integration.objects.filter(pk=one.pk).exists()


class TestScopes:
    @pytest.mark.parametrize(
        ("scope", "allowed"),
        [
            ("all.Application", {"list", "post", "get", "patch", "delete"}),
            ("all.Application.bounded", {"list", "post", "get", "patch", "delete"}),
            ("all.Application.read", {"list", "get"}),
            ("integrations.*", {"list", "post"}),
            ("integration.*", {"get", "patch", "delete"}),
            ("integrations.get", {"list"}),
            ("integration.patch", {"patch"}),
            ("flows.*", set()),
        ],
    )
    def test_a_token_does_what_its_scopes_say(self, api: Api, scope: str, allowed: set[str]) -> None:
        row = api.application()
        source = factories.integration(row)
        ids = {"applicationId": row.pk, "integrationId": source.pk}
        client = api.token_client(row, scope)
        calls: dict[str, tuple[Any, dict[str, Any]]] = {
            "list": (client.integrations.get, {"applicationId": row.pk}),
            "post": (
                client.integrations.post,
                {"applicationId": row.pk, "integration": {"name": "n", "integrationType": "mqtt", "mqttConfig": MQTT}},
            ),
            "get": (client.integration.get, ids),
            "patch": (client.integration.patch, {**ids, "integration": {}}),
            "delete": (client.integration.delete, ids),
        }
        done = set()
        for name, (call, arguments) in calls.items():
            if name in allowed:
                call(**arguments)
                done.add(name)
            else:
                assert refused(call, **arguments)[1]["type"] == "Forbidden"
        assert done == allowed

    def test_roles_count_beside_scopes(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        ids = {"applicationId": row.pk, "integrationId": source.pk}
        viewer, editor = (api.client(of=api.person(row, role)) for role in (Role.VIEWER, Role.EDITOR))
        assert viewer.integration.get(**ids)["name"] == source.name
        assert refused(viewer.integration.patch, **ids, integration={})[0] == 403
        assert editor.integration.patch(**ids, integration={"name": "x"})["name"] == "x"
        assert refused(editor.integration.delete, **ids)[0] == 403


class TestReconnecting:
    def test_it_is_asked_for(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        client = api.client()
        place = f"/applications/{row.pk}/integrations/{source.pk}/reconnect"
        assert client.request("POST", place) == {"success": True}
        source.refresh_from_db()
        assert source.reconnects == 1
        Integration.objects.filter(pk=source.pk).update(enabled=False)
        assert refused(client.request, method="POST", path=place)[1]["type"] == "Conflict"


class TestChecks:
    def test_a_check_is_asked_for_and_read(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        client = api.client()
        place = f"/applications/{row.pk}/integrations/{source.pk}"
        asked = client.request("POST", f"{place}/check")
        assert (asked["state"], asked["over"], asked["steps"]) == ("waiting", False, [])
        assert client.request("GET", asked["_links"]["self"]["href"])["id"] == asked["id"]
        assert refused(client.request, method="GET", path=f"{place}/checks/{'f' * 24}")[0] == 404
        other = factories.integration(row)
        elsewhere = f"/applications/{row.pk}/integrations/{other.pk}/checks/{asked['id']}"
        assert refused(client.request, method="GET", path=elsewhere)[0] == 404
        answers = [client.request("POST", f"{place}/check") for _ in range(2)]
        assert len(answers) == 2
        assert refused(client.request, method="POST", path=f"{place}/check")[0] == 429

"""The official clients: workflows, their versions, storage, errors, statistics, import."""

import time
from typing import Any

import pytest
import requests

from integrations.models import Integration
from integrations.runtime.keys import key
from tests import factories
from tests.api.conftest import Api
from tests.api.test_clients_accounts import refused
from tests.api.test_clients_integrations import faults
from wegnology.applications.models import Application
from wegnology.applications.records import AuditEntry
from workflows.insight.records import RunError, RunHour
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

NODES: list[dict[str, Any]] = [
    {"id": "a", "type": "DebugNode", "config": {"message": "hello"}, "outputIds": []},
]
BUTTON: dict[str, Any] = {"type": "virtualButton", "config": {}, "meta": {"label": "Go"}, "outputIds": [["a"]]}


def made(client: Any, of: Application, **more: Any) -> dict[str, Any]:
    """Create a workflow."""
    answer: dict[str, Any] = client.flows.post(
        applicationId=of.pk, flow={"name": "Alert", "triggers": [BUTTON], "nodes": NODES, **more}
    )
    return answer


class TestWorkflows:
    def test_create_read_change_delete(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        answer = made(client, row, description="x", globals=[{"key": "limit", "json": "5"}], flowClass="cloud", category="")
        assert (answer["id"], answer["flowClass"], answer["enabled"]) == (answer["flowId"], "cloud", True)
        assert answer["nodes"] == NODES
        assert answer["globals"] == [{"key": "limit", "json": "5"}]
        assert answer["triggers"][0]["key"].startswith(answer["id"])
        ids = {"applicationId": row.pk, "flowId": answer["id"]}
        assert client.flow.get(**ids) == answer
        changed = client.flow.patch(**ids, flow={"name": "Renamed", "enabled": False})
        assert (changed["name"], changed["enabled"], changed["nodes"]) == ("Renamed", False, NODES)
        emptied = client.flow.patch(**ids, flow={"triggers": [], "nodes": [], "globals": []})
        assert (emptied["triggers"], emptied["nodes"], emptied["globals"]) == ([], [], [])
        assert client.flow.delete(**ids) == {"success": True}
        assert refused(client.flow.get, **ids) == (404, {"type": "NotFound", "message": "Workflow was not found"})

    def test_every_fault_is_named_by_its_place(self, api: Api, kind: str) -> None:
        row = api.application()
        wrong = [
            {"id": "a", "type": "DebgNode", "config": {}, "outputIds": []},
            {"id": "b", "type": "DelayNode", "config": {"delay": -1}, "outputIds": [["nowhere"]]},
        ]
        answer = refused(api.client(kind).flows.post, applicationId=row.pk, flow={"name": "x", "nodes": wrong})
        assert faults(answer) == {"nodes[0].type", "nodes[1].config.delay", "nodes[1].outputIds[0][0]"}
        bad = {"flowClass": "edge", "globals": [{"key": "a", "json": "nope"}], "name": ""}
        assert faults(refused(api.client(kind).flows.post, applicationId=row.pk, flow=bad)) == {"flowClass", "name"}
        bad = {"name": "x", "globals": [{"key": "a", "json": "nope"}]}
        assert faults(refused(api.client(kind).flows.post, applicationId=row.pk, flow=bad)) == {"globals.0.json"}

    def test_two_editors_do_not_overwrite_each_other(self, api: Api) -> None:
        row = api.application()
        client = api.client()
        address = f"{api.url}/applications/{row.pk}/flows/{made(client, row)['id']}"
        token = {"Authorization": f"Bearer {client.auth_token}"}
        seen = {**token, "If-Match": requests.get(address, headers=token, timeout=60).headers["ETag"]}
        first = requests.patch(address, json={"nodes": []}, headers=seen, timeout=60)
        second = requests.patch(address, json={"nodes": NODES, "triggers": []}, headers=seen, timeout=60)
        third = requests.patch(address, json={"nodes": []}, headers=seen, timeout=60)
        assert first.status_code == 400  # what a trigger leads to cannot be taken away; so nothing changed
        assert (second.status_code, third.status_code) == (200, 412)

    def test_pages_sorting_and_filters(self, api: Api, kind: str) -> None:
        row = api.application()
        for name in ("c", "A", "b"):
            factories.workflow(row, name=name)
        client = api.client(kind)

        def names(**how: Any) -> list[str]:
            return [item["name"] for item in client.flows.get(applicationId=row.pk, **how)["items"]]

        assert names(sortField="creationDate", sortDirection="desc") == ["b", "A", "c"]
        assert names(filterField="name", filter="a*") == ["A"]
        assert names(flowClass="edge") == []
        assert names(flowClass="cloud", perPage=1, page=2, sortField="id") == ["b"]

    @pytest.fixture
    def scene(self, api: Api) -> tuple[Application, Integration]:
        """Workflows of an integration: by develop, by a version that is the default, by one that is not."""
        row = api.application()
        source = factories.integration(row)
        factories.workflow(source, name="develop")
        by_default = factories.workflow(row, name="default", enabled=False)
        by_default.default_version = factories.version(by_default, name="1", triggers=[factories.trigger(source)])
        by_default.save()
        other = factories.workflow(row, name="other")
        factories.version(other, name="1", triggers=[factories.trigger(source)])
        return row, source

    def test_workflows_of_an_integration(self, api: Api, kind: str, scene: tuple[Application, Integration]) -> None:
        row, source = scene
        client = api.client(kind)

        def names(*wanted: dict[str, str]) -> list[str]:
            return [item["name"] for item in client.flows.get(applicationId=row.pk, triggerFilter=list(wanted))["items"]]

        assert names({"type": "integration", "key": source.pk}) == ["default", "develop"]
        assert names({"key": source.pk}, {"type": "timer"}) == ["default", "develop"]
        assert names({"type": "integration", "key": "f" * 24}) == []

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"name": "other"}, ["other"]),
            ({"name": {"$startsWith": "de"}}, ["default", "develop"]),
            ({"name": {"$contains": "EV", "$ci": True}}, ["develop"]),
            ({"$or": [{"name": "other"}, {"enabled": False}]}, ["default", "other"]),
            ({"$and": [{"enabled": True}, {"name": {"$ne": "other"}}]}, ["develop"]),
            ({"$nor": [{"name": {"$in": ["other", "develop"]}}]}, ["default"]),
            ({"triggers": {"type": "integration"}}, ["default", "develop"]),
            ({"triggers": {"$ne": {"type": "integration"}}}, ["other"]),
            ({"defaultVersion": None, "creationDate": {"$gt": "2020"}}, ["develop", "other"]),
        ],
    )
    def test_advanced_queries(
        self, api: Api, kind: str, scene: tuple[Application, Integration], query: dict[str, Any], names: list[str]
    ) -> None:
        row, _ = scene
        found = api.client(kind).flows.get(applicationId=row.pk, query=query)
        assert [item["name"] for item in found["items"]] == names

    def test_queries_over_all_versions(self, api: Api, kind: str, scene: tuple[Application, Integration]) -> None:
        row, source = scene
        query = {"triggers": {"type": "integration", "key": source.pk}}
        found = api.client(kind).flows.get(applicationId=row.pk, query=query, allVersions=True)
        assert [item["name"] for item in found["items"]] == ["default", "develop", "other"]

    @pytest.mark.parametrize(
        "query", [{"colour": "red"}, {"name": {"$like": "x"}}, {"$or": {"name": "x"}}, {"triggers": "x"}, {"name": {"$in": "x"}}]
    )
    def test_queries_that_cannot_be_understood(self, api: Api, query: dict[str, Any]) -> None:
        (place,) = faults(refused(api.client().flows.get, applicationId=api.application().pk, query=query))
        assert place.startswith("query.")


class TestVersions:
    def test_create_read_change_delete(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        flow = made(client, row)
        of = {"applicationId": row.pk, "flowId": flow["id"]}
        answer = client.flow_versions.post(**of, flowVersion={"version": "1.0", "notes": "first", "nodes": NODES})
        assert (answer["version"], answer["notes"], answer["triggers"]) == ("1.0", "first", [])
        for name in (answer["flowVersionId"], "1.0"):
            assert client.flow_version.get(**of, flowVersionId=name) == answer
        assert client.flow_version.get(**of, flowVersionId="develop")["nodes"] == NODES
        changed = client.flow_version.patch(**of, flowVersionId="1.0", flowVersion={"notes": "n", "enabled": False})
        assert (changed["notes"], changed["enabled"]) == ("n", False)
        assert faults(refused(client.flow_version.patch, **of, flowVersionId="1.0", flowVersion={"nodes": []})) == {"nodes"}
        twice = {"version": "1.0"}
        assert refused(client.flow_versions.post, **of, flowVersion=twice)[0] == 409
        replaced = client.flow_versions.post(**of, flowVersion=twice, allowReplacement=True)
        assert replaced["nodes"] == []
        client.flow.patch(**of, flow={"defaultVersionId": replaced["id"]})
        assert client.flow.get(**of)["defaultVersionId"] == replaced["id"]
        assert refused(client.flow_version.delete, **of, flowVersionId="1.0")[0] == 409
        assert faults(refused(client.flow.patch, **of, flow={"defaultVersionId": "nope"})) == {"defaultVersionId"}
        client.flow.patch(**of, flow={"defaultVersionId": None})
        assert client.flow_version.delete(**of, flowVersionId="1.0") == {"success": True}
        assert refused(client.flow_version.get, **of, flowVersionId="1.0")[0] == 404
        assert faults(refused(client.flow_versions.post, **of, flowVersion={"version": "develop"})) == {"version"}

    def test_lists_and_deleting_many(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        of = {"applicationId": row.pk, "flowId": made(client, row)["id"]}
        for name in ("1.0", "1.1", "2.0"):
            client.flow_versions.post(**of, flowVersion={"version": name})
        listed = client.flow_versions.get(**of, sortField="version", sortDirection="desc", filterField="version", filter="1.*")
        assert [item["version"] for item in listed["items"]] == ["1.1", "1.0"]
        by_name = client.flows.get_by_version(applicationId=row.pk, version="2.0")
        assert [(item["flowId"], item["version"]) for item in by_name["items"]] == [(of["flowId"], "2.0")]
        client.flow.patch(**of, flow={"defaultVersionId": client.flow_version.get(**of, flowVersionId="1.0")["id"]})
        asked = {"query": {"version": {"$startsWith": "1."}}}
        assert client.flow_versions.delete(**of, options=asked) == {"removed": 1, "failed": 1}
        left = client.flow_versions.get(**of)["items"]
        assert [item["version"] for item in left] == ["1.0", "2.0"]


class TestStorage:
    def test_set_read_clear(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        of = {"applicationId": row.pk, "flowId": made(client, row)["id"]}
        for name, value in (("a", {"b": [1, None]}), ("c", 0), ("d", "x")):
            client.flow.set_storage_entry(**of, entry={"key": name, "value": value})
        client.flow.set_storage_entry(**of, entry={"key": "d"})
        assert client.flow.get_storage_entries(**of) == {"a": {"b": [1, None]}, "c": 0}
        about = client.flow.get_storage_entries_metadata(**of)
        assert about["keysCount"] == 2
        assert about["memoryUsed"] > 0
        large = {"key": "a", "value": "x" * 20_000}
        assert faults(refused(client.flow.set_storage_entry, **of, entry=large)) == {"value"}
        assert client.flow.clear_storage_entries(**of) == {}
        assert client.flow.get_storage_entries(**of) == {}


class TestButtons:
    def test_a_press_is_on_its_way(self, api: Api, kind: str) -> None:
        row = api.application()
        flow = made(api.client(kind), row)
        client = api.token_client(row, "flow.pressVirtualButton", kind=kind)
        of = {"applicationId": row.pk, "flowId": flow["id"]}
        button = flow["triggers"][0]["key"]
        answer = client.flow.press_virtual_button(**of, button={"key": button, "payload": {"level": 3}})
        assert answer["success"] is True
        with api.redis.client() as redis:
            ((_, fields),) = redis.xrange(key("inbox", flow["id"]))
        assert b'"level":3' in fields[b"e"]
        entry = AuditEntry.objects.get(action="pressed", object_id=flow["id"])
        assert (entry.actor_kind, entry.changes) == ("token", {"event": answer["eventId"]})
        assert faults(refused(client.flow.press_virtual_button, **of, button={"key": "other"})) == {"key"}
        wrong = {"key": button, "payload": [1]}
        assert faults(refused(client.flow.press_virtual_button, **of, button=wrong)) == {"payload"}


class TestInsight:
    def test_errors_statistics_and_log(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        flow = made(client, row)
        develop = Workflow.objects.get(pk=flow["id"]).versions.get()
        from django.utils import timezone

        now = timezone.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        RunHour.objects.create(workflow_id=flow["id"], version_id=develop.pk, hour=hour, runs=3, failed=1, micros=1500)
        RunError.objects.create(
            workflow_id=flow["id"],
            version_id=develop.pk,
            hour=hour,
            digest="d",
            node_id="a",
            node_label="Debug",
            error_name="Error",
            message="broken",
            event_id="e" * 24,
            count=1,
            first_at=now,
            last_at=now,
        )
        of = {"applicationId": row.pk, "flowId": flow["id"]}
        version = {**of, "flowVersionId": "develop"}
        for found in (
            client.flow.errors(**of),
            client.flow_version.errors(**version),
            client.flow.errors(**of, flowVersion="develop"),
        ):
            (error,) = found["errors"]
            assert (error["nodeId"], error["error"]) == ("a", {"name": "Error", "message": "broken"})
            assert error["time"].endswith("Z")
        for found in (client.flow.stats(**of), client.flow_version.stats(**version)):
            last = found["metrics"][-1]
            assert (last["runCount"], last["pathsFailed"], last["pathsCompleted"], last["wallTime"]) == (3, 1, 2, 1.5)
        for found in (client.flow.get_log_entries(**of, limit=5), client.flow_version.get_log_entries(**version)):
            assert [(entry["runCount"], len(entry["errors"])) for entry in found] == [(3, 1)]
        earlier = int((time.time() - 30 * 86_400) * 1000)
        assert client.flow.errors(**of, end=earlier)["errors"] == []
        assert refused(client.flow.errors, **of, flowVersion="nope")[0] == 404
        assert faults(refused(client.flow.stats, **of, duration="long")) == {"duration"}


class TestTransfer:
    def test_what_is_read_can_be_imported(self, api: Api, kind: str) -> None:
        row, other = api.application(), api.application()
        client = api.client(kind)
        flow = made(client, row)
        of = {"applicationId": row.pk, "flowId": flow["id"]}
        version = client.flow_versions.post(**of, flowVersion={"version": "1.0", "nodes": NODES})
        data = {"flows": [flow], "flowVersions": [version]}
        answer = client.flows.api_import(applicationId=other.pk, importData=data)
        (arrived,) = answer["flows"]
        assert (arrived["name"], arrived["enabled"], arrived["nodes"][0]["id"]) == ("Alert", False, "a")
        assert answer["importedFlowIdMap"] == {flow["id"]: arrived["id"]}
        assert list(answer["importedVersionIdMap"]) == [version["id"]]
        assert [item["version"] for item in answer["flowVersions"]] == ["1.0"]

    def test_what_cannot_be_imported(self, api: Api, kind: str) -> None:
        row = api.application()
        answer = refused(api.client(kind).flows.api_import, applicationId=row.pk, importData={"flows": [{"nodes": "x"}]})
        assert answer[0] == 400
        assert not row.workflows.exists()

    def test_the_palette(self, api: Api, kind: str) -> None:
        palette = api.client(kind).flows.palette(applicationId=api.application().pk)
        assert {"DebugNode", "MqttMessageNode"} <= {node["type"] for node in palette["nodes"]}

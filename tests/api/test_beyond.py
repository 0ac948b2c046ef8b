"""What the API does beyond the original product: ledger, last messages, parked runs."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.utils import timezone

from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration
from integrations.runtime.depositing import Deposit, deposit
from integrations.runtime.keys import key
from integrations.runtime.limits import Limits
from tests import factories
from tests.api.conftest import Api
from tests.api.test_clients_accounts import refused
from tests.api.test_clients_integrations import faults
from wegnology.applications.models import Application
from workflows import replay_jobs
from workflows.models import ParkedRun, ReplayJob

pytestmark = pytest.mark.django_db


def parked(of: Application, source: Integration, **fields: Any) -> ParkedRun:
    """Create a parked run."""
    workflow = factories.workflow(source)
    event = TriggerEvent("e" * 24, EventKind.MESSAGE, 1, {"message": "x"})
    about = {"reason": "failed", "error_name": "Error", "error_message": "not JSON", "node_id": "a", "path": ["a"]}
    return ParkedRun.objects.create(
        application=of,
        integration_id=source.pk,
        workflow_id=workflow.pk,
        event_id=workflow.pk,
        event=event.to_json().decode(),
        payload="{}",
        created_at=timezone.now(),
        **{**about, **fields},
    )


class TestParkedRuns:
    def test_list_read_replay_discard(self, api: Api) -> None:
        row = api.application()
        source, other = factories.integration(row), factories.integration(row)
        one, two, three = parked(row, source), parked(row, other), parked(row, source, reason="stops the worker")
        client = api.client()
        place = f"/applications/{row.pk}/parkedRuns"

        def found(**how: str) -> list[str]:
            return [item["id"] for item in client.request("GET", place, params=how)["items"]]

        assert found(sortDirection="asc") == [one.pk, two.pk, three.pk]
        assert found(integrationId=source.pk, filterField="reason", filter="fail*") == [one.pk]
        assert found(flowId=two.workflow_id) == [two.pk]
        shown = client.request("GET", f"{place}/{one.pk}")
        assert (shown["errorMessage"], shown["event"]["data"]) == ("not JSON", {"message": "x"})
        assert client.request("POST", f"{place}/{one.pk}/replay") == {"success": True, "replayed": 1, "left": 0}
        with api.redis.client() as redis:
            assert redis.xlen(key("inbox", source.pk)) == 1
        assert refused(client.request, method="GET", path=f"{place}/{one.pk}")[0] == 404
        assert client.request("DELETE", f"{place}/{two.pk}") == {"success": True}
        answer = client.request("POST", f"{place}/replay", body={"reason": "stops the worker"})
        assert (answer["replayed"], found()) == (1, [])
        assert faults(refused(client.request, method="POST", path=f"{place}/replay", body={})) == {""}

    def test_an_event_is_corrected_and_run_by_the_develop_version(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        run = parked(row, source)
        client = api.client()
        place = f"/applications/{row.pk}/parkedRuns/{run.pk}"
        token = {"Authorization": f"Bearer {client.auth_token}"}
        mark = {"If-Match": requests.get(api.url + place, headers=token, timeout=60).headers["ETag"]}
        changed = client.request("PATCH", place, body={"data": {"message": "31"}})
        assert (changed["event"]["data"], changed["event"]["id"]) == ({"message": "31"}, "e" * 24)
        assert requests.patch(api.url + place, json={"data": {}}, headers=token | mark, timeout=60).status_code == 412
        assert faults(refused(client.request, method="PATCH", path=place, body={"data": [1]})) == {"data"}
        large = {"message": "x" * settings.PAYLOAD_BYTES}
        assert faults(refused(client.request, method="PATCH", path=place, body={"data": large})) == {"data"}
        assert client.request("POST", f"{place}/replay", body={"version": "develop"})["replayed"] == 1
        with api.redis.client() as redis:
            ((_, entry),) = redis.xrange(key("inbox", source.pk))
        event = TriggerEvent.from_json(next(value for value in entry.values() if value.startswith((b"{", b"["))))
        assert (event.data, event.version, event.replay_of) == ({"message": "31"}, "develop", run.workflow_id)

    def test_those_of_others_are_not_there(self, api: Api) -> None:
        row, other = api.application(), api.application()
        theirs = parked(other, factories.integration(other))
        client = api.token_client(row)
        place = f"/applications/{row.pk}/parkedRuns"
        assert refused(client.request, method="GET", path=f"{place}/{theirs.pk}")[0] == 404
        assert client.request("POST", f"{place}/replay", body={"ids": [theirs.pk]})["replayed"] == 0
        assert ParkedRun.objects.filter(pk=theirs.pk).exists()


class TestReplayJobs:
    def test_many_run_again_in_the_background(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        runs = [parked(row, source, reason=reason) for reason in ("failed", "failed", "no such version")]
        client = api.client()
        place = f"/applications/{row.pk}/replayJobs"
        job = client.request("POST", place, body={"reason": "failed", "rate": 2, "version": "develop"})
        assert (job["state"], job["total"], job["rate"], job["version"]) == ("running", 2, 2, "develop")
        assert (job["asker"], job["reason"], job["ids"], job["before"]) == (api.operator.username, "failed", 0, "")
        own = f"{place}/{job['id']}"
        for state in ("paused", "running"):
            assert client.request("PATCH", own, body={"state": state})["state"] == state
        ReplayJob.objects.filter(pk=job["id"]).update(advanced_at=timezone.now() - timedelta(seconds=1))
        replay_jobs.advance(None)  # type: ignore[arg-type]
        assert client.request("GET", own)["done"] == 2
        assert set(ParkedRun.objects.filter(application=row).values_list("pk", flat=True)) == {runs[2].pk}
        assert client.request("PATCH", own, body={"state": "cancelled"})["state"] == "cancelled"
        assert refused(client.request, method="PATCH", path=own, body={"state": "running"})[0] == 409
        named = client.request("POST", place, body={"ids": [runs[2].pk]})
        assert (named["ids"], named["total"], named["version"]) == (1, 1, None)
        found = client.request("GET", place, params={"filterField": "state", "filter": "running"})
        assert [item["id"] for item in found["items"]] == [named["id"]]

    def test_what_cannot_begin(self, api: Api) -> None:
        row, other = api.application(), api.application()
        theirs = parked(other, factories.integration(other))
        client = api.token_client(row)
        place = f"/applications/{row.pk}/replayJobs"

        def fails(**body: Any) -> Any:
            return refused(client.request, method="POST", path=place, body=body)

        assert faults(fails()) == {""}
        assert faults(fails(reason="failed", rate=0, version="default")) == {"rate", "version"}
        assert fails(ids=[theirs.pk])[0] == 409
        assert fails(before=timezone.now().isoformat())[0] == 409
        assert not ReplayJob.objects.filter(application__in=(row, other)).exists()

    def test_a_token_that_only_looks(self, api: Api) -> None:
        row = api.application()
        parked(row, factories.integration(row))
        client = api.token_client(row, "all.Application.read")
        place = f"/applications/{row.pk}/replayJobs"
        assert client.request("GET", place)["totalCount"] == 0
        assert refused(client.request, method="POST", path=place, body={"reason": "failed"})[0] == 403


class TestLedger:
    def test_what_was_received_is_accounted_for(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        event = TriggerEvent("a" * 24, EventKind.MESSAGE, 1, {"message": "x"})
        with api.redis.client() as redis:
            assert deposit(redis, Deposit(source.pk, event.to_json()), Limits.from_settings())
        place = f"/applications/{row.pk}/integrations/{source.pk}/ledger"
        answer = api.client().request("GET", place)
        (hour,) = answer["received"]
        assert (hour["received"], hour["waiting"], hour["balanced"]) == (1, 1, True)
        assert answer["sent"] == []
        assert faults(refused(api.client().request, method="GET", path=place, params={"hours": 0})) == {"hours"}


class TestMessages:
    def test_the_last_messages(self, api: Api) -> None:
        row = api.application()
        source = factories.integration(row)
        place = f"/applications/{row.pk}/integrations/{source.pk}/messages"
        client = api.client()
        assert client.request("GET", place)["items"] == []
        record = {"id": "a" * 24, "a": 2, "t": 1, "k": "message", "n": 5, "d": {"topic": "a/b", "message": "hello"}}
        ended = {"id": "a" * 24, "o": "finished", "r": [], "s": []}
        with api.redis.client() as redis:
            redis.lpush(key("messages", source.pk), json.dumps(record))
            redis.lpush(key("outcomes", source.pk), json.dumps(ended))
        (message,) = client.request("GET", place, params={"text": "HELLO"})["items"]
        assert (message["eventId"], message["topic"], message["outcome"]) == ("a" * 24, "a/b", "finished")
        assert client.request("GET", f"{place}/{'a' * 24}") == message
        assert client.request("GET", place, params={"outcome": "parked"})["items"] == []
        assert refused(client.request, method="GET", path=f"{place}/{'b' * 24}")[0] == 404

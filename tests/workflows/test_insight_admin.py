"""The pages that show what a workflow did."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations.live import outage
from integrations.runtime.keys import key
from tests.factories import integration, person, workflow
from tests.servers.redis import RedisServer
from wegnology.applications.models import Role
from wegnology.lib.redis import sync_client
from workflows.insight import reading, watching
from workflows.insight.hits import ShownHit, missed_hit, stored_hit
from workflows.insight.records import RunError, RunHour
from workflows.insight.runs import Failure, Run, Visit
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def flow(redis_here: RedisServer) -> Workflow:
    outage.over()
    return workflow(integration())


@pytest.fixture
def page(flow: Workflow, client: Client) -> Any:
    """Ask for a page of the workflow as an editor; more words are for the query."""
    client.force_login(person("editor", flow.application, Role.EDITOR))

    def ask(name: str, *parts: str, **query: str) -> Any:
        return client.get(reverse(f"admin:workflows_workflow_{name}", args=[flow.pk, *parts]), query)

    return ask


def a_run(flow: Workflow, number: int = 0, failure: Failure | None = None) -> Run:
    """Keep a run."""
    visits = (Visit("a", "First", 0.1, 1.5, 1), Visit("b", NASTY, 1.7, None if failure else 1200.0, None if failure else -1))
    source = flow.application.integrations.get().pk
    version = flow.versions.get().pk
    started = 1_700_000_000_000 + number
    run = Run(f"{number:024d}", 0, version, started, 2.5, 40, source, "message", "integration", 5, visits, failure)
    with closing(sync_client()) as redis:
        redis.lpush(key("failures" if failure else "runs", flow.pk), run.to_json())
    return run


def a_hit(flow: Workflow, **fields: Any) -> None:
    """Keep a debug value."""
    shown = ShownHit("", 1_700_000_000_000, "warn", NASTY, '{"n": 1}', False, "d", "Look", ["a", "d"], "e-0", "v")
    with closing(sync_client()) as redis:
        redis.xadd(key("debug", flow.pk), {"h": stored_hit(shown._replace(**fields))})


class TestRuns:
    """Lists and pages of runs."""

    def test_the_list_shows_runs_newest_first_and_can_be_narrowed(self, flow: Workflow, page: Any) -> None:
        good, bad = a_run(flow, 1), a_run(flow, 2, Failure("Error", "too hot", "b", "B"))
        text = page("runs").content.decode()
        assert text.index(bad.id) < text.index(good.id)
        assert "too hot" in text
        assert "integration Broker, message" in text
        only = page("runs", outcome="finished").content.decode()
        assert good.id in only
        assert bad.id not in only
        assert good.id not in page("runs", event=bad.event_id).content.decode()

    def test_a_run_shows_its_way_its_error_and_what_is_not_kept(self, flow: Workflow, page: Any) -> None:
        run = a_run(flow, 2, Failure("Error", "too hot", "b", "B"))
        text = page("run", run.id).content.decode()
        assert "1.50 ms" in text
        assert "3 later visits" in text
        assert f"?q={run.event_id}" in text
        assert NASTY not in text
        assert page("run", "0-0").status_code == 404

    def test_a_version_that_was_changed_after_the_run_is_named(self, flow: Workflow, page: Any) -> None:
        run, note = a_run(flow), "was changed after this run"
        develop = flow.versions.get()
        develop.nodes = [{"id": "a", "type": "DebugNode", "config": {}, "outputIds": []}]
        with time_machine.travel(run.started_ms / 1000 - 1, tick=False):
            develop.save()
        text = page("run", run.id).content.decode()
        assert note not in text
        assert "in the version that ran" in text
        flow.description = "no part of the version"
        flow.save()
        assert note not in page("run", run.id).content.decode()
        develop.nodes = [{"id": "z", "type": "DebugNode", "config": {}, "outputIds": []}]
        develop.save()
        text = page("run", run.id).content.decode()
        assert note in text
        assert "in the version as it is now" in text

    def test_the_way_of_a_run_is_given_to_scripts(self, flow: Workflow, page: Any) -> None:
        run = a_run(flow, 2, Failure("Error", "too hot", "b", "B"))
        found = page("run_path", run.id).json()
        assert [step["nodeId"] for step in found["path"]] == ["a", "b"]
        assert found["path"][0] == {"nodeId": "a", "label": "First", "startMs": 0.1, "ms": 1.5, "output": 1}
        assert found["error"] == {"name": "Error", "message": "too hot", "node_id": "b", "node_label": "B"}
        assert found["outcome"] == "failed"

    def test_more_runs_cost_no_more_queries(self, flow: Workflow, page: Any) -> None:
        a_run(flow, 1)
        page("runs")
        with CaptureQueriesContext(connection) as few:
            page("runs")
        for number in range(2, 12):
            a_run(flow, number)
        with CaptureQueriesContext(connection) as many:
            page("runs")
        assert len(many) == len(few)


class TestDebug:
    """Debug values."""

    def test_recording_is_switched_on_and_off(self, flow: Workflow, page: Any, client: Client) -> None:
        assert "Not recording" in page("debug").content.decode()
        address = reverse("admin:workflows_workflow_watch", args=[flow.pk])
        assert client.post(address).status_code == 302
        assert watching.watched_until(flow.pk) is not None
        assert "Recording" in page("debug").content.decode()
        client.post(address, {"stop": "1"})
        assert watching.watched_until(flow.pk) is None

    def test_a_viewer_sees_values_and_switches_nothing_on(self, flow: Workflow, client: Client) -> None:
        client.force_login(person("viewer", flow.application, Role.VIEWER))
        a_hit(flow)
        text = client.get(reverse("admin:workflows_workflow_debug", args=[flow.pk])).content.decode()
        assert "&quot;n&quot;: 1" in text
        assert client.post(reverse("admin:workflows_workflow_watch", args=[flow.pk])).status_code == 403
        assert watching.watched_until(flow.pk) is None

    def test_the_script_gets_what_came_since_the_last_value_it_knows(self, flow: Workflow, page: Any) -> None:
        a_hit(flow, value="1")
        first = page("debug_hits").json()
        a_hit(flow, value="2")
        with closing(sync_client()) as redis:
            redis.xadd(key("debug", flow.pk), {"h": missed_hit(1_700_000_000_000, 7)})
        found = page("debug_hits", after=first["last"]).json()
        assert [(hit["value"], hit["missed"]) for hit in found["hits"]] == [("2", 0), ("", 7)]
        assert "7 values were not recorded" in found["html"]
        assert NASTY not in found["html"]
        again = page("debug_hits", after=found["last"]).json()
        assert (again["hits"], again["last"], again["watching"]) == ([], found["last"], False)
        assert page("debug_hits", after="nothing").status_code == 400


def test_errors_and_statistics_are_shown_for_the_time_that_is_chosen(flow: Workflow, page: Any) -> None:
    now, version = timezone.now(), flow.versions.get().pk
    for days, count in ((0, 3), (5, 20)):
        hour = reading.floor(now) - timedelta(days=days)
        RunHour.objects.create(workflow_id=flow.pk, version_id=version, hour=hour, runs=count, failed=1, micros=count * 2_000)
        RunError.objects.create(
            workflow_id=flow.pk,
            version_id=version,
            hour=hour,
            digest=f"d{days}",
            error_name="Error",
            message=f"{NASTY} {days}",
            count=count,
            first_at=hour,
            last_at=hour,
        )
    day, week = page("errors").content.decode(), page("errors", period="week").content.decode()
    assert day.count("script&gt; 0") == 1
    assert "script&gt; 5" not in day
    assert "script&gt; 5" in week
    assert NASTY not in week
    assert "<strong>3</strong>" in page("statistics").content.decode()
    text = page("statistics", period="week").content.decode()
    assert "<strong>23</strong>" in text
    assert "2.00 ms" in text
    assert page("statistics", period="nonsense").status_code == 200


@pytest.mark.parametrize("name", ["runs", "debug", "errors", "statistics"])
def test_without_redis_every_page_answers(settings: Settings, page: Any, name: str) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = page(name)
    assert answer.status_code == 200
    assert ("Redis" in answer.content.decode()) == (name in ("runs", "debug"))


def test_the_workflow_leads_to_its_pages(flow: Workflow, page: Any) -> None:
    text = page("change").content.decode()
    for name in ("runs", "debug", "errors", "statistics"):
        assert reverse(f"admin:workflows_workflow_{name}", args=[flow.pk]) in text


def test_a_press_leads_to_its_run_as_soon_as_it_is_there(flow: Workflow, page: Any) -> None:
    answer = page("pressed", f"{7:024d}")
    assert "On its way" in answer.content.decode()
    run = a_run(flow, 7)
    answer = page("pressed", f"{7:024d}")
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:workflows_workflow_run", args=[flow.pk, run.id]))

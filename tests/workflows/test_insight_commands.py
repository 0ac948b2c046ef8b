"""The commands that tell what a workflow did: their texts, their JSON, their exit codes."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from tests.factories import integration, workflow
from tests.servers.redis import RedisServer
from tests.workflows.test_insight_admin import a_hit, a_run
from workflows.insight import reading, watching
from workflows.insight.limits import WATCHED
from workflows.insight.records import RunError, RunHour
from workflows.insight.runs import Failure
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]


@pytest.fixture
def flow(redis_here: RedisServer) -> Workflow:
    return workflow(integration())


def told(name: str, *words: str) -> str:
    out = StringIO()
    call_command(name, *words, stdout=out)
    return out.getvalue()


def told_json(name: str, *words: str) -> Any:
    return json.loads(told(name, *words, "--json"))


def exit_code(name: str, *words: str) -> int:
    with pytest.raises(CommandError) as caught:
        told(name, *words)
    return caught.value.returncode


def hour_of(flow: Workflow) -> None:
    """Store an hour with an error."""
    now, version = timezone.now(), flow.versions.get().pk
    RunHour.objects.create(workflow_id=flow.pk, version_id=version, hour=reading.floor(now), runs=4, failed=2, micros=8_000)
    about = {"error_name": "Error", "message": "too\nhot", "node_id": "n", "node_label": "N", "count": 2}
    RunError.objects.create(
        workflow_id=flow.pk, version_id=version, hour=reading.floor(now), digest="d", first_at=now, last_at=now, **about
    )


def test_runs_are_listed_and_shown(flow: Workflow) -> None:
    assert told("workflow_runs", flow.pk) == "No run is kept.\n"
    good, bad = a_run(flow, 1), a_run(flow, 2, Failure("Error", "too hot", "b", "B"))
    head, first, second = told("workflow_runs", flow.pk).splitlines()
    assert head.split() == ["started", "run", "took", "trigger", "outcome"]
    assert bad.id in first
    assert first.endswith("failed at b: Error: too hot")
    assert second.endswith("finished")
    assert [run["id"] for run in told_json("workflow_runs", flow.pk, "--failed")["runs"]] == [bad.id]
    assert told_json("workflow_runs", flow.pk, "--run", good.id) == good.as_json()
    assert "First" in told("workflow_runs", flow.pk, "--run", good.id)
    assert exit_code("workflow_runs", flow.pk, "--run", "0-0") == 3


def test_errors_are_told_and_may_be_an_exit_code(flow: Workflow) -> None:
    assert told("workflow_errors", flow.pk, "--check") == "No run failed.\n"
    hour_of(flow)
    assert told("workflow_errors", flow.pk).splitlines()[1].endswith("Error: too hot")
    (error,) = told_json("workflow_errors", flow.pk)["errors"]
    assert (error["count"], error["nodeId"], error["error"]) == (2, "n", {"name": "Error", "message": "too\nhot"})
    assert told_json("workflow_errors", flow.pk, "--version-id", "another")["errors"] == []
    assert exit_code("workflow_errors", flow.pk, "--check") == 3


def test_hours_are_told(flow: Workflow) -> None:
    hour_of(flow)
    found = told_json("workflow_stats", flow.pk, "--hours", "48", "--step", "24")
    assert (found["total"]["runCount"], found["total"]["pathsFailed"], found["total"]["wallTime"]) == (4, 2, 8.0)
    assert 2 <= len(found["metrics"]) <= 3
    assert told("workflow_stats", flow.pk).splitlines()[-1].split() == ["together", "4", "2", "2.00", "ms"]
    with pytest.raises(CommandError, match="whole number"):
        told("workflow_stats", flow.pk, "--hours", "0")


def test_debug_values_are_told(flow: Workflow) -> None:
    a_hit(flow, message="Reading", value='{"n": 1}')
    assert told("workflow_debug", flow.pk, "--minutes", "0").endswith('warn Reading: {"n": 1}\n')
    assert told_json("workflow_debug", flow.pk, "--minutes", "0")["path"] == ["a", "d"]
    assert told("workflow_debug", flow.pk, "--minutes", "0.0001") == ""  # what was there before is not what comes
    for number in range(WATCHED):
        watching.watch(f"flow{number}")
    assert exit_code("workflow_debug", flow.pk, "--minutes", "1") == 3


@pytest.mark.parametrize("name", ["workflow_runs", "workflow_errors", "workflow_stats", "workflow_debug"])
def test_what_cannot_be_told_has_its_exit_code(settings: Settings, flow: Workflow, name: str) -> None:
    assert exit_code(name, "nothing") == 2
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    if name in ("workflow_runs", "workflow_debug"):
        assert exit_code(name, flow.pk) == 1
    else:
        assert told(name, flow.pk)  # the database knows

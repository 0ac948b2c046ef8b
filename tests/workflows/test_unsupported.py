"""Nodes of unknown types: kept in place, failing when reached, never let in by a typing error."""

import asyncio
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.workflows.fakes import FakeRunContext
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.catalog import Catalog
from workflows.exceptions import GraphInvalid, RunFailed
from workflows.graph import Graph
from workflows.models import DEVELOP, Workflow
from workflows.unsupported import EVERY_TYPE, Tolerant, unsupported_types

FENCE: JSONObject = {"id": "f", "type": "GeofenceNode", "config": {"anything": [1]}, "outputIds": [[], ["d"]]}
DEBUG: JSONObject = {"id": "d", "type": "DebugNode", "config": {"message": "seen"}, "outputIds": []}
CHOICE: JSONObject = {"id": "c", "type": "ConditionalNode", "config": {"expression": "{{data.far}}"}, "outputIds": [["d"], ["f"]]}
TRIGGER: JSONObject = {"type": "integration", "key": "k", "config": {"message": True}, "outputIds": [["c"]]}


def run(payload: JSONObject) -> FakeRunContext:
    graph, context = Graph.parse([TRIGGER], [FENCE, DEBUG, CHOICE], EVERY_TYPE), FakeRunContext()
    asyncio.run(engine.run(graph.triggers("integration", "k")[0], payload, context))
    return context


def test_paths_around_it_run() -> None:
    assert [entry[0] for entry in run({"data": {"far": False}}).debugged] == ["seen"]


def test_a_run_that_reaches_it_fails_and_says_where_and_why() -> None:
    with pytest.raises(RunFailed, match="GeofenceNode are not supported") as caught:
        run({"data": {"far": True}})
    assert (caught.value.node_id, caught.value.name) == ("f", "NodeNotSupported")


def test_only_types_that_were_there_may_stand() -> None:
    Graph.parse([TRIGGER], [FENCE, DEBUG, CHOICE], Tolerant(["GeofenceNode"]))
    with pytest.raises(GraphInvalid, match=r"nodes\[0\].type"):
        Graph.parse([TRIGGER], [FENCE, DEBUG, CHOICE], Tolerant(["OtherNode"]))
    assert unsupported_types([FENCE, DEBUG, CHOICE, "no node", {"type": 3}]) == {"GeofenceNode"}


@pytest.mark.django_db(transaction=True)
def test_a_stored_one_runs_and_may_be_saved_again_but_no_new_one(client: Client, admin_user: User) -> None:
    workflow = factories.workflow(factories.integration(), nodes=[CHOICE, FENCE, DEBUG])
    catalog = Catalog()
    catalog.refresh()
    plan = catalog.own(workflow.application_id).live[workflow.pk]
    assert plan.graph is not None, plan.faults

    client.force_login(admin_user)
    assert _save(client, workflow, [CHOICE, FENCE, DEBUG]) == {}
    assert "nodes" in _save(client, workflow, [CHOICE, FENCE, {**DEBUG, "type": "DebuggNode"}])
    assert workflow.versions.get(name=DEVELOP).nodes[2]["type"] == "DebugNode"


def _save(client: Client, workflow: Workflow, nodes: list[JSONObject]) -> dict[str, Any]:
    """Save by the page; return the form's errors."""
    triggers = workflow.versions.get(name=DEVELOP).triggers
    data = {"name": workflow.name, "enabled": "on", "triggers": json.dumps(triggers), "nodes": json.dumps(nodes), "globals": "{}"}
    answer = client.post(reverse("admin:workflows_workflow_change", args=[workflow.pk]), data)
    return dict(answer.context["adminform"].form.errors) if answer.status_code == 200 else {}

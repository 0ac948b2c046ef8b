"""What a worker knows: which workflows an event fires, kept current."""

from collections.abc import Sequence
from typing import Any

import pytest

from integrations.events import EventKind
from integrations.models import Integration
from tests.factories import application, trigger, version, workflow
from tests.fakes import FakeConnector
from tests.workflows.harness import source, step
from wegnology.applications.models import Global
from wegnology.lib.ids import new_id
from workflows.catalog import Catalog, Match
from workflows.models import DEVELOP

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("hub", "far_ends", "world")]

MESSAGE = EventKind.MESSAGE


def matches(catalog: Catalog, row: Integration, kind: EventKind = MESSAGE, only: str = "") -> list[Match]:
    return catalog.match(catalog.integrations[row.pk], kind, only)


def names(found: Sequence[Match]) -> list[Any]:
    return [match.plan.envelope["flowName"] for match in found]


def loaded() -> Catalog:
    catalog = Catalog()
    assert catalog.refresh() is True
    return catalog


def test_a_trigger_is_fired_by_the_kinds_it_asks_for() -> None:
    row, other = source(), source()
    workflow(row, name="messages")
    workflow(row.application, name="all", triggers=[trigger(row, connect=True, disconnect=True, failure=True)])
    workflow(row.application, name="never", triggers=[trigger(row, message=False, connect=True)])
    catalog = loaded()
    assert sorted(names(matches(catalog, row))) == ["all", "messages"]
    assert sorted(names(matches(catalog, row, EventKind.CONNECT))) == ["all", "never"]
    assert names(matches(catalog, row, EventKind.FAILURE)) == ["all"]
    assert matches(catalog, other) == []


def test_a_replay_matches_its_workflow_only() -> None:
    row = source()
    workflow(row, name="one")
    two = workflow(row, name="two")
    catalog = loaded()
    assert names(matches(catalog, row, only=two.pk)) == ["two"]
    assert matches(catalog, row, only=new_id()) == []


def test_a_message_may_name_the_version_that_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    row = source()
    flow = workflow(row, name="one")
    workflow(row, name="without")
    version(flow, name="v2", triggers=flow.versions.get().triggers, nodes=[])
    version(flow, name="off", enabled=False, triggers=flow.versions.get(name=DEVELOP).triggers, nodes=[])
    monkeypatch.setattr(FakeConnector, "names_versions", True)
    catalog = loaded()
    known = catalog.integrations[row.pk]

    def fired(name: str, only: str = "") -> list[Any]:
        return [match.plan.envelope["flowVersion"] for match in catalog.match(known, MESSAGE, only, name)]

    assert fired("v2") == fired("v2", flow.pk) == ["v2"]
    assert fired(DEVELOP) == [DEVELOP, DEVELOP]
    assert fired("off") == fired("v3") == fired("v2", new_id()) == []
    monkeypatch.undo()
    assert catalog.match(loaded().integrations[row.pk], MESSAGE, version="v2") != []
    assert loaded().match(known, MESSAGE, version="v2") == []  # a type whose messages name none keeps none


def test_the_default_version_runs_else_develop() -> None:
    row = source()
    flow = workflow(row)
    catalog = loaded()
    assert matches(catalog, row)[0].plan.envelope["flowVersion"] == DEVELOP
    flow.default_version = version(flow, name="v1", triggers=[trigger(row)])
    flow.save()
    catalog.refresh()
    (match,) = matches(catalog, row)
    assert (match.plan.envelope["flowVersion"], match.plan.version_id) == ("v1", flow.default_version.pk)


@pytest.mark.parametrize("what", ["workflow", "version"])
def test_what_is_switched_off_does_not_run(what: str) -> None:
    row = source()
    flow = workflow(row)
    catalog = loaded()
    assert len(matches(catalog, row)) == 1
    switched = flow if what == "workflow" else flow.versions.get()
    switched.enabled = False
    switched.save()
    catalog.refresh()
    assert matches(catalog, row) == []


def test_globals_of_the_version_go_over_those_of_the_application() -> None:
    of = application(shared=1, own=1)
    row = source(of=of)
    flow = workflow(row, triggers=[])
    flow.default_version = version(flow, name="v1", triggers=[trigger(row)], globals={"own": 2})
    flow.save()
    plan = matches(loaded(), row)[0].plan
    assert (plan.globals, plan.flat_globals) == ({"shared": 1, "own": 2}, True)


def test_secret_globals_are_not_among_those_of_a_run() -> None:
    of = application(plain=1)
    entry = Global(application=of, key="token")
    entry.set_value("CANARY", secret=True)
    entry.save()
    row = source(of=of)
    workflow(row, nodes=[step("s")])
    plan = matches(loaded(), row)[0].plan
    assert plan.globals == {"plain": 1}


def test_an_edit_of_a_global_reaches_the_plan_without_compiling_anew() -> None:
    of = application(threshold=30)
    row = source(of=of)
    workflow(row, nodes=[step("s")])
    catalog = loaded()
    before = matches(catalog, row)[0].plan
    entry = Global.objects.get(application=of)
    entry.value = {"deep": 40}
    entry.save()
    assert catalog.refresh() is True
    after = matches(catalog, row)[0].plan
    assert (after.globals, after.flat_globals) == ({"threshold": {"deep": 40}}, False)
    assert after.graph is before.graph


def test_an_edit_of_a_version_is_compiled() -> None:
    row = source()
    flow = workflow(row, nodes=[step("s")])
    catalog = loaded()
    before = matches(catalog, row)[0].plan
    develop = flow.versions.get()
    develop.nodes = [step("s"), step("t")]
    develop.save()
    catalog.refresh()
    graph = matches(catalog, row)[0].plan.graph
    assert graph is not None
    assert set(graph.nodes) == {"s", "t"}
    assert graph is not before.graph


def test_nothing_is_loaded_while_nothing_changed(django_assert_num_queries: Any) -> None:
    row = source()
    workflow(row)
    catalog = loaded()
    with django_assert_num_queries(1):
        assert catalog.refresh() is False


def test_only_the_application_that_changed_is_loaded() -> None:
    rows = [source(), source()]
    for row in rows:
        workflow(row)
    catalog = loaded()
    before = [matches(catalog, row)[0].plan for row in rows]
    rows[0].save()
    catalog.refresh()
    after = [matches(catalog, row)[0].plan for row in rows]
    assert after[0] is not before[0]
    assert after[1] is before[1]


def test_what_is_deleted_is_forgotten() -> None:
    row, gone = source(), source()
    sibling = source(of=row.application)
    workflow(row)
    catalog = loaded()
    known = catalog.integrations[gone.pk]
    gone.application.delete()
    sibling_id = sibling.pk
    sibling.delete()
    catalog.refresh()
    assert set(catalog.integrations) == {row.pk}
    assert sibling_id not in catalog.integrations
    assert catalog.match(known, MESSAGE) == []
    assert len(matches(catalog, row)) == 1


def test_a_workflow_that_cannot_be_built_matches_messages_with_its_faults() -> None:
    row = source()
    workflow(row, nodes=[{"id": "n", "type": "DebugNode", "config": {"volume": 1}}])
    catalog = loaded()
    (match,) = matches(catalog, row)
    assert match.trigger is None
    assert "volume" in match.plan.faults
    assert matches(catalog, row, EventKind.CONNECT) == []


def test_what_is_known_of_an_integration() -> None:
    row = source(enabled=False, throttle_per_second=5.0)
    Integration.objects.filter(pk=source(of=row.application).pk).update(integration_type="forgotten")
    catalog = loaded()
    known = catalog.integrations[row.pk]
    assert (known.enabled, known.rate, known.connector and known.connector.name) == (False, 5.0, "fake")
    assert [known.connector for known in catalog.integrations.values() if known.integration_id != row.pk] == [None]

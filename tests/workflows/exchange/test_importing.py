"""Workflows arriving in an application: disabled, with ids of their own, linked among themselves, with everything said."""

import re
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import factories
from tests.workflows.exchange.samples import OLD_ID, YAML, bring, button, contents, debug, file, flow, plant, press, webhook
from wegnology.applications.models import Application
from wegnology.applications.records import AuditEntry
from wegnology.lib.ids import new_id
from workflows.exceptions import Fault
from workflows.exchange.faults import ImportRefused
from workflows.exchange.planning import make_plan
from workflows.exchange.reading import ImportFile, read_files
from workflows.exchange.report import Conflict, Options, Report, Result
from workflows.exchange.writing import Overtaken, write
from workflows.models import DEVELOP, Webhook, Workflow

pytestmark = pytest.mark.django_db


def only(to: Application) -> Workflow:
    return to.workflows.get()


def develop(row: Workflow) -> Any:
    return contents(row)[DEVELOP]


def places(faults: list[Fault]) -> list[str]:
    return [fault.place for fault in faults]


def words(report: Report) -> str:
    return "\n".join(str(fault) for part in (report.to_fill_in, report.not_supported, report.changed) for fault in part)


def test_a_template_arrives_disabled_with_ids_of_here() -> None:
    target = plant()
    report = bring(target, file(YAML, "Pump_alerts.yaml"))
    row = only(target)
    assert (row.name, row.enabled, row.default_version) == ("Pump alerts", False, None)
    version = develop(row)
    assert version.globals == {"limit": 4, "event": {"level": "critical"}}
    assert version.nodes[0]["config"] == {"expression": "{{data.pressure}} > {{globals.limit}} || {{data.stopped}}"}
    assert version.nodes[1] == {
        "id": "fen_2",
        "type": "GeofenceNode",
        "config": {"anything": [1, 2]},
        "meta": {"label": "In the yard?"},
        "outputIds": [],
    }
    assert version.triggers[1]["key"] == f"{row.pk}-NfV48s66IL"
    assert report.flow_ids == {"~exportplaceholderid-flow-pumpAlerts~": row.pk}
    assert [str(fault) for fault in report.not_supported] == [
        "Pump_alerts.yaml, “Pump alerts”, nodes[1]: “In the yard?” of the type “GeofenceNode”: a run that reaches it fails.",
        "Pump_alerts.yaml, “Pump alerts”, triggers[0]: “Device: State” of the type “deviceTag”: it never fires here.",
    ]
    assert report.to_fix == []


def test_links_between_imported_workflows_are_kept() -> None:
    target = plant()
    alerts = flow("Alerts", triggers=[button(f"{OLD_ID}-key")], nodes=[debug()])  # like the oldest files, it has no id
    caller = flow("Caller", id=new_id(), nodes=[press(OLD_ID, "u1"), {**press(OLD_ID, f"{OLD_ID}-key"), "id": "q"}])
    report = bring(target, [caller, alerts])
    row = target.workflows.get(name="Alerts")
    expected = {"triggerWorkflowId": row.pk, "triggerVirtualButtonId": f"{row.pk}-key"}
    assert [node["config"] for node in develop(target.workflows.get(name="Caller")).nodes] == [expected, expected]
    assert report.is_complete()


def test_a_link_that_leads_nowhere_is_cleared_and_said() -> None:
    target = plant()
    report = bring(target, flow(nodes=[debug(), press(new_id(), "gone")]))
    assert develop(only(target)).nodes[1]["config"] == {"triggerWorkflowId": "", "triggerVirtualButtonId": ""}
    assert places(report.to_fill_in) == ["0.flow, “Alert”, nodes[1].config.triggerWorkflowId"]
    assert report.to_fix == []  # said once


def test_a_button_that_is_not_there_is_said() -> None:
    target = plant()
    other = factories.workflow(target, name="Other", triggers=[button("known")], nodes=[debug()])
    report = bring(target, flow(nodes=[press(other.pk, "known"), {**press(other.pk, "unknown"), "id": "q"}]))
    assert places(report.to_fill_in) == ["0.flow, “Alert”, nodes[1].config.triggerVirtualButtonId"]


def test_integrations_are_found_by_id_by_what_the_file_says_and_by_choice() -> None:
    target = plant()
    own, alike, chosen = (factories.integration(target, name=name) for name in ("Own", "Line 1", "Chosen"))
    there = [new_id() for _ in range(4)]
    hints = [
        {"id": there[0], "name": "Line 1", "integrationType": "mqtt"},
        {"id": there[3], "name": "Far", "integrationType": "sqs"},
    ]
    triggers = [factories.trigger(own, ["d"]) | {"key": key} for key in (own.pk, *there)]
    placeholder = factories.trigger(own, ["d"]) | {"key": "~exportplaceholderid-integration-line1~"}
    report = bring(
        target,
        flow(triggers=[*triggers, placeholder], nodes=[debug()], _integrations=hints),
        integrations={there[1]: chosen.pk, there[2]: "Chosen"},
    )
    keys = [trigger["key"] for trigger in develop(only(target)).triggers]
    assert keys == [own.pk, alike.pk, chosen.pk, chosen.pk, "", alike.pk]
    (fault,) = report.to_fill_in
    assert (fault.place, "“Far” (sqs)" in fault.message) == ("0.flow, “Alert”, triggers[4].key", True)


def test_an_integration_of_another_application_is_never_meant() -> None:
    foreign, target = factories.integration(factories.application("Others"), name="Line 1"), plant()
    bring(target, flow(triggers=[factories.trigger(foreign, ["d"])], nodes=[debug()]))
    assert develop(only(target)).triggers[0]["key"] == ""
    with pytest.raises(ImportRefused, match="no integration"):
        bring(target, flow(), integrations={"x": foreign.pk})


def test_credentials_globals_and_devices_that_are_missing_are_named() -> None:
    target = factories.application("Target", there=1)
    factories.credential(target, name="Known")
    nodes = [
        {**debug("{{globals.there}} {{globals.missing}} {{globals.own}}"), "id": "a"},
        {"id": "h", "type": "HttpNode", "config": {"uriTemplate": "http://a.example", "credentialNameTemplate": "Lost"}},
        {**debug("~exportplaceholderid-device-pumpOne~"), "id": "b"},
    ]
    said = words(bring(target, flow(nodes=nodes, globals=[{"key": "own", "json": "1"}, {"key": "old", "type": "string"}])))
    assert "globals that it names: missing." in said
    assert "service credential “Lost”" in said
    assert "Known" not in said
    assert "device pumpOne" in said
    assert "workflow's global 'old'" in said


def test_webhooks_get_an_address_of_their_own_which_versions_share() -> None:
    target, there = plant(), new_id()
    versions = [{"flowId": OLD_ID, "version": name, "triggers": [webhook(there)], "nodes": [debug()]} for name in ("1", "2")]
    bring(target, {"flows": [flow(id=OLD_ID, triggers=[webhook(there)], nodes=[debug()])], "flowVersions": versions})
    row = only(target)
    (hook,) = Webhook.objects.filter(workflow=row)
    assert hook.pk != there
    assert {version.triggers[0]["key"] for version in contents(row).values()} == {hook.pk}


def test_a_setting_with_a_fault_arrives_and_is_said_with_its_place() -> None:
    target = plant()
    report = bring(target, flow(nodes=[{**debug(), "config": {"volume": 1}}, {**debug(), "id": "e", "outputIds": [["gone"]]}]))
    assert places(report.to_fix) == ["0.flow, “Alert”, nodes[0].config.volume", "0.flow, “Alert”, nodes[1].outputIds[0][0]"]
    assert not only(target).enabled


def test_strict_refuses_what_could_not_run() -> None:
    target = plant()
    with pytest.raises(ImportRefused) as caught:
        bring(target, flow(nodes=[{**debug(), "config": {"volume": 1}}]), file(YAML, "b.yaml"), strict=True)
    assert [place.split(",")[0] for place in places(caught.value.faults)] == ["0.flow", "b.yaml", "b.yaml"]
    assert not target.workflows.exists()
    assert bring(target, flow(nodes=[debug()]), strict=True).is_complete()


def test_a_trial_writes_nothing_and_says_the_same() -> None:
    target = plant()
    before = Application.objects.get(pk=target.pk).revision
    tried = bring(target, file(YAML), dry_run=True)
    assert (Workflow.objects.count(), Application.objects.get(pk=target.pk).revision) == (0, before)
    done = bring(target, file(YAML))
    assert (tried.to_fill_in, tried.not_supported, tried.counts()) == (done.to_fill_in, done.not_supported, done.counts())


def test_one_fault_keeps_everything_out_and_all_are_told() -> None:
    target = plant()
    wrong = flow("", id=7, triggers={}, nodes=[3], globals=[{"key": "a b", "json": "1"}, {"key": "c", "json": "{"}])
    with pytest.raises(ImportRefused) as caught:
        bring(target, flow("Fine", nodes=[debug()]), wrong, "a: [", ImportFile("x.flow", b"\xff"))
    assert set(places(caught.value.faults)) == {
        "1.flow, id",
        "1.flow, name",
        "1.flow, triggers",
        "1.flow, nodes[0]",
        "1.flow, globals[0].key",
        "1.flow, globals[1].json",
        "2.flow, line 1",
        "x.flow",
    }
    assert not target.workflows.exists()


class TestConflicts:
    def test_create_puts_it_beside_under_a_name_with_a_number(self) -> None:
        target = plant()
        first = bring(target, flow(nodes=[debug()]))
        report = bring(target, flow(nodes=[debug()]), flow(nodes=[debug()]))
        assert sorted(target.workflows.values_list("name", flat=True)) == ["Alert", "Alert (2)", "Alert (3)"]
        assert len(report.changed) == 2
        assert not first.changed

    def test_error_names_everything_that_is_there_and_imports_nothing(self) -> None:
        target = plant()
        bring(target, flow("A"), flow("B"))
        with pytest.raises(ImportRefused) as caught:
            bring(target, flow("A"), flow("B"), flow("C"), conflict=Conflict.ERROR)
        assert [re.findall("“(.)”", fault.message) for fault in caught.value.faults] == [["A"], ["B"]]
        assert target.workflows.count() == 2

    def test_retain_leaves_what_is_there_and_leads_links_to_it(self) -> None:
        target = plant()
        there = factories.workflow(target, name="Alerts", triggers=[button()], nodes=[debug("mine")])
        key = develop(there).triggers[0]["key"]
        alerts = flow("Alerts", id=OLD_ID, triggers=[button(f"{OLD_ID}-k")], nodes=[debug("theirs")])
        report = bring(target, alerts, flow("Caller", nodes=[press(OLD_ID, "u1")]), conflict=Conflict.RETAIN)
        assert [each.result for each in report.outcomes] == [Result.RETAINED, Result.CREATED]
        assert develop(there).nodes == [debug("mine")]
        assert develop(target.workflows.get(name="Caller")).nodes[0]["config"] == {
            "triggerWorkflowId": there.pk,
            "triggerVirtualButtonId": key,
        }

    def test_replace_keeps_id_switch_addresses_and_versions_that_are_the_same(self) -> None:
        target = plant()
        row = factories.workflow(target, triggers=[webhook()], nodes=[debug("old")])
        hook = develop(row).triggers[0]
        kept, changed = (factories.version(row, name=name, triggers=[hook], nodes=[debug(name)]) for name in ("kept", "changed"))
        row.default_version = changed
        row.save()
        there = new_id()
        versions = [
            {"flowId": OLD_ID, "version": name, "triggers": [webhook(there)], "nodes": [debug(text)]}
            for name, text in (("kept", "kept"), ("changed", "another"), ("new", "new"))
        ]
        flows = [flow(id=OLD_ID, triggers=[webhook(there)], nodes=[debug("new")])]
        report = bring(target, {"flows": flows, "flowVersions": versions}, conflict=Conflict.REPLACE)
        now = only(target)
        live = now.default_version
        assert (now.pk, now.enabled, live and live.name) == (row.pk, True, "changed")
        assert now.versions.get(name="kept").pk == kept.pk
        assert now.versions.get(name="changed").pk != changed.pk
        assert {name: part.nodes[0]["config"]["message"] for name, part in contents(now).items()} == {
            DEVELOP: "new",
            "kept": "kept",
            "changed": "another",
            "new": "new",
        }
        assert {part.triggers[0]["key"] for part in contents(now).values()} == {hook["key"]}
        assert [each.result for each in report.outcomes] == [Result.REPLACED]

    def test_what_is_replaced_by_something_incomplete_is_switched_off(self) -> None:
        target = plant()
        row = factories.workflow(target, nodes=[debug()])
        bring(target, flow(nodes=[press(new_id(), "x")]), conflict=Conflict.REPLACE)
        row.refresh_from_db()
        assert not row.enabled

    def test_two_of_a_name_have_to_be_told_apart_first(self) -> None:
        target = plant()
        factories.workflow(target), factories.workflow(target)
        with pytest.raises(ImportRefused, match="2 workflows"):
            bring(target, flow(), conflict=Conflict.REPLACE)
        one = factories.workflow(target, name="One")
        with pytest.raises(ImportRefused, match="second workflow"):
            bring(target, flow("One"), flow("Other", id=one.pk), conflict=Conflict.REPLACE)


def test_versions_without_their_workflow_become_one() -> None:
    target = plant()
    old = {"_type": "flow", "flowId": OLD_ID, "nodes": [debug()], "triggers": []}
    report = bring(target, {**old, "name": "Lost", "version": "1.0"}, {**old, "version": "2.0"})
    assert sorted(contents(only(target))) == ["1.0", "2.0", DEVELOP]
    assert only(target).name == "Lost"
    assert len(report.changed) == 1


def test_default_version_and_what_it_says_of_versions_arrive() -> None:
    target, there = plant(), new_id()
    version = {"id": there, "flowId": OLD_ID, "version": "1.0", "notes": "First", "enabled": False, "triggers": [], "nodes": []}
    report = bring(target, {"flows": [flow(id=OLD_ID, defaultVersionId=there)], "flowVersions": [version]})
    live = only(target).default_version
    assert live is not None
    assert (live.name, live.notes, live.enabled) == ("1.0", "First", False)
    assert report.version_ids == {there: live.pk}


def test_workflows_of_other_classes_arrive_and_say_so() -> None:
    report = bring(plant(), flow(flowClass="edge", minimumAgentVersion="1.0.0", iconData="x"))
    said = words(report)
    assert "“edge”" in said
    assert "iconData" in said
    assert "minimumAgentVersion" not in said


def test_an_import_is_audited_row_by_row_and_as_a_whole() -> None:
    target = plant()
    bring(target, file(YAML))
    entries = AuditEntry.objects.filter(application_id=target.pk)
    assert entries.filter(kind="workflows.workflow", action="created").count() == 1
    assert entries.get(action="imported").changes == {"workflows": "1 created"}


def test_a_plan_is_not_written_when_the_application_changed_meanwhile() -> None:
    target = plant()
    target.refresh_from_db()
    plan = make_plan(target, read_files([file(flow())], 1000), Options())
    factories.workflow(target, name="Alert")
    with pytest.raises(Overtaken):
        write(plan)
    assert target.workflows.count() == 1


def test_planning_takes_the_same_number_of_queries_whatever_arrives(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    target = plant()
    with django_assert_num_queries(5):
        bring(target, *[flow(str(at), nodes=[debug()]) for at in range(20)], dry_run=True)

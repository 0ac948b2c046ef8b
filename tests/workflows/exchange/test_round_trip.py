"""Export, then import: the same workflow, in every form, with all the versions that the form carries."""

import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from tests.workflows.exchange.samples import bring, button, carried, contents, debug, flow, plant, press, webhook
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject
from workflows.exchange.exporting import Form, NothingToExport, export_workflows
from workflows.exchange.report import Conflict
from workflows.models import DEVELOP, Workflow

pytestmark = pytest.mark.django_db

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_words = _texts | st.sampled_from(["yes", "12:30", "0o17", "~", "a: b", "{{data.a}}\n  x\n", "- ", "\u2028", "#", "null", "é ü"])
_leaves = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.integers(-1000, 1000).map(lambda number: number / 8) | _words
)
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3), max_leaves=6
)
_objects = st.dictionaries(_words, _values, max_size=3)
_keys = st.text("abcXYZ09_-", min_size=1, max_size=8)


@st.composite
def _versions(draw: st.DrawFn) -> JSONObject:
    """Draw the parts of a version: wired, with settings that no schema has seen."""
    ids = draw(st.lists(_keys, min_size=1, max_size=4, unique=True))
    types = st.sampled_from(["DebugNode", "GeofenceNode", "MutateNode", "LoopNode"])
    wires = st.lists(st.lists(st.sampled_from(ids), max_size=2), max_size=3)
    nodes: list[Any] = [
        {"id": each, "type": draw(types), "config": draw(_objects), "meta": draw(_objects), "outputIds": draw(wires)}
        for each in ids
    ]
    kinds = st.sampled_from(["timer", "virtualButton", "deviceTag", "mqttTopic"])
    triggers: list[Any] = [
        {"type": draw(kinds), "key": f"k{at}", "config": draw(_objects), "meta": draw(_objects), "outputIds": draw(wires)}
        for at in range(draw(st.integers(0, 2)))
    ]
    return {"triggers": triggers, "nodes": nodes, "globals": draw(st.dictionaries(_keys, _values, max_size=3))}


def written(row: Workflow) -> dict[str, Any]:
    """Return all that makes up a workflow, comparable with another's: its own ids are exchanged for a word."""
    hooks = list(row.webhooks.order_by("pk").values_list("pk", flat=True))
    versions = {name: (part.triggers, part.nodes, part.globals, part.notes, part.enabled) for name, part in contents(row).items()}
    default = row.default_version.name if row.default_version else ""
    text = json.dumps([row.name, row.description, default, versions], sort_keys=True).replace(row.pk, "ITS-ID")
    for at, hook in enumerate(hooks):
        text = text.replace(hook, f"HOOK-{at}")
    found: dict[str, Any] = {"all": json.loads(text)}
    return found


def there_and_back(row: Workflow, form: Form) -> Workflow:
    target = plant()
    bring(target, carried(export_workflows(row.application, [row], form)))
    return target.workflows.get()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([DEVELOP, "1.0", "ß/.."]), _versions(), min_size=1, max_size=2), _texts, st.data())
def test_any_workflow_comes_back_the_same(versions: dict[str, JSONObject], notes: str, data: st.DataObject) -> None:
    with transaction.atomic():
        row = Workflow.objects.create(application=factories.application(), name="Any: one", description=notes)
        for name, parts in {DEVELOP: {}, **versions}.items():
            made = factories.version(row, name=name, **{"notes": notes, **parts} if name != DEVELOP else parts)  # type: ignore[arg-type]
            if name != DEVELOP and data.draw(st.booleans()):
                row.default_version = made
        row.save()
        for form in (Form.JSON, Form.YAML):
            assert written(there_and_back(row, form)) == written(row)
        transaction.set_rollback(True)


def test_one_version_goes_in_the_form_of_one() -> None:
    row = factories.workflow(factories.application(), nodes=[debug("develop")])
    factories.version(row, name="1.0", nodes=[debug("named")], notes="N")
    assert contents(there_and_back(row, Form.FLOW))[DEVELOP].nodes == [debug("develop")]
    exported = export_workflows(row.application, [row], Form.FLOW, "1.0")
    document = json.loads(exported.data)
    assert (exported.name, document["_type"], document["flowId"], document["version"]) == (
        "Alert-1.0.flow",
        "flow",
        row.pk,
        "1.0",
    )
    target = plant()
    bring(target, carried(exported))
    assert contents(target.workflows.get())["1.0"].nodes == [debug("named")]
    with pytest.raises(NothingToExport, match=r"2\.0"):
        export_workflows(row.application, [row], Form.FLOW, "2.0")


def linked(name: str = "Plant") -> Application:
    """Create workflows that refer to each other, to an integration and to webhooks."""
    of = factories.application(name)
    line = factories.integration(of, name="Line 1")
    alerts = factories.workflow(of, name="Alerts", triggers=[button(), webhook()], nodes=[debug()])
    factories.version(alerts, name="1.0", triggers=contents(alerts)[DEVELOP].triggers, nodes=[debug("1")])
    key = str(contents(alerts)[DEVELOP].triggers[0]["key"])
    send: JSONObject = {"id": "s", "type": "MqttMessageNode", "config": {"integrationId": line.pk, "topicTemplate": "a"}}
    factories.workflow(of, name="Caller", triggers=[factories.trigger(line, ["p"])], nodes=[press(alerts.pk, key), send])
    return of


@pytest.mark.parametrize("form", Form)
def test_links_survive_the_way_to_another_application(form: Form) -> None:
    of, target = linked(), plant()
    line = factories.integration(target, name="Line 1")
    exported = export_workflows(of, list(of.workflows.all()), form)
    report = bring(target, carried(exported))
    assert report.is_complete(), report.as_json()
    alerts, caller = (target.workflows.get(name=name) for name in ("Alerts", "Caller"))
    version = contents(caller)[DEVELOP]
    assert version.triggers[0]["key"] == line.pk
    key = contents(alerts)[DEVELOP].triggers[0]["key"]
    assert version.nodes[0]["config"] == {"triggerWorkflowId": alerts.pk, "triggerVirtualButtonId": key}
    assert version.nodes[1]["config"]["integrationId"] == line.pk
    foreign = {of.pk, *of.workflows.values_list("pk", flat=True), *of.integrations.values_list("pk", flat=True)}
    assert not foreign & set(
        re.findall("[0-9a-f]{24}", json.dumps([part.triggers + part.nodes for part in contents(caller).values()]))
    )


@pytest.mark.parametrize("form", [Form.JSON, Form.YAML])
def test_replacing_an_application_s_workflows_with_their_own_export_changes_nothing(form: Form) -> None:
    of = linked()
    before = {row.pk: (written(row), sorted(row.versions.values_list("pk", flat=True))) for row in of.workflows.all()}
    bring(of, carried(export_workflows(of, list(of.workflows.all()), form)), conflict=Conflict.REPLACE)
    after = {row.pk: (written(row), sorted(row.versions.values_list("pk", flat=True))) for row in of.workflows.all()}
    assert after == before
    assert all(of.workflows.values_list("enabled", flat=True))


def test_a_template_holds_placeholders_and_no_ids() -> None:
    of = linked()
    exported = export_workflows(of, list(of.workflows.all()), Form.YAML)
    with zipfile.ZipFile(io.BytesIO(exported.data)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert sorted(files) == [
        "workflows/cloud/Alerts.yaml",
        "workflows/cloud/Caller.yaml",
        "workflows/cloud/versions/Alerts/1.0.yaml",
    ]
    assert not re.search("[0-9a-f]{24}", "".join(files.values()))
    assert "integrationId: ~exportplaceholderid-integration-line1~" in files["workflows/cloud/Caller.yaml"]
    assert exported.data == export_workflows(of, list(of.workflows.all()), Form.YAML).data


def test_names_that_no_file_could_have_make_files_of_their_own() -> None:
    of = factories.application()
    for name in ("../a", "..\\a", "A", "a", "CON", "  ", "Ü/ß"):
        factories.workflow(of, name=name, nodes=[debug()])
    exported = export_workflows(of, list(of.workflows.all()), Form.YAML)
    with zipfile.ZipFile(io.BytesIO(exported.data)) as archive:
        names = [name.rpartition("/")[2].lower() for name in archive.namelist()]
        assert all(".." not in name and name.startswith("workflows/cloud/") for name in archive.namelist())
    assert len(set(names)) == 7
    assert "con.yaml" not in names


def test_an_export_says_which_integrations_it_means_and_a_foreign_id_stays_cleared() -> None:
    of = linked()
    document = json.loads(export_workflows(of, [of.workflows.get(name="Caller")], Form.JSON).data)
    assert [(each["name"], each["integrationType"]) for each in document["_integrations"]] == [("Line 1", "mqtt")]
    target = plant()
    report = bring(target, document, flow("x", id=new_id()))
    assert len(report.to_fill_in) == 3  # the trigger, the send, the workflow that is not in the file

"""The commands: what they write, read and tell, and the codes they exit with."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import factories
from tests.workflows.exchange.samples import YAML, debug, flow, plant
from wegnology.applications.models import Application, Role
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def told(*arguments: Any, **options: Any) -> Any:
    """Run a command that succeeds; return what it tells as JSON."""
    out = io.StringIO()
    call_command(*map(str, arguments), "--json", stdout=out, **options)
    return json.loads(out.getvalue())


def failed(*arguments: Any) -> tuple[int, str, str]:
    """Run a command; return its exit code, its complaint and what it wrote."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*map(str, arguments), stdout=out)
    return caught.value.returncode, str(caught.value), out.getvalue()


def test_workflows_go_from_one_application_to_another(tmp_path: Path) -> None:
    of, target = factories.application("Plant"), plant()
    factories.workflow(of, name="A", nodes=[debug()])
    factories.workflow(of, name="B", nodes=[debug()])
    path = tmp_path / "all.json"
    exported = told("export_workflow", "Plant", "-o", path)
    assert (exported["file"], exported["bytes"]) == (str(path), path.stat().st_size)
    assert [each["name"] for each in exported["workflows"]] == ["A", "B"]
    report = told("import_workflow", target.pk, path)
    assert (report["imported"], report["complete"], len(report["importedFlowIdMap"])) == (True, True, 2)
    assert sorted(target.workflows.values_list("name", flat=True)) == ["A", "B"]
    assert failed("export_workflow", "Plant", "-o", path)[:1] == (1,)
    told("export_workflow", "Plant", "A", "--form", "flow", "-o", tmp_path, "--force")
    assert json.loads((tmp_path / "A-develop.flow").read_text())["name"] == "A"


def test_what_is_left_to_do_is_told_with_a_code_of_its_own(tmp_path: Path) -> None:
    target, path = plant(), tmp_path / "pump.yaml"
    path.write_text(YAML)
    code, _, text = failed("import_workflow", target.pk, path, "--dry-run")
    assert (code, Workflow.objects.count()) == (3, 0)
    assert "Would go into the application Target" in text
    assert "pump.yaml, “Pump alerts”, nodes[1]" in text
    code, _, text = failed("import_workflow", target.pk, path, "--json")
    assert (code, json.loads(text)["imported"]) == (3, True)
    assert target.workflows.count() == 1


def test_what_is_refused_is_told_with_places(tmp_path: Path) -> None:
    target, path = plant(), tmp_path / "bad.flow"
    path.write_text(json.dumps(flow("", nodes=[3])))
    code, text, _ = failed("import_workflow", target.pk, path)
    assert code == 1
    assert "bad.flow, nodes[0]" in text
    code, _, written = failed("import_workflow", target.pk, path, "--json")
    faults = json.loads(written)["faults"]
    assert (code, [fault["place"] for fault in faults]) == (1, ["bad.flow, nodes[0]", "bad.flow, name"])
    path.write_text(YAML)
    assert failed("import_workflow", target.pk, path, "--strict")[0] == 1
    assert not target.workflows.exists()


def test_an_application_goes_out_and_comes_in(tmp_path: Path) -> None:
    of, owner = factories.application("Plant", limit=5), factories.person("ada")
    factories.workflow(of, nodes=[debug()])
    path = tmp_path / "plant.zip"
    assert told("export_application", of.pk, "-o", path)["application"] == {"id": of.pk, "name": "Plant"}
    report = told("import_application", path, "--name", "Copy", "--owner", "ada")
    made = Application.objects.get(pk=report["application"]["id"])
    assert (made.name, made.members.get().user, made.members.get().role) == ("Copy", owner, Role.ADMINISTRATOR)
    again = told("import_application", path, "--into", "Copy", "--conflict", "replace")
    assert [each["result"] for each in again["workflows"] + again["globals"]] == ["replaced", "unchanged"]
    assert failed("import_application", path, "--into", "Copy", "--conflict", "error")[0] == 1


def test_integrations_can_be_named(tmp_path: Path) -> None:
    there, target = factories.integration(factories.application("Plant"), name="There"), plant()
    here = factories.integration(target, name="Here")
    path = tmp_path / "a.flow"
    path.write_text(json.dumps(flow(triggers=[factories.trigger(there, ["d"])], nodes=[debug()])))
    told("import_workflow", "Target", path, "--integration", f"{there.pk}=Here")
    assert target.workflows.get().versions.get().triggers[0]["key"] == here.pk


@pytest.mark.parametrize(
    "arguments",
    [
        ("export_application", "Nobody"),
        ("export_workflow", "Target", "Nothing"),
        ("export_workflow", "Target"),
        ("import_workflow", "Target", "no/such.file"),
        ("import_application", "x.zip", "--owner", "nobody"),
        ("import_application", "x.zip", "--into", "Target", "--name", "x"),
    ],
)
def test_what_is_named_wrongly(arguments: tuple[str, ...]) -> None:
    plant()
    assert failed(*arguments)[0] == 2


def test_two_of_a_name_are_told_apart_by_their_ids() -> None:
    factories.application("Twin"), factories.application("Twin")
    assert failed("export_application", "Twin")[:2] == (2, "There is more than one application 'Twin'. Give its id.")

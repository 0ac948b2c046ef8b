"""`manage.py workflow_versions`: its texts, its JSON, its exit codes."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from wegnology.lib.types import JSONObject
from workflows.models import DEVELOP, Workflow
from workflows.version_content import Content
from workflows.versions import create_version, save_develop

pytestmark = pytest.mark.django_db


def show(message: str) -> JSONObject:
    return {"id": "show", "type": "DebugNode", "config": {"message": message}, "meta": {"label": "Show"}, "outputIds": [[]]}


@pytest.fixture
def flow() -> Workflow:
    """A workflow with a version that develop has gone beyond."""
    row = factories.workflow(factories.application(), nodes=[show("old")])
    create_version(row, "1.0", notes="the first")
    save_develop(row, Content([], [show("new")], {}))
    return row


def told(flow: Workflow, *words: str) -> str:
    out = StringIO()
    call_command("workflow_versions", flow.pk, *words, stdout=out)
    return out.getvalue()


def told_json(flow: Workflow, *words: str) -> Any:
    return json.loads(told(flow, *words, "--json"))


def refused(flow: Workflow, *words: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        told(flow, *words)
    return caught.value.returncode, str(caught.value)


def test_they_are_listed(flow: Workflow) -> None:
    head, develop, first = told(flow).splitlines()
    assert head.split() == ["version", "state", "kept", "id", "notes"]
    assert (develop.split()[:2], first.split()[:2], first.endswith("the first")) == (
        ["develop", "Default"],
        ["1.0", "Enabled"],
        True,
    )
    listed = told_json(flow, "list")
    assert (listed["flowId"], listed["defaultVersionId"]) == (flow.pk, None)
    assert [(one["version"], one["isDefault"]) for one in listed["versions"]] == [("develop", True), ("1.0", False)]


def test_one_is_kept_and_shown(flow: Workflow) -> None:
    made = told_json(flow, "create", "1.1", "--notes", "more", "--default")
    assert (made["version"], made["notes"], made["isDefault"], made["enabled"]) == ("1.1", "more", True, True)
    shown = told_json(flow, "show", made["flowVersionId"])
    assert (shown["nodes"], shown["faults"]) == ([show("new")], [])
    assert told(flow, "create", "1.1", "--replace") == "1.1 is kept.\n"
    assert refused(flow, "create", "1.1") == (1, "There is a version of this name; versions never change.")


def test_they_are_compared(flow: Workflow) -> None:
    assert told(flow, "diff", "1.0").splitlines() == ["~ node 'Show' (DebugNode show)", '    ~ config.message: "old" -> "new"']
    found = told_json(flow, "diff", DEVELOP, "1.0")
    assert (found["before"], found["after"], found["same"]) == (DEVELOP, "1.0", False)
    assert found["nodes"]["changed"][0]["changes"] == [{"field": "config.message", "before": "new", "after": "old"}]
    assert refused(flow, "diff", "1.0", "--check") == (3, "1.0 and develop differ.")
    assert told(flow, "diff", "1.0", "1.0", "--check") == "Nothing differs.\n"


def test_they_are_chosen_and_switched(flow: Workflow) -> None:
    assert told(flow, "default", "1.0") == "1.0 is the default version.\n"
    assert told_json(flow, "disable", "1.0")["state"] == "Default, disabled"
    assert told(flow, "disable", "1.0") == "1.0 is disabled already.\n"
    assert told(flow, "enable", "1.0") == "1.0 is enabled.\n"
    assert told_json(flow, "disable") == {
        "flowId": flow.pk,
        "enabled": False,
        "defaultVersionId": flow.versions.get(name="1.0").pk,
    }
    assert told(flow, "enable") == "Alert is enabled.\n"
    assert told(flow, "default", DEVELOP) == "develop is the default version.\n"
    assert refused(flow, "disable", DEVELOP)[0] == 1


def test_develop_goes_back_to_one(flow: Workflow) -> None:
    assert told(flow, "revert", "1.0", "--keep-as", "before") == "develop holds what 1.0 holds.\n"
    assert flow.versions.get(name=DEVELOP).nodes == [show("old")]
    assert flow.versions.get(name="before").nodes == [show("new")]


def test_they_are_deleted(flow: Workflow) -> None:
    create_version(flow, "2.0")
    assert [one["version"] for one in told_json(flow, "delete", "1.0", "2.0", "1.0")["deleted"]] == ["1.0", "2.0"]
    assert flow.versions.count() == 1
    assert refused(flow, "delete", DEVELOP)[0] == 1


def test_what_is_wrong_has_a_code(flow: Workflow) -> None:
    assert refused(flow, "show", "9.9") == (2, "The workflow 'Alert' has no version '9.9'.")
    assert refused(flow, "create") == (2, "Name one version for create, not 0.")
    assert refused(flow, "enable", "1.0", "2.0") == (2, "Name 0 to 1 versions for enable, not 2.")
    with pytest.raises(CommandError) as caught:
        call_command("workflow_versions", "f" * 24, "list")
    assert caught.value.returncode == 2

"""What the page says of a deletion: counts by kind, some names, and who may."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from wegnology.applications.deletion_preview import SHOWN, going, lines
from wegnology.applications.models import Application, Member, Role
from workflows.models import AlarmRule, Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def test_rows_that_go_two_ways_are_counted_once(plant: Application) -> None:
    """A rule for one integration goes with that and with the application."""
    source = factories.integration(plant)
    AlarmRule.objects.create(application=plant, kind="refused", integration=source)
    found = {one.model: one.number for one in going([plant])}
    assert found[AlarmRule] == AlarmRule.objects.filter(application=plant).count()
    assert {one.model: one.number for one in going([source])}[AlarmRule] == 1
    assert going([]) == []


def test_what_belongs_to_others_is_not_counted(plant: Application) -> None:
    row = factories.workflow(plant)
    factories.version(row, name="1")
    factories.workflow(factories.application("Elsewhere"))
    found = {one.model: one.number for one in going([row])}
    assert found == {Workflow: 1, WorkflowVersion: 2}


def test_of_many_some_are_named(plant: Application) -> None:
    for number in range(SHOWN + 5):
        factories.workflow(plant, name=f"<{number}>")
    (workflows,) = [one for one in going([plant]) if one.model is Workflow]
    said = list(lines(workflows))
    assert len(said) == SHOWN + 1
    assert "&lt;0&gt;</a>" in said[0]
    assert reverse("admin:workflows_workflow_change", args=[Workflow.objects.earliest("pk").pk]) in said[0]
    assert said[-1] == "Workflow: and 5 more"


def test_rows_are_named_as_the_audit_names_them(plant: Application) -> None:
    row = factories.workflow(plant, name="Night watch")
    (versions,) = [one for one in going([row]) if one.model is WorkflowVersion]
    assert list(lines(versions)) == ["Workflow version: Night watch: develop"]


@pytest.mark.parametrize(("role", "may"), [(Role.ADMINISTRATOR, True), (Role.EDITOR, False)])
def test_rows_of_several_applications_go_where_the_person_may_delete_in_each(
    client: Client, plant: Application, role: Role, may: bool
) -> None:
    other = factories.application("Other")
    person: User = factories.person("ann", plant, Role.ADMINISTRATOR)
    Member.objects.create(application=other, user=person, role=role)
    rows = [factories.workflow(plant, name="One"), factories.workflow(other, name="Two")]
    client.force_login(person)
    sent = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}
    client.post(reverse("admin:workflows_workflow_changelist"), sent)
    assert Workflow.objects.exists() is not may

"""Every change to what belongs to an application raises its revision, in the same transaction."""

from collections.abc import Callable

import pytest
from django.db import transaction

from integrations.models import Integration
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications.models import Application, Global
from workflows.models import Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]


@pytest.fixture
def plant() -> Application:
    """An application with one of everything."""
    row = factories.application(threshold=30, other=1)
    integration = factories.integration(row, integration_type="lamp", config=CONFIG)
    workflow = factories.workflow(integration)
    factories.version(workflow, name="v1")
    factories.workflow(integration, name="Second")
    return row


def _save(model: type[Integration] | type[Workflow] | type[Global] | type[Application]) -> None:
    model.objects.order_by("pk")[0].save()


def _choose_default() -> None:
    workflow = Workflow.objects.get(name="Alert")
    workflow.default_version = workflow.versions.get(name="v1")
    workflow.save()


def _create_version() -> None:
    factories.version(Workflow.objects.get(name="Alert"), name="v2")


def _save_version() -> None:
    WorkflowVersion.objects.filter(name="develop")[0].save()


CHANGES: dict[str, Callable[[], object]] = {
    "application saved": lambda: _save(Application),
    "global saved": lambda: _save(Global),
    "global deleted": lambda: Global.objects.get(key="threshold").delete(),
    "globals deleted together": lambda: Global.objects.all().delete(),
    "integration saved": lambda: _save(Integration),
    "integration deleted": lambda: Integration.objects.get().delete(),
    "integrations deleted together": lambda: Integration.objects.all().delete(),
    "workflow saved": lambda: _save(Workflow),
    "default version chosen": _choose_default,
    "workflow deleted": lambda: Workflow.objects.get(name="Alert").delete(),
    "workflows deleted together": lambda: Workflow.objects.all().delete(),
    "version created": _create_version,
    "version saved": _save_version,
    "version deleted": lambda: WorkflowVersion.objects.get(name="v1").delete(),
    "versions deleted together": lambda: WorkflowVersion.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_raises_the_revision(plant: Application, change: Callable[[], object]) -> None:
    other = factories.application("Other")
    before = Application.objects.get(pk=plant.pk).revision
    change()
    assert Application.objects.get(pk=plant.pk).revision > before
    assert Application.objects.get(pk=other.pk).revision <= 1


def test_an_old_copy_does_not_take_the_revision_back(plant: Application) -> None:
    old = Application.objects.get(pk=plant.pk)
    Global.objects.get(key="threshold").delete()
    Global.objects.get(key="other").delete()
    before = Application.objects.get(pk=plant.pk).revision
    old.name = "Renamed"
    old.save()
    after = Application.objects.get(pk=plant.pk)
    assert after.revision == before + 1
    assert after.name == "Renamed"


@pytest.mark.django_db(transaction=True)
def test_row_and_revision_are_one_transaction() -> None:
    row = factories.application(threshold=30)
    before = Application.objects.get(pk=row.pk).revision

    class Crash(Exception):
        pass

    def save_and_crash() -> None:
        with transaction.atomic():
            Global(application=row, key="late", value=1).save()
            raise Crash

    with pytest.raises(Crash):
        save_and_crash()
    assert Application.objects.get(pk=row.pk).revision == before
    assert not Global.objects.filter(key="late").exists()


@pytest.mark.django_db(transaction=True)
def test_a_save_without_a_transaction_makes_one() -> None:
    row = factories.application()
    seen: list[bool] = []

    from django.db import connection
    from django.db.models.signals import post_save

    def look(**_: object) -> None:
        seen.append(connection.in_atomic_block)

    post_save.connect(look, sender=Global)
    try:
        Global(application=row, key="late", value=1).save()
    finally:
        post_save.disconnect(look, sender=Global)
    assert seen == [True]


def test_deleting_an_application_deletes_what_is_in_it(plant: Application) -> None:
    plant.delete()
    assert not Integration.objects.exists()
    assert not WorkflowVersion.objects.exists()

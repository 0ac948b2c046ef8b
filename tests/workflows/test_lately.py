"""What workflows did in the last day, counted for pages that look at everything."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import factories
from workflows.insight.lately import Failing, Lately, runs_lately
from workflows.insight.records import RunHour
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)


def test_runs_of_a_day_are_counted_and_the_worst_are_named(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    plant, other = factories.application("Plant"), factories.application("Other")
    good, bad, foreign = (factories.workflow(of, name=name) for of, name in ((plant, "Good"), (plant, "Bad"), (other, "Foreign")))
    for row, back, runs, failed in ((good, 0, 5, 0), (bad, 1, 4, 3), (bad, 23, 2, 1), (bad, 24, 50, 50), (foreign, 0, 9, 9)):
        hour = NOW.replace(minute=0) - timedelta(hours=back)
        RunHour.objects.create(workflow_id=row.pk, version_id="v", hour=hour, runs=runs, failed=failed)
    with django_assert_num_queries(2):
        found = runs_lately(plant.workflows.all(), NOW)
    assert found == Lately(11, 4, [Failing(bad.pk, "Bad", 6, 4)])
    assert runs_lately(Workflow.objects.none(), NOW) == Lately(0, 0, [])

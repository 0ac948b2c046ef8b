"""What the workflows of an application, or of all, did in the last day: a few numbers for pages that look at everything."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet, Sum

from workflows.insight.records import RunHour
from workflows.models import Workflow

HOURS = 24
SHOWN = 5


class Failing(NamedTuple):
    """A workflow some of whose runs failed."""

    id: str
    name: str
    runs: int
    failed: int


@dataclass(frozen=True, slots=True)
class Lately:
    """Runs that ended in the last day, of them failed ones, and the workflows with most of those."""

    runs: int
    failed: int
    worst: list[Failing]


def runs_lately(workflows: QuerySet[Workflow], now: datetime | None = None) -> Lately:
    """Count the runs of some workflows; two queries, however many there are."""
    newest = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    hours = RunHour.objects.filter(hour__gt=newest - timedelta(hours=HOURS), workflow_id__in=workflows.order_by().values("pk"))
    counted = hours.order_by().values_list("workflow_id").annotate(Sum("runs"), Sum("failed"))
    rows = sorted(counted, key=lambda row: (-row[2], row[0]))
    failing = {pk: (runs, failed) for pk, runs, failed in rows[:SHOWN] if failed}
    names = dict(Workflow.objects.filter(pk__in=failing).values_list("pk", "name"))
    worst = [Failing(pk, names[pk], *counts) for pk, counts in failing.items() if pk in names]
    return Lately(sum(row[1] for row in rows), sum(row[2] for row in rows), worst)

"""Open alarms as pages show them: how many, and the latest."""

from typing import NamedTuple

from django.db.models import Count, QuerySet

from wegnology.applications.models import Application
from wegnology.lib.badges import Badge
from workflows.alarms.admin import state_of
from workflows.alarms.keeping import open_alarms
from workflows.models import Alarm

SHOWN = 8


class AlarmPanel(NamedTuple):
    """`total` alarms are open, of which nobody has acknowledged `unknown`; the latest with their badges."""

    total: int
    unknown: int
    latest: list[tuple[Alarm, Badge]]

    @property
    def tone(self) -> str:
        """Return how loud it is."""
        return "danger" if self.unknown else "warning" if self.total else ""


def alarm_panel(applications: "list[Application] | QuerySet[Application]") -> AlarmPanel:
    """Return the panel of some applications; two queries."""
    rows = open_alarms(applications)
    counts = rows.order_by().aggregate(count=Count("pk"), known=Count("acknowledged_at"))
    latest = [(row, state_of(row)) for row in rows.select_related("application")[:SHOWN]]
    return AlarmPanel(counts["count"], counts["count"] - counts["known"], latest)

"""The installation at a glance: to members what is theirs, to operators all of it with its processes.

Without Redis it shows what the database knows, and says so.
"""

import time
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.balance import Imbalance, imbalances
from integrations.chart import chart
from integrations.live import read_live
from integrations.models import Integration
from integrations.panel import badges, stored_ledger
from integrations.runtime.health import Queue, Survey
from integrations.runtime.ledger import SentLine
from integrations.wording import span
from wegnology.applications.access import applications_of, is_operator, may_anywhere
from wegnology.applications.models import Role
from wegnology.lib.badges import Badge
from wegnology.lib.redis import RedisAway
from wegnology.pages.figures import Figure
from wegnology.pages.probes import look
from workflows.alarms.panel import alarm_panel
from workflows.insight.lately import runs_lately
from workflows.models import ParkedRun, Workflow

HOURS = 24
SHOWN = 5
LATE_SECONDS = 60.0
"""Events that wait longer than this are pointed at."""


def status(request: HttpRequest) -> HttpResponse:
    """Show the page; the route asks for who may log in."""
    now_ms = int(time.time() * 1000)
    found = look()
    operator = is_operator(request.user)
    own = applications_of(request.user).order_by().values("pk")
    rows = list(Integration.objects.filter(application__in=own).only("pk", "enabled"))
    ids = [row.pk for row in rows]
    live = read_live(ids)
    ledger = stored_ledger(None if operator else ids, HOURS)
    context = {
        **admin.site.each_context(request),
        "title": _("Status"),
        "survey": found,
        "away_since": live.away_since,
        "operator": operator,
        "outsider": not may_anywhere(request.user, Role.VIEWER),
        "may_add": may_anywhere(request.user, Role.EDITOR),
        "figures": _figures(found) if found.redis and operator else [],
        "doubts": _doubts(found) if found.redis else [],
        "partitions": settings.PARTITIONS,
        "queues": _named(found.queues) if operator else [],
        "states": _states(badges(rows, live, now_ms).values()),
        "integration_count": len(rows),
        "workflow_count": Workflow.objects.filter(application__in=own).count(),
        "runs": runs_lately(Workflow.objects.filter(application__in=own)),
        "parked_count": ParkedRun.objects.filter(application__in=own).count(),
        "alarms": alarm_panel(applications_of(request.user).order_by()),
        "chart": chart(ledger.received, now_ms, HOURS),
        "lines": ledger.received,
        "sent_chart": chart(ledger.sent, now_ms, HOURS, SentLine),
        "sent": ledger.sent,
        "unbalanced": _unbalanced(None if operator else ids),
    }
    return TemplateResponse(request, "pages/status.html", context)


def _unbalanced(ids: list[str] | None) -> list[Imbalance]:
    """Return the hours that do not add up; nothing while Redis is away, which the page says."""
    try:
        return imbalances(ids)[:SHOWN]
    except RedisAway:
        return []


def _states(shown: Iterable[Badge]) -> list[tuple[Badge, int]]:
    """Count the integrations by what a person reads of them, the most frequent first."""
    return Counter(badge._replace(detail="") for badge in shown).most_common()


class ShownQueue(NamedTuple):
    """A queue with the name of whose it is, where that is known, and its page."""

    queue: Queue
    name: str
    address: str
    age: str


def _named(queues: list[Queue]) -> list[ShownQueue]:
    """Name the integrations and workflows whose entries wait."""
    ids = [queue.id for queue in queues]
    names = {
        key: (name, reverse(f"admin:{page}_change", args=[key]))
        for model, page in ((Integration, "integrations_integration"), (Workflow, "workflows_workflow"))
        for key, name in model.objects.filter(pk__in=ids).values_list("pk", "name")
    }
    return [ShownQueue(one, *names.get(one.id, (one.id, "")), span(int(one.oldest_seconds * 1000))) for one in queues]


def _doubts(found: Survey) -> list[str]:
    """Return what may pass by itself and is not as it should be now."""
    doubts = []
    if found.listeners and found.partitions_without_listener:
        doubts.append(
            _(
                "%(count)s of %(all)s partitions have no listener: their integrations receive nothing. "
                "Another listener takes them within 10 s."
            )
            % {"count": found.partitions_without_listener, "all": settings.PARTITIONS}
        )
    if not found.tasks:
        doubts.append(_("No process takes tasks: checks and test messages wait. Start the process “tasks” of the Procfile."))
    return doubts


def _figures(found: Survey) -> list[Figure]:
    unheld = found.partitions_without_listener
    age = span(int(found.oldest_event_seconds * 1000)) if found.waiting_events else _("none")
    return [
        Figure(_("Listeners"), str(len(found.listeners)), "" if found.listeners else "danger"),
        Figure(_("Workers"), str(len(found.workers)), "" if found.workers else "danger"),
        Figure(_("Partitions without listener"), str(unheld), "warning" if unheld else ""),
        Figure(_("Events waiting"), f"{found.waiting_events:,}"),
        Figure(_("Oldest waiting event"), age, "warning" if found.oldest_event_seconds > LATE_SECONDS else ""),
        Figure(_memory_label(found), f"{found.memory_used / 1024**2:,.0f} MiB"),
    ]


def _memory_label(found: Survey) -> str:
    if not found.memory_limit:
        return _("Redis memory")
    return _("Redis memory of %(limit)s MiB") % {"limit": f"{found.memory_limit / 1024**2:,.0f}"}

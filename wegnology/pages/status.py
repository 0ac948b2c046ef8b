"""The installation at a glance: to members what is theirs, to operators all of it with its processes.

Without Redis it shows what the database knows, and says so.
"""

import time
from collections import Counter
from collections.abc import Iterable

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from integrations.balance import Imbalance, imbalances
from integrations.chart import chart, sum_lines
from integrations.live import read_live
from integrations.models import Integration
from integrations.panel import badges, stored_ledger
from integrations.runtime.health import Survey
from integrations.wording import span
from wegnology.applications.access import applications_of, is_operator, may_anywhere
from wegnology.applications.models import Role
from wegnology.lib.badges import Badge
from wegnology.lib.redis import RedisAway
from wegnology.pages.figures import Figure
from wegnology.pages.probes import look
from workflows.alarms.panel import alarm_panel
from workflows.models import ParkedRun, Workflow

HOURS = 24
SHOWN = 5


def status(request: HttpRequest) -> HttpResponse:
    """Show the page; the route asks for who may log in."""
    now_ms = int(time.time() * 1000)
    found = look()
    operator = is_operator(request.user)
    own = applications_of(request.user).order_by().values("pk")
    rows = list(Integration.objects.filter(application__in=own).only("pk", "enabled"))
    ids = [row.pk for row in rows]
    live = read_live(ids)
    lines = sum_lines(stored_ledger(None if operator else ids, HOURS))
    context = {
        **admin.site.each_context(request),
        "title": "Status",
        "survey": found,
        "away_since": live.away_since,
        "operator": operator,
        "outsider": not may_anywhere(request.user, Role.VIEWER),
        "may_add": may_anywhere(request.user, Role.EDITOR),
        "figures": _figures(found) if found.redis and operator else [],
        "states": _states(badges(rows, live, now_ms).values()),
        "integration_count": len(rows),
        "workflow_count": Workflow.objects.filter(application__in=own).count(),
        "parked_count": ParkedRun.objects.filter(application__in=own).count(),
        "alarms": alarm_panel(applications_of(request.user).order_by()),
        "chart": chart(lines, now_ms, HOURS),
        "lines": lines,
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


def _figures(found: Survey) -> list[Figure]:
    oldest = found.oldest_event_seconds
    unheld = found.partitions_without_listener
    age = span(int(oldest * 1000)) if found.waiting_events else "none"
    memory = f"{found.memory_used / 1024**2:,.0f} MiB"
    return [
        Figure("Listeners", str(len(found.listeners)), "" if found.listeners else "danger"),
        Figure("Workers", str(len(found.workers)), "" if found.workers else "danger"),
        Figure("Partitions without listener", str(unheld), "warning" if unheld else ""),
        Figure("Events waiting", f"{found.waiting_events:,}"),
        Figure("Oldest waiting event", age, "warning" if oldest > 60 else ""),
        Figure(f"Redis memory{_of_limit(found)}", memory),
    ]


def _of_limit(found: Survey) -> str:
    return f" of {found.memory_limit / 1024**2:,.0f} MiB" if found.memory_limit else ""

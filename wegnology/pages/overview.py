"""An application at a glance: what its integrations do, what arrived, what failed, and what to do next in a new one.

A fixed number of queries and round trips, whatever it holds. Without Redis it shows what the database knows, and says so.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.chart import chart
from integrations.ledger_reading import Ledger
from integrations.live import Live, read_live
from integrations.models import Integration
from integrations.panel import badges, stored_ledger
from integrations.runtime.ledger import HOUR_MS, SentLine
from wegnology.applications.access import may
from wegnology.applications.current import choose
from wegnology.applications.models import Application, Role
from wegnology.lib.badges import Badge
from wegnology.pages.figures import Figure
from workflows.alarms.panel import AlarmPanel, alarm_panel
from workflows.insight.lately import runs_lately
from workflows.models import ParkedRun, Workflow

HOURS = 24
TROUBLED = 8
UNKNOWN = "?"
"""In place of a number that only Redis knows."""
FINE = ("success", "muted")
"""Tones of what needs nobody's attention."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps in a new application; `where` leads to it."""

    words: str
    why: str
    where: str
    done: bool


def overview(request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the page to members; to others it is not there."""
    application = Application.objects.filter(pk=object_id).first()
    if application is None or not may(request.user, object_id, Role.VIEWER):
        raise Http404
    choose(request, object_id)
    return TemplateResponse(
        request, "pages/overview.html", {**admin.site.each_context(request), **_context(request, application)}
    )


def _context(request: HttpRequest, application: Application) -> dict[str, object]:
    now_ms = int(time.time() * 1000)
    rows = list(Integration.objects.filter(application=application).only("pk", "name", "enabled", "application_id"))
    ids = [row.pk for row in rows]
    live = read_live(ids)
    ledger = stored_ledger(ids, HOURS) if ids else Ledger([], [])
    lines = ledger.received
    shown = badges(rows, live, now_ms)
    parked = ParkedRun.objects.filter(application=application).count()
    workflows = Workflow.objects.filter(application=application).count()
    may_change = may(request.user, application.pk, Role.EDITOR)
    received = any(status.last_message_ms for status in live.statuses.values()) or any(line.messages for line in lines)
    alarms = alarm_panel([application])
    return {
        "title": application.name,
        "alarms": alarms,
        "application": application,
        "away_since": live.away_since,
        "may_change": may_change,
        "figures": [_connected(rows, shown, live), *_figures(ledger, live, parked, now_ms), _of_alarms(alarms)],
        "states": Counter(badge._replace(detail="") for badge in shown.values()).most_common(),
        "troubled": [(row, shown[row.pk]) for row in rows if shown[row.pk].tone not in FINE][:TROUBLED],
        "integration_count": len(rows),
        "workflow_count": workflows,
        "parked_count": parked,
        "steps": _steps(application, rows, received, workflows) if may_change else [],
        "chart": chart(lines, now_ms, HOURS),
        "lines": lines,
        "sent_chart": chart(ledger.sent, now_ms, HOURS, SentLine),
        "sent": ledger.sent,
        "runs": runs_lately(application.workflows.all()),
    }


def _connected(rows: list[Integration], shown: Mapping[str, Badge], live: Live) -> Figure:
    """Count what is meant to be connected: nobody expects it of a disabled integration."""
    enabled = [row.pk for row in rows if row.enabled]
    connected = sum(live.statuses[pk].live for pk in enabled if pk in live.statuses)
    tones = {badge.tone for badge in shown.values()}
    worst = next((tone for tone in ("danger", "warning") if tone in tones), "")
    number = f"{connected:,}" if live.away_since is None else UNKNOWN
    said = _("%(number)s of %(enabled)s") % {"number": number, "enabled": f"{len(enabled):,}"}
    return Figure(_("Enabled integrations connected"), said, worst)


def _figures(ledger: Ledger, live: Live, parked: int, now_ms: int) -> list[Figure]:
    lines = ledger.received
    known = live.away_since is None
    recent = [line for line in lines if line.hour_ms > now_ms - 2 * HOUR_MS]
    dropped = sum(sum(line.dropped.values()) for line in lines)
    return [
        Figure(_("Received in this and the last hour"), f"{sum(line.messages for line in recent):,}"),
        Figure(_("Received in 24 hours"), f"{sum(line.messages for line in lines):,}"),
        Figure(_("Sent in 24 hours"), f"{sum(line.sent for line in ledger.sent):,}"),
        Figure(_("Waiting for workflows"), f"{sum(line.waiting for line in lines):,}" if known else UNKNOWN),
        Figure(_("Parked runs"), f"{parked:,}", "warning" if parked else ""),
        Figure(_("Dropped in 24 hours"), f"{dropped:,}", "danger" if dropped else ""),
    ]


def _of_alarms(alarms: AlarmPanel) -> Figure:
    return Figure(_("Open alarms"), f"{alarms.total:,}", alarms.tone)


def _steps(application: Application, rows: list[Integration], received: bool, workflows: int) -> list[Step]:
    """Return the way to the first alert; none once it was gone."""
    first = reverse("admin:integrations_integration_change", args=[rows[0].pk]) if rows else ""
    add = reverse("admin:integrations_integration_add")
    steps = [
        Step(_("Add an integration"), _("Say where to connect to: a broker, a queue, a hub, a topic."), add, bool(rows)),
        Step(_("Check the connection"), _("Each step is tried, with advice where one fails."), first, received),
        Step(_("See the first message"), _("It shows on the page of the integration as it arrives."), first, received),
        Step(
            _("Make a workflow from it"),
            _("It runs for every message: decide, compute, send on."),
            reverse("admin:workflows_workflow_add") if rows else "",
            bool(workflows),
        ),
    ]
    return [] if all(step.done for step in steps) else steps

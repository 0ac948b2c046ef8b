"""What an integration's pages show of its connection: its state, and how messages move."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.ledger_reading import Ledger, sum_stored
from integrations.live import Live, last_known, read_live
from integrations.models import Integration, LedgerHour
from integrations.runtime.status import NEVER_SEEN, Flow, Status
from integrations.templatetags.ledger import reasons
from integrations.wording import ago, badge, remembered, span, subscription_badge
from wegnology.applications.usage_chart import stopped_text
from wegnology.lib.badges import Badge
from wegnology.lib.json_rows import JSONRows

HOURS = 24
BACKLOG_PARTS = 5


@dataclass(frozen=True, slots=True)
class StatusPanel:
    """The state of a connection as each page of its integration shows it; `facts` are (label, value) pairs."""

    badge: Badge
    facts: list[tuple[str, str]]
    subscriptions: list[tuple[Badge, str]]
    notices: list[str]
    away_since: datetime | None = None


def status_panel(integration: Integration) -> StatusPanel:
    """Read how one integration is connected."""
    now_ms = int(time.time() * 1000)
    live = read_live([integration.pk])
    status = live.statuses.get(integration.pk, NEVER_SEEN)
    return StatusPanel(
        badges([integration], live, now_ms)[integration.pk],
        facts(status, now_ms) if live.away_since is None else [],
        subscription_badges(status, now_ms),
        [*_stopped(integration), *status.problems[1:], *status.notices],
        live.away_since,
    )


def flow_panel(integration: Integration) -> list[tuple[str, str]]:
    """Read how messages move through one integration, as (label, value) pairs; nothing while Redis is away."""
    live = read_live([integration.pk])
    if live.away_since is not None:
        return []
    return flow_facts(live.statuses.get(integration.pk, NEVER_SEEN), _limit(integration), int(time.time() * 1000))


def _stopped(integration: Integration) -> list[str]:
    """Say that nothing is taken in because the application's payload limit is reached."""
    until = stopped_text(integration.application.stopped_until)
    said = _("Nothing more is taken in until %(until)s: the application has reached its payload limit.")
    return [said % {"until": until}] if until else []


def badges(integrations: Sequence[Integration], live: Live, now_ms: int) -> dict[str, Badge]:
    """Return the badge of each integration: from Redis, or what the database remembers."""
    if live.away_since is not None:
        known = last_known([row.pk for row in integrations])
        return {
            row.pk: remembered(_remembered(*known[row.pk]), row.enabled) if row.pk in known else remembered("", row.enabled)
            for row in integrations
        }
    return {row.pk: badge(live.statuses.get(row.pk, NEVER_SEEN), enabled=row.enabled, now_ms=now_ms) for row in integrations}


def _remembered(state: str, since: datetime) -> str:
    at = f"{timezone.localtime(since):%d %b %H:%M}"
    return _("%(state)s at %(time)s") % {"state": _(state), "time": at}


def facts(status: Status, now_ms: int) -> list[tuple[str, str]]:
    """Return what is known of the connection, in words; what never happened is left out."""
    found = [
        (_("In this state"), _("for %(span)s") % {"span": span(now_ms - status.since_ms)} if status.since_ms else ""),
        (_("Last proof of life"), ago(status.proof_ms, now_ms) if status.proof_ms else ""),
        (_("Last message"), ago(status.last_message_ms, now_ms)),
        (_("Usual pause"), _("up to %(span)s") % {"span": span(status.usual_gap_ms)} if status.usual_gap_ms else ""),
        (_("First cause"), _(status.first_cause) if not status.live or status.first_cause != status.latest_cause else ""),
        (_("Latest cause"), _(status.latest_cause) if status.latest_cause != status.first_cause else ""),
        (_("Attempts since then"), str(status.attempts) if status.attempts else ""),
        (
            _("Next attempt"),
            _("in %(span)s") % {"span": span(status.next_attempt_ms - now_ms)} if status.next_attempt_ms > now_ms else "",
        ),
        (_("Last connected"), ago(status.connected_ms, now_ms) if status.connected_ms else ""),
        (_("Last disconnected"), ago(status.disconnected_ms, now_ms) if status.disconnected_ms else ""),
        (_("Disconnected because"), status.disconnect_error),
        (_("Held by listener"), status.listener),
    ]
    found += [(_("Setting %(name)s") % {"name": name} if name else _("Settings"), text) for name, text in status.errors.items()]
    return [(label, text) for label, text in found if text]


def _limit(integration: Integration) -> float:
    """Return how many messages a second may start; 0 is no limit."""
    own = integration.throttle_per_second
    return float(settings.THROTTLE_PER_SECOND) if own is None else own


def flow_facts(status: Status, limit: float, now_ms: int) -> list[tuple[str, str]]:
    """Return how messages move: how fast against the limit, how long they wait, and what was dropped."""
    flow = status.flow
    dropped = _("Dropped in this hour and the last")
    found = [
        (_("Limit"), _("%(limit)s messages a second start") % {"limit": f"{limit:g}"} if limit else _("none")),
        (_("Received"), _speed(flow.received_per_second)),
        (_("Run"), _speed(flow.run_per_second)),
        (_("Throttled"), _("for %(span)s") % {"span": span(now_ms - flow.throttled_ms)} if flow.throttled_ms else _("no")),
        (_("The latest to start waited"), _seconds(flow.latest_wait_ms)),
        (_("Waiting in the inbox"), _waiting(flow, limit, now_ms)),
        (_("Waiting at the source"), _backlog(status.backlog)),
        (_("Waiting to be sent"), f"{flow.outgoing:,}" if flow.outgoing else ""),
        (_("Sent in this hour and the last"), reasons({name: n for name, n in flow.sends.items() if name != "queued"})),
        (_("Parked in this hour and the last"), reasons(flow.parked)),
        (dropped, reasons(flow.dropped)),
    ]
    return [(label, text) for label, text in found if text and (text != "0" or label == dropped)]


def _speed(per_second: float | None) -> str:
    return _("not measured") if per_second is None else _("%(speed)s a second") % {"speed": f"{per_second:,.1f}"}


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:,.1f} s"


def _waiting(flow: Flow, limit: float, now_ms: int) -> str:
    if not flow.waiting:
        return _("nothing")
    text = _("%(count)s, the oldest for %(span)s") % {
        "count": f"{flow.waiting:,}",
        "span": span(max(now_ms - flow.oldest_ms, 0)),
    }
    if not (limit and flow.throttled_ms):
        return text
    return _("%(waiting)s; %(span)s of work at the limit") % {"waiting": text, "span": span(int(flow.waiting / limit * 1000))}


def subscription_badges(status: Status, now_ms: int) -> list[tuple[Badge, str]]:
    """Return each subscription with its state; what is known of it beyond its connection stands in the badge's detail."""
    return [(subscription_badge(row, now_ms), str(row["topic"])) for row in status.subscription_states()]


def _backlog(waiting: dict[str, int]) -> str:
    """Say how many messages wait at the source, the longest queues first."""
    behind = sorted(((count, part) for part, count in waiting.items() if count > 0), reverse=True)
    parts = [f"{part}: {count:,}" for count, part in behind[:BACKLOG_PARTS]]
    more = _(" and %(count)s more") % {"count": len(behind) - BACKLOG_PARTS} if len(behind) > BACKLOG_PARTS else ""
    return f"{sum(waiting.values()):,} ({', '.join(parts)}{more})" if behind else _("nothing") if waiting else ""


def stored_ledger(integration_ids: Sequence[str] | None = None, hours: int = HOURS) -> Ledger:
    """Return the stored hours of what was received and sent, added up, newest first; all integrations' without `integration_ids`.

    What is waiting is not stored; it is what is left of the received.
    """
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = LedgerHour.objects.filter(hour__gt=now - timedelta(hours=hours)).order_by()
    if integration_ids is not None:
        rows = rows.filter(integration_id__in=integration_ids)
    by_hour: Any = rows.values("hour").annotate(every=JSONRows("counts"))
    return sum_stored(by_hour.values_list("hour", "every"))

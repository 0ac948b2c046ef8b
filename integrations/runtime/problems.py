"""What is wrong with a connection although it works: the rules by which one is *degraded*."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.runtime.send_faults import SendFault
from integrations.runtime.status import Status

LONG_MS = 60_000
"""Throttled, or waiting to be run, for so long is told."""
NEARLY_FULL = 0.8
SHOWN = 5


def problems_of(status: Status, send_fault: SendFault | None, now_ms: int, storage_fault: str) -> list[str]:
    """Return what is wrong, a sentence each, the gravest first."""
    return [text for text in _found(status, send_fault, now_ms, storage_fault) if text]


def _found(status: Status, send_fault: SendFault | None, now_ms: int, storage_fault: str) -> Iterator[str]:
    yield storage_fault
    yield status.degraded or _refused(status)
    if send_fault is not None:
        yield _("The last %(number)s messages could not be sent: %(latest)s") % {
            "number": send_fault.number,
            "latest": send_fault.latest,
        }
    yield _delay(status, now_ms)
    share = status.flow.waiting / settings.INBOX_EVENTS
    if share >= NEARLY_FULL:
        yield _("The inbox is %(share)s full: %(waiting)s of %(inbox_events)s messages wait in it.") % {
            "share": f"{share:.0%}",
            "waiting": f"{status.flow.waiting:,}",
            "inbox_events": f"{settings.INBOX_EVENTS:,}",
        }
    if status.lagging_ms:
        total = sum(status.backlog.values())
        minutes = (now_ms - status.lagging_ms) // 60_000
        yield _("More and more messages wait at the source: %(total)s, growing for %(minutes)s min.") % {
            "total": f"{total:,}",
            "minutes": minutes,
        }


def _refused(status: Status) -> str:
    refused = [str(row.get("topic")) for row in status.subscriptions if not row.get("granted")]
    if not refused:
        return ""
    named = ", ".join(refused[:SHOWN]) + (
        _(" and %(count)s more") % {"count": len(refused) - SHOWN} if len(refused) > SHOWN else ""
    )
    return _("%(count)s of %(count2)s topics refused: %(named)s.") % {
        "count": len(refused),
        "count2": len(status.subscriptions),
        "named": named,
    }


def _delay(status: Status, now_ms: int) -> str:
    flow = status.flow
    age = now_ms - flow.oldest_ms if flow.oldest_ms else 0
    if flow.throttled_ms and now_ms - flow.throttled_ms >= LONG_MS:
        return _(
            "Throttled for %(now_ms)s s: more come than the %(limit_per_second)s a second that may start; "
            "%(waiting)s wait, the oldest for %(age)s s."
        ) % {
            "now_ms": f"{(now_ms - flow.throttled_ms) // 1000:,}",
            "limit_per_second": f"{flow.limit_per_second:g}",
            "waiting": f"{flow.waiting:,}",
            "age": f"{age // 1000:,}",
        }
    if age >= LONG_MS and not flow.throttled_ms:
        return _("Messages wait to be run, %(waiting)s of them, the oldest for %(age)s s.") % {
            "waiting": f"{flow.waiting:,}",
            "age": f"{age // 1000:,}",
        }
    return ""

"""Runs parked events again: only the workflow that failed, with the event's own id."""

import logging
from collections.abc import Sequence

from django.db import transaction

from integrations.events import EventUnreadable, TriggerEvent
from integrations.models import Integration
from integrations.runtime.depositing import append_replays
from integrations.runtime.limits import Limits
from wegnology.applications.audit import record
from wegnology.lib.redis import sync_client
from workflows.models import ParkedRun, Workflow

logger = logging.getLogger(__name__)

EVENTS_NAMED = 10


def replay(parked_ids: Sequence[str]) -> int:
    """Put parked runs back into their inboxes and return how many; those for which an inbox has no room stay parked.

    The row is deleted only after the event is durable in the inbox: after a crash in between it may be replayed twice, never
    lost. Raises what `wegnology.lib.redis.RedisAway` names; then nothing was deleted.
    """
    rows, events = [], []
    for row in ParkedRun.objects.filter(pk__in=parked_ids).order_by("created_at", "id"):
        try:
            event = TriggerEvent.from_json(row.event.encode())
        except EventUnreadable as error:
            logger.warning("the parked event %s cannot be replayed: %s", row.event_id, error)
            continue
        rows.append(row)
        events.append((row.integration_id, event._replace(replay_of=row.workflow_id)))
    if not events:
        return 0
    accepted = append_replays(sync_client(timeout=5.0), events, Limits.from_settings())
    done = [row.pk for row, went in zip(rows, accepted, strict=True) if went]
    with transaction.atomic():
        _record([row for row, went in zip(rows, accepted, strict=True) if went])
        ParkedRun.objects.filter(pk__in=done).delete()
    logger.info("replayed %d parked runs, %d stay for want of room in their inbox", len(done), len(rows) - len(done))
    return len(done)


def _record(rows: Sequence[ParkedRun]) -> None:
    """Write one audit entry for each workflow, or integration where the event itself was parked, however many its runs."""
    events: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = ("workflow", row.workflow_id) if row.workflow_id else ("integration", row.integration_id)
        events.setdefault(key, []).append(row.event_id)
    workflows = Workflow.objects.in_bulk([pk for kind, pk in events if kind == "workflow"])
    integrations = Integration.objects.in_bulk([pk for kind, pk in events if kind == "integration"])
    for (kind, pk), ids in events.items():
        of = workflows.get(pk) if kind == "workflow" else integrations.get(pk)
        if of is not None:
            more = f" and {len(ids) - EVENTS_NAMED} more" if len(ids) > EVENTS_NAMED else ""
            record(None, "replayed", of, {"runs": str(len(ids)), "events": ", ".join(ids[:EVENTS_NAMED]) + more})

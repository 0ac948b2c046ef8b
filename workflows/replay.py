"""Runs parked events again: only the workflow that failed, with the event's own id."""

import logging
from collections.abc import Sequence

from integrations.events import EventUnreadable, TriggerEvent
from integrations.runtime.inbox import append_replays
from integrations.runtime.limits import Limits
from wegnology.lib.redis import sync_client
from workflows.models import ParkedRun

logger = logging.getLogger(__name__)


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
    ParkedRun.objects.filter(pk__in=done).delete()
    logger.info("replayed %d parked runs, %d stay for want of room in their inbox", len(done), len(rows) - len(done))
    return len(done)

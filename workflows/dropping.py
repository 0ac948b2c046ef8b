"""Parked runs that go: too old, too many, or discarded. What goes is counted as dropped from then on, in the hour of its event.

The policy: a parked run is kept for `PARKED_DAYS`; of one integration (or workflow that is a source itself) at most `PARKED_MOST`
runs and `PARKED_BYTES` bytes are kept, the newest. An event whose last parked run goes moves from parked to dropped in the
ledger.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from integrations.models import LedgerMove
from wegnology.lib.redis import SyncRedis
from workflows.models import ParkedRun

logger = logging.getLogger(__name__)

BATCH = 500
TOO_OLD = "parked too long"
TOO_MANY = "too many parked"
DISCARDED = "discarded"


def discard(rows: QuerySet[ParkedRun], why: str = DISCARDED) -> int:
    """Delete parked runs for good, counted in the ledger with their reason; return how many."""
    gone = 0
    while keys := list(rows.order_by("created_at", "id").values_list("pk", flat=True)[:BATCH]):
        gone += _drop(keys, why)
    return gone


def _drop(keys: Sequence[str], why: str) -> int:
    """Delete some runs and ask for what the ledger has to say of their events, in one transaction."""
    with transaction.atomic():
        rows = ParkedRun.objects.filter(pk__in=keys)
        ended = dict(rows.values_list("pk", "reason"))
        events = {(row.integration_id, row.event_id, row.received_at): row.reason for row in rows.defer("event", "payload")}
        rows.delete()
        left = ParkedRun.objects.filter(event_id__in={event_id for _, event_id, _ in events})
        staying = set(left.values_list("integration_id", "event_id", "received_at"))
        moved: Counter[tuple[str, datetime, str]] = Counter()
        for (source_id, event_id, received), reason in events.items():
            if received is not None and (source_id, event_id, received) not in staying:
                moved[source_id, received.replace(minute=0, second=0, microsecond=0), reason] += 1
        LedgerMove.objects.bulk_create(
            LedgerMove(integration_id=pk, hour=hour, source=f"parked:{reason}", target=f"dropped:{why}", number=number)
            for (pk, hour, reason), number in moved.items()
        )
    return len(ended)


def trim(_client: SyncRedis) -> None:
    """Drop what is older than parked runs are kept, and the oldest of what is more; say so in the log."""
    edge = datetime.now(UTC) - timedelta(days=settings.PARKED_DAYS)
    aged = discard(ParkedRun.objects.filter(created_at__lt=edge), TOO_OLD)
    over = sum(_drop(keys, TOO_MANY) for source_id in _overflowing() for keys in _batches(_surplus(source_id)))
    if aged or over:
        logger.warning("dropped parked runs: %d older than %d days, %d beyond the limit", aged, settings.PARKED_DAYS, over)


def _overflowing() -> list[str]:
    """Return the sources of which more is parked than is kept."""
    counted = ParkedRun.objects.order_by().values("integration_id").annotate(rows=Count("pk"), bytes=Sum("size"))
    many = counted.filter(Q(rows__gt=settings.PARKED_MOST) | Q(bytes__gt=settings.PARKED_BYTES))
    return list(many.values_list("integration_id", flat=True))


def _surplus(source_id: str) -> list[str]:
    """Return the keys of what is beyond the limits, the oldest runs."""
    kept = size = 0
    surplus: list[str] = []
    rows = ParkedRun.objects.filter(integration_id=source_id).order_by("-created_at", "-id").values_list("pk", "size")
    for key, bytes_ in rows.iterator():
        kept, size = kept + 1, size + bytes_
        if kept > settings.PARKED_MOST or size > settings.PARKED_BYTES:
            surplus.append(key)
    return surplus


def _batches(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return [keys[first : first + BATCH] for first in range(0, len(keys), BATCH)]

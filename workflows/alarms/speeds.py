"""How many messages came in the last full hour, and how many are usual. Looked up once an hour: full hours do not change."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from integrations.models import Integration, LedgerHour
from workflows.alarms.facts import Hourly

DAYS, HOURS = 7, 24
LEAST_DAYS, LEAST_HOURS = 3, 6
"""Fewer say nothing of what is usual."""
LEAST_USUAL = 20
"""Of fewer messages an hour a half is chance."""
SETTLED = timedelta(minutes=2)
"""After an hour ends its counts are on their way into the database for a moment."""


class Speeds:
    """What was found of the last full hour."""

    def __init__(self) -> None:
        self._hour: datetime | None = None
        self._known: set[str] = set()
        self._found: dict[str, Hourly] = {}

    def read(self, rows: Sequence[Integration], now: datetime) -> Mapping[str, Hourly]:
        """Return last and usual hour of integrations that are old and busy enough; a query when an hour has passed."""
        last = (now - SETTLED).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        ids = {row.pk for row in rows}
        if last != self._hour or not ids <= self._known:
            self._hour, self._known = last, ids
            self._found = _read(rows, last)
        return self._found


def _read(rows: Sequence[Integration], last: datetime) -> dict[str, Hourly]:
    hours = {last - timedelta(days=at) for at in range(1, DAYS + 1)} | {last - timedelta(hours=at) for at in range(HOURS + 1)}
    stored = LedgerHour.objects.filter(integration_id__in=[row.pk for row in rows], hour__in=hours)
    counted: dict[str, dict[datetime, int]] = {}
    for pk, hour, counts in stored.values_list("integration_id", "hour", "counts").iterator():
        counted.setdefault(pk, {})[hour] = int(counts.get("messages", 0))
    found = {row.pk: hourly(counted.get(row.pk, {}), last, row.created_at) for row in rows}
    return {pk: one for pk, one in found.items() if one is not None}


def hourly(counted: Mapping[datetime, int], last: datetime, created: datetime) -> Hourly | None:
    """Return the messages of the hour `last` and how many are usual, given those of hours before; None when nobody can tell.

    Usual is the lesser of two medians: of this hour of the days before, and of the hours before. So neither a quiet night nor a
    slow end of a busy day is an alarm.
    """
    days = [last - timedelta(days=at) for at in range(1, DAYS + 1)]
    before = [last - timedelta(hours=at) for at in range(1, HOURS + 1)]
    medians = [
        median(counted.get(hour, 0) for hour in known)
        for known, least in ((_since(created, days), LEAST_DAYS), (_since(created, before), LEAST_HOURS))
        if len(known) >= least
    ]
    if not medians or min(medians) < LEAST_USUAL:
        return None
    return Hourly(counted.get(last, 0), float(min(medians)))


def _since(created: datetime, hours: Sequence[datetime]) -> list[datetime]:
    return [hour for hour in hours if hour >= created]

"""How many payloads an application used, by day and kind of source, and what its monthly limit does.

`add` is called with what is new since the last time, within the transaction that remembers that it was counted; so nothing is
counted twice and nothing is written for a message. Days and months are those of UTC.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from wegnology.applications.audit import record
from wegnology.applications.models import Application
from wegnology.applications.records import UsageDay

INTEGRATION = "integration"
KEEP_DAYS = 400


class Bucket(NamedTuple):
    """Where usage is counted."""

    application_id: str
    day: date
    source: str = INTEGRATION


class Amount(NamedTuple):
    """Payloads that were let in, and those that the limit turned away."""

    payloads: int
    dropped: int


class Month(NamedTuple):
    """A month of an application. `days` are all days of the month, with payloads by source."""

    first: date
    days: dict[date, dict[str, int]]
    total: int
    dropped: int
    limit: int | None
    stops: bool

    @property
    def over(self) -> int:
        """Return by how much the limit is passed."""
        return max(self.total - self.limit, 0) if self.limit is not None else 0

    @property
    def share(self) -> float | None:
        """Return which part of the limit is used; None without one."""
        if self.limit is None:
            return None
        return self.total / self.limit if self.limit else float(self.total > 0) or 1.0


def lock(buckets: Iterable[Bucket]) -> None:
    """Make sure that the rows are there, and keep others from adding to them until the transaction ends."""
    wanted = sorted(set(buckets))
    UsageDay.objects.bulk_create((UsageDay(**bucket._asdict()) for bucket in wanted), ignore_conflicts=True)
    applications, days = {bucket.application_id for bucket in wanted}, {bucket.day for bucket in wanted}
    rows = UsageDay.objects.select_for_update().filter(application_id__in=applications, day__in=days).order_by("pk")
    list(rows.values_list("pk"))


def add(amounts: Mapping[Bucket, Amount]) -> None:
    """Add to the days; the rows are locked (see `lock`)."""
    for bucket, amount in sorted(amounts.items()):
        if any(amount):
            rows = UsageDay.objects.filter(**bucket._asdict())
            rows.update(payloads=F("payloads") + amount.payloads, dropped=F("dropped") + amount.dropped)


def month_of(application: Application, today: date | None = None) -> Month:
    """Return the month of an application in which `today` is; one query."""
    first, after = month_around(today or timezone.now().astimezone(UTC).date())
    days: dict[date, dict[str, int]] = {first + timedelta(days=at): {} for at in range((after - first).days)}
    dropped = 0
    for row in UsageDay.objects.filter(application_id=application.pk, day__gte=first, day__lt=after):
        days[row.day][row.source] = row.payloads
        dropped += row.dropped
    total = sum(sum(sources.values()) for sources in days.values())
    return Month(first, days, total, dropped, application.payload_limit, application.stop_at_limit)


def month_around(day: date) -> tuple[date, date]:
    """Return the first day of a month and of the next."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def over_limit(applications: Iterable[Application], today: date | None = None) -> dict[str, tuple[int, int]]:
    """Return used and limit by application, of those whose limit is reached this month; one query."""
    limits = {row.pk: row.payload_limit for row in applications if row.payload_limit is not None}
    first, after = month_around(today or timezone.now().astimezone(UTC).date())
    rows = UsageDay.objects.filter(application_id__in=limits, day__gte=first, day__lt=after)
    used = dict(rows.order_by().values_list("application_id").annotate(Sum("payloads")))
    return {pk: (used.get(pk, 0), limit) for pk, limit in limits.items() if used.get(pk, 0) >= limit}


def judge_limits(now: datetime | None = None) -> None:
    """Stop and resume intake: `Application.stopped_until` is set while a limit that stops is reached, until the month ends."""
    now = now or timezone.now()
    _, after = month_around(now.astimezone(UTC).date())
    end = datetime(after.year, after.month, after.day, tzinfo=UTC)
    stopping = Application.objects.filter(stop_at_limit=True, payload_limit__isnull=False)
    reached = set(over_limit(stopping, now.astimezone(UTC).date()))
    for row in Application.objects.filter(pk__in=reached).exclude(stopped_until=end):
        _stop(row, end)
    for row in Application.objects.filter(stopped_until__isnull=False).exclude(pk__in=reached):
        _stop(row, None)


def _stop(application: Application, until: datetime | None) -> None:
    """Stop or resume an application's intake. Not by `save`: the row was read a moment ago, and others may have changed it."""
    with transaction.atomic():
        if Application.objects.filter(pk=application.pk).update(stopped_until=until):
            record(None, "stopped" if until else "resumed", application, {"until": str(until)} if until else {})


def trim() -> int:
    """Remove days that were kept long enough."""
    return UsageDay.objects.filter(day__lt=timezone.now().date() - timedelta(days=KEEP_DAYS)).delete()[0]

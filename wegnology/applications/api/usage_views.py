"""Payload counts in the API, from what is counted by day (UTC) and kind of source."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone
from pydantic import Field, RootModel
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView
from wegnology.applications.models import Role
from wegnology.applications.records import UsageDay
from wegnology.lib.rest.answers import iso
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema

_LATEST_MS = 4_102_444_800_000
DAY_MS = 86_400_000
LONGEST = timedelta(days=400)


class CountsQuery(Schema):
    """Which days."""

    start: int = Field(0, ge=0, le=_LATEST_MS, description="From this time, in ms since 1970; 0 is the first of this month.")
    end: int = Field(0, ge=0, le=_LATEST_MS, description="To this time; 0 is now.")
    as_bytes: bool = Field(False, description="Taken for compatibility: bytes are not counted.")


class BreakdownQuery(CountsQuery):
    """Which days, and how fine."""

    resolution: int = Field(DAY_MS, description="Days are the finest that is kept.")
    include_non_billable: bool = False


class PayloadStats(RootModel[dict[str, dict[str, int]]]):
    """Payloads by kind of source and day."""


class Count(Schema):
    """The payloads of a day."""

    date: str
    payloads: int
    dropped: int = Field(description="Turned away because the limit was reached.")


class PayloadCountsBreakdown(Schema):
    """Payloads day by day."""

    start: str
    end: str
    resolution: int
    as_bytes: bool
    include_non_billable: bool
    counts: list[Count]


class _Views(CalledView):
    def days(self, query: CountsQuery) -> tuple[date, date, list[UsageDay]]:
        """Return the first and the last day, and what was counted."""
        now = timezone.now().astimezone(UTC)
        start = _day(query.start) if query.start else now.date().replace(day=1)
        end = _day(query.end) if query.end else now.date()
        if end < start:
            raise Invalid({"end": "This is before the start."})
        if end - start > LONGEST:
            raise Invalid({"start": f"At most {LONGEST.days} days can be asked for."})
        rows = UsageDay.objects.filter(application_id=self.application.pk, day__gte=start, day__lte=end).order_by("day")
        return start, end, list(rows)


def _day(moment_ms: int) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date()


def _iso(day: date) -> str:
    return iso(datetime(day.year, day.month, day.day, tzinfo=UTC))


class PayloadCountsView(_Views):
    """/applications/{applicationId}/payloadCounts."""

    @operation(
        "Count payloads by kind of source",
        scope="application.payloadCounts",
        role=Role.VIEWER,
        answer=PayloadStats,
        query=CountsQuery,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        _, _, rows = self.days(self.query(CountsQuery))
        counts: dict[str, dict[str, int]] = {}
        for row in rows:
            counts.setdefault(row.source, {})[row.day.isoformat()] = row.payloads
        return Response(counts)


class PayloadCountsBreakdownView(_Views):
    """/applications/{applicationId}/payloadCountsBreakdown."""

    @operation(
        "Count payloads day by day",
        scope="application.payloadCountsBreakdown",
        role=Role.VIEWER,
        answer=PayloadCountsBreakdown,
        query=BreakdownQuery,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        query = self.query(BreakdownQuery)
        start, end, rows = self.days(query)
        totals: dict[date, list[int]] = {}
        for row in rows:
            day = totals.setdefault(row.day, [0, 0])
            day[0] += row.payloads
            day[1] += row.dropped
        counts = [{"date": _iso(day), "payloads": total[0], "dropped": total[1]} for day, total in totals.items()]
        answer: dict[str, Any] = {
            "start": _iso(start),
            "end": _iso(end),
            "resolution": DAY_MS,
            "asBytes": False,
            "includeNonBillable": query.include_non_billable,
            "counts": counts,
        }
        return Response(answer)

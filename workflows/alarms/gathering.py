"""Reads what the judges look at, for all applications with rules together: as many queries and round trips for one integration
as for a thousand. What costs much and changes seldom is kept: speeds of full hours, and what ends.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from integrations.balance import imbalances
from integrations.models import Integration
from integrations.runtime.health import Survey, survey
from integrations.runtime.keys import key
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import Status
from wegnology.applications.models import Application
from wegnology.applications.records import UsageDay
from wegnology.applications.usage import month_around
from wegnology.lib.redis import RedisAway, SyncRedis, sync_client
from workflows.alarms.endings import Endings
from workflows.alarms.facts import Facts, Hourly, SourceFacts, Subject
from workflows.alarms.speeds import Speeds
from workflows.models import ParkedRun, Workflow

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Held:
    """What Redis told; without `reachable` nothing."""

    reachable: bool = False
    survey: Survey = field(default_factory=Survey)
    statuses: Mapping[str, Status] = field(default_factory=dict)
    fills: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    imbalances: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Gatherer:
    """Gathers facts, again and again."""

    def __init__(self) -> None:
        self._endings, self._speeds = Endings(), Speeds()
        self._away_since: float | None = None

    def gather(self, application_ids: Collection[str], now: datetime) -> list[Facts]:
        """Return the facts of these applications. Raises `DatabaseError`; Redis may be away."""
        if not application_ids:
            return []
        applications = list(Application.objects.filter(pk__in=application_ids))
        fields = ("pk", "name", "enabled", "application_id", "created_at")
        integrations = list(Integration.objects.filter(application__in=application_ids).only(*fields))
        workflows = list(Workflow.objects.filter(application__in=application_ids).only("pk", "name", "enabled", "application_id"))
        held = self._held([row.pk for row in integrations], [row.pk for row in workflows])
        sources = _sources(integrations, workflows, held, self._speeds.read(integrations, now), _parked(application_ids, now))
        endings, used = self._endings.read(applications, now), _used(application_ids, now)
        halted = self._halted(held.survey)
        return [
            Facts(
                subject=Subject("application", row.pk, row.name),
                now=now,
                reachable=held.reachable,
                sources=sources[row.pk],
                endings=endings.get(row.pk, ()),
                used=used.get(row.pk, 0),
                limit=row.payload_limit,
                halted=halted,
            )
            for row in applications
        ]

    def _held(self, integration_ids: Sequence[str], workflow_ids: Sequence[str]) -> Held:
        """Ask Redis."""
        try:
            with closing(sync_client(timeout=TIMEOUT_SECONDS)) as client:
                found = survey(client)
                if not found.redis:
                    return Held(survey=found)
                ids = [*integration_ids, *workflow_ids]
                off: dict[str, list[str]] = defaultdict(list)
                for one in imbalances(ids, client):
                    off[one.integration_id].append(str(one))
                return Held(True, found, read_statuses(client, integration_ids), _fills(client, ids), off)
        except RedisAway as error:
            return Held(survey=Survey(reasons=[_("Redis cannot be reached: %(error)s") % {"error": error}]))

    def _halted(self, found: Survey) -> tuple[str, float] | None:
        """Say why nothing is received or run, and for how many seconds that is so already; None while it is not."""
        at = time.monotonic()
        dead = not (found.redis and found.listeners and found.workers and not found.storage_fault)
        if not dead:
            self._away_since = None
            stuck = found.longest_unheld_seconds
            return (" ".join(found.reasons) or _("Events wait for a worker to take them."), stuck) if stuck > 0 else None
        self._away_since = at if self._away_since is None else self._away_since
        return " ".join(found.reasons), at - self._away_since


def _fills(client: SyncRedis, ids: Sequence[str]) -> dict[str, tuple[int, float]]:
    """Return how many events wait in each inbox, and how full it is, as `append.lua` counts."""
    if not ids:
        return {}
    with client.pipeline(transaction=False) as pipe:
        for pk in ids:
            pipe.xlen(key("inbox", pk))
            pipe.hget(key("box", pk), "bytes")
        found: list[Any] = pipe.execute()
    pairs = zip(ids, found[::2], found[1::2], strict=True)
    return {
        pk: (int(events), int(events) / settings.INBOX_EVENTS + int(beyond or 0) / settings.INBOX_BYTES)
        for pk, events, beyond in pairs
    }


def _sources(
    integrations: Sequence[Integration],
    workflows: Sequence[Workflow],
    held: Held,
    speeds: Mapping[str, Hourly],
    parked: Mapping[str, tuple[int, int]],
) -> dict[str, list[SourceFacts]]:
    """Put together what is known of each source, by application."""
    found: dict[str, list[SourceFacts]] = defaultdict(list)
    rows: list[Integration | Workflow] = [*integrations, *workflows]
    for row in rows:
        waiting, fill = held.fills.get(row.pk, (0, 0.0))
        lately, ever = parked.get(row.pk, (0, 0))
        one = SourceFacts(
            subject=Subject("integration" if isinstance(row, Integration) else "workflow", row.pk, row.name),
            enabled=row.enabled,
            status=held.statuses.get(row.pk),
            fill=fill if held.reachable else None,
            waiting=waiting,
            hourly=speeds.get(row.pk),
            parked_lately=lately,
            parked=ever,
            imbalances=held.imbalances.get(row.pk, ()) if held.reachable else None,
        )
        found[row.application_id].append(one)
    return found


def _parked(application_ids: Collection[str], now: datetime) -> dict[str, tuple[int, int]]:
    """Return how many runs were parked within an hour, and are parked at all, by source."""
    rows = ParkedRun.objects.filter(application__in=application_ids).order_by().values_list("integration_id")
    lately = Count("pk", filter=Q(created_at__gt=now - timedelta(hours=1)))
    return {pk: (new, total) for pk, new, total in rows.annotate(lately=lately, total=Count("pk"))}


def _used(application_ids: Collection[str], now: datetime) -> dict[str, int]:
    first, after = month_around(now.astimezone(UTC).date())
    rows = UsageDay.objects.filter(application_id__in=application_ids, day__gte=first, day__lt=after)
    return dict(rows.order_by().values_list("application_id").annotate(Sum("payloads")))

"""What pages read from Redis. Reading never fails: without Redis it says since when, and pages show the database."""

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from integrations.models import Integration, StatusChange
from integrations.runtime.inbox import discard
from integrations.runtime.ledger import LedgerLine, read_ledger
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import Status
from wegnology.lib.redis import RedisAway, sync_client

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class Outage:
    """Remembers since when this process cannot reach Redis."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._latest = 0.0

    def seen(self) -> datetime:
        """Note a failure; return when the first one was."""
        self._latest = time.monotonic()
        if self.since is None:
            self.since = timezone.now()
        return self.since

    def just_now(self) -> bool:
        """Say whether Redis failed so recently that asking again would only cost a timeout."""
        return self.since is not None and time.monotonic() - self._latest < RETRY_SECONDS

    def over(self) -> None:
        """Note a success."""
        self.since = None


outage = Outage()


@dataclass(frozen=True, slots=True)
class Live:
    """What was read at one moment. With `away_since` set, the mappings hold nothing."""

    statuses: dict[str, Status] = field(default_factory=dict)
    ledgers: dict[str, list[LedgerLine]] = field(default_factory=dict)
    away_since: datetime | None = None


def read_live(integration_ids: Sequence[str], hours: int = 0) -> Live:
    """Read statuses and, with `hours`, the ledgers; a fixed number of round trips for any number of integrations."""
    try:
        with closing(sync_client()) as client:
            statuses = read_statuses(client, integration_ids)
            ledgers = read_ledger(client, integration_ids, hours) if hours else {}
    except RedisAway:
        return Live(away_since=outage.seen())
    outage.over()
    return Live(statuses, ledgers)


def read_application(application_id: str, hours: int = 0) -> Live:
    """Read all integrations of an application: one query and the round trips of `read_live`, however many they are."""
    return read_live(list(Integration.objects.filter(application_id=application_id).values_list("pk", flat=True)), hours)


def last_known(integration_ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """Return the last stored transition of each integration as (state, time), from the database in one query."""
    latest = StatusChange.objects.filter(integration_id=OuterRef("pk")).order_by("-time")
    rows = (
        Integration.objects.filter(pk__in=integration_ids)
        .annotate(last_state=Subquery(latest.values("state")[:1]), last_time=Subquery(latest.values("time")[:1]))
        .values_list("pk", "last_state", "last_time")
    )
    return {pk: (state, time) for pk, state, time in rows if state}


def discard_waiting(integration_id: str) -> None:
    """Drop, with the reason `deleted`, what waits for an integration that is gone; call it after the commit.

    What stays because Redis is away is dropped by the sweeper (`chores.drop_orphans`).
    """
    if outage.just_now():
        return
    try:
        with closing(sync_client()) as client:
            discard(client, integration_id)
    except RedisAway as error:
        outage.seen()
        logger.warning("events of the deleted integration %s stay until Redis is back: %s", integration_id, error)

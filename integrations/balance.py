"""Whether the books balance: every event and every message accounted for, at this moment.

For alarms, `/metrics`, pages and the API. An hour is judged by what Redis holds of it, where counts and what waits can be read at
one moment; by the database where Redis does not know it any more. Asked are the hours that the database has as not at rest, and
those in which something waits: all others add up.
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from integrations.models import LedgerHour
from integrations.runtime.ledger import LedgerLine, SentLine, books_of
from integrations.runtime.ledger_writing import take_back, waiting_sources
from wegnology.lib.redis import SyncRedis, sync_client

MOST = 1_000


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One hour of one source that does not add up. `missing`: so many are accounted for by nothing (below 0: by too much)."""

    integration_id: str
    line: LedgerLine | SentLine

    @property
    def outgoing(self) -> bool:
        """Whether it is about messages that workflows send, and not about what was received."""
        return isinstance(self.line, SentLine)

    @property
    def missing(self) -> int:
        """How many are not accounted for."""
        return self.line.total - sum(self.line.parts.values())

    def __str__(self) -> str:
        hour = datetime.fromtimestamp(self.line.hour_ms / 1000, UTC)
        parts = ", ".join(f"{count:,} {_(name)}" for name, count in self.line.parts.items())
        said = (
            _("%(hour)s UTC: %(total)s sent, but %(parts)s")
            if self.outgoing
            else _("%(hour)s UTC: %(total)s received, but %(parts)s")
        )
        return said % {"hour": f"{hour:%Y-%m-%d %H}:00", "total": f"{self.line.total:,}", "parts": parts}


def imbalances(integration_ids: Collection[str] | None = None, client: SyncRedis | None = None) -> list[Imbalance]:
    """Return the hours that do not add up, of all sources or of these, newest first; empty is good.

    Raises what `RedisAway` names, and `DatabaseError`. A fixed number of queries and round trips.
    """
    if client is None:
        with closing(sync_client(timeout=5.0)) as own:
            return imbalances(integration_ids, own)
    since = datetime.now(UTC) - timedelta(days=settings.LEDGER_DAYS)
    rows = LedgerHour.objects.filter(~Q(unended=0) | ~Q(unsent=0), hour__gt=since)
    if integration_ids is not None:
        rows = rows.filter(integration_id__in=integration_ids)
    suspects: dict[str, list[int]] = {}
    for integration_id, hour in rows.order_by("-hour").values_list("integration_id", "hour")[:MOST]:
        suspects.setdefault(integration_id, []).append(int(hour.timestamp() * 1000))
    take_back(client, [(i, str(hour)) for i, hours in suspects.items() for hour in hours])
    waiting = waiting_sources(client)
    for integration_id in waiting if integration_ids is None else waiting & set(integration_ids):
        suspects.setdefault(integration_id, [])
    found = []
    for integration_id, books in books_of(client, suspects).items():
        lines: list[LedgerLine | SentLine] = [*books.received, *books.sent]
        found += [Imbalance(integration_id, line) for line in lines if not line.balanced]
    return sorted(found, key=lambda one: one.line.hour_ms, reverse=True)

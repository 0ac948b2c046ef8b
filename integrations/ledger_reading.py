"""The ledger as pages and the API read it: the last hours from Redis where they are true at one moment, older ones as stored."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from integrations.models import LedgerHour
from integrations.runtime.ledger import Books, LedgerLine, SentLine, line_of, read_books, sent_line_of
from integrations.runtime.ledger_writing import OUT, of_ledger
from wegnology.lib.redis import RedisAway, sync_client

LIVE_HOURS = 24
"""So many hours are read from Redis for one integration; for many together the database is fresh to five seconds."""

AnyLine = TypeVar("AnyLine", LedgerLine, SentLine)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was received and what was sent, newest first. With `stored` it is up to some seconds old."""

    received: list[LedgerLine]
    sent: list[SentLine]
    stored: bool = False

    @property
    def balanced(self) -> bool:
        """Say whether all of it adds up."""
        return all(line.balanced for line in self.received) and all(line.balanced for line in self.sent)


def read_ledger_of(integration_ids: Sequence[str], hours: int = LIVE_HOURS) -> Ledger:
    """Return the last `hours` hours of these integrations added up, at most as many as are kept; empty hours left out.

    Of one integration the last day comes from Redis, with what waits at this moment. Two queries at the most.
    """
    live, away = Books(), False
    if len(integration_ids) == 1:
        try:
            with closing(sync_client()) as client:
                live = read_books(client, integration_ids, min(hours, LIVE_HOURS))[integration_ids[0]]
        except RedisAway:
            away = True
    fresh = len(integration_ids) == 1 and not away
    stored = _stored(integration_ids, hours, LIVE_HOURS if fresh else 0)
    received = sum_lines([*live.received, *(stored_line(hour, counts) for hour, counts in stored)])
    sent = sum_sent([*live.sent, *(stored_sent_line(hour, counts) for hour, counts in stored)])
    return Ledger(received, [line for line in sent if line.total or line.waiting], stored=not fresh)


def _stored(ids: Sequence[str], hours: int, without_last: int) -> list[tuple[datetime, Mapping[str, int]]]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = LedgerHour.objects.filter(integration_id__in=ids, hour__gt=now - timedelta(hours=hours))
    if without_last:
        rows = rows.filter(hour__lte=now - timedelta(hours=without_last))
    return list(rows.order_by("-hour").values_list("hour", "counts"))


def stored_line(hour: datetime, counts: Mapping[str, int]) -> LedgerLine:
    """Read a stored hour. What waits is not stored; it is what is left of the received."""
    line = line_of(_ms(hour), counts, 0)
    return line_of(line.hour_ms, counts, max(line.total - sum(line.parts.values()), 0))


def stored_sent_line(hour: datetime, counts: Mapping[str, int]) -> SentLine:
    """Likewise of what went out."""
    out = of_ledger(OUT, counts)
    line = sent_line_of(_ms(hour), out, 0)
    return sent_line_of(line.hour_ms, out, max(line.total - sum(line.parts.values()), 0))


def sum_stored(rows: Iterable[tuple[datetime, Iterable[Mapping[str, int]]]]) -> Ledger:
    """Add up hours, each with the counts of many integrations, newest first: as `sum_lines` of `stored_line` and `sum_sent` of
    `stored_sent_line`, in a tenth of the time. Hours in which nothing was to be sent are left out of what was sent.
    """
    lines, sent, signs = [], [], _Signs()
    for hour, counted in rows:
        sums: defaultdict[str, int] = defaultdict(int)
        waiting = 0
        for counts in counted:
            left = 0
            for name, count in counts.items():
                sums[name] += count
                left += count * signs[name]
            if left > 0:
                waiting += left
        lines.append(line_of(_ms(hour), sums, waiting))
        sent.append(stored_sent_line(hour, sums))
    lines.sort(key=lambda line: line.hour_ms, reverse=True)
    sent.sort(key=lambda line: line.hour_ms, reverse=True)
    return Ledger(lines, [line for line in sent if line.total or line.waiting], stored=True)


class _Signs(dict[str, int]):
    """By the name of a count: 1 for what was received, -1 for what ended, 0 for what is neither."""

    def __missing__(self, name: str) -> int:
        ended = name in ("finished", "unmatched") or name.startswith(("parked:", "dropped:"))
        sign = self[name] = 1 if name in ("messages", "signals") else -1 if ended else 0
        return sign


def _ms(hour: datetime) -> int:
    return int(hour.timestamp() * 1000)


def sum_lines(lines: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Add up lines of the same hour, newest first."""
    return _summed(lines, _add)


def sum_sent(lines: Iterable[SentLine]) -> list[SentLine]:
    """Likewise of what went out."""
    return _summed(lines, _add_sent)


def by_day(lines: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Add up hours to days of the installation's time zone."""
    return sum_lines(_at(line) for line in lines)


def sent_by_day(lines: Iterable[SentLine]) -> list[SentLine]:
    """Likewise of what went out."""
    return sum_sent(_at(line) for line in lines)


def start_of_day(moment_ms: int) -> int:
    """Return when the day of a moment began, in milliseconds."""
    local = timezone.localtime(datetime.fromtimestamp(moment_ms / 1000, UTC))
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def _at(line: AnyLine) -> AnyLine:
    return replace(line, hour_ms=start_of_day(line.hour_ms))


def _summed(lines: Iterable[AnyLine], add: Callable[[AnyLine, AnyLine], AnyLine]) -> list[AnyLine]:
    by_hour: dict[int, AnyLine] = {}
    for line in lines:
        known = by_hour.get(line.hour_ms)
        by_hour[line.hour_ms] = line if known is None else add(known, line)
    return [by_hour[hour] for hour in sorted(by_hour, reverse=True)]


def _add(one: LedgerLine, other: LedgerLine) -> LedgerLine:
    return LedgerLine(
        one.hour_ms,
        one.received + other.received,
        one.messages + other.messages,
        one.finished + other.finished,
        one.unmatched + other.unmatched,
        _sum(one.parked, other.parked),
        _sum(one.dropped, other.dropped),
        one.waiting + other.waiting,
    )


def _add_sent(one: SentLine, other: SentLine) -> SentLine:
    counted = (one.queued + other.queued, one.sent + other.sent, one.failed + other.failed)
    return SentLine(one.hour_ms, *counted, _sum(one.dropped, other.dropped), one.waiting + other.waiting)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in one.keys() | other.keys()}

"""The ledger's hours on their way from Redis into the database, and corrections of hours on their way back.

Redis knows an hour for three days after its last change, and as long as something of it waits; the database keeps it. An hour
that changes after it ran out in Redis is first taken back from the database, so that its counts stay absolute.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings

from integrations.models import LedgerHour, LedgerMove
from integrations.runtime import scripts
from integrations.runtime.hours import store
from integrations.runtime.keys import key, prefix
from integrations.runtime.ledger import books_of, line_of, sent_line_of
from wegnology.lib.redis import SyncRedis

LEDGER_ROWS = 500
LEDGER_LIFE_SECONDS = 72 * 3600
MOVES = 500
IN, OUT = "ledger", "sent"
OUT_PREFIX = "out:"
_RECEIPTS = {IN: ("messages", "signals"), OUT: ("queued",)}
"""Without these Redis does not know the hour as a whole."""

Hour = tuple[str, str]
"""A source and an hour (ms), as they stand in names of keys."""


def write_ledger(client: SyncRedis) -> None:
    """Make the corrections that are asked for, then write changed hours to the database: absolute counts, so that writing twice
    changes nothing."""
    make_moves(client)
    names = _changed_hours(client)
    if not names:
        return
    hours = sorted({(parts[1], parts[2]) for parts in (name.decode().split(":") for name in names)})
    counts = _read(client, hours)
    partial = [hour for hour in hours if any(_is_partial(ledger, counts[ledger, hour]) for ledger in _RECEIPTS)]
    if partial:
        take_back(client, partial)
        counts |= _read(client, partial)
    store([_row(hour, counts[IN, hour], counts[OUT, hour]) for hour in hours])
    client.srem(key("writing"), *names)


def _changed_hours(client: SyncRedis) -> list[bytes]:
    """Take hours that changed, with those that were taken before and not written: the database was away, or a process died."""
    names: list[bytes] = client.srandmember(key("dirty"), LEDGER_ROWS)  # type: ignore[assignment]
    with client.pipeline(transaction=True) as pipe:
        if names:
            pipe.sadd(key("writing"), *names)
            pipe.srem(key("dirty"), *names)
        pipe.smembers(key("writing"))
        return list(pipe.execute()[-1])


def _read(client: SyncRedis, hours: Sequence[Hour]) -> dict[tuple[str, Hour], dict[str, int]]:
    """Return the counts of hours, in and out, and let Redis keep them for a while longer."""
    places = [(ledger, hour) for hour in hours for ledger in (IN, OUT)]
    with client.pipeline(transaction=False) as pipe:
        for ledger, hour in places:
            pipe.hgetall(key(ledger, *hour))
            pipe.expire(key(ledger, *hour), LEDGER_LIFE_SECONDS)
        answers = pipe.execute()[::2]
    return {
        place: {name.decode(): int(n) for name, n in found.items() if int(n)}
        for place, found in zip(places, answers, strict=True)
    }


def _is_partial(ledger: str, counts: Mapping[str, int]) -> bool:
    return bool(counts) and not any(name in counts for name in _RECEIPTS[ledger])


def _row(hour: Hour, received: Mapping[str, int], sent: Mapping[str, int]) -> LedgerHour:
    into, out = line_of(0, received, 0), sent_line_of(0, sent, 0)
    counts = {**received, "received": into.total, **{f"{OUT_PREFIX}{name}": n for name, n in sent.items()}}
    unended, unsent = into.total - sum(into.parts.values()), out.total - sum(out.parts.values())
    return LedgerHour(integration_id=hour[0], hour=_moment(hour[1]), counts=counts, unended=unended, unsent=unsent)


def _moment(hour: str) -> datetime:
    return datetime.fromtimestamp(int(hour) / 1000, UTC)


def take_back(client: SyncRedis, hours: Iterable[Hour]) -> None:
    """Give Redis what the database knows of hours that it does not know as a whole any more."""
    restate(client, [Restated(ledger, hour) for hour in hours for ledger in (IN, OUT)])


class Restated(NamedTuple):
    """An hour to be whole again in Redis and, with `source`, how many of its events ended otherwise than was counted."""

    ledger: str
    hour: Hour
    mark: str = ""
    source: str = ""
    target: str = ""
    number: int = 0


def restate(client: SyncRedis, wanted: Sequence[Restated]) -> list[int]:
    """Take hours back where necessary and make moves in them; return how many events were moved, for each."""
    known = _stored({one.hour for one in wanted})
    arguments: list[Any] = [prefix(), len(wanted)]
    for one in wanted:
        counts = of_ledger(one.ledger, known.get(one.hour, {}))
        arguments += [f"{one.ledger}:", *one.hour, one.mark, one.source, one.target, one.number, len(counts)]
        for name, number in counts.items():
            arguments += [name, number]
    return list(scripts.restate.call_sync(client, arguments)) if wanted else []


def _stored(hours: set[Hour]) -> dict[Hour, Mapping[str, int]]:
    """Return what the database knows of hours."""
    ids = {integration_id for integration_id, _ in hours}
    rows = LedgerHour.objects.filter(integration_id__in=ids, hour__in={_moment(hour) for _, hour in hours})
    found = rows.values_list("integration_id", "hour", "counts")
    return {(pk, str(int(hour.timestamp() * 1000))): counts for pk, hour, counts in found}


def of_ledger(ledger: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the part of stored counts that belongs to a ledger, by the names that Redis knows."""
    if ledger == OUT:
        return {name.removeprefix(OUT_PREFIX): n for name, n in counts.items() if name.startswith(OUT_PREFIX)}
    return {name: n for name, n in counts.items() if name != "received" and not name.startswith(OUT_PREFIX)}


def make_moves(client: SyncRedis) -> None:
    """Count what ended in one way as ended in another, as it was asked for together with what made it so (`LedgerMove`)."""
    moves = list(LedgerMove.objects.order_by("pk")[:MOVES])
    if not moves:
        return
    restate(client, [Restated(IN, _hour_of(move), str(move.pk), move.source, move.target, move.number) for move in moves])
    LedgerMove.objects.filter(pk__in=[move.pk for move in moves]).delete()


def _hour_of(move: LedgerMove) -> Hour:
    return move.integration_id, str(int(move.hour.timestamp() * 1000))


def keep_hours(client: SyncRedis) -> None:
    """Keep hours in Redis as long as something of them waits, however long that takes."""
    books = books_of(client, dict.fromkeys(waiting_sources(client), ()))
    with client.pipeline(transaction=False) as pipe:
        for integration_id, both in books.items():
            for line in both.received:
                pipe.expire(key(IN, integration_id, line.hour_ms), LEDGER_LIFE_SECONDS)
            for sent in both.sent:
                pipe.expire(key(OUT, integration_id, sent.hour_ms), LEDGER_LIFE_SECONDS)
        pipe.execute()


def waiting_sources(client: SyncRedis) -> set[str]:
    """Return the sources in whose inbox or outbox something waits."""
    with client.pipeline(transaction=False) as pipe:
        for p in range(settings.PARTITIONS):
            pipe.smembers(key("ready", p))
        pipe.smembers(key("outboxes"))
        return {name.decode() for found in pipe.execute() for name in found}

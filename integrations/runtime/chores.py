"""What the sweeper does for connections, inboxes and ledgers."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db.models import Count

from integrations.models import LedgerHour, StatusChange
from integrations.runtime import scripts, sources
from integrations.runtime.dispatch import enqueue
from integrations.runtime.hours import store
from integrations.runtime.inbox import discard
from integrations.runtime.keys import key, prefix
from integrations.runtime.observing import Observer
from integrations.runtime.sweeper import Chore
from wegnology.applications import audit, trash, usage
from wegnology.lib.redis import SyncRedis

LEDGER_ROWS = 500
LEDGER_LIFE_SECONDS = 72 * 3600
HISTORY_DAYS = 30
HISTORY_ROWS = 1_000
"""Transitions kept of one integration, so that one that flaps for weeks does not fill the database."""
LEDGER_DAYS = 30
ASKED_MS = 3_000


def ask_for_workers(client: SyncRedis) -> None:
    """Enqueue a drain task for every partition that has work and no worker, and note since when it has none."""
    partitions = range(settings.PARTITIONS)
    with client.pipeline(transaction=False) as pipe:
        for p in partitions:
            pipe.scard(key("ready", p))
            pipe.exists(key("run", p))
        answers: list[Any] = pipe.execute()
    unheld = [p for p in partitions if answers[2 * p] and not answers[2 * p + 1]]
    known = {int(p) for p in client.hkeys(key("unheld"))}
    now = int(time.time() * 1000)
    with client.pipeline(transaction=False) as pipe:
        for p in unheld:
            pipe.hsetnx(key("unheld"), str(p), str(now))
            pipe.set(key("asked", p), 1, nx=True, px=ASKED_MS)
        for p in known - set(unheld):
            pipe.hdel(key("unheld"), str(p))
        asked: list[Any] = pipe.execute()
    for at, p in enumerate(unheld):
        if asked[2 * at + 1]:
            enqueue(p)


def expire_outboxes(client: SyncRedis) -> None:
    """Drop messages that waited for their connection longer than allowed, counted as expired."""
    names: Iterable[bytes] = client.smembers(key("outboxes"))  # type: ignore[assignment]
    ids = [name.decode() for name in names]
    if ids:
        oldest = int(time.time() * 1000) - settings.OUTBOX_SECONDS * 1000
        scripts.expire.call_sync(client, [prefix(), oldest, len(ids), *ids])


def write_ledger(client: SyncRedis) -> None:
    """Write changed hours to the database: absolute counts, so that writing twice changes nothing."""
    names = _changed_hours(client)
    if not names:
        return
    hours = sorted({tuple(name.decode().split(":")[1:3]) for name in names})
    store(_ledger_rows(client, hours))
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


def _ledger_rows(client: SyncRedis, hours: list[tuple[str, ...]]) -> list[LedgerHour]:
    with client.pipeline(transaction=False) as pipe:
        for integration_id, hour in hours:
            for ledger in ("ledger", "sent"):
                pipe.hgetall(key(ledger, integration_id, hour))
                pipe.expire(key(ledger, integration_id, hour), LEDGER_LIFE_SECONDS)
        answers = pipe.execute()
    rows = []
    for at, (integration_id, hour) in enumerate(hours):
        counts = {name.decode(): int(n) for name, n in answers[4 * at].items()}
        counts["received"] = counts.get("messages", 0) + counts.get("signals", 0)
        counts |= {f"out:{name.decode()}": int(n) for name, n in answers[4 * at + 2].items()}
        rows.append(LedgerHour(integration_id=integration_id, hour=_moment(int(hour)), counts=counts))
    return rows


def write_history(client: SyncRedis) -> None:
    """Move status transitions from Redis to the database."""
    lines: list[bytes] = client.lrange(key("history"), 0, 999)  # type: ignore[assignment]
    if not lines:
        return
    changes = [orjson.loads(line) for line in lines]
    StatusChange.objects.bulk_create(
        StatusChange(integration_id=c["i"], time=_moment(c["t"]), state=c["s"], cause=c["c"]) for c in changes
    )
    client.ltrim(key("history"), len(lines), -1)


def trim(_client: SyncRedis) -> None:
    """Delete history and ledger hours older than they are kept."""
    now = datetime.now(UTC)
    StatusChange.objects.filter(time__lt=now - timedelta(days=HISTORY_DAYS)).delete()
    many = StatusChange.objects.order_by().values("integration_id").annotate(rows=Count("pk")).filter(rows__gt=HISTORY_ROWS)
    for integration_id in many.values_list("integration_id", flat=True):
        changes = StatusChange.objects.filter(integration_id=integration_id)
        changes.filter(time__lt=changes.order_by("-time")[HISTORY_ROWS - 1].time).delete()
    LedgerHour.objects.filter(hour__lt=now - timedelta(days=LEDGER_DAYS)).delete()


def trim_records(_client: SyncRedis) -> None:
    """Delete entries of audit, trash and usage that were kept long enough."""
    audit.trim()
    usage.trim()
    trash.trim()


def judge_limits(_client: SyncRedis) -> None:
    """Stop the intake of applications whose payload limit is reached and stops, and let it go on in a new month."""
    usage.judge_limits()


def drop_orphans(client: SyncRedis) -> None:
    """Drop what waits for sources that are deleted, should the deletion not have reached Redis."""
    with client.pipeline(transaction=False) as pipe:
        for p in range(settings.PARTITIONS):
            pipe.smembers(key("ready", p))
        pipe.smembers(key("outboxes"))
        waiting = {name.decode() for names in pipe.execute() for name in names}
    if not waiting:
        return
    for integration_id in waiting - sources.owners(waiting).keys():
        discard(client, integration_id)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


HUB = (
    Chore(1.0, ask_for_workers),
    Chore(5.0, expire_outboxes),
    Chore(5.0, write_ledger),
    Chore(5.0, judge_limits),
    Chore(2.0, write_history),
    Chore(5.0, Observer()),
    Chore(30.0, drop_orphans),
    Chore(3600.0, trim),
    Chore(3600.0, trim_records),
)

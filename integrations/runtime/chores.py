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
from integrations.runtime.inbox import discard
from integrations.runtime.keys import key, prefix
from integrations.runtime.ledger_writing import keep_hours as keep_hours
from integrations.runtime.ledger_writing import waiting_sources
from integrations.runtime.ledger_writing import write_ledger as write_ledger
from integrations.runtime.observing import Observer
from integrations.runtime.sweeper import Chore
from wegnology.applications import audit, trash, usage
from wegnology.lib.redis import SyncRedis

HISTORY_DAYS = 30
HISTORY_ROWS = 1_000
"""Transitions kept of one integration, so that one that flaps for weeks does not fill the database."""
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
    LedgerHour.objects.filter(hour__lt=now - timedelta(days=settings.LEDGER_DAYS)).delete()


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
    waiting = waiting_sources(client)
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
    Chore(3600.0, keep_hours),
    Chore(3600.0, trim),
    Chore(3600.0, trim_records),
)

"""Keeps failed runs in the database: first the rows, then the end of the event. Batched, at most once a second."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
from django.db import DatabaseError, DataError, IntegrityError, close_old_connections

from wegnology.applications.models import Application
from wegnology.lib.redis import SyncRedis
from wegnology.lib.types import JSONObject
from workflows.flight import Failure
from workflows.models import ParkedRun

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
BATCH = 500
PAYLOAD_CHARACTERS = 64 * 1024
KEEP_DAYS = 30
KEEP_MOST = 10_000

FAILED = "failed"
STOPS_WORKER = "stops the worker"
UNREADABLE = "unreadable"


class Parked(NamedTuple):
    """An event some of whose runs failed. `stored` is its stored form; `done` is called once the rows are safe."""

    integration_id: str
    event_id: str
    stored: bytes
    reason: str
    failures: Sequence[Failure]
    done: Callable[[], None]


class Parking:
    """Writes parked runs from a worker's loop through a thread."""

    def __init__(self, database: Executor) -> None:
        self._database = database
        self._waiting: list[Parked] = []
        self._wake = asyncio.Event()

    def park(self, parked: Parked) -> None:
        """Keep the failed runs of an event."""
        self._waiting.append(parked)
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled. While the database is away, events wait in their inboxes."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._wake.clear()
            try:
                await loop.run_in_executor(self._database, _write, batch)
            except DatabaseError as error:
                logger.warning("parking waits: the database is away: %s", error)
                self._waiting = batch + self._waiting
                self._wake.set()
            else:
                for parked in batch:
                    parked.done()
            await asyncio.sleep(FLUSH_SECONDS)


def _write(batch: Sequence[Parked]) -> None:
    close_old_connections()
    now = datetime.now(UTC)
    rows = [_row(parked, failure, now) for parked in batch for failure in parked.failures]
    kept = set(Application.objects.filter(pk__in={row.application_id for row in rows}).values_list("pk", flat=True))
    rows = [row for row in rows if row.application_id in kept]  # an application deleted meanwhile took its runs along
    try:
        ParkedRun.objects.bulk_create(rows, ignore_conflicts=True)
    except (DataError, IntegrityError, ValueError):
        for row in rows:
            _write_alone(row)


def _write_alone(row: ParkedRun) -> None:
    """Keep one run of a batch that the database refused: what it will not take of this one must not hold up the others."""
    try:
        ParkedRun.objects.bulk_create([row], ignore_conflicts=True)
    except (DataError, IntegrityError, ValueError) as error:
        logger.exception("a failed run of workflow %s is kept without its payload: the database refused it", row.workflow_id)
        row.payload, row.error_message = (
            "",
            f"{ascii(row.error_message)[:1000]} (kept without its payload: {ascii(str(error))[:200]})",
        )
        ParkedRun.objects.bulk_create([row], ignore_conflicts=True)


def _row(parked: Parked, failure: Failure, now: datetime) -> ParkedRun:
    plan, error = failure
    return ParkedRun(
        application_id=plan.application_id,
        integration_id=parked.integration_id,
        workflow_id=plan.workflow_id,
        version_id=plan.version_id,
        event_id=parked.event_id,
        event=_storable(parked.stored.decode(errors="replace")),
        reason=parked.reason,
        error_name=_storable(error.name)[:255],
        error_message=_storable(error.message),
        node_id=error.node_id,
        node_label=_storable(error.node_label)[:255],
        path=[_storable(node_id) for node_id in error.path],
        payload=_payload(error.payload)[:PAYLOAD_CHARACTERS],
        created_at=now,
    )


def _storable(text: str) -> str:
    """Return a text that every database takes: payloads may hold NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _payload(payload: JSONObject) -> str:
    """Return the payload for people to read; what a workflow computed may be more than JSON can say."""
    try:
        return orjson.dumps(payload).decode()
    except TypeError:
        return _storable(json.dumps(payload, default=str))


def trim(_client: SyncRedis) -> None:
    """Delete parked runs beyond 30 days or 10,000 an integration, oldest first, and say so in the log."""
    aged, _ = ParkedRun.objects.filter(created_at__lt=datetime.now(UTC) - timedelta(days=KEEP_DAYS)).delete()
    over = 0
    for integration_id in ParkedRun.objects.order_by().values_list("integration_id", flat=True).distinct():
        rows = ParkedRun.objects.filter(integration_id=integration_id).order_by("-created_at", "-id")
        edge = rows.values_list("created_at", flat=True)[KEEP_MOST : KEEP_MOST + 1]
        if edge:
            over += rows.filter(created_at__lte=edge[0]).delete()[0]
    if aged or over:
        logger.warning("dropped parked runs: %d older than %d days, %d beyond the limit", aged, KEEP_DAYS, over)

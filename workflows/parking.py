"""Keeps failed runs in the database: first the rows, then the end of the event. Batched, at most once a second."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
from django.db import DatabaseError, DataError, IntegrityError, close_old_connections

from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject
from workflows.flight import Failure
from workflows.models import ParkedRun

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
BATCH = 500
PAYLOAD_CHARACTERS = 64 * 1024

_RENEWED = (
    *("integration_id", "event", "reason", "error_name", "error_message", "node_id", "node_label", "path", "payload"),
    *("created_at", "received_at", "size", "replaying"),
)

FAILED = "failed"
STOPS_WORKER = "stops the worker"
UNREADABLE = "unreadable"
NO_VERSION = "no such version"
NOT_RUN = "nothing to run"
"""A replay found no workflow that wants the event any more."""


class Parked(NamedTuple):
    """An event some of whose runs failed. `stored` is its stored form; `done` is called once the rows are safe."""

    integration_id: str
    event_id: str
    stored: bytes
    reason: str
    failures: Sequence[Failure]
    done: Callable[[], None]
    received_ms: int = 0


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
    rows = list({(row.event_id, row.workflow_id, row.version_id): row for row in rows}.values())
    try:
        _keep(rows)
    except (DataError, IntegrityError, ValueError):
        for row in rows:
            _write_alone(row)


def _write_alone(row: ParkedRun) -> None:
    """Keep one run of a batch that the database refused: what it will not take of this one must not hold up the others."""
    try:
        _keep([row])
    except (DataError, IntegrityError, ValueError) as error:
        logger.exception("a failed run of workflow %s is kept without its payload: the database refused it", row.workflow_id)
        row.payload, row.error_message = (
            "",
            f"{ascii(row.error_message)[:1000]} (kept without its payload: {ascii(str(error))[:200]})",
        )
        _keep([row])


def _keep(rows: Sequence[ParkedRun]) -> None:
    """Write rows. One that is there already, because the run is parked again, says from now on what happened last.

    Whoever replays that run at the moment does not delete it then.
    """
    ParkedRun.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["event_id", "workflow_id", "version_id"],
        update_fields=list(_RENEWED),
    )


def _row(parked: Parked, failure: Failure, now: datetime) -> ParkedRun:
    plan, error = failure
    stored, payload = _storable(parked.stored.decode(errors="replace")), _payload(error.payload)[:PAYLOAD_CHARACTERS]
    return ParkedRun(
        application_id=plan.application_id,
        integration_id=parked.integration_id,
        workflow_id=plan.workflow_id,
        version_id=plan.version_id,
        event_id=parked.event_id,
        event=stored,
        reason=parked.reason,
        error_name=_storable(error.name)[:255],
        error_message=_storable(error.message),
        node_id=error.node_id,
        node_label=_storable(error.node_label)[:255],
        path=[_storable(node_id) for node_id in error.path],
        payload=payload,
        created_at=now,
        received_at=datetime.fromtimestamp(parked.received_ms / 1000, UTC) if parked.received_ms else None,
        size=len(parked.stored) + len(payload),
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

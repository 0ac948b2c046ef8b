"""What starts workflows at a time: timers, and runs that were scheduled. Done by the sweeper once a second, in one process.

When a timer fires next stands in Redis (`timers`), with a mark of its settings: a timer that is new, was changed or was
switched off begins to count anew. After a time in which nothing ran it fires once, not for every time that was missed. An
event is known by its timer and the time at which it was due, so that two processes, or one that died, fire it once.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Prefetch
from pydantic import ValidationError

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime.depositing import MESSAGE, SIGNAL, Deposit, deposit, drop
from integrations.runtime.keys import key
from integrations.runtime.limits import Limits
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id
from wegnology.lib.redis import SyncRedis
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.triggers import TIMER, TimerConfig

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""Scheduled runs that are started in one round."""


class Timer(NamedTuple):
    """A timer of a version that is live. `mark` changes with its settings."""

    workflow_id: str
    application_id: str
    key: str
    config: TimerConfig
    mark: str

    @property
    def field(self) -> str:
        """Its name in Redis."""
        return f"{self.workflow_id}:{self.key}"


def timers_of(workflow: Workflow, version: WorkflowVersion | None) -> Iterator[Timer]:
    """Yield the timers of a version. What cannot be read is left out: the workflow's page says what is wrong with it."""
    for raw in version.triggers if version is not None and version.enabled else ():
        if not isinstance(raw, dict) or raw.get("type") != TIMER or not isinstance(raw.get("key"), str):
            continue
        try:
            config = TimerConfig.model_validate(raw.get("config") or {})
        except ValidationError:
            continue
        mark = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:12]
        yield Timer(workflow.pk, workflow.application_id, str(raw["key"]), config, mark)


def next_times(client: SyncRedis, workflow: Workflow, version: WorkflowVersion | None) -> dict[str, datetime]:
    """Return when the timers of a workflow fire next, by their key; what the sweeper has not seen yet is left out."""
    timers = list(timers_of(workflow, version)) if workflow.enabled else []
    if not timers:
        return {}
    found: Any = client.hmget(key("timers"), [timer.field for timer in timers])
    due = {timer.key: _due(timer, stored) for timer, stored in zip(timers, found, strict=True)}
    return {name: datetime.fromtimestamp(at / 1000, UTC) for name, at in due.items() if at is not None}


class Timers:
    """All timers, as a chore. What it knows is loaded again when an application changes."""

    def __init__(self) -> None:
        self._revisions: dict[str, int] = {}
        self._timers: dict[str, list[Timer]] = {}
        self._stopped: dict[str, datetime] = {}

    def __call__(self, client: SyncRedis) -> None:
        """Fire what is due."""
        self._load()
        timers = {timer.field: timer for group in self._timers.values() for timer in group}
        stored: dict[bytes, bytes] = client.hgetall(key("timers"))  # type: ignore[assignment]
        now = int(time.time() * 1000)
        known = {name.decode(): value for name, value in stored.items()}
        if gone := known.keys() - timers.keys():
            client.hdel(key("timers"), *gone)
        for name, timer in timers.items():
            due = _due(timer, known.get(name))
            if due is None:
                self._put(client, timer, timer.config.first(now))
            elif due <= now:
                self._fire(client, timer, due)
                self._put(client, timer, timer.config.after(due, now))

    def _load(self) -> None:
        rows = Application.objects.values_list("pk", "revision", "stopped_until")
        current = {pk: revision for pk, revision, _ in rows}
        self._stopped = {pk: until for pk, _, until in rows if until is not None}
        changed = [pk for pk, revision in current.items() if self._revisions.get(pk) != revision]
        develop = Prefetch("versions", WorkflowVersion.objects.filter(name=DEVELOP), to_attr="develop")
        for pk in changed:
            workflows = Workflow.objects.filter(application_id=pk, enabled=True).select_related("default_version")
            rows_with = [
                (row, row.default_version or next(iter(row.develop), None)) for row in workflows.prefetch_related(develop)
            ]
            self._timers[pk] = [timer for row, version in rows_with for timer in timers_of(row, version)]
        self._timers = {pk: found for pk, found in self._timers.items() if pk in current}
        self._revisions = current

    def _put(self, client: SyncRedis, timer: Timer, due: int) -> None:
        client.hset(key("timers"), timer.field, f"{due} {timer.mark}")

    def _fire(self, client: SyncRedis, timer: Timer, due: int) -> None:
        event = TriggerEvent(new_id(), EventKind.MESSAGE, int(time.time() * 1000), {}, origin=Origin(TIMER, timer.key))
        item = Deposit(timer.workflow_id, event.to_json(), MESSAGE, (f"timer:{timer.field}", due))
        stopped = self._stopped.get(timer.application_id)
        if stopped is not None and stopped > datetime.now(UTC):
            drop(client, item, "limit")
        elif not deposit(client, item, Limits.from_settings()):
            drop(client, item, "full")


def _due(timer: Timer, stored: bytes | None) -> int | None:
    """Return when a timer is due (ms); None when it has to begin to count."""
    due, _, mark = (stored or b"").decode().partition(" ")
    return int(due) if due.isdecimal() and mark == timer.mark else None


def start_scheduled(client: SyncRedis) -> None:
    """Put scheduled runs that are due into the inboxes of their workflows; those without room there wait for the next round."""
    now = int(time.time() * 1000)
    due: list[bytes] = client.zrangebyscore(key("schedule"), "-inf", now, start=0, num=AT_ONCE)  # type: ignore[assignment]
    if not due:
        return
    runs = [tuple(name.decode().split(":", 1)) for name in due]
    with client.pipeline(transaction=False) as pipe:
        for application_id, run_id in runs:
            pipe.hget(key("scheduled", application_id), run_id)
        stored = pipe.execute()
    found = [(name, *run, *value.partition(b"\n")[::2]) for name, run, value in zip(due, runs, stored, strict=True) if value]
    wanted = {target.decode() for _, _, _, target, _ in found}
    existing = set(Workflow.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    for name, application_id, run_id, target, event in found:
        item = Deposit(target.decode(), event, SIGNAL, (f"run:{run_id}", 1))
        if item.source_id not in existing:
            drop(client, item, "deleted")
        elif not deposit(client, item, Limits.from_settings()):
            continue
        _take_out(client, name, application_id, run_id)
    for name, (application_id, run_id), value in zip(due, runs, stored, strict=True):
        if not value:
            _take_out(client, name, application_id, run_id)  # taken back a moment ago


def _take_out(client: SyncRedis, name: bytes, application_id: str, run_id: str) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.zrem(key("schedule"), name)
        pipe.hdel(key("scheduled", application_id), run_id)
        pipe.execute()

"""What pages, commands and the REST API read of what workflows did.

    stats(workflow, since, until)        runs, failures and wall time by the hour
    errors(workflow, since, until)       errors by kind, the most recent first
    log(workflow, since, until, limit)   the hours of each version with their errors, newest first
    last_runs(workflow)                  the runs that are kept, newest first
    find_run(workflow, run)              one of them, with its way through the nodes

Times are aware datetimes; a window begins at the full hour in which `since` lies. Hours come from the database, and the
last two from Redis as well, which is some seconds ahead. While Redis is away, `stats`, `errors` and `log` go without it; what
is in Redis alone raises what `RedisAway` names.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from integrations.runtime.keys import key
from integrations.runtime.ledger import HOUR_MS
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.types import JSONObject
from workflows.insight.hours import Place, Tally, moment, read_tallies
from workflows.insight.records import RunError, RunHour
from workflows.insight.runs import Run

HOUR = timedelta(hours=1)
LIVE_HOURS = 2


@dataclass(frozen=True, slots=True)
class StatLine:
    """What ended from `time` on, for as long as a line stands for. `wall_ms` is the wall time of all runs together."""

    time: datetime
    runs: int = 0
    failed: int = 0
    wall_ms: float = 0.0

    @property
    def mean_ms(self) -> float:
        """Return the wall time of a run."""
        return self.wall_ms / self.runs if self.runs else 0.0

    def as_json(self) -> JSONObject:
        """Return it as the REST API says it. A run counts as one path."""
        return {
            "time": self.time.isoformat(),
            "runCount": self.runs,
            "pathsFailed": self.failed,
            "pathsCompleted": self.runs - self.failed,
            "wallTime": round(self.wall_ms, 3),
        }


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """Errors of one kind. Text, event and `last` are those of the latest."""

    version_id: str
    node_id: str
    node_label: str
    name: str
    message: str
    event_id: str
    count: int
    first: datetime
    last: datetime

    def as_json(self) -> JSONObject:
        """Return it as the REST API says it, with how many there were, and since when."""
        return {
            "time": self.last.isoformat(),
            "firstTime": self.first.isoformat(),
            "count": self.count,
            "flowVersionId": self.version_id or None,
            "nodeId": self.node_id,
            "nodeLabel": self.node_label,
            "error": {"name": self.name, "message": self.message},
            "eventId": self.event_id,
        }


class LogLine(NamedTuple):
    """One hour of one version."""

    version_id: str
    line: StatLine
    errors: list[ErrorLine]

    def as_json(self) -> JSONObject:
        """Return it as the REST API says it."""
        found: list[Any] = [error.as_json() for error in self.errors]
        return {"flowVersionId": self.version_id, **self.line.as_json(), "errors": found}


def stats(workflow_id: str, since: datetime, until: datetime, version_id: str = "", step: timedelta = HOUR) -> list[StatLine]:
    """Return a line for each step of the window, oldest first, also where nothing ran. `step` is full hours."""
    step = max(HOUR, timedelta(hours=round(step / HOUR)))
    first = floor(since)
    lines = [StatLine(first + at * step) for at in range(max(0, -((first - until) // step)))]
    for row in _hours(workflow_id, since, until):
        at = (row.hour - first) // step
        if 0 <= at < len(lines) and version_id in ("", row.version_id):
            lines[at] = _add(lines[at], row)
    return lines


def total(lines: Iterable[StatLine]) -> StatLine:
    """Add lines up."""
    found = list(lines)
    runs, failed = sum(one.runs for one in found), sum(one.failed for one in found)
    return StatLine(found[0].time if found else timezone.now(), runs, failed, sum(one.wall_ms for one in found))


def errors(workflow_id: str, since: datetime, until: datetime, version_id: str = "", limit: int = 0) -> list[ErrorLine]:
    """Return the kinds of errors of the window, the one seen last first; `limit` 0 for all."""
    kinds: dict[str, ErrorLine] = {}
    for row in _errors(workflow_id, since, until):
        if version_id in ("", row.version_id):
            known = kinds.get(row.digest)
            kinds[row.digest] = _line(row) if known is None else _join(known, _line(row))
    found = sorted(kinds.values(), key=lambda one: one.last, reverse=True)
    return found[:limit] if limit else found


def log(workflow_id: str, since: datetime, until: datetime, limit: int = 1, version_id: str = "") -> list[LogLine]:
    """Return what each version did, hour by hour, newest first."""
    failed: dict[tuple[datetime, str], list[ErrorLine]] = {}
    for row in _errors(workflow_id, since, until):
        failed.setdefault((row.hour, row.version_id), []).append(_line(row))
    rows = [row for row in _hours(workflow_id, since, until) if version_id in ("", row.version_id)]
    rows.sort(key=lambda row: (row.hour, row.version_id), reverse=True)
    lines = [(row, _add(StatLine(row.hour), row)) for row in rows[:limit]]
    return [LogLine(row.version_id, line, failed.get((row.hour, row.version_id), [])) for row, line in lines]


def last_runs(workflow_id: str, failed: bool | None = None) -> list[Run]:
    """Return the runs that are kept, newest first; `failed` for those with an error alone, or those without."""
    names = [name for name, ill in (("runs", False), ("failures", True)) if failed in (None, ill)]
    with closing(sync_client()) as client, client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.lrange(key(name, workflow_id), 0, -1)
        found = [Run.from_json(text) for texts in pipe.execute() for text in texts]
    return sorted(found, key=lambda run: (run.started_ms, run.id), reverse=True)


def find_run(workflow_id: str, run_id: str) -> Run | None:
    """Return one of the runs that are kept. Of an event that was run twice, the later run."""
    return next((run for run in last_runs(workflow_id) if run.id == run_id), None)


def floor(time: datetime) -> datetime:
    """Return the full hour in which a time lies."""
    return time.replace(minute=0, second=0, microsecond=0)


def _add(line: StatLine, row: RunHour) -> StatLine:
    return StatLine(line.time, line.runs + row.runs, line.failed + row.failed, line.wall_ms + row.micros / 1000)


def _line(row: RunError) -> ErrorLine:
    about = (row.version_id, row.node_id, row.node_label, row.error_name, row.message, row.event_id)
    return ErrorLine(*about, row.count, row.first_at, row.last_at)


def _join(one: ErrorLine, other: ErrorLine) -> ErrorLine:
    latest = max(one, other, key=lambda line: line.last)
    return replace(latest, count=one.count + other.count, first=min(one.first, other.first))


def _hours(workflow_id: str, since: datetime, until: datetime) -> list[RunHour]:
    rows = RunHour.objects.filter(workflow_id=workflow_id, hour__gte=floor(since), hour__lt=until)
    known = {(row.hour, row.version_id): row for row in rows}
    for tally in _live(workflow_id, since, until):
        known |= {(row.hour, row.version_id): row for row in tally.hours}
    return list(known.values())


def _errors(workflow_id: str, since: datetime, until: datetime) -> list[RunError]:
    rows = RunError.objects.filter(workflow_id=workflow_id, hour__gte=floor(since), hour__lt=until)
    known = {(row.hour, row.digest): row for row in rows}
    for tally in _live(workflow_id, since, until):
        known |= {(row.hour, row.digest): row for row in tally.errors}
    return list(known.values())


def _live(workflow_id: str, since: datetime, until: datetime) -> Sequence[Tally]:
    """Return what Redis knows of the last hours, as far as they lie in the window."""
    now_ms = int(timezone.now().timestamp() * 1000)
    last = now_ms - now_ms % HOUR_MS
    places: list[Place] = [(workflow_id, last - back * HOUR_MS) for back in range(LIVE_HOURS)]
    places = [place for place in places if floor(since) <= moment(place[1]) < until]
    if not places:
        return []
    try:
        with closing(sync_client()) as client:
            return read_tallies(client, places)
    except RedisAway:
        return []

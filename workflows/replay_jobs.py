"""Replays of many parked runs at a chosen rate, in the background: begun by people and programs, carried on by the sweeper.

A job is a row, so it goes on after a restart where it was. What finds no room in its inbox waits; what cannot be replayed stays
parked and is counted as refused.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from wegnology.applications.models import Application
from wegnology.lib.redis import SyncRedis
from workflows.models import ParkedRun, ReplayJob, ReplayState
from workflows.parked import Chosen
from workflows.replay import VERSIONS, send_back

LEAST_RATE, USUAL_RATE, MOST_RATE = 0.1, 10.0, 500.0
"""Runs a second."""
MOST_JOBS = 5
"""Jobs of one application that are under way or paused."""
BURST_SECONDS = 2.0
"""After a pause (nobody lived, Redis was away) no more is made up for than this."""
KEEP_DAYS = 30
OPEN = (ReplayState.RUNNING, ReplayState.PAUSED)


class JobRefused(ValueError):
    """No such replay can be begun; the text names the field and the next step."""


def begin(application: Application, chosen: Chosen, *, rate: float = USUAL_RATE, version: str = "", asker: str = "") -> ReplayJob:
    """Begin to replay the chosen runs of an application; returns the job. Raises `JobRefused`."""
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise JobRefused(
            "rate: "
            + _("choose %(least_rate)s to %(most_rate)s runs a second")
            % {"least_rate": f"{LEAST_RATE:g}", "most_rate": f"{MOST_RATE:g}"}
        )
    if version not in VERSIONS:
        raise JobRefused(
            "version: " + _("a replay runs the default version or develop, not %(version)s") % {"version": f"{version!r}"}
        )
    if ReplayJob.objects.filter(application=application, state__in=OPEN).count() >= MOST_JOBS:
        raise JobRefused(
            _("%(most_jobs)s replays of this application are under way: wait for one to end, or cancel one")
            % {"most_jobs": MOST_JOBS}
        )
    now = timezone.now()
    total = chosen.rows([application.pk]).filter(created_at__lte=now).count()
    if not total:
        raise JobRefused(_("no parked run is like that"))
    known = {"chosen": chosen.to_json(), "version": version, "rate": rate, "total": total, "asker": asker}
    return ReplayJob.objects.create(application=application, created_at=now, advanced_at=now, **known)


def change(job: ReplayJob, state: ReplayState) -> bool:
    """Pause, cancel or go on with a job that has not ended; say whether it was."""
    changed = ReplayJob.objects.filter(pk=job.pk, state__in=OPEN).update(state=state, advanced_at=timezone.now())
    return bool(changed)


def advance(_client: SyncRedis) -> None:
    """Go on with every job that is under way, as far as its rate allows since the last time."""
    for job in ReplayJob.objects.filter(state=ReplayState.RUNNING).order_by("created_at"):
        _advance(job, timezone.now())


def _advance(job: ReplayJob, now: datetime) -> None:
    elapsed = min((now - job.advanced_at).total_seconds(), max(BURST_SECONDS, 1 / job.rate))
    allowed = int(elapsed * job.rate + 1e-6)
    if allowed < 1:
        return
    rows = list(_left(job)[:allowed])
    if not rows:
        _update(job, state=ReplayState.DONE, note="", advanced_at=now)
        return
    result = send_back(rows, job.version)
    waiting = set(result.no_room)
    passed = next((at for at, row in enumerate(rows) if row.pk in waiting), len(rows))
    refused = sum(row.pk in result.refused for row in rows[:passed])
    note = _("Waits for room in an inbox.") if waiting else next(iter(result.refused.values()), job.note)
    place = _place(rows[passed - 1]) if passed else job.place
    counted = {"done": F("done") + len(result.done), "refused": F("refused") + refused}
    _update(job, place=place, note=note, advanced_at=now, **counted)


def _left(job: ReplayJob) -> QuerySet[ParkedRun]:
    """Return the runs that the job has not come to yet, the oldest first."""
    rows = Chosen.from_json(job.chosen).rows([job.application_id]).filter(created_at__lte=job.created_at)
    if job.place:
        time, key = datetime.fromisoformat(job.place[0]), job.place[1]
        rows = rows.filter(Q(created_at__gt=time) | Q(created_at=time, pk__gt=key))
    return rows


def _place(row: ParkedRun) -> list[str]:
    return [row.created_at.astimezone(UTC).isoformat(), row.pk]


def _update(job: ReplayJob, **values: Any) -> None:
    """Write how a job stands, unless somebody paused or cancelled it meanwhile; what it did counts all the same."""
    rows = ReplayJob.objects.filter(pk=job.pk)
    if not rows.filter(state=ReplayState.RUNNING).update(**values):
        values.pop("state", None)
        rows.update(**values)


def trim(_client: SyncRedis) -> None:
    """Forget jobs that ended long ago."""
    edge = timezone.now() - timedelta(days=KEEP_DAYS)
    ReplayJob.objects.filter(advanced_at__lt=edge).exclude(state__in=OPEN).delete()

"""Opens alarms, ends them, repeats them, and takes note that somebody knows. Time is handed in.

A condition opens an alarm when it was found in two looks in a row, and ends it when it was away for two minutes. One that comes
back within ten minutes is the same alarm again, and people are not told more often than every ten minutes. So what flaps
is one alarm with a count, and no flood of mail. What is to be told is written down as notices in the same transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from wegnology.applications.audit import Actor, current_actor, record
from wegnology.applications.models import Application
from workflows.alarms.kinds import EVERYTHING, Doubt, Finding, Verdict
from workflows.models import Alarm, AlarmNotice, AlarmRule

MAIL, WEBHOOK, WORKFLOWS = "mail", "webhook", "workflows"
OPENED, REPEATED, OVER = "opened", "repeated", "over"
CLEAR = timedelta(minutes=2)
AGAIN = timedelta(minutes=10)
"""What comes back so soon is the same alarm, and what was told so lately is not told yet."""
REWORD = timedelta(minutes=5)
"""How often the sentence of an open alarm is written anew."""
HISTORY_MOST = 5_000
"""Alarms that are over, kept of one application."""

Judged = Sequence[tuple[AlarmRule, Sequence[Verdict]]]
Place = tuple[str | None, str]


class Keeper:
    """Keeps alarms as the looks find them. It remembers what it saw in the last look."""

    def __init__(self) -> None:
        self._seen: set[Place] = set()

    def keep(self, judged: Judged, now: datetime) -> None:
        """Bring the alarms in line with one look at all rules that are switched on: a fixed number of queries."""
        with transaction.atomic():
            _Look(judged, self._seen, now).write()
        self._seen = {(rule.pk, one.subject.id) for rule, verdicts in judged for one in verdicts if isinstance(one, Finding)}


class _Look:
    """One look: what changes by it."""

    def __init__(self, judged: Judged, seen: set[Place], now: datetime) -> None:
        self._now, self._seen = now, seen
        self._rules = {rule.pk: rule for rule, _ in judged}
        self._findings: dict[Place, Finding] = {}
        self._doubts: set[Place] = set()
        for rule, verdicts in judged:
            for one in verdicts:
                if isinstance(one, Doubt):
                    self._doubts.add((rule.pk, one.subject_id))
                else:
                    self._findings[rule.pk, one.subject.id] = one
        recent = Alarm.objects.filter(Q(cleared_at__isnull=True) | Q(cleared_at__gt=now - AGAIN)).order_by("opened_at")
        self._alarms: dict[Place, Alarm] = {(row.rule_id, row.subject_id): row for row in recent}
        self._new: list[Alarm] = []
        self._changed: dict[str, Alarm] = {}
        self._notices: list[AlarmNotice] = []
        self._undone: list[str] = []

    def write(self) -> None:
        """Work out what changes, and write it."""
        self._pending = self._not_yet_told()
        for place, finding in self._findings.items():
            alarm = self._alarms.get(place)
            if alarm is None:
                self._begin(place, finding)
            else:
                self._go_on(alarm, finding, again=place in self._seen)
        for place, alarm in self._alarms.items():
            if alarm.cleared_at is None and place not in self._findings:
                self._miss(alarm, place)
        AlarmNotice.objects.filter(alarm__in=self._undone).exclude(channel=WORKFLOWS).delete()
        Alarm.objects.bulk_create(self._new)
        Alarm.objects.bulk_update(self._changed.values(), ["cause", "updated_at", "gone_at", "cleared_at", "told_at", "times"])
        AlarmNotice.objects.bulk_create(self._notices)

    def _not_yet_told(self) -> dict[str, datetime]:
        """Return when what waits to be told of each alarm is due, the latest."""
        open_ids = [row.pk for row in self._alarms.values()]
        rows = AlarmNotice.objects.filter(alarm__in=open_ids).exclude(channel=WORKFLOWS).order_by("due_at")
        return dict(rows.values_list("alarm_id", "due_at"))

    def _begin(self, place: Place, finding: Finding) -> None:
        """Open an alarm, if this was found the last time, too."""
        if place not in self._seen:
            return
        rule = self._rules[str(place[0])]
        subject, now = finding.subject, self._now
        alarm = Alarm(
            application_id=rule.application_id,
            rule=rule,
            kind=rule.kind,
            subject_kind=subject.kind,
            subject_id=subject.id,
            subject_name=subject.name[:255],
            first_cause=finding.cause,
            cause=finding.cause,
            opened_at=now,
            updated_at=now,
        )
        self._new.append(alarm)
        self._tell(alarm, rule, OPENED)

    def _go_on(self, alarm: Alarm, finding: Finding, *, again: bool) -> None:
        rule, now = self._rules[str(alarm.rule_id)], self._now
        if alarm.cleared_at is not None:
            if again:
                alarm.cleared_at, alarm.gone_at, alarm.times = None, None, alarm.times + 1
                self._say_anew(alarm, finding)
                self._tell(alarm, rule, OPENED)
            return
        if alarm.gone_at is not None:
            alarm.gone_at = None
            self._changed[alarm.pk] = alarm
        if finding.cause != alarm.cause and now - alarm.updated_at >= REWORD:
            self._say_anew(alarm, finding)
        self._repeat(alarm, rule)

    def _say_anew(self, alarm: Alarm, finding: Finding) -> None:
        alarm.cause, alarm.updated_at = finding.cause, self._now
        self._changed[alarm.pk] = alarm

    def _repeat(self, alarm: Alarm, rule: AlarmRule) -> None:
        """Tell again what nobody acknowledged, unless the last time is still on its way."""
        if alarm.acknowledged_at is not None or not rule.repeat_minutes or alarm.pk in self._pending:
            return
        last = alarm.told_at or alarm.opened_at
        if self._now - last >= timedelta(minutes=rule.repeat_minutes):
            self._tell(alarm, rule, REPEATED)

    def _miss(self, alarm: Alarm, place: Place) -> None:
        """Note that a condition was not found, and that its alarm is over when that has lasted."""
        rule = self._rules.get(str(alarm.rule_id))
        if rule is None:  # switched off or deleted: nobody looks any more
            alarm.cleared_at = self._now
            self._undone.append(alarm.pk)
        elif place in self._doubts or (place[0], EVERYTHING) in self._doubts:
            if alarm.gone_at is None:
                return
            alarm.gone_at = None
        elif alarm.gone_at is None:
            alarm.gone_at = self._now
        elif self._now - alarm.gone_at >= CLEAR:
            alarm.cleared_at = self._now
            self._end(alarm, rule)
        else:
            return
        self._changed[alarm.pk] = alarm

    def _end(self, alarm: Alarm, rule: AlarmRule) -> None:
        """Tell that it is over; of what nobody was told yet, nobody needs to be."""
        due = self._pending.get(alarm.pk)
        if due is not None and due > self._now:
            self._undone.append(alarm.pk)
        elif rule.tell_over:
            self._notices += [self._notice(alarm, rule, channel, OVER, self._now) for channel in _channels(rule)]
            return
        self._notices.append(self._notice(alarm, rule, WORKFLOWS, OVER, self._now))

    def _tell(self, alarm: Alarm, rule: AlarmRule, occasion: str) -> None:
        due = max(self._now, alarm.told_at + AGAIN) if alarm.told_at and occasion == OPENED else self._now
        for channel in _channels(rule):
            if channel == WORKFLOWS and occasion == REPEATED:
                continue
            self._notices.append(self._notice(alarm, rule, channel, occasion, self._now if channel == WORKFLOWS else due))
        alarm.told_at = due
        if alarm not in self._new:
            self._changed[alarm.pk] = alarm

    def _notice(self, alarm: Alarm, rule: AlarmRule, channel: str, occasion: str, due: datetime) -> AlarmNotice:
        return AlarmNotice(alarm=alarm, rule=rule, channel=channel, occasion=occasion, due_at=due)


def _channels(rule: AlarmRule) -> list[str]:
    """Return the ways in which a rule tells; workflows choose by themselves."""
    return [WORKFLOWS, *([MAIL] if rule.emails else []), *([WEBHOOK] if rule.calls else [])]


def open_alarms(applications: "Iterable[Application] | QuerySet[Application]") -> QuerySet[Alarm]:
    """Return what is wrong now in these applications, the latest first."""
    return Alarm.objects.filter(application__in=applications, cleared_at__isnull=True)


def acknowledge(alarms: QuerySet[Alarm], actor: Actor | None = None) -> int:
    """Note who knows of alarms that are open, so that they are not repeated; returns how many were new to be known."""
    actor = actor or current_actor()
    now, done = timezone.now(), 0
    with transaction.atomic():
        for alarm in alarms.filter(cleared_at__isnull=True, acknowledged_at__isnull=True):
            rows = Alarm.objects.filter(pk=alarm.pk, acknowledged_at__isnull=True)
            if rows.update(acknowledged_at=now, acknowledged_by=actor.name[:255]):
                AlarmNotice.objects.filter(alarm=alarm, occasion=REPEATED).delete()
                record(actor, "acknowledged", alarm)
                done += 1
    return done


def trim(now: datetime) -> None:
    """Delete alarms that have been over for long, and the oldest where an application has very many."""
    over = Alarm.objects.filter(cleared_at__isnull=False)
    over.filter(cleared_at__lt=now - timedelta(days=settings.ALARM_DAYS)).delete()
    many = over.order_by().values("application_id").annotate(rows=Count("pk")).filter(rows__gt=HISTORY_MOST)
    for application_id in many.values_list("application_id", flat=True):
        rows = over.filter(application_id=application_id).order_by("-cleared_at")
        rows.filter(cleared_at__lt=rows[HISTORY_MOST - 1].cleared_at).delete()

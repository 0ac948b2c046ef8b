"""Looks for alarms every 30 seconds, in one process at a time, and sees to it that they are told.

A thread of every listener, worker and tasks process; whoever holds the lease in the database works. It is no chore of the
sweeper, whose lease is in Redis: that Redis is away is an alarm, too. Telling is a task of the queue `tasks`, which Celery runs
elsewhere; what nobody has told after 45 seconds is told here, since then nobody takes tasks.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from celery import bootsteps, current_app
from django.db import DatabaseError, IntegrityError, close_old_connections, connections, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from wegnology.lib.loop import process_name
from wegnology.lib.redis import RedisAway
from workflows.alarms import keeping, telling
from workflows.alarms.facts import Facts
from workflows.alarms.gathering import Gatherer
from workflows.alarms.keeping import Keeper
from workflows.alarms.kinds import KINDS, Doubt, Verdict
from workflows.models import AlarmRule, AlarmWatch

logger = logging.getLogger(__name__)

TICK_SECONDS = 2.0
LOOK_SECONDS = 30.0
TRIM_SECONDS = 3_600.0
LEASE = timedelta(seconds=60)
RENEW = timedelta(seconds=20)
UNTAKEN = timedelta(seconds=45)
"""What is due for so long and not told, nobody else tells."""
TELL_TASK = "workflows.tell_alarms"


def look(gatherer: Gatherer, keeper: Keeper, now: datetime) -> None:
    """Look once: rules, facts, judgements, and what follows. Raises `DatabaseError`."""
    rules = list(AlarmRule.objects.filter(enabled=True))
    facts = {one.subject.id: one for one in gatherer.gather({rule.application_id for rule in rules}, now)}
    keeper.keep([(rule, judge(rule, facts[rule.application_id])) for rule in rules if rule.application_id in facts], now)


def judge(rule: AlarmRule, facts: Facts) -> Sequence[Verdict]:
    """Return what a rule says of facts. A kind of another release, and a judge that fails, say nothing."""
    kind = KINDS.get(rule.kind)
    if kind is None:
        return [Doubt()]
    try:
        verdicts = list(kind.judge(facts, rule.limit))
    except Exception:
        logger.exception("the rule %s cannot be judged", rule.pk)
        return [Doubt()]
    if rule.integration_id is None or not kind.of_integrations:
        return verdicts
    return [one for one in verdicts if isinstance(one, Doubt) or one.subject.id == rule.integration_id]


def hold(name: str, now: datetime) -> bool:
    """Take or keep the lease; say whether it is ours. Reads once, and writes only when it is taken or grows old."""
    row = AlarmWatch.objects.filter(pk=1).first()
    if row is None:
        try:
            with transaction.atomic():
                AlarmWatch.objects.create(pk=1, holder=name, until=now + LEASE)
        except IntegrityError:
            return False
        return True
    if row.holder != name and row.until > now:
        return False
    if row.holder == name and row.until > now + LEASE - RENEW:
        return True
    mine = AlarmWatch.objects.filter(pk=1, holder=row.holder, until=row.until)
    return bool(mine.update(holder=name, until=now + LEASE))


def let_go(name: str) -> None:
    """Give the lease back."""
    AlarmWatch.objects.filter(pk=1, holder=name).update(until=timezone.now())


def send_out(now: datetime, ask: Callable[[str], None], tell: Callable[[str], None]) -> None:
    """See that what is due is told: ask for it, or do it where asking does not help."""
    late = set(telling.due_rules(now - UNTAKEN))
    for rule_id in telling.due_rules(now):
        if rule_id not in late:
            try:
                ask(rule_id)
                continue
            except (OperationalError, *RedisAway) as error:
                logger.warning("an alarm is told without the queue of tasks: %s", error)
        tell(rule_id)


def ask_to_tell(rule_id: str) -> None:
    """Ask a tasks process to tell what is due of a rule. Raises what `RedisAway` names, or `OperationalError`."""
    current_app.send_task(TELL_TASK, args=[rule_id], queue="tasks", ignore_result=True, retry=False, expires=60)


class Watcher:
    """The thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._gatherer, self._keeper = Gatherer(), Keeper()
        self._look_at = self._ask_at = self._trim_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give the lease back."""
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                close_old_connections()
                if hold(self._name, timezone.now()):
                    self._work(time.monotonic())
            except DatabaseError as error:
                logger.warning("alarms wait: the database is away: %s", error)
            except Exception:
                logger.exception("a look for alarms failed; the next one follows")
        try:
            let_go(self._name)
        except DatabaseError:
            logger.debug("the lease of the alarms runs out by itself")
        connections.close_all()

    def _work(self, at: float) -> None:
        """Do what is due at `at` (monotonic seconds)."""
        if at >= self._look_at:
            self._look_at = at + LOOK_SECONDS
            look(self._gatherer, self._keeper, timezone.now())
            self._ask_at = at
        if at >= self._ask_at:
            self._ask_at = at + LOOK_SECONDS / 3
            send_out(timezone.now(), ask_to_tell, self._tell)
        if at >= self._trim_at:
            self._trim_at = at + TRIM_SECONDS
            keeping.trim(timezone.now())

    def _tell(self, rule_id: str) -> None:
        """Tell here; the lease is kept meanwhile."""
        if not self._stop.is_set() and hold(self._name, timezone.now()):
            telling.tell(rule_id)


class AlarmStep(bootsteps.StartStopStep):
    """Watches for as long as the process runs."""

    def __init__(self, parent: object, **options: object) -> None:
        super().__init__(parent, **options)
        self._watcher = Watcher(process_name())

    def start(self, parent: object) -> None:
        """Called by Celery when the worker starts."""
        self._watcher.start()

    def stop(self, parent: object) -> None:
        """Called by Celery on shutdown."""
        self._watcher.stop()

    terminate = stop

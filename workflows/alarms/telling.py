"""Tells what is due: per rule one mail, one call, and the starts of workflows. What fails is tried again, later and later.

Done by a task of the queue `tasks`; by the watcher itself where no process takes tasks or Redis is away. A notice that is
taken is nobody else's for two minutes; one that was told is deleted. So a crash may tell it twice, and never loses it.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from workflows.alarms import channels
from workflows.alarms.channels import NotTold
from workflows.alarms.keeping import MAIL, WEBHOOK, WORKFLOWS
from workflows.models import AlarmNotice, AlarmRule

TAKEN_FOR = timedelta(minutes=2)
AT_ONCE = 1_000
"""Notices of a rule that are told together."""
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(minutes=30)
MOST_ATTEMPTS = 50
"""About a day; then a notice is given up, and its failure stays on the rule."""

Channel = Callable[[AlarmRule, Sequence[AlarmNotice]], None]
CHANNELS: Mapping[str, Channel] = {WORKFLOWS: channels.start, WEBHOOK: channels.call, MAIL: channels.mail}
_FAILURES = {MAIL: "mail_failure", WEBHOOK: "webhook_failure"}


def due_notices(now: datetime) -> QuerySet[AlarmNotice]:
    """Return what is to be told now and taken by nobody."""
    free = Q(taken_at__isnull=True) | Q(taken_at__lt=now - TAKEN_FOR)
    return AlarmNotice.objects.filter(free, due_at__lte=now)


def due_rules(now: datetime) -> list[str]:
    """Return the rules with something to tell."""
    return list(due_notices(now).order_by().values_list("rule_id", flat=True).distinct())


def tell(rule_id: str, now: datetime | None = None, ways: Mapping[str, Channel] = CHANNELS) -> None:
    """Tell all that is due of a rule, each way by itself."""
    now = now or timezone.now()
    rule = AlarmRule.objects.select_related("application").filter(pk=rule_id).first()
    if rule is None:
        return
    notices = _take(rule, now)
    for channel, way in ways.items():
        group = [one for one in notices if one.channel == channel]
        if group:
            _tell(rule, channel, way, group, now)


def _take(rule: AlarmRule, now: datetime) -> list[AlarmNotice]:
    """Mark what is due as ours and return it, the oldest first."""
    mark = secrets.token_hex(8)
    due = list(due_notices(now).filter(rule=rule).order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    due_notices(now).filter(pk__in=due).update(taken_by=mark, taken_at=now)
    return list(AlarmNotice.objects.filter(taken_by=mark).select_related("alarm").order_by("due_at", "pk"))


def _tell(rule: AlarmRule, channel: str, way: Channel, group: Sequence[AlarmNotice], now: datetime) -> None:
    rows = AlarmNotice.objects.filter(pk__in=[one.pk for one in group])
    same = AlarmRule.objects.filter(pk=rule.pk)
    try:
        way(rule, group)
    except NotTold as error:
        later = now + retry_after(max(one.attempts for one in group))
        rows.filter(attempts__gte=MOST_ATTEMPTS).delete()
        rows.update(attempts=F("attempts") + 1, due_at=later, taken_by="", taken_at=None)
        if channel in _FAILURES:
            same.update(**{_FAILURES[channel]: f"{now:%d %b %Y %H:%M} UTC: {error}"})
        return
    rows.delete()
    if channel in _FAILURES:
        same.update(told_at=now, **{_FAILURES[channel]: ""})


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures before this one."""
    wait: timedelta = FIRST_RETRY * (1 << min(attempts, 10))
    return min(wait, LONGEST_RETRY)

"""Alarms in words and as JSON: what mails, webhooks and workflows get."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.lib.types import JSONObject
from workflows.alarms.keeping import OPENED, OVER, REPEATED
from workflows.models import Alarm, AlarmNotice, AlarmRule

MOST_IN_A_MAIL = 50
_TITLES = {
    OPENED: gettext_noop("New"),
    REPEATED: gettext_noop("Still going on, acknowledged by nobody"),
    OVER: gettext_noop("Over"),
}


def alarm_data(alarm: Alarm, occasion: str) -> JSONObject:
    """Return an alarm as programs get it."""
    return {
        "id": alarm.pk,
        "kind": alarm.kind,
        "label": alarm.label,
        "occasion": occasion,
        "applicationId": alarm.application_id,
        "subject": {"type": alarm.subject_kind, "id": alarm.subject_id, "name": alarm.subject_name},
        "cause": alarm.cause,
        "firstCause": alarm.first_cause,
        "nextStep": alarm.advice,
        "openedAt": _iso(alarm.opened_at),
        "clearedAt": _iso(alarm.cleared_at),
        "acknowledgedAt": _iso(alarm.acknowledged_at),
        "times": alarm.times,
        "url": address_of(alarm),
    }


def address_of(alarm: Alarm) -> str:
    """Return the address of an alarm's page; "" while nobody has said where this installation is found."""
    base = str(settings.PUBLIC_URL).rstrip("/")
    return f"{base}{reverse('admin:workflows_alarm_change', args=[alarm.pk])}" if base else ""


def subject_line(rule: AlarmRule, notices: Sequence[AlarmNotice]) -> str:
    """Return the subject of a mail, one line whatever names hold."""
    first = notices[0]
    more = _(" and %(count)s more") % {"count": f"{len(notices) - 1:,}"} if len(notices) > 1 else ""
    over = f"{_('Over')}: " if all(one.occasion == OVER for one in notices) else ""
    text = f"{over}{first.alarm.label}: {first.alarm.subject_name}{more} ({rule.application.name})"
    return " ".join(text.split())[:200]


def mail_text(rule: AlarmRule, notices: Sequence[AlarmNotice]) -> str:
    """Return the text of a mail."""
    parts = []
    for occasion, words in _TITLES.items():
        title = _(words)
        group = [one.alarm for one in notices if one.occasion == occasion]
        if group:
            parts += [title, "=" * len(title), "", *_lines(group[:MOST_IN_A_MAIL])]
        if len(group) > MOST_IN_A_MAIL:
            parts += [_("And %(count)s more, see the page Alarms.") % {"count": f"{len(group) - MOST_IN_A_MAIL:,}"}, ""]
    repeat = (
        _("It is told again every %(repeat_minutes)s minutes until somebody acknowledges it.")
        % {"repeat_minutes": f"{rule.repeat_minutes:,}"}
        if rule.repeat_minutes
        else ""
    )
    last = _("Application %(name)s, rule “%(rule)s”. %(repeat)s")
    parts += ["-- ", (last % {"name": rule.application.name, "rule": rule, "repeat": repeat}).strip()]
    return "\n".join(parts) + "\n"


def _lines(alarms: Iterable[Alarm]) -> Iterable[str]:
    for alarm in alarms:
        yield f"{alarm.label}: {alarm.subject_name}"
        yield f"  {alarm.cause}"
        if alarm.cleared_at is None:
            yield "  " + _("What to do: %(advice)s") % {"advice": alarm.advice}
        since = _("Since %(opened)s UTC until %(gone)s") if alarm.gone_at else _("Since %(opened)s UTC")
        times = {"opened": f"{alarm.opened_at:%d %b %Y %H:%M}", "gone": f"{alarm.gone_at:%H:%M}" if alarm.gone_at else ""}
        yield f"  {since % times}"
        if address := address_of(alarm):
            yield f"  {address}"
        yield ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None

"""A test of a rule: is somebody told, now, in every way that it has?"""

from collections.abc import Iterator
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from wegnology.lib.types import JSONObject
from workflows.alarms.channels import NotTold, send_call, send_mail
from workflows.alarms.kinds import KINDS
from workflows.models import AlarmRule


class Outcome(NamedTuple):
    """How one way went; `fault` is empty when it went well."""

    way: str
    fault: str


def try_rule(rule: AlarmRule) -> Iterator[Outcome]:
    """Send a mail and make a call that say that they are a test; workflows are not started."""
    if rule.emails:
        text = _("This is a test of the rule “%(rule)s” of the application %(name)s. Nothing is wrong.\n") % {
            "rule": rule,
            "name": rule.application.name,
        }
        yield Outcome(_("E-mail to %(emails)s") % {"emails": ", ".join(rule.emails)}, _fault_of_mail(rule, text))
    if rule.calls:
        yield Outcome(_("Webhook"), _fault_of_call(rule))


def _fault_of_mail(rule: AlarmRule, text: str) -> str:
    subject = _("Test: %(rule)s (%(name)s)") % {"rule": rule, "name": " ".join(rule.application.name.split())[:150]}
    try:
        send_mail(rule.emails, subject, text)
    except NotTold as error:
        return str(error)
    return ""


def _fault_of_call(rule: AlarmRule) -> str:
    kind = KINDS.get(rule.kind)
    alarm: JSONObject = {
        "id": None,
        "kind": rule.kind,
        "label": _(kind.label) if kind else rule.kind,
        "occasion": "test",
        "applicationId": rule.application_id,
        "subject": {"type": "application", "id": rule.application_id, "name": rule.application.name},
        "cause": _("This is a test. Nothing is wrong."),
        "openedAt": timezone.now().isoformat().replace("+00:00", "Z"),
    }
    try:
        send_call(rule, [alarm])
    except NotTold as error:
        return str(error)
    return ""

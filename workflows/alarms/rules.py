"""Rules: what a new application begins with."""

from typing import Any

from wegnology.applications.models import Application
from workflows.alarms.kinds import KINDS
from workflows.models import AlarmRule


def give_defaults(instance: Application, created: bool, raw: bool = False, **_: Any) -> None:
    """Give a new application a rule of each kind, shown on screen and telling nobody; one that is restored brings its own."""
    if created and not raw:
        AlarmRule.objects.bulk_create(AlarmRule(application=instance, kind=kind) for kind in KINDS)

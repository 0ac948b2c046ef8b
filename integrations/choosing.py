"""Integrations as commands name them: by id or name."""

from collections.abc import Sequence

from django.core.management.base import CommandError
from django.db.models import Q

from integrations.models import Integration

NOT_THERE = 64
"""The exit code where one that is named does not exist."""


def chosen(named: Sequence[str], application: str | None = None) -> list[Integration]:
    """Return those that are named, all without names; raises `CommandError` for what is not there."""
    rows = Integration.objects.select_related("application").order_by("application__name", "name", "pk")
    if application:
        rows = rows.filter(application_id=application)
    if not named:
        return list(rows)
    found = list(rows.filter(Q(pk__in=named) | Q(name__in=named)))
    missing = [name for name in named if not any(name in (row.pk, row.name) for row in found)]
    if missing:
        raise CommandError(f"There is no integration {', '.join(missing)}.", returncode=NOT_THERE)
    return found

"""Parked runs by what they have in common: the one way to choose them, for pages, the API and the command."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from wegnology.lib.types import JSONObject
from workflows.models import ParkedRun

MOST_IDS = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which parked runs; what is empty does not narrow. `text`: a part of the error's text, or the id of an event."""

    reason: str = ""
    workflow_id: str = ""
    integration_id: str = ""
    text: str = ""
    before: str = ""
    """Parked before that moment, ISO 8601 with a time zone."""
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check; raises `ValueError` with the field and the next step."""
        if len(self.ids) > MOST_IDS:
            raise ValueError(
                "ids: "
                + _("at most %(most_ids)s runs can be named; choose by reason, workflow or integration instead")
                % {"most_ids": f"{MOST_IDS:,}"}
            )
        if self.before and datetime.fromisoformat(self.before).tzinfo is None:
            raise ValueError("before: " + _("add a time zone, such as 2026-03-01T12:00:00+00:00"))

    @classmethod
    def from_json(cls, stored: JSONObject) -> Self:
        """Read the stored form."""
        known: Any = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        return cls(**{**known, "ids": tuple(known.get("ids", ()))})

    def to_json(self) -> JSONObject:
        """Return the stored form, without what is empty."""
        return {name: list(value) if name == "ids" else value for name, value in asdict(self).items() if value}

    def rows(self, applications: Collection[str] | QuerySet[Any]) -> QuerySet[ParkedRun]:
        """Return the runs of these applications, the oldest first."""
        rows = ParkedRun.objects.filter(application__in=applications).order_by("created_at", "id")
        for name in ("reason", "workflow_id", "integration_id"):
            if value := getattr(self, name):
                rows = rows.filter(**{name: value})
        if self.ids:
            rows = rows.filter(pk__in=self.ids)
        if self.text:
            rows = rows.filter(Q(error_message__icontains=self.text) | Q(error_name__icontains=self.text) | Q(event_id=self.text))
        return rows.filter(created_at__lt=datetime.fromisoformat(self.before)) if self.before else rows

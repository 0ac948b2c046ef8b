"""Alarms in the API, as the original's events: `new` while nobody acknowledged them, `resolved` when they are over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.db.models import Case, CharField, QuerySet, Value, When
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView, found_or_404
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import ID_PATTERN, Answer, Success, iso, with_links
from wegnology.lib.rest.errors import Conflict, Invalid
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.schema import Schema
from workflows.alarms.keeping import acknowledge
from workflows.models import Alarm

State = Literal["new", "acknowledged", "resolved"]
_STATE = Case(
    When(cleared_at__isnull=False, then=Value("resolved")),
    When(acknowledged_at__isnull=False, then=Value("acknowledged")),
    default=Value("new"),
    output_field=CharField(),
)
LISTING = Listing(
    "Events",
    sort={
        "subject": "subject_name",
        "id": "pk",
        "creationDate": "opened_at",
        "lastUpdated": "updated_at",
        "state": "state",
        "level": "kind",
    },
    filters={"subject": "subject_name", "kind": "kind"},
    default="creationDate",
    direction="desc",
    more={"state": (State | None, Field(None, description="Only those in this state."))},
)


class EventUpdate(Schema):
    """Something that happened to an alarm."""

    creation_date: str
    source_name: str
    comment: str


class EventAnswer(Answer):
    """An alarm."""

    id: str = Field(pattern=ID_PATTERN)
    event_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    level: Literal["error"] = "error"
    state: State
    subject: str = Field(description="What it is, and of what.")
    message: str = Field(description="The cause.")
    kind: str
    source_id: str = Field(description="The integration, workflow or else that it is about; may be empty.")
    source_type: str
    source_name: str
    advice: str = Field(description="What to do next.")
    resolved_date: str | None
    times: int = Field(description="How often it came back before it was over for long.")
    updates: list[EventUpdate]


class EventPatch(Schema):
    """What is known about an alarm: somebody takes care. That it is over is found by itself."""

    state: State
    comment: str = Field("", max_length=32767, description="Taken for compatibility and not kept.")
    data: Any = None
    event_tags: dict[str, str] = {}


class EventsPatched(Success):
    """How many were new to be known."""

    count: int


EventCollection = collection_model("EventCollection", EventAnswer, applicationId=(str, ...))


def event_answer(row: Any) -> dict[str, Any]:
    """Return an alarm as it is answered, without links."""
    return {
        "id": row.pk,
        "eventId": row.pk,
        "applicationId": row.application_id,
        "creationDate": iso(row.opened_at),
        "lastUpdated": iso(row.updated_at),
        "level": "error",
        "state": row.state,
        "subject": f"{row.label}: {row.subject_name}",
        "message": row.cause,
        "kind": row.kind,
        "sourceId": row.subject_id,
        "sourceType": row.subject_kind,
        "sourceName": row.subject_name,
        "advice": row.advice,
        "resolvedDate": iso(row.cleared_at) if row.cleared_at else None,
        "times": row.times,
        "updates": list(_updates(row)),
    }


def _updates(row: Alarm) -> list[dict[str, Any]]:
    found: list[tuple[datetime | None, str, str]] = [
        (row.opened_at, "", row.first_cause),
        (row.acknowledged_at, row.acknowledged_by, "acknowledged"),
        (row.cleared_at, "", "over"),
    ]
    return [{"creationDate": iso(when), "sourceName": who, "comment": what} for when, who, what in found if when is not None]


class _Views(CalledView):
    def rows(self) -> QuerySet[Any]:
        """Return the application's alarms with their state."""
        return Alarm.objects.filter(application=self.application).annotate(state=_STATE)

    def row(self, ids: Mapping[str, str]) -> Any:
        """Return the alarm of the address."""
        return found_or_404(self.rows(), ids["eventId"], "Event")

    def shown(self, row: Any) -> dict[str, Any]:
        """Return an alarm as it is answered."""
        home = f"/applications/{row.application_id}"
        return with_links(
            event_answer(row), self.flags, {"self": f"{home}/events/{row.pk}", "application": home}, self, ("PATCH",)
        )

    def chosen(self) -> tuple[QuerySet[Any], Any]:
        """Return the alarms that the query names, and the query."""
        query: Any = self.query(LISTING.query)
        rows = self.rows()
        return (rows.filter(state=query.state) if query.state else rows), query


def _acknowledged(rows: QuerySet[Any], change: EventPatch) -> int:
    if change.state == "acknowledged":
        return acknowledge(rows)
    if change.state == "resolved":
        raise Conflict("An alarm is over when what it is about is well again; that is found by itself.")
    raise Invalid({"state": "An alarm can be acknowledged, and not made new again."})


class EventsView(_Views):
    """/applications/{applicationId}/events."""

    @operation("List alarms", scope="events.get", role=Role.VIEWER, answer=EventCollection, query=LISTING.query)
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        rows, query = self.chosen()
        page, total = LISTING.page(rows, query)
        return Response(collection([self.shown(row) for row in page], total, query, applicationId=self.application.pk))

    @operation(
        "Acknowledge alarms",
        scope="events.patch",
        role=Role.EDITOR,
        answer=EventsPatched,
        body=EventPatch,
        query=LISTING.query,
        errors=(409,),
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Acknowledge those that the query names."""
        change = self.body(EventPatch)
        rows, query = self.chosen()
        return Response({"success": True, "count": _acknowledged(LISTING.narrowed(rows, query), change)})


class EventView(_Views):
    """/applications/{applicationId}/events/{eventId}."""

    @operation("Read an alarm", scope="event.get", role=Role.VIEWER, answer=EventAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return Response(self.shown(self.row(ids)))

    @operation("Acknowledge an alarm", scope="event.patch", role=Role.EDITOR, answer=EventAnswer, body=EventPatch, errors=(409,))
    def patch(self, request: Request, **ids: str) -> Response:
        """Note that somebody takes care."""
        row = self.row(ids)
        _acknowledged(self.rows().filter(pk=row.pk), self.body(EventPatch))
        return Response(self.shown(self.row(ids)))

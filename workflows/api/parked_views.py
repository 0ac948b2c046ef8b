"""Parked runs in the API: what failed, with its event, to be run again or discarded."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.events import EventUnreadable, TriggerEvent
from wegnology.applications.api.base import CalledView, found_or_404
from wegnology.applications.audit import record
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, with_links
from wegnology.lib.rest.errors import Conflict, Invalid
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.schema import Schema
from workflows.dropping import discard
from workflows.models import ParkedRun
from workflows.replay import send_back

MOST_REPLAYED = 1_000
_ID = Field("", max_length=24)
LISTING = Listing(
    "ParkedRuns",
    sort={"creationDate": "created_at", "id": "pk", "reason": "reason"},
    filters={"reason": "reason", "errorName": "error_name", "errorMessage": "error_message"},
    default="creationDate",
    direction="desc",
    more={"integration_id": (str, _ID), "flow_id": (str, _ID)},
)


class ParkedEvent(Schema):
    """What the run was for."""

    id: str
    kind: str
    accepted: int = Field(description="Milliseconds since 1970.")
    data: dict[str, Any]


class ParkedRunAnswer(Answer):
    """A run that could not be finished."""

    id: str = Field(pattern=ID_PATTERN)
    parked_run_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    integration_id: str
    flow_id: str
    flow_version_id: str
    event_id: str
    creation_date: str
    reason: str
    error_name: str
    error_message: str
    node_id: str
    node_label: str
    path: list[Any]
    event: ParkedEvent | None = Field(None, description="Only where one is asked for; null when it cannot be read.")
    payload: str = Field("", description="The payload at the failing node; only where one is asked for.")


class ReplayPost(Schema):
    """Which parked runs run again."""

    ids: list[str] = Field([], max_length=MOST_REPLAYED, description="These; else all that the filters below name.")
    integration_id: str = _ID
    flow_id: str = _ID
    reason: str = Field("", max_length=64)


class Replayed(Success):
    """How many are on their way. Those for which an inbox has no room stay parked."""

    replayed: int
    left: int = Field(description="How many of those that were meant are still parked.")


ParkedRunCollection = collection_model("ParkedRunCollection", ParkedRunAnswer, applicationId=(str, ...))


class _Views(CalledView):
    def rows(self) -> QuerySet[ParkedRun]:
        """Return the application's parked runs."""
        return ParkedRun.objects.filter(application=self.application)

    def row(self, ids: Mapping[str, str]) -> ParkedRun:
        """Return the parked run of the address."""
        return found_or_404(self.rows(), ids["parkedRunId"], "Parked run")

    def shown(self, row: ParkedRun, **more: Any) -> dict[str, Any]:
        """Return a parked run as it is answered."""
        place = f"/applications/{row.application_id}/parkedRuns/{row.pk}"
        answer = {
            "id": row.pk,
            "parkedRunId": row.pk,
            "applicationId": row.application_id,
            "integrationId": row.integration_id,
            "flowId": row.workflow_id,
            "flowVersionId": row.version_id,
            "eventId": row.event_id,
            "creationDate": iso(row.created_at),
            "reason": row.reason,
            "errorName": row.error_name,
            "errorMessage": row.error_message,
            "nodeId": row.node_id,
            "nodeLabel": row.node_label,
            "path": row.path,
            **more,
        }
        return with_links(answer, self.flags, {"self": place, "replay": f"{place}/replay"}, self, ("DELETE",))


class ParkedRunsView(_Views):
    """/applications/{applicationId}/parkedRuns."""

    @operation("List parked runs", scope="parkedRuns.get", role=Role.VIEWER, answer=ParkedRunCollection, query=LISTING.query)
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query: Any = self.query(LISTING.query)
        rows = _narrowed(self.rows(), query.integration_id, query.flow_id)
        page, total = LISTING.page(rows.defer("event", "payload"), query)
        return Response(collection([self.shown(row) for row in page], total, query, applicationId=self.application.pk))


class ParkedRunView(_Views):
    """/applications/{applicationId}/parkedRuns/{parkedRunId}."""

    @operation("Read a parked run", scope="parkedRun.get", role=Role.VIEWER, answer=ParkedRunAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it with its event."""
        row = self.row(ids)
        return Response(self.shown(row, event=_event(row), payload=row.payload))

    @operation("Discard a parked run", scope="parkedRun.delete", role=Role.EDITOR, answer=Success)
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        row = self.row(ids)
        record(None, "discarded", row, {"event": row.event_id}, application_id=row.application_id)
        discard(ParkedRun.objects.filter(pk=row.pk))  # which the ledger counts
        return Response(DONE)


class ReplayOneView(_Views):
    """/applications/{applicationId}/parkedRuns/{parkedRunId}/replay."""

    @operation("Run a parked run again", scope="parkedRun.replay", role=Role.EDITOR, answer=Replayed, errors=(409,))
    def post(self, request: Request, **ids: str) -> Response:
        """Put its event back."""
        return _replayed([self.row(ids).pk])


class ReplayView(_Views):
    """/applications/{applicationId}/parkedRuns/replay."""

    @operation(
        "Run parked runs again",
        scope="parkedRuns.replay",
        role=Role.EDITOR,
        answer=Replayed,
        body=ReplayPost,
        errors=(409,),
        description=f"The oldest {MOST_REPLAYED:,} of those that are meant.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Put their events back."""
        wanted = self.body(ReplayPost)
        if not (wanted.ids or wanted.integration_id or wanted.flow_id or wanted.reason):
            raise Invalid({"": "Say which: ids, integrationId, flowId or reason."})
        rows = _narrowed(self.rows(), wanted.integration_id, wanted.flow_id)
        rows = rows.filter(reason=wanted.reason) if wanted.reason else rows
        rows = rows.filter(pk__in=wanted.ids) if wanted.ids else rows
        return _replayed(list(rows.order_by("created_at", "id").values_list("pk", flat=True)[:MOST_REPLAYED]))


def _narrowed(rows: QuerySet[ParkedRun], integration_id: str, flow_id: str) -> QuerySet[ParkedRun]:
    rows = rows.filter(integration_id=integration_id) if integration_id else rows
    return rows.filter(workflow_id=flow_id) if flow_id else rows


def _replayed(keys: Sequence[str]) -> Response:
    result = send_back(list(ParkedRun.objects.filter(pk__in=keys).order_by("created_at", "id")))
    if keys and not result.done:
        why = next(iter(result.refused.values()), "The inbox has no room for it now.")
        raise Conflict(f"Nothing was run again. {why}")
    return Response({**DONE, "replayed": len(result.done), "left": len(keys) - len(result.done)})


def _event(row: ParkedRun) -> dict[str, Any] | None:
    try:
        event = TriggerEvent.from_json(row.event.encode())
    except EventUnreadable:
        return None
    return {"id": event.id, "kind": event.kind.value, "accepted": event.time_ms, "data": event.data}

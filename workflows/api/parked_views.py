"""Parked runs in the API: what failed, with its event, which can be corrected; discarded, or run again (`replay_views`)."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.events import EventUnreadable, TriggerEvent
from wegnology.applications.api.base import CalledView, found_or_404, with_etag
from wegnology.applications.audit import record
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, with_links
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.schema import Schema
from workflows.dropping import discard
from workflows.models import ParkedRun
from workflows.replay import EditRefused, edit

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


class ParkedRunPatch(Schema):
    """A correction of the event."""

    data: dict[str, Any] = Field(
        description="The event's data from now on, as a whole. Its id stays.", examples=[{"message": "31"}]
    )


ParkedRunCollection = collection_model("ParkedRunCollection", ParkedRunAnswer, applicationId=(str, ...))


class _Views(CalledView):
    def rows(self) -> QuerySet[ParkedRun]:
        """Return the application's parked runs."""
        return ParkedRun.objects.filter(application=self.application)

    def row(self, ids: Mapping[str, str]) -> ParkedRun:
        """Return the parked run of the address."""
        return found_or_404(self.rows(), ids["parkedRunId"], "Parked run")

    def whole(self, row: ParkedRun) -> Response:
        """Return a parked run with its event."""
        return with_etag(self.shown(row, event=_event(row), payload=row.payload), row)

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
        return with_links(answer, self.flags, {"self": place, "replay": f"{place}/replay"}, self, ("PATCH", "DELETE"))


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
        return self.whole(self.row(ids))

    @operation(
        "Correct the event of a parked run",
        scope="parkedRun.patch",
        role=Role.EDITOR,
        answer=ParkedRunAnswer,
        body=ParkedRunPatch,
        headers=("If-Match",),
        errors=(412,),
        description="It stays parked; replay it then.",
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Give its event other data."""
        with transaction.atomic():
            row = found_or_404(self.rows().select_for_update(), ids["parkedRunId"], "Parked run")
            require_match(request, etag_of(row))
            try:
                edit(row, self.body(ParkedRunPatch).data)
            except EditRefused as error:
                raise Invalid({"data": str(error)}) from None
        return self.whole(row)

    @operation("Discard a parked run", scope="parkedRun.delete", role=Role.EDITOR, answer=Success)
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        row = self.row(ids)
        record(None, "discarded", row, {"event": row.event_id}, application_id=row.application_id)
        discard(ParkedRun.objects.filter(pk=row.pk))  # which the ledger counts
        return Response(DONE)


def _narrowed(rows: QuerySet[ParkedRun], integration_id: str, flow_id: str) -> QuerySet[ParkedRun]:
    rows = rows.filter(integration_id=integration_id) if integration_id else rows
    return rows.filter(workflow_id=flow_id) if flow_id else rows


def _event(row: ParkedRun) -> dict[str, Any] | None:
    try:
        event = TriggerEvent.from_json(row.event.encode())
    except EventUnreadable:
        return None
    return {"id": event.id, "kind": event.kind.value, "accepted": event.time_ms, "data": event.data}

"""Versions of workflows in the API. Develop is among them; it is changed through the workflow."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import with_etag
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, Success, with_links
from wegnology.lib.rest.errors import ApiError, Conflict, Invalid, NotFound
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection
from wegnology.lib.schema import Schema
from workflows.api.flow_query import compiled, record_of
from workflows.api.flow_schemas import (
    FlowVersionAnswer,
    FlowVersionCollection,
    FlowVersionPatch,
    FlowVersionPost,
    invalid,
    read_content,
    version_answer,
)
from workflows.api.flow_views import CHOICES, SORT, FlowViews, chosen
from workflows.exceptions import (
    VersionInUse,
    VersionInvalid,
    VersionMissing,
    VersionNameTaken,
    VersionRefused,
)
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.version_content import EMPTY
from workflows.versions import create_version, delete_versions, find_version, set_enabled, set_notes

MOST_DELETED = 1_000
LISTING = Listing(
    "FlowVersions",
    sort={"version": "name", "id": "pk", "creationDate": "created_at", "lastUpdated": "created_at"},
    filters={"version": "name"},
    default="version",
    more={"query": CHOICES["query"], "include_custom_nodes": CHOICES["include_custom_nodes"]},
)
BY_VERSION = Listing(
    "FlowsByVersion",
    sort={name: f"workflow__{column}" if column != "pk" else "workflow" for name, column in SORT.items()},
    filters={"name": "workflow__name"},
    more={**CHOICES, "version": (str, Field(DEVELOP, max_length=255, description="The name of the versions."))},
)


class PostQuery(Schema):
    """How a version is made."""

    allow_replacement: bool = Field(False, description="Replace a version of this name; the old one goes into the trash.")
    strict_validation: bool = Field(False, description="Taken for compatibility: everything is checked.")
    include_custom_nodes: bool = False


class VersionsDelete(Schema):
    """Which versions are deleted."""

    query: dict[str, Any] = Field({}, description="An advanced query; empty: all but develop and the default one.")
    email: str = Field("", max_length=1024, description="Taken for compatibility: it is done when this answers.")


class BulkDeleted(Schema):
    """How many were deleted; the default version and develop never are."""

    removed: int
    failed: int


def as_api_error(error: VersionRefused) -> ApiError:
    """Return what the API answers when something cannot be done to a version."""
    if isinstance(error, VersionMissing):
        return NotFound("Workflow version was not found")
    if isinstance(error, VersionInUse | VersionNameTaken):
        return Conflict(str(error))
    if isinstance(error, VersionInvalid):
        return invalid(error.faults)
    field = {"name": "version"}.get(error.field, error.field)
    return Invalid({field: str(error)})


class VersionViews(FlowViews):
    """What the views of versions share."""

    def version(self, ids: Mapping[str, str], request: Request | None = None) -> WorkflowVersion:
        """Return the version of the address, by id or name; with a request, locked, and as its `If-Match` says."""
        try:
            row = find_version(self.flow(ids), ids["flowVersionId"])
        except VersionMissing:
            raise NotFound("Workflow version was not found") from None
        if request is not None:
            row = WorkflowVersion.objects.select_for_update().get(pk=row.pk)
            require_match(request, etag_of(row))
        return row

    def told(self, row: WorkflowVersion) -> dict[str, Any]:
        """Return a version as it is answered."""
        home = f"/applications/{self.application.pk}/flows/{row.workflow_id}"
        links = {"self": f"{home}/versions/{row.pk}", "flow": home}
        return with_links(version_answer(row, self.application.pk), self.flags, links, self, ("PATCH", "DELETE"))


class FlowVersionsView(VersionViews):
    """/applications/{applicationId}/flows/{flowId}/versions."""

    @operation(
        "List versions of a workflow",
        scope="flowVersions.get",
        role=Role.VIEWER,
        answer=FlowVersionCollection,
        query=LISTING.query,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them; develop is not among them, it is the workflow itself."""
        flow = self.flow(ids)
        query: Any = self.query(LISTING.query)
        rows = WorkflowVersion.objects.filter(workflow=flow).exclude(name=DEVELOP)
        if query.query:
            rows = rows.filter(pk__in=[row.pk for row in matching(flow, query.query)])
        page, total = LISTING.page(rows, query)
        items = [self.told(row) for row in page]
        return Response(collection(items, total, query, applicationId=self.application.pk, flowId=flow.pk))

    @operation(
        "Keep a version",
        scope="flowVersions.post",
        role=Role.EDITOR,
        answer=FlowVersionAnswer,
        status=201,
        body=FlowVersionPost,
        query=PostQuery,
        errors=(409,),
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Create it."""
        flow = self.flow(ids)
        wanted, how = self.body(FlowVersionPost), self.query(PostQuery)
        parts, notes, on = read_content(wanted, EMPTY), wanted.notes, wanted.enabled
        try:
            row = create_version(flow, wanted.version, notes=notes, enabled=on, content=parts, replace=how.allow_replacement)
        except VersionRefused as error:
            raise as_api_error(error) from None
        return with_etag(self.told(row), row, status=201)


class FlowVersionView(VersionViews):
    """/applications/{applicationId}/flows/{flowId}/versions/{flowVersionId}: an id, a name, `develop` or `default`."""

    @operation("Read a version", scope="flowVersion.get", role=Role.VIEWER, answer=FlowVersionAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        row = self.version(ids)
        return with_etag(self.told(row), row)

    @operation(
        "Change notes of a version, or switch it",
        scope="flowVersion.patch",
        role=Role.EDITOR,
        answer=FlowVersionAnswer,
        body=FlowVersionPatch,
        headers=("If-Match",),
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        change = self.body(FlowVersionPatch)
        with transaction.atomic():
            row = self.version(ids, request)
            try:
                if "notes" in change.model_fields_set:
                    set_notes(row, change.notes)
                if "enabled" in change.model_fields_set:
                    set_enabled(row, change.enabled)
            except VersionRefused as error:
                raise as_api_error(error) from None
        return with_etag(self.told(row), row)

    @operation(
        "Delete a version",
        scope="flowVersion.delete",
        role=Role.EDITOR,
        answer=Success,
        headers=("If-Match",),
        errors=(409,),
        description="Neither develop nor the default version can be deleted.",
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        with transaction.atomic():
            row = self.version(ids, request)
            try:
                delete_versions(row.workflow, [row])
            except VersionRefused as error:
                raise as_api_error(error) from None
        return Response(DONE)


class FlowVersionsDeleteView(VersionViews):
    """/applications/{applicationId}/flows/{flowId}/versions/delete."""

    @operation(
        "Delete versions of a workflow",
        scope="flowVersions.delete",
        role=Role.EDITOR,
        answer=BulkDeleted,
        body=VersionsDelete,
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Delete those that the query names."""
        wanted = self.body(VersionsDelete)
        with transaction.atomic():
            flow = self.flow(ids)
            rows = matching(flow, wanted.query)
            gone = [row for row in rows if row.pk != flow.default_version_id][:MOST_DELETED]
            delete_versions(flow, gone)
        return Response({"removed": len(gone), "failed": len(rows) - len(gone)})


def matching(flow: Workflow, query: Any) -> list[WorkflowVersion]:
    """Return the named versions that a query names."""
    holds = compiled(query)
    rows = flow.versions.exclude(name=DEVELOP).order_by("created_at")
    return [row for row in rows if holds({**record_of(flow, row.triggers, row.name), "id": row.pk})]


class FlowsByVersionView(VersionViews):
    """/applications/{applicationId}/flows/version."""

    @operation(
        "List the versions of one name of all workflows",
        scope="flows.getByVersion",
        role=Role.VIEWER,
        answer=FlowVersionCollection,
        query=BY_VERSION.query,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query: Any = self.query(BY_VERSION.query)
        flows = chosen(Workflow.objects.filter(application=self.application), query)
        rows = WorkflowVersion.objects.filter(workflow__in=flows.order_by().values("pk"), name=query.version)
        page, total = BY_VERSION.page(rows, query)
        return Response(collection([self.told(row) for row in page], total, query, applicationId=self.application.pk))

"""Workflows in the API. What is sent and answered as their content is the develop version."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from pydantic import BeforeValidator, Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView, found_or_404
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, Success, with_links
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection
from wegnology.lib.rest.parameters import from_json
from workflows.api.flow_query import TriggerFilter, compiled, has_trigger, record_of
from workflows.api.flow_schemas import (
    FlowAnswer,
    FlowCollection,
    FlowPatch,
    FlowPost,
    flow_answer,
    invalid,
    read_content,
)
from workflows.deletion import delete
from workflows.exceptions import VersionMissing
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.unsupported import unsupported_types
from workflows.version_content import EMPTY, content_faults, content_of
from workflows.versions import find_version, save_develop, set_default

MAX_TRIGGERS = 100
SORT = {"name": "name", "id": "pk", "creationDate": "created_at", "lastUpdated": "updated_at"}
CHOICES: dict[str, Any] = {
    "flow_class": (
        Literal["cloud", "edge", "embedded", "customNode", "experience"],
        Field("cloud", description="Only cloud workflows are here."),
    ),
    "trigger_filter": (
        Annotated[list[TriggerFilter], BeforeValidator(from_json)],
        Field([], max_length=MAX_TRIGGERS, description="Workflows whose live version has one of these triggers."),
    ),
    "query": (
        Annotated[dict[str, Any], BeforeValidator(from_json)],
        Field({}, description="An advanced query, as JSON or in brackets; goes before the other filters."),
    ),
    "include_custom_nodes": (bool, Field(False, description="Taken for compatibility: there are none.")),
}
LISTING = Listing(
    "Flows",
    sort=SORT,
    filters={"name": "name"},
    more={**CHOICES, "all_versions": (bool, Field(False, description="Let a query match any version, not only the live one."))},
)


class FlowViews(CalledView):
    """What the views of workflows share."""

    def flow(self, ids: Mapping[str, str], request: Request | None = None) -> Workflow:
        """Return the workflow of the address; with a request, locked, and as its `If-Match` says."""
        rows = Workflow.objects.filter(application=self.application)
        row = found_or_404(rows.select_for_update() if request else rows, ids["flowId"], "Workflow")
        if request is not None:
            require_match(request, mark_of(row, _develop(row)))
        return row

    def flow_shown(self, row: Workflow, develop: WorkflowVersion | None) -> dict[str, Any]:
        """Return a workflow as it is answered."""
        home = f"/applications/{row.application_id}"
        place = f"{home}/flows/{row.pk}"
        links = {"self": place, "application": home, **{part: f"{place}/{part}" for part in ("versions", "errors", "stats")}}
        return with_links(flow_answer(row, develop), self.flags, links, self, ("PATCH", "DELETE"))

    def flow_answered(self, row: Workflow, status: int = 200) -> Response:
        """Return one workflow."""
        develop = _develop(row)
        return Response(self.flow_shown(row, develop), status=status, headers={"ETag": mark_of(row, develop)})


def mark_of(row: Workflow, develop: WorkflowVersion | None) -> str:
    """Return the mark of a workflow with what is edited of it."""
    return etag_of(row, *([develop] if develop else []))


def _develop(row: Workflow) -> WorkflowVersion | None:
    return row.versions.filter(name=DEVELOP).first()


def _version(row: Workflow, key: str | None) -> WorkflowVersion | None:
    """Return the version that shall be the default; None for develop."""
    try:
        return find_version(row, key) if key else None
    except VersionMissing as error:
        raise Invalid({"defaultVersionId": str(error)}) from None


def developing(rows: Sequence[Workflow]) -> dict[str, WorkflowVersion]:
    """Return the develop versions of workflows by their ids; one query."""
    found = WorkflowVersion.objects.filter(workflow__in=[row.pk for row in rows], name=DEVELOP)
    return {version.workflow_id: version for version in found}


def chosen(rows: QuerySet[Workflow], query: Any) -> QuerySet[Workflow]:
    """Return the workflows that the class, the triggers and the query of a list let through."""
    if query.query:
        return rows.filter(pk__in=_matching(rows, query.query, getattr(query, "all_versions", False)))
    if query.flow_class != "cloud":
        return rows.none()
    if query.trigger_filter:
        triggers = _triggers(rows, every=False)
        rows = rows.filter(pk__in=[pk for pk, _, found in triggers if has_trigger(found, query.trigger_filter)])
    return rows


def _matching(rows: QuerySet[Workflow], query: Any, every: bool) -> set[str]:
    holds = compiled(query)
    known = rows.in_bulk()
    triggers = _triggers(rows, every=every)
    found = {pk for pk, name, parts in triggers if holds(record_of(known[pk], parts, name))}
    empty = known.keys() - {pk for pk, _, _ in triggers}
    return found | {pk for pk in empty if holds(record_of(known[pk], []))}


def _triggers(rows: QuerySet[Workflow], *, every: bool) -> list[tuple[str, str, list[Any]]]:
    """Return (workflow id, version, triggers) of the live versions, or of all; one query."""
    versions = WorkflowVersion.objects.filter(workflow__in=rows.order_by().values("pk")).order_by()
    if not every:
        versions = versions.filter(Q(pk=F("workflow__default_version")) | Q(workflow__default_version__isnull=True, name=DEVELOP))
    return list(versions.values_list("workflow_id", "name", "triggers"))


class FlowsView(FlowViews):
    """/applications/{applicationId}/flows."""

    @operation("List workflows", scope="flows.get", role=Role.VIEWER, answer=FlowCollection, query=LISTING.query)
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query = self.query(LISTING.query)
        rows, total = LISTING.page(chosen(Workflow.objects.filter(application=self.application), query), query)
        develops = developing(rows)
        items = [self.flow_shown(row, develops.get(row.pk)) for row in rows]
        return Response(collection(items, total, query, applicationId=self.application.pk))

    @operation(
        "Create a workflow",
        scope="flows.post",
        role=Role.EDITOR,
        answer=FlowAnswer,
        status=201,
        body=FlowPost,
        description="Triggers that need a key get one.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Create it."""
        wanted = self.body(FlowPost)
        content = read_content(wanted, EMPTY)
        if faults := content_faults(content):
            raise invalid(faults)
        with transaction.atomic():
            row = Workflow.objects.create(
                application=self.application, name=wanted.name, description=wanted.description, enabled=wanted.enabled
            )
            WorkflowVersion.objects.create(workflow=row, name=DEVELOP, **content._asdict())
        return self.flow_answered(row, 201)


class FlowView(FlowViews):
    """/applications/{applicationId}/flows/{flowId}."""

    @operation("Read a workflow", scope="flow.get", role=Role.VIEWER, answer=FlowAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return self.flow_answered(self.flow(ids))

    @operation(
        "Change a workflow",
        scope="flow.patch",
        role=Role.EDITOR,
        answer=FlowAnswer,
        body=FlowPatch,
        headers=("If-Match",),
        description="What is not sent stays. Develop is live at once where it is the default.",
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        change = self.body(FlowPatch)
        named = change.model_fields_set
        with transaction.atomic():
            row = self.flow(ids, request)
            develop = _develop(row)
            before = content_of(develop) if develop else EMPTY
            if named & {"triggers", "nodes", "globals"}:
                content = read_content(change, before)
                if faults := content_faults(content, unsupported_types(before.nodes)):
                    raise invalid(faults)
                save_develop(row, content)
            if "default_version_id" in named:
                set_default(row, _version(row, change.default_version_id))
            for name in named & {"name", "description", "enabled"}:
                setattr(row, name, getattr(change, name))
            row.save()
        return self.flow_answered(row)

    @operation(
        "Delete a workflow with all its versions",
        scope="flow.delete",
        role=Role.ADMINISTRATOR,
        answer=Success,
        headers=("If-Match",),
        description="An administrator can restore it from the trash for a time.",
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        with transaction.atomic():
            delete([self.flow(ids, request)])
        return Response(DONE)

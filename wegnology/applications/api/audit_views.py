"""Audit logs in the API: who changed what. The original keeps them by organization; here an application is its own."""

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from pydantic import BeforeValidator, Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView
from wegnology.applications.models import Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.rest.answers import Answer, iso, number_of, user_id_text, with_links
from wegnology.lib.rest.errors import NotFound
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.rest.parameters import from_json
from wegnology.lib.schema import Schema

_LATEST_MS = 4_102_444_800_000
ACTORS = {"user": "User", "token": "ApiToken", "command": "Command", "system": "System"}
APPLICATION = "Application"


class Named(Schema):
    """Something by any of its marks."""

    id: str = Field("", max_length=64)
    type: str = Field("", max_length=100)
    name: str = Field("", max_length=1024)


class Asked(Schema):
    """A request by any of its marks."""

    resource: str = Field("", max_length=1024)
    action: str = Field("", max_length=1024)


class AuditLogFilter(Schema):
    """What entries must be about; of several in one list, any."""

    primary_target: list[Named] = Field([], max_length=100)
    secondary_target: list[Named] = Field([], max_length=100)
    actor: list[Named] = Field([], max_length=100)
    request: list[Asked] = Field([], max_length=100)
    response_code: list[int] = Field([], max_length=100, description="Taken for compatibility: only what was done is kept.")


LISTING = Listing(
    "AuditLogs",
    sort={"creationDate": "time", "responseStatus": "time", "actorName": "actor_name"},
    filters={},
    default="creationDate",
    direction="desc",
    more={
        "start": (int, Field(0, ge=0, le=_LATEST_MS, description="Entries from this time, in ms since 1970.")),
        "end": (int, Field(0, ge=0, le=_LATEST_MS, description="Entries before this time; 0 is now.")),
        "audit_log_filter": (
            Annotated[AuditLogFilter, BeforeValidator(from_json)],
            Field(AuditLogFilter(), description="What entries must be about."),
        ),
    },
)


class AuditLogAnswer(Answer):
    """One change."""

    id: str
    audit_log_id: str
    creation_date: str
    org_id: str
    primary_target_id: str
    primary_target_type: str
    primary_target_name: str
    secondary_target_id: str = Field("", description="Not there when the application itself was changed.")
    secondary_target_type: str = ""
    secondary_target_name: str = ""
    actor_id: str
    actor_type: str
    actor_name: str
    request_resource: str
    request_action: str
    response_status: int
    changes: dict[str, Any] = Field(description="Field by field: [old, new], or a word where values are not shown.")


AuditLogCollection = collection_model("AuditLogCollection", AuditLogAnswer, applicationId=(str, ...))


def _type_of(kind: str) -> str:
    """Return the product's word for a kind: "Integration", "Flow"."""
    name = kind.rpartition(".")[2]
    words = {"workflow": "Flow", "workflowversion": "FlowVersion", "apitoken": "ApiToken", "globalentry": "Global"}
    return words.get(name, name.capitalize())


def _kinds_of(word: str) -> Q:
    wanted = {"Flow": "workflow", "FlowVersion": "workflowversion"}.get(word, word.lower())
    return Q(kind__endswith=f".{wanted}")


class _Views(CalledView):
    def application_id(self, **kwargs: Any) -> str | None:
        """Return the application: it stands in for the organization."""
        found: str | None = kwargs.get("orgId", kwargs.get("applicationId"))
        return found

    def entries(self) -> QuerySet[AuditEntry]:
        """Return the application's entries."""
        return AuditEntry.objects.filter(application_id=self.application.pk)

    def shown(self, row: AuditEntry) -> dict[str, Any]:
        """Return an entry as it is answered."""
        key, kind = user_id_text(row.pk), _type_of(row.kind)
        answer: dict[str, Any] = {
            "id": key,
            "auditLogId": key,
            "creationDate": iso(row.time),
            "orgId": self.application.pk,
            "primaryTargetId": self.application.pk,
            "primaryTargetType": APPLICATION,
            "primaryTargetName": self.application.name,
            "actorId": user_id_text(row.actor_id) if row.actor_kind == "user" else row.actor_id,
            "actorType": ACTORS.get(row.actor_kind, row.actor_kind),
            "actorName": row.actor_name,
            "requestResource": kind,
            "requestAction": row.action,
            "responseStatus": 200,
            "changes": row.changes,
        }
        if kind != APPLICATION:
            object_id = user_id_text(row.object_id) if row.object_id.isdecimal() and len(row.object_id) < 20 else row.object_id
            answer |= {"secondaryTargetId": object_id, "secondaryTargetType": kind, "secondaryTargetName": row.object_name}
        return with_links(answer, self.flags, {"self": f"/orgs/{self.application.pk}/audit-logs/{key}"})


class AuditLogsView(_Views):
    """/orgs/{orgId}/audit-logs, and /applications/{applicationId}/audit-logs."""

    @operation(
        "List audit logs",
        scope="auditLogs.get",
        role=Role.VIEWER,
        answer=AuditLogCollection,
        query=LISTING.query,
        description="`orgId` is the id of an application.",
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query: Any = self.query(LISTING.query)
        rows, total = LISTING.page(_chosen(self.entries(), query), query)
        return Response(collection([self.shown(row) for row in rows], total, query, applicationId=self.application.pk))


class AuditLogView(_Views):
    """/orgs/{orgId}/audit-logs/{auditLogId}, and below the application."""

    @operation("Read an audit log", scope="auditLog.get", role=Role.VIEWER, answer=AuditLogAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        number = number_of(ids["auditLogId"])
        row = self.entries().filter(pk=number).first() if number is not None else None
        if row is None:
            raise NotFound("Audit log was not found")
        return Response(self.shown(row))


def _chosen(rows: QuerySet[AuditEntry], query: Any) -> QuerySet[AuditEntry]:
    if query.start:
        rows = rows.filter(time__gte=datetime.fromtimestamp(query.start / 1000, UTC))
    if query.end:
        rows = rows.filter(time__lt=datetime.fromtimestamp(query.end / 1000, UTC))
    wanted: AuditLogFilter = query.audit_log_filter
    for either in (
        [_is_target(entry) for entry in wanted.secondary_target],
        [_is_actor(entry) for entry in wanted.actor],
        [_is_request(entry) for entry in wanted.request],
    ):
        if either:
            rows = rows.filter(reduce(or_, either))
    return rows


def _is_target(target: Named) -> Q:
    found = Q(object_id=target.id) if target.id else Q()
    found &= _kinds_of(target.type) if target.type else Q()
    return found & (Q(object_name=target.name) if target.name else Q())


def _is_actor(actor: Named) -> Q:
    kinds = {word: kind for kind, word in ACTORS.items()}
    found = Q(actor_kind=kinds.get(actor.type, actor.type)) if actor.type else Q()
    if actor.id:
        found &= Q(actor_id=actor.id) | Q(actor_kind="user", actor_id=str(number_of(actor.id)))
    return found & (Q(actor_name=actor.name) if actor.name else Q())


def _is_request(asked: Asked) -> Q:
    found = _kinds_of(asked.resource) if asked.resource else Q()
    return found & (Q(action=asked.action) if asked.action else Q())

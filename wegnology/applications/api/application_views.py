"""Applications in the API."""

from typing import Any

from django.db import transaction
from django.db.models import Count, IntegerField, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from pydantic import Field, RootModel
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.access import forget
from wegnology.applications.api.base import CalledView
from wegnology.applications.api.global_entries import (
    GlobalChange,
    GlobalEntry,
    change_globals,
    replace_globals,
    shown_globals,
)
from wegnology.applications.global_values import MAX_GLOBALS
from wegnology.applications.models import Application, Member, Role
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, user_id_text, with_links
from wegnology.lib.rest.errors import Forbidden, NotFound
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.schema import Schema

LISTING = Listing(
    "Applications",
    sort={"name": "name", "id": "pk", "creationDate": "created_at", "lastUpdated": "updated_at", "ownerId": "owner"},
    filters={"name": "name"},
)
COUNTED = {
    "integrationCount": "integrations",
    "flowCount": "workflows",
    "credentialCount": "credentials",
    "apiTokenCount": "api_tokens",
}


class ApplicationSummary(Schema):
    """How much an application has."""

    integration_count: int
    flow_count: int
    credential_count: int
    api_token_count: int


class ApplicationAnswer(Answer):
    """An application."""

    id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    owner_id: str = Field("", description="The first administrator; not there when there is none.")
    owner_type: str = "user"
    name: str
    description: str
    globals: list[GlobalEntry]
    summary: ApplicationSummary
    role: str = Field(description="What who asks is here: viewer, editor or administrator.")


class ApplicationPost(Schema):
    """A new application."""

    name: str = Field(min_length=1, max_length=255, examples=["Greenhouse"])
    description: str = Field("", max_length=32767)
    globals: list[GlobalEntry] = Field([], max_length=MAX_GLOBALS)


class ApplicationPatch(Schema):
    """Changes of an application. `globals` replaces all of them."""

    name: str = Field("", min_length=1, max_length=255)
    description: str = Field("", max_length=32767)
    globals: list[GlobalEntry] = Field([], max_length=MAX_GLOBALS)


class GlobalsPatch(RootModel[list[GlobalChange]]):
    """Changes of single globals; the others stay."""

    root: list[GlobalChange] = Field(max_length=MAX_GLOBALS)


ApplicationCollection = collection_model("ApplicationCollection", ApplicationAnswer)


def counted(rows: QuerySet[Application]) -> QuerySet[Application]:
    """Add what answers tell of what belongs to the rows, in the same query."""
    counts = {
        f"count_{name}": Coalesce(
            Subquery(
                Application.objects.filter(pk=OuterRef("pk")).order_by().annotate(n=Count(name)).values("n"),
                output_field=IntegerField(),
            ),
            0,
        )
        for name in COUNTED.values()
    }
    owner = Min("members__user", filter=Q(members__role=Role.ADMINISTRATOR))
    return rows.annotate(**counts, owner=owner).prefetch_related("globals")


class _Views(CalledView):
    def shown(self, row: Any, role: Role | None = None) -> dict[str, Any]:
        """Return an application as it is answered."""
        place = f"/applications/{row.pk}"
        answer = {
            "id": row.pk,
            "applicationId": row.pk,
            "creationDate": iso(row.created_at),
            "lastUpdated": iso(row.updated_at),
            "name": row.name,
            "description": row.description,
            "globals": shown_globals(row.globals.all()),
            "summary": {name: getattr(row, f"count_{column}") for name, column in COUNTED.items()},
            "role": (role or self.caller.role_in(row.pk) or Role.VIEWER).value,
        }
        if row.owner is not None:
            answer |= {"ownerId": user_id_text(row.owner), "ownerType": "user"}
        parts = ("integrations", "flows", "credentials", "tokens")
        return with_links(
            answer, self.flags, {"self": place, **{part: f"{place}/{part}" for part in parts}}, self, ("PATCH", "DELETE")
        )

    def answer(self, key: str, status: int = 200) -> Response:
        """Return an application as it is stored now."""
        row = counted(Application.objects.filter(pk=key)).get()
        return Response(self.shown(row), status=status, headers={"ETag": _etag(row)})


def _etag(row: Application) -> str:
    return etag_of(row, *row.globals.all())


class ApplicationsView(_Views):
    """/applications."""

    @operation("List applications", scope="applications.get", answer=ApplicationCollection, query=LISTING.query)
    def get(self, request: Request) -> Response:
        """Return those that the caller is a member of."""
        query = self.query(LISTING.query)
        rows, total = LISTING.page(counted(self.caller.applications()), query)
        return Response(collection([self.shown(row) for row in rows], total, query))

    @operation(
        "Create an application",
        scope="applications.post",
        answer=ApplicationAnswer,
        status=201,
        body=ApplicationPost,
        description="For operators and whom they gave the right. Who creates it is its administrator.",
    )
    def post(self, request: Request) -> Response:
        """Create it."""
        if not self.caller.may_create_applications or self.caller.user is None:
            raise Forbidden("Applications are created by operators and by whom they gave the right.")
        wanted = self.body(ApplicationPost)
        with transaction.atomic():
            row = Application.objects.create(name=wanted.name, description=wanted.description)
            Member.objects.create(application=row, user_id=int(self.caller.user.pk), role=Role.ADMINISTRATOR)
            replace_globals(row, wanted.globals)
        forget(self.caller.user)
        return self.answer(row.pk, 201)


class ApplicationView(_Views):
    """/applications/{applicationId}."""

    @operation("Read an application", scope="application.get", role=Role.VIEWER, answer=ApplicationAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return self.answer(self.application.pk)

    @operation(
        "Change an application",
        scope="application.patch",
        role=Role.EDITOR,
        answer=ApplicationAnswer,
        body=ApplicationPatch,
        headers=("If-Match",),
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        change = self.body(ApplicationPatch)
        with transaction.atomic():
            row = locked(request, self.application.pk)
            for name in change.model_fields_set & {"name", "description"}:
                setattr(row, name, getattr(change, name))
            row.save()
            if "globals" in change.model_fields_set:
                replace_globals(row, change.globals)
        return self.answer(row.pk)

    @operation(
        "Delete an application with all that is in it",
        scope="application.delete",
        role=Role.ADMINISTRATOR,
        answer=Success,
        headers=("If-Match",),
        description="An administrator can restore it from the trash for a time.",
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        with transaction.atomic():
            locked(request, self.application.pk).delete()
        return Response(DONE)


class GlobalsView(_Views):
    """/applications/{applicationId}/globals."""

    @operation(
        "Change single globals of an application",
        scope="application.patch",
        role=Role.EDITOR,
        answer=ApplicationAnswer,
        body=GlobalsPatch,
        headers=("If-Match",),
        examples={"set one, remove another": [{"key": "host", "json": '"a.example.com"'}, {"key": "old", "json": None}]},
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change those that are named."""
        changes = self.body(GlobalsPatch)
        with transaction.atomic():
            change_globals(locked(request, self.application.pk), changes.root)
        return self.answer(self.application.pk)


def locked(request: Request, key: str) -> Application:
    """Return an application that nobody else changes until the transaction ends; raises `NotFound` or `Changed`."""
    row = Application.objects.select_for_update().filter(pk=key).first()
    if row is None:
        raise NotFound("Application was not found")
    require_match(request, _etag(row))
    return row

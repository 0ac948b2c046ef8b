"""Tokens of an application in the API. The token itself is in the answer to its creation, and never again."""

from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Case, CharField, Value, When
from django.utils import timezone
from pydantic import AwareDatetime, Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView, found_or_404, with_etag
from wegnology.applications.models import ApiToken, Role
from wegnology.applications.tokens import MAX_TOKENS_OF_AN_APPLICATION
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, user_id_text, with_links
from wegnology.lib.rest.errors import Forbidden, Invalid
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.rest.scopes import application_scopes, granted
from wegnology.lib.schema import Schema

DEFAULT_SCOPE = "all.Application"
LISTING = Listing(
    "ApiTokens",
    sort={
        "name": "name",
        "status": "active",
        "id": "pk",
        "creationDate": "created_at",
        "lastUpdated": "updated_at",
        "expirationDate": "expires_at",
    },
    filters={"name": "name", "status": "status"},
)
Status = Literal["active", "inactive"]


class ApiTokenAnswer(Answer):
    """A token of an application."""

    id: str = Field(pattern=ID_PATTERN)
    api_token_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    owner_id: str = Field(pattern=ID_PATTERN)
    owner_type: Literal["application"] = "application"
    creator_id: str = ""
    creator_type: str = ""
    creator_name: str = ""
    name: str
    description: str
    creation_date: str
    last_updated: str
    expiration_date: str = Field("", description="Not there for one without an end.")
    last_used: str = Field("", description="To the minute; not there for one that was never used.")
    scope: list[str]
    status: Status
    token: str = Field("", description="Only in the answer to its creation.")


class ApiTokenPost(Schema):
    """A new token."""

    name: str = Field(min_length=1, max_length=255, examples=["nightly export"])
    description: str = Field("", max_length=32767)
    expiration_date: AwareDatetime | None = Field(None, description="Without one, it is valid until it is revoked.")
    scope: list[str] = Field([DEFAULT_SCOPE], max_length=200, examples=[["integrations.get", "integration.get"]])
    status: Status = "active"


class ApiTokenPatch(Schema):
    """Changes of a token; an inactive one opens nothing."""

    name: str = Field("", min_length=1, max_length=255)
    description: str = Field("", max_length=32767)
    status: Status = "active"


ApiTokenCollection = collection_model("ApiTokenCollection", ApiTokenAnswer, applicationId=(str, ...))


def checked_scope(scope: list[str], may_grant: frozenset[str] | None = None) -> list[str]:
    """Return scopes each once; raises `Invalid` for what does not exist, `Forbidden` for more than may be granted."""
    known = set(application_scopes())
    unknown = [name for name in scope if name not in known]
    if unknown:
        raise Invalid({"scope": f"A token of an application cannot hold {', '.join(unknown[:5])}."})
    if not scope:
        raise Invalid({"scope": "A token without scopes would open nothing."})
    if may_grant is not None and (more := granted(scope) - may_grant):
        raise Forbidden(f"Your own token may not do {', '.join(sorted(more)[:5])}; it cannot give that to another.")
    return list(dict.fromkeys(scope))


def checked_end(moment: datetime | None) -> datetime | None:
    """Return when a token ends; raises `Invalid` for a time that is over."""
    if moment is not None and moment <= timezone.now():
        raise Invalid({"expirationDate": "This time is over."})
    return moment


class _Views(CalledView):
    def shown(self, row: ApiToken, token: str = "") -> dict[str, Any]:
        """Return a token as it is answered."""
        place = f"/applications/{row.application_id}/tokens/{row.pk}"
        answer: dict[str, Any] = {
            "id": row.pk,
            "apiTokenId": row.pk,
            "applicationId": row.application_id,
            "ownerId": row.application_id,
            "ownerType": "application",
            "creatorId": user_id_text(row.creator_id) if row.creator_kind == "user" else row.creator_id,
            "creatorType": {"token": "apiToken"}.get(row.creator_kind, row.creator_kind),
            "creatorName": row.creator_name,
            "name": row.name,
            "description": row.description,
            "creationDate": iso(row.created_at),
            "lastUpdated": iso(row.updated_at),
            "scope": row.scope,
            "status": "active" if row.active else "inactive",
        }
        for name, moment in (("expirationDate", row.expires_at), ("lastUsed", row.last_used_at)):
            answer |= {name: iso(moment)} if moment else {}
        answer |= {"token": token} if token else {}
        links = {"self": place, "application": f"/applications/{row.application_id}"}
        return with_links(answer, self.flags, links, self, ("PATCH", "DELETE"))


class TokensView(_Views):
    """/applications/{applicationId}/tokens."""

    @operation(
        "List API tokens",
        scope="applicationApiTokens.get",
        role=Role.ADMINISTRATOR,
        answer=ApiTokenCollection,
        query=LISTING.query,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query = self.query(LISTING.query)
        rows, total = LISTING.page(_with_status(ApiToken.objects.filter(application=self.application)), query)
        items = [self.shown(row) for row in rows]
        return Response(collection(items, total, query, applicationId=self.application.pk))

    @operation(
        "Create an API token",
        scope="applicationApiTokens.post",
        role=Role.ADMINISTRATOR,
        answer=ApiTokenAnswer,
        status=201,
        body=ApiTokenPost,
        description="The answer holds the token; it is not stored, so this is the one time that it is shown.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Create it."""
        wanted = self.body(ApiTokenPost)
        scope = checked_scope(wanted.scope, granted(self.caller.token.scope))
        if ApiToken.objects.filter(application=self.application).count() >= MAX_TOKENS_OF_AN_APPLICATION:
            raise Invalid({"": f"An application has at most {MAX_TOKENS_OF_AN_APPLICATION} tokens. Delete one first."})
        kind, actor_id, actor_name = self.caller.actor
        row = ApiToken(
            application=self.application,
            name=wanted.name,
            description=wanted.description,
            scope=scope,
            active=wanted.status == "active",
            expires_at=checked_end(wanted.expiration_date),
            creator_kind=kind,
            creator_id=actor_id,
            creator_name=actor_name,
        )
        token = row.issue()
        row.save()
        return Response(self.shown(row, token), status=201, headers={"ETag": etag_of(row)})


class TokenView(_Views):
    """/applications/{applicationId}/tokens/{apiTokenId}."""

    @operation("Read an API token", scope="applicationApiToken.get", role=Role.ADMINISTRATOR, answer=ApiTokenAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return what is known of it."""
        row = self._row(ids)
        return with_etag(self.shown(row), row)

    @operation(
        "Change an API token",
        scope="applicationApiToken.patch",
        role=Role.ADMINISTRATOR,
        answer=ApiTokenAnswer,
        body=ApiTokenPatch,
        headers=("If-Match",),
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        change = self.body(ApiTokenPatch)
        with transaction.atomic():
            row = self._row(ids, request)
            for name in change.model_fields_set & {"name", "description"}:
                setattr(row, name, getattr(change, name))
            if "status" in change.model_fields_set:
                row.active = change.status == "active"
            row.save()
        return with_etag(self.shown(row), row)

    @operation(
        "Revoke an API token",
        scope="applicationApiToken.delete",
        role=Role.ADMINISTRATOR,
        answer=Success,
        headers=("If-Match",),
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it; from now on it opens nothing."""
        with transaction.atomic():
            self._row(ids, request).delete()
        return Response(DONE)

    def _row(self, ids: dict[str, str], request: Request | None = None) -> ApiToken:
        rows = ApiToken.objects.filter(application=self.application)
        row = found_or_404(rows.select_for_update() if request else rows, ids["apiTokenId"], "API token")
        if request is not None:
            require_match(request, etag_of(row))
        return row


def _with_status(rows: Any) -> Any:
    """Let lists be filtered by the word for whether a token is active."""
    word = Case(When(active=True, then=Value("active")), default=Value("inactive"), output_field=CharField())
    return rows.annotate(status=word)

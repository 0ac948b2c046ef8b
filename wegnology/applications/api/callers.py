"""Who calls the API, by the token they send."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request

from wegnology.applications.access import applications_of, is_operator, role_of
from wegnology.applications.audit import Actor
from wegnology.applications.models import ApiToken, Application, Role, UserToken
from wegnology.applications.tokens import APPLICATION_PREFIX, note_use, password_mark
from wegnology.lib.rest.errors import Unauthorized
from wegnology.lib.rest.scopes import allows
from wegnology.lib.tokens import digest_of

_LONGEST = 512
_UNKNOWN = "The token is not valid: it is wrong, it was revoked, or its time is over. Log in again, or make another one."


@dataclass(frozen=True)
class Caller:
    """A person with a token of their own, or a token of an application."""

    token: ApiToken | UserToken
    user: AbstractBaseUser | None
    actor: Actor

    @property
    def key(self) -> str:
        """Return by what requests are counted."""
        return f"{self.actor.kind}:{self.actor.id}"

    def allows(self, scope: str) -> bool:
        """Say whether the token may do an operation."""
        return allows(self.token.scope, scope)

    def role_in(self, application_id: str) -> Role | None:
        """Return the role in an application. A token of one does there whatever its scopes allow."""
        if self.user is not None:
            return role_of(self.user, application_id)
        return Role.ADMINISTRATOR if isinstance(self.token, ApiToken) and self.token.application_id == application_id else None

    def applications(self, at_least: Role = Role.VIEWER) -> QuerySet[Application]:
        """Return the applications with such a role."""
        if self.user is not None:
            return applications_of(self.user, at_least)
        own = self.token.application_id if isinstance(self.token, ApiToken) else ""
        return Application.objects.filter(pk=own)

    @property
    def may_create_applications(self) -> bool:
        """Say whether the caller may add an application."""
        user: Any = self.user
        return user is not None and (is_operator(user) or user.has_perm("applications.add_application"))


def caller_of(request: Request) -> Caller:
    """Return who sent a request; raises `Unauthorized`. Cookies mean nothing here."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token:
        raise Unauthorized("A token is needed, in the header `Authorization: Bearer <token>`.")
    if len(token) > _LONGEST:
        raise Unauthorized(_UNKNOWN)
    found = _of_application(token) if token.startswith(APPLICATION_PREFIX) else _of_user(token)
    if found is None:
        raise Unauthorized(_UNKNOWN)
    note_use(found.token, timezone.now())
    return found


def _of_application(token: str) -> Caller | None:
    row = ApiToken.objects.filter(digest=digest_of(token)).first()
    if row is None or not row.usable:
        return None
    return Caller(row, None, Actor("token", row.pk, row.name))


def _of_user(token: str) -> Caller | None:
    row = UserToken.objects.select_related("user").filter(digest=digest_of(token)).first()
    if row is None or row.expires_at <= timezone.now():
        return None
    user = row.user
    if not user.is_active or row.password_mark != password_mark(user):
        return None
    return Caller(row, user, Actor("user", str(user.pk), user.get_username()))

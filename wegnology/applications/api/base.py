"""What every view of the API above the ground floor inherits: who calls, how often, with which scopes, in which application."""

from contextlib import ExitStack
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.callers import Caller, caller_of
from wegnology.applications.audit import acting
from wegnology.applications.models import Application, Role
from wegnology.lib.rest.errors import Forbidden, NotFound, TooMany, Unauthorized
from wegnology.lib.rest.etags import etag_of
from wegnology.lib.rest.limits import Limit, address_of, spend
from wegnology.lib.rest.views import ApiView

R = TypeVar("R", bound=Model)


class CalledView(ApiView):
    """A view for who sends a token. Declare the scope of each operation."""

    caller: Caller
    application: Application
    role: Role

    def admit(self, request: Request, **kwargs: Any) -> None:
        """Refuse who is unknown, who asks too often, and what the token does not allow."""
        self.caller = self._known(request)
        wait = spend(Limit("api", settings.API_PER_MINUTE, 60), self.caller.key)
        if wait:
            raise TooMany(f"At most {settings.API_PER_MINUTE} requests a minute are taken; ask again in {wait} s.", wait)
        self._acting = ExitStack()
        self._acting.enter_context(acting(self.caller.actor))
        scope = self.operation.scope
        if not scope or not self.caller.allows(scope):
            raise Forbidden(f"The token's scopes do not allow {scope}.")
        application_id = self.application_id(**kwargs)
        if application_id is not None:
            self._enter(application_id)

    def application_id(self, **kwargs: Any) -> str | None:
        """Return which application an address is about."""
        found: str | None = kwargs.get("applicationId")
        return found

    def _known(self, request: Request) -> Caller:
        try:
            return caller_of(request)
        except Unauthorized:
            wait = spend(Limit("stranger", settings.API_STRANGERS_PER_MINUTE, 60), address_of(request._request))
            if wait:
                raise TooMany(f"Too many requests without a valid token; ask again in {wait} s.", wait) from None
            raise

    def _enter(self, application_id: str) -> None:
        """Find the application; who has no role in it is not told that it exists."""
        role = self.caller.role_in(application_id)
        row = Application.objects.filter(pk=application_id).first() if role else None
        if row is None or role is None:
            raise NotFound("Application was not found")
        self.application, self.role = row, role
        needed = Role(self.operation.role or Role.ADMINISTRATOR)
        if not role.covers(needed):
            raise Forbidden(f"This needs the role {needed.value}; yours is {role.value}.")

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Let go of the actor."""
        stack: ExitStack | None = self.__dict__.pop("_acting", None)
        if stack is not None:
            stack.close()
        return super().finalize_response(request, response, *args, **kwargs)


def found_or_404(rows: QuerySet[R], key: str, name: str) -> R:
    """Return the row of that key; raises `NotFound` in the product's words."""
    row = rows.filter(pk=key).first()
    if row is None:
        raise NotFound(f"{name} was not found")
    return row


def with_etag(answer: dict[str, Any], *rows: Model, status: int = 200) -> Response:
    """Return an answer with the mark of the rows that it tells about."""
    return Response(answer, status=status, headers={"ETag": etag_of(*rows)})

"""The application that a person works in: chosen in the menu, kept in the session.

It narrows lists and is what new rows begin with. It gives no rights: those follow from membership alone, and a page of a row
of another application is shown to who may see it, whatever is chosen.
"""

from typing import NamedTuple

from django.http import HttpRequest

from wegnology.applications.access import applications_of
from wegnology.applications.models import Application

CHOICES = 200
"""As many applications are offered in the menu; the others are reached through their list."""
_CHOSEN = "application"
_READ = "_current_application"


class Current(NamedTuple):
    """The chosen application, None for all of them together, and what can be chosen; `more` says that some are left out."""

    application: Application | None
    choices: list[Application]
    more: bool


def current_of(request: HttpRequest) -> Current:
    """Return what the person of a request works in. Who has one application works in it. Read once for each request."""
    kept: Current | None = getattr(request, _READ, None)
    if kept is None:
        kept = _read(request)
        setattr(request, _READ, kept)
    return kept


def choose(request: HttpRequest, application_id: str) -> bool:
    """Let the person work in an application from now on, in all of them for ""; False for one that is not theirs."""
    if application_id and not applications_of(request.user).filter(pk=application_id).exists():
        return False
    request.session[_CHOSEN] = application_id
    if hasattr(request, _READ):
        delattr(request, _READ)
    return True


def follow(request: HttpRequest, application_id: str | None) -> None:
    """Go along to the application of a row that is looked at; who works in all of them stays there."""
    found = current_of(request).application
    if found is not None and application_id is not None and found.pk != application_id:
        choose(request, application_id)


def _read(request: HttpRequest) -> Current:
    own = applications_of(request.user).only("pk", "name").order_by("name", "pk")
    offered = list(own[: CHOICES + 1])
    chosen = request.session.get(_CHOSEN) if hasattr(request, "session") else None
    found = next((row for row in offered if row.pk == chosen), None)
    if found is None and chosen and len(offered) > CHOICES:
        found = own.filter(pk=chosen).first()
    if found is None and len(offered) == 1:
        found = offered[0]
    return Current(found, offered[:CHOICES], len(offered) > CHOICES)

"""What a form asks the server for while somebody types: faults of topics, and the globals that templates may name.

Both are a help: what is saved is judged by the form.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from integrations.check_admin import CheckPages
from integrations.connectors.base import connectors
from wegnology.applications.access import may
from wegnology.applications.models import Application, Role
from wegnology.lib.known_globals import known_globals
from wegnology.lib.types import JSONObject

MOST_TOPICS = 1_000
MOST_GLOBALS = 300
_DEEPEST = 3
_LONGEST = 80
_PLAIN = re.compile(r"[\w-]+")


class Offer(NamedTuple):
    """A name that a template may hold, and what it gives now; secrets are masked."""

    name: str
    value: str


def offers(globals_: JSONObject) -> list[Offer]:
    """Return what templates over these globals may name, parts of objects included."""
    masked = known_globals({"globals": globals_}).masked()
    return list(_named("globals", masked, 0))[:MOST_GLOBALS]


def _named(place: str, value: Any, depth: int) -> Iterator[Offer]:
    if depth:
        yield Offer(
            place, value[:_LONGEST] if isinstance(value, str) else "" if isinstance(value, Mapping | list) else str(value)
        )
    if isinstance(value, Mapping) and depth < _DEEPEST:
        for name, part in value.items():
            if _PLAIN.fullmatch(name):
                yield from _named(f"{place}.{name}", part, depth + 1)


class FormAids(CheckPages):
    """Adds the addresses to the pages of integrations."""

    class Media:
        js = ("wegnology/form-aids.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses."""
        wrap = self.admin_site.admin_view
        return [
            path("topics", wrap(require_safe(self.judge_topics)), name="integrations_integration_topics"),
            path("globals", wrap(require_safe(self.offer_globals)), name="integrations_integration_globals"),
            *super().get_urls(),
        ]

    def judge_topics(self, request: HttpRequest) -> HttpResponse:
        """Return faults of topics by position."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type", "") not in connectors:
            raise Http404
        faults = connectors.get(request.GET["type"]).check_topics(request.GET.getlist("topic")[:MOST_TOPICS])
        return JsonResponse({"faults": {str(at): text for at, text in faults.items()}})

    def offer_globals(self, request: HttpRequest) -> HttpResponse:
        """Return the globals of an application, for who may configure it."""
        row = Application.objects.filter(pk=request.GET.get("application", "")).first()
        if row is None or not may(request.user, row.pk, Role.EDITOR):
            raise Http404
        found = [one._asdict() for one in offers(row.globals_for_connections())]
        return JsonResponse({"globals": found}, headers={"Cache-Control": "no-store"})

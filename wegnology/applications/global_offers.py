"""The globals that templates of a form may name, with what they give now: asked for by its script while somebody types."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from wegnology.applications.access import may
from wegnology.applications.models import Application, Role
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.lib.known_globals import known_globals
from wegnology.lib.types import JSONObject

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


def offers_address(model: Any) -> str:
    """Return the name of the route by which the form of a model asks."""
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_globals"


class GlobalOffers(OwnedAdmin):
    """Adds the address to the pages of rows whose settings hold templates."""

    class Media:
        js = ("wegnology/form-aids.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the address."""
        view = self.admin_site.admin_view(require_safe(self.offer_globals))
        return [path("globals", view, name=offers_address(self.model).removeprefix("admin:")), *super().get_urls()]

    def offer_globals(self, request: HttpRequest) -> HttpResponse:
        """Return the globals of an application, for who may configure it."""
        row = Application.objects.filter(pk=request.GET.get("application", "")).first()
        if row is None or not may(request.user, row.pk, Role.EDITOR):
            raise Http404
        found = [one._asdict() for one in offers(row.globals_for_connections())]
        return JsonResponse({"globals": found}, headers={"Cache-Control": "no-store"})

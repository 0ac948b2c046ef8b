"""The description of the REST API: as OpenAPI for programs, as a page for people."""

from functools import lru_cache
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.views import ApiView


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """Return the OpenAPI description; made once in each process, since it follows from the code alone."""
    generator: Any = SchemaGenerator
    made: dict[str, Any] = generator(urlconf="wegnology.urls").get_schema(request=None, public=True)
    return made


class OpenApiView(ApiView):
    """GET /openapi.json."""

    no_store: ClassVar[bool] = False

    @operation("Read this description", description="OpenAPI 3.1. Needs no token.")
    def get(self, request: Request) -> Response:
        """Return it."""
        return Response(description())


def docs(request: HttpRequest) -> HttpResponse:
    """Show the operations by resource."""
    return TemplateResponse(request, "pages/api.html", {"title": "REST API", "resources": _resources(description())})


def _resources(described: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for address, methods in described["paths"].items():
        for method, what in methods.items():
            found.setdefault(what["tags"][0], []).append({"method": method.upper(), "path": address, **what})
    return found

"""The description of the REST API: as OpenAPI for programs, as a page for people."""

import json
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.views import ApiView

_DEEPEST = 6


class Parameter(NamedTuple):
    """One parameter as the page shows it."""

    name: str
    place: str
    kind: str
    text: str


class Body(NamedTuple):
    """An example, or the shape of what is sent or answered."""

    title: str
    text: str


class Shown(NamedTuple):
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Parameter]
    bodies: list[Body]
    answers: list[tuple[str, str]]


class Resource(NamedTuple):
    """Operations that belong together."""

    name: str
    operations: list[Shown]


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
    return TemplateResponse(request, "pages/api.html", {"title": _("REST API"), "resources": resources()})


@lru_cache(maxsize=1)
def resources() -> list[Resource]:
    """Return the operations by resource, as they are described."""
    found: dict[str, list[Shown]] = {}
    for address, methods in description()["paths"].items():
        for method, what in methods.items():
            found.setdefault(what["tags"][0], []).append(_shown(method.upper(), address, what))
    return [Resource(name, operations) for name, operations in found.items()]


def _shown(method: str, address: str, what: dict[str, Any]) -> Shown:
    parameters = [
        Parameter(one["name"], one["in"], _kind(one["schema"]), one.get("description", "")) for one in what["parameters"]
    ]
    answers = [(status, answer["description"]) for status, answer in what["responses"].items()]
    return Shown(
        what["operationId"], method, address, what["summary"], what.get("description", ""), parameters, _bodies(what), answers
    )


def _bodies(what: dict[str, Any]) -> list[Body]:
    bodies = []
    sent = what.get("requestBody", {}).get("content", {}).get("application/json", {})
    bodies += [Body(f"Example: {name}", _json(example["value"])) for name, example in sent.get("examples", {}).items()]
    bodies += [Body("Body", _json(_shape(sent["schema"])))] if sent else []
    for status, answer in what["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if content and status.startswith("2"):
            bodies.append(Body(f"Answer {status}", _json(_shape(content["schema"]))))
    return bodies


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _shape(schema: dict[str, Any], depth: int = 0) -> Any:
    """Return what a value looks like: names, and words for what stands there."""
    if "$ref" in schema:
        return _shape(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    if depth > _DEEPEST:
        return "…"
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        shapes = [_shape(choice, depth + 1) for choice in choices if choice.get("type") != "null"]
        return shapes[0] if len(shapes) == 1 else {"one of": shapes} if depth == 0 else shapes[0]
    if schema.get("type") == "object" and schema.get("properties"):
        needed = set(schema.get("required", ()))
        return {name if name in needed else f"{name}?": _shape(part, depth + 1) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_shape(schema.get("items", {}), depth + 1)]
    return _kind(schema)


def _kind(schema: dict[str, Any]) -> str:
    """Return what may stand in a value, in words."""
    if "const" in schema or "enum" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    kinds = [str(part.get("type", "any")) for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    bounds = [f"{word} {schema[name]}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in schema]
    return " ".join([" | ".join(dict.fromkeys(kinds)), *bounds])

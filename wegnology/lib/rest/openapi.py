"""The OpenAPI description: what operations declare, and the schemas of their models."""

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from wegnology.lib.rest.errors import ErrorAnswer, InvalidAnswer
from wegnology.lib.rest.operations import Operation, operation_of
from wegnology.lib.rest.parameters import Flags

REF = "#/components/schemas/{model}"
_FLAGS = {
    "links": "Put links to related resources into the answer.",
    "actions": "Put the operations that are possible next into the answer.",
    "embedded": "Taken for compatibility: nothing is embedded.",
}
_MEANINGS = {
    400: "What was sent cannot be used",
    401: "No token, or one that is not valid",
    403: "The token or the role does not allow this",
    404: "There is no such thing, or it is not for who asks",
    405: "There is no such operation",
    409: "It cannot be done as things stand",
    412: "Somebody changed it since the ETag in If-Match",
    413: "The body is too large",
    415: "The body is not JSON",
    429: "Too many requests; Retry-After says when to ask again",
    500: "Something went wrong here",
    503: "Redis or the database cannot be reached; Retry-After says when to ask again",
}
_WITH_BODY = (413, 415)


class Schemas(GenerateJsonSchema):
    """JSON schemas in which secrets are texts like others: an answer holds their mask."""

    def secret_schema(self, text: JsonSchemaValue) -> JsonSchemaValue:
        """Return the schema of a secret."""
        return {**text, "format": "password"}

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Return a schema, without the mark that a value is never answered."""
        made = super().generate_inner(schema)
        made.pop("writeOnly", None)
        return made


def schema_of(model: type[BaseModel], registry: ComponentRegistry) -> dict[str, Any]:
    """Return a reference to a model's schema, with all that it refers to put into the registry."""
    made = model.model_json_schema(by_alias=True, ref_template=REF, schema_generator=Schemas)
    for name, part in made.pop("$defs", {}).items():
        register(registry, name, part)
    register(registry, model.__name__, made)
    return {"$ref": REF.format(model=model.__name__)}


def register(registry: ComponentRegistry, name: str, schema: Mapping[str, Any]) -> None:
    """Make a schema known under a name, without what is meant for forms. Two of one name are a programming error."""
    clean = _without_hints(schema)
    known = registry._components.get((name, ResolvedComponent.SCHEMA))
    if known is not None and known.schema.get("description") != clean.get("description"):
        raise ValueError(f"two schemas are called {name}: rename one of their classes")
    made = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=clean)  # type: ignore[no-untyped-call]
    registry.register_on_missing(made)


def _without_hints(value: Any) -> Any:
    """Return a schema without what is meant for forms."""
    if isinstance(value, dict):
        return {name: _without_hints(part) for name, part in value.items() if not (name == "ui" and isinstance(part, dict))}
    return [_without_hints(part) for part in value] if isinstance(value, list) else value


class ApiSchema(AutoSchema):
    """Describes an operation by what it declares."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """Return the operation; None for what is not declared."""
        declared = operation_of(self.view, method)
        if declared is None:
            return None
        self.registry = registry
        resource = _resource(path)
        described: dict[str, Any] = {
            "operationId": _operation_id(path, method),
            "summary": declared.summary,
            "tags": [resource],
            "parameters": [*_path_parameters(path), *self._query(declared), *_headers(declared)],
            "responses": self._answers(declared, path),
            "security": [{"bearer": []}] if declared.scope else [],
        }
        if said := _description(declared):
            described["description"] = said
        if declared.body is not None:
            described["requestBody"] = {"required": True, "content": {"application/json": self._content(declared)}}
        return described

    def _content(self, declared: Operation) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": self._schema(declared.body)}
        if declared.examples:
            content["examples"] = {name: {"value": value} for name, value in declared.examples.items()}
        return content

    def _schema(self, model: Any) -> dict[str, Any]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            return schema_of(model, self.registry)
        made: dict[str, Any] = model(self.registry)
        return made

    def _query(self, declared: Operation) -> list[dict[str, Any]]:
        models: list[type[BaseModel]] = [Flags, *([declared.query] if declared.query else [])]
        found = []
        for model in models:
            made = model.model_json_schema(by_alias=True, ref_template=REF, schema_generator=Schemas)
            for part, schema in made.pop("$defs", {}).items():
                register(self.registry, part, schema)
            found += [_parameter(name, schema, model is Flags) for name, schema in made.get("properties", {}).items()]
        return found

    def _answers(self, declared: Operation, path: str) -> dict[str, Any]:
        answers: dict[str, Any] = {str(declared.status): {"description": declared.summary}}
        if declared.answer is not None:
            answers[str(declared.status)]["content"] = {"application/json": {"schema": self._schema(declared.answer)}}
        answers |= {str(status): {"description": text} for status, text in declared.others.items()}
        for status in _error_statuses(declared, path):
            model = InvalidAnswer if status == 400 else ErrorAnswer
            content = {"application/json": {"schema": schema_of(model, self.registry)}}
            answers[str(status)] = {"description": _MEANINGS[status], "content": content}
        return dict(sorted(answers.items()))


def _error_statuses(declared: Operation, path: str) -> list[int]:
    statuses = {400, 405, 429, 500, 503, *declared.errors}
    statuses |= {401, 403} if declared.scope else set()
    statuses |= {404} if "{" in path else set()
    statuses |= {412} if "If-Match" in declared.headers else set()
    statuses |= set(_WITH_BODY) if declared.body is not None else set()
    return sorted(statuses)


def _resource(path: str) -> str:
    parts = [part for part in path.removeprefix("/api").split("/") if part and "{" not in part]
    return parts[1] if len(parts) > 1 and parts[0] in ("applications", "orgs") else parts[0]


def _operation_id(path: str, method: str) -> str:
    words = re.sub(r"[{}]", "", path.removeprefix("/api")).replace("-", "/").strip("/").split("/")
    return method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names]


def _parameter(name: str, schema: dict[str, Any], is_flag: bool) -> dict[str, Any]:
    text = _FLAGS[name] if is_flag else schema.pop("description", "")
    found: dict[str, Any] = {"name": f"_{name}" if is_flag else name, "in": "query", "schema": _without_hints(schema)}
    if text:
        found["description"] = text
    if any(part.get("type") in ("array", "object") or "$ref" in part for part in [schema, *schema.get("anyOf", [])]):
        found |= {"style": "deepObject", "explode": True}
    return found


def _headers(declared: Operation) -> list[dict[str, Any]]:
    text = "The ETag of what was read; the operation is refused when it is another one by now."
    return [{"name": name, "in": "header", "description": text, "schema": {"type": "string"}} for name in declared.headers]


def _description(declared: Operation) -> str:
    said = [declared.description]
    if declared.role is not None:
        said.append(f"Needs the role {declared.role.value} or a greater one.")
    if declared.scope:
        said.append(f"Scope: `{declared.scope}`.")
    return "\n\n".join(text for text in said if text)

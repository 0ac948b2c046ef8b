"""Bodies and answers whose settings depend on a type: `{"integrationType": "mqtt", "mqttConfig": {…}}`.

Nothing here knows a type: names and schemas come from a registry. The settings of type `x` stand under `xConfig`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from drf_spectacular.plumbing import ComponentRegistry
from pydantic import BaseModel

from wegnology.lib.rest.bodies import validated
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.openapi import REF, register, schema_of
from wegnology.lib.rest.paging import collection_model
from wegnology.lib.schema import Schema
from wegnology.lib.schema_leaves import json_names, shape_of
from wegnology.lib.types import JSONObject

M = TypeVar("M", bound=BaseModel)
_SHORTEST = len("{{a}}")
_OPEN = {"type": "string", "pattern": r"\{\{", "description": "A template over the application's globals."}


class TypedBody(NamedTuple, Generic[M]):
    """What was sent: what all types share (None when it has faults), the settings if there are any, and the faults."""

    values: M | None
    config: JSONObject | None
    faults: dict[str, str]


def config_name(kind: str) -> str:
    """Return under which name the settings of a type stand."""
    return f"{kind}Config"


def read_typed(model: type[M], value: Any, kind: str, kinds: Iterable[str]) -> TypedBody[M]:
    """Read a body about a thing of type `kind`; settings of other types are faults."""
    if not isinstance(value, dict):
        raise Invalid({"": "The body must be a JSON object."})
    faults: dict[str, str] = {}
    rest = dict(value)
    for other in kinds:
        name = config_name(other)
        if other != kind and name in rest:
            del rest[name]
            faults[name] = f"Only for the type {other}; this is of the type {kind}."
    config = rest.pop(config_name(kind), None)
    if config is not None and not isinstance(config, dict):
        faults[config_name(kind)], config = "This must be an object.", None
    try:
        return TypedBody(validated(model, rest), config, faults)
    except Invalid as error:
        return TypedBody(None, config, error.errors | faults)


def placed(faults: Mapping[str, str], before: str, outside: Iterable[str] = ()) -> dict[str, str]:
    """Return faults of settings by their place in the body; those in `outside` stand beside the settings."""
    kept = set(outside)
    return {name if name in kept else f"{before}.{name}" if name else before: text for name, text in faults.items()}


def config_schema(schema: type[Schema], registry: ComponentRegistry) -> dict[str, Any]:
    """Return a reference to the settings of a type as they are sent: whatever may be a template may be a text."""
    reference = schema_of(schema, registry)
    component: dict[str, Any] = registry._components[schema.__name__, "schemas"].schema
    component["properties"] = open_to_templates(schema, component.get("properties", {}))
    return reference


def open_to_templates(schema: type[Schema], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of settings with a template as another way where one may stand and would not fit."""
    shapes = {name: shape_of(field) for name, field in json_names(schema).items()}
    found: dict[str, Any] = {}
    for name, made in properties.items():
        parts = made.get("anyOf", [made])
        fits = any(part.get("type") == "string" and part.get("minLength", 0) <= _SHORTEST for part in parts)
        if name in shapes and shapes[name].templated and not fits:
            said = {key: made[key] for key in ("title", "description", "default") if key in made}
            bare = {key: value for key, value in made.items() if key not in said}
            made = {"anyOf": [*bare.get("anyOf", [bare]), _OPEN], **said}
        found[name] = made
    return found


def one_of(
    name: str,
    common: type[BaseModel],
    discriminator: str,
    kinds: Mapping[str, Callable[[ComponentRegistry], dict[str, Any]]],
    registry: ComponentRegistry,
    *,
    required: bool = False,
) -> dict[str, Any]:
    """Return the schema of a body or an answer: one object for each type, told apart by the discriminator.

    Without a discriminator ("") any of the objects may be sent. `required` says that the settings must be there.
    """
    schema_of(common, registry)
    shared: dict[str, Any] = registry._components[common.__name__, "schemas"].schema
    mapping: dict[str, str] = {}
    for kind, settings in kinds.items():
        part = f"{name}{kind[:1].upper()}{kind[1:]}"
        properties = {**shared["properties"], config_name(kind): settings(registry)}
        needed = [*shared.get("required", []), *([config_name(kind)] if required else [])]
        if discriminator:
            properties[discriminator] = {"const": kind, "type": "string"}
            needed = list(dict.fromkeys([*needed, discriminator]))
        made = {"type": "object", "title": part, "properties": properties, "additionalProperties": False}
        register(registry, part, {**made, "required": needed} if needed else made)
        mapping[kind] = REF.format(model=part)
    found: dict[str, Any] = {"oneOf" if discriminator else "anyOf": [{"$ref": place} for place in mapping.values()]}
    if discriminator:
        found["discriminator"] = {"propertyName": discriminator, "mapping": mapping}
    register(registry, name, found)
    return {"$ref": REF.format(model=name)}


def collection_schema(name: str, item: dict[str, Any], registry: ComponentRegistry, **more: Any) -> dict[str, Any]:
    """Return the schema of a list of such things in an application."""
    model = collection_model(name, Any, applicationId=(str, ...), **more)
    reference = schema_of(model, registry)
    registry._components[name, "schemas"].schema["properties"]["items"] = {"type": "array", "items": item}
    return reference

"""Walking raw settings beside their schema: which values are secret or may hold a template, at any depth.

The place of a value is its JSON path: "password", "headers.0.headerValue".
"""

import types
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from wegnology.lib.types import JSONObject, JSONValue


class TemplatedMark:
    """Marks a field whose raw value may be a template."""


class Shape(NamedTuple):
    """What an annotation says of raw values: of the value itself, of a list's items, of a mapping's values, of objects."""

    secret: bool = False
    templated: bool = False
    items: "Shape | None" = None
    values: "Shape | None" = None
    objects: tuple[type[BaseModel], ...] = ()

    def holds_secrets(self) -> bool:
        """Say whether a secret stands here or anywhere below."""
        inner = [shape for shape in (self.items, self.values) if shape is not None]
        inner += [shape for schema in self.objects for shape in _shapes(schema).values()]
        return self.secret or any(shape.holds_secrets() for shape in inner)

    def object_for(self, raw: Mapping[str, JSONValue]) -> type[BaseModel] | None:
        """Return the schema of an object: of several, the first that knows all its keys."""
        fitting = (schema for schema in self.objects if raw.keys() <= json_names(schema).keys())
        return next(fitting, self.objects[0] if self.objects else None)


class Leaf(NamedTuple):
    """Where a single value stands and what it is."""

    place: str
    secret: bool
    templated: bool


Change = Callable[[Any, Leaf], JSONValue]


def is_secret(field: FieldInfo) -> bool:
    """Say whether a field is a secret; objects in it are asked by themselves."""
    return shape_of(field).secret


def is_templated(field: FieldInfo) -> bool:
    """Say whether a field may hold a template; objects in it are asked by themselves."""
    return shape_of(field).templated


def json_names(schema: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a schema by their JSON name, in order of declaration."""
    return {field.alias or name: field for name, field in schema.model_fields.items()}


def shape_of(field: FieldInfo) -> Shape:
    """Return the shape of a field's raw values."""
    return _shape(field.annotation, any(isinstance(mark, TemplatedMark) for mark in field.metadata))


@lru_cache(maxsize=1024)
def _shapes(schema: type[BaseModel]) -> dict[str, Shape]:
    return {name: shape_of(field) for name, field in json_names(schema).items()}


def _shape(annotation: Any, templated: bool) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], templated or any(isinstance(mark, TemplatedMark) for mark in arguments[1:]))
    if origin in (Union, types.UnionType):
        return _merged([_shape(part, templated) for part in arguments if part is not type(None)])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape(values=_shape(arguments[1], templated), templated=templated)
    if origin is not None and isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        items = _merged([_shape(part, templated) for part in arguments if part is not Ellipsis])
        return Shape(items=items, templated=templated)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Shape(objects=(annotation,), templated=templated)
    return Shape(secret=isinstance(annotation, type) and issubclass(annotation, SecretStr), templated=templated)


def _merged(shapes: list[Shape]) -> Shape:
    return Shape(
        any(shape.secret for shape in shapes),
        any(shape.templated for shape in shapes),
        next((shape.items for shape in shapes if shape.items), None),
        next((shape.values for shape in shapes if shape.values), None),
        tuple(schema for shape in shapes for schema in shape.objects),
    )


def map_leaves(schema: type[BaseModel], raw: Mapping[str, JSONValue], change: Change, before: str = "") -> JSONObject:
    """Return raw settings with each single value replaced by `change(value, leaf)`; None and unknown keys stay as they are."""
    shapes = _shapes(schema)
    return {name: _mapped(shapes[name], value, change, before + name) if name in shapes else value for name, value in raw.items()}


def _mapped(shape: Shape, value: JSONValue, change: Change, place: str) -> JSONValue:
    if value is None:
        return None
    if isinstance(value, list) and shape.items is not None:
        return [_mapped(shape.items, item, change, f"{place}.{at}") for at, item in enumerate(value)]
    if isinstance(value, dict):
        schema = shape.object_for(value)
        if schema is not None:
            return map_leaves(schema, value, change, f"{place}.")
        if shape.values is not None:
            inner = shape.values
            return {key: _mapped(inner, item, change, f"{place}.{key}") for key, item in value.items()}
    return change(value, Leaf(place, shape.secret, shape.templated))

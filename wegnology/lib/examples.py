"""Examples of what a `Schema` or a `TypedDict` declares: its own (`Field(examples=[...])`), else its placeholder, else the
plainest value of its type.
"""

from typing import Any, Literal, get_args, get_origin, is_typeddict

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from wegnology.lib.reference import keys_of, without_none
from wegnology.lib.schema import Schema, hints
from wegnology.lib.types import JSONObject, JSONValue

_PLAIN: dict[Any, JSONValue] = {str: "text", SecretStr: "secret", int: 1, float: 1.5, bool: False, dict: {}, list: []}


def settings_example(schema: type[Schema]) -> JSONObject:
    """Return raw settings as a person would enter them: what is required, and what declares an example."""
    fields = schema.fields().items()
    return {name: _field_example(field) for name, field in fields if field.is_required() or field.examples}


def shape_example(shape: type) -> JSONObject:
    """Return an object of this shape, with the keys that are always there or declare an example."""
    example: JSONObject = {}
    for name, annotation, always, said in keys_of(shape):
        if said is not None and said.examples:
            example[name] = said.examples[0]
        elif always:
            example[name] = _example(annotation)
    return example


def _field_example(field: FieldInfo) -> JSONValue:
    placeholder = hints(field).get("placeholder")
    if field.examples:
        return field.examples[0]  # type: ignore[no-any-return]
    return str(placeholder) if placeholder else _example(field.annotation)


def _example(annotation: Any) -> JSONValue:
    inner = without_none(annotation)
    if get_origin(inner) is Literal:
        return get_args(inner)[0]  # type: ignore[no-any-return]
    if is_typeddict(inner):
        return shape_example(inner)
    if isinstance(inner, type) and issubclass(inner, Schema):
        return settings_example(inner)
    if get_origin(inner) is list:
        return [_example(get_args(inner)[0])]
    if get_origin(inner) is dict:
        return {"name": _example(get_args(inner)[1])}
    return _PLAIN.get(inner)

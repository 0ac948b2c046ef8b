"""Reference pages from declarations: the settings of a `Schema` and the shape of a `TypedDict` as Markdown tables.

Nothing here knows a connector or a node.
"""

import inspect
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wegnology.lib.forms import SchemaFields
from wegnology.lib.schema import Schema, Values, When, hints, is_secret, is_templated
from wegnology.lib.types import JSONValue

_WORDS: dict[Any, str] = {
    str: "text",
    SecretStr: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dict: "object",
    list: "list",
}


class Setting(NamedTuple):
    """One field of a schema. `path` is its JSON name, for a field of an object in a list such as `rules[].type`."""

    path: str
    label: str
    field: FieldInfo


def settings(schema: type[Schema], before: str = "") -> Iterator[Setting]:
    """Yield every field of a schema, each followed by those of the objects it holds."""
    labels = SchemaFields(schema)
    for name, field in schema.fields().items():
        yield Setting(before + name, labels.label(name), field)
        inner, mark = _object_in(field.annotation)
        if inner is not None:
            yield from settings(inner, f"{before}{name}{mark}.")


def settings_table(schema: type[Schema]) -> str:
    """Return the fields of a schema as a table; "" when it has none."""
    rows = [
        (
            f"`{path}`",
            label,
            field_words(field),
            _default(field),
            "yes" if is_templated(field) else "",
            "yes" if is_secret(field) else "",
            f"{field.description or ''}{_condition(field)}",
        )
        for path, label, field in settings(schema)
    ]
    return table(("Setting", "Label", "Type", "Default", "Template", "Secret", "Meaning"), rows)


def shape_table(shape: type) -> str:
    """Return the keys of a TypedDict as a table; "" for what is none."""
    rows = [
        (f"`{path}`", words(annotation), "yes" if always else "", _meaning(annotation, said))
        for path, annotation, always, said in _keys(shape)
    ]
    return table(("Key", "Type", "Always there", "Meaning"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, leaving out columns that are empty everywhere; "" without rows."""
    if not rows:
        return ""
    kept = [at for at in range(len(head)) if any(row[at] for row in rows)]
    lines = [[head[at] for at in kept], ["---"] * len(kept), *([_cell(row[at]) for at in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def json_block(value: JSONValue) -> str:
    """Return a value as a fenced block of JSON; what is short stands on one line."""
    return f"```json\n{_json(value, 0)}\n```"


def _json(value: JSONValue, depth: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if (len(line) <= 80 and (depth or not isinstance(value, dict))) or not isinstance(value, dict | list):
        return line
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(name)}: {_json(item, depth + 1)}" for name, item in value.items()]
    else:
        lines = [f"{inner}{_json(item, depth + 1)}" for item in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([start, ",\n".join(lines), f"{'  ' * depth}{end}"])


def said_of(cls: type) -> str:
    """Return the class's own docstring, "" when it has none."""
    return inspect.cleandoc(cls.__dict__.get("__doc__") or "")


# ---- words


def field_words(field: FieldInfo) -> str:
    """Say what a field takes: its type and limits."""
    return f"{words(field.annotation)}{_limits(field)}"


def words(annotation: Any) -> str:
    """Name a type for people."""
    inner = without_none(annotation)
    if get_origin(inner) is Literal:
        return _either([f"`{value}`" for value in get_args(inner)])
    if get_origin(inner) in (Union, types.UnionType):
        return _either([words(part) for part in get_args(inner) if part is not type(None)])
    if get_origin(inner) is list:
        return f"list of {_several(words(get_args(inner)[0]))}"
    kind = get_origin(inner) or inner
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, Schema)):
        return "object"
    return _WORDS.get(kind, "any value")


def _either(parts: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _meaning(annotation: Any, said: FieldInfo | None) -> str:
    inner = without_none(annotation)
    return (said.description or "" if said else "") or (said_of(inner) if is_typeddict(inner) else "")


def _several(one: str) -> str:
    return {"whole number": "whole numbers", "true or false": "true or false", "any value": "values"}.get(one) or (
        f"lists of {one.removeprefix('list of ')}" if one.startswith("list of ") else f"{one}s"
    )


def _limits(field: FieldInfo) -> str:
    least, most = _limit(field, "min_length"), _limit(field, "max_length")
    if least is not None or most is not None:
        if (least, most) == (1, None):
            return ", not empty"
        counted = "items" if words(field.annotation).startswith("list") else "characters"
        return f", {_span(least, most)} {counted}"
    least, most = _limit(field, "ge"), _limit(field, "le")
    return f", {_span(least, most)}" if least is not None or most is not None else ""


def _span(least: Any, most: Any) -> str:
    if most is None:
        return f"at least {least:,}"
    return f"{least:,} to {most:,}" if least else f"at most {most:,}" if least is None else f"0 to {most:,}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, "", [], {}) or value is PydanticUndefined else f"`{json.dumps(value, default=str)}`"


def _condition(field: FieldInfo) -> str:
    when: When = hints(field).get("when", {})
    parts = [f"`{other}` is {_values(values)}" for other, values in when.items()]
    return f" Only when {' and '.join(parts)}." if parts else ""


def _values(values: Values) -> str:
    if isinstance(values, Mapping):
        words = _values(values["not"])
        return words.removeprefix("not ") if words.startswith("not ") else f"not {words}"
    return _either([_option(value) for value in values if value is not None])


def _option(value: JSONValue) -> str:
    return f"`{json.dumps(value).strip(chr(34))}`" if value != "" else "not given"


def _limit(field: FieldInfo, name: str) -> Any:
    return next((getattr(mark, name) for mark in field.metadata if hasattr(mark, name)), None)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


# ---- taking declarations apart


def without_none(annotation: Any) -> Any:
    """Return a type without its remarks and without "or None"."""
    if get_origin(annotation) is Annotated:
        return without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return inner[0] if len(inner) == 1 else annotation
    return annotation


def _object_in(annotation: Any) -> tuple[type[Schema] | None, str]:
    """Return the schema of the objects that a field holds, and how its path goes on: "" or "[]"."""
    inner, mark = without_none(annotation), ""
    if get_origin(inner) is list:
        inner, mark = without_none(get_args(inner)[0]), "[]"
    return (inner, mark) if isinstance(inner, type) and issubclass(inner, Schema) else (None, "")


def _keys(shape: type, before: str = "") -> Iterator[tuple[str, Any, bool, FieldInfo | None]]:
    for name, annotation, always, said in keys_of(shape):
        yield before + name, annotation, always, said
        inner = without_none(annotation)
        if is_typeddict(inner):
            yield from _keys(inner, f"{before}{name}.")


def keys_of(shape: type) -> Iterator[tuple[str, Any, bool, FieldInfo | None]]:
    """Yield name, type, whether it is always there, and what its `Annotated[..., Field(...)]` says."""
    if not is_typeddict(shape):
        return
    required: frozenset[str] = shape.__required_keys__  # type: ignore[attr-defined]
    for name, annotation in get_type_hints(shape, include_extras=True).items():
        said = None
        while get_origin(annotation) in (NotRequired, Required, Annotated):
            said = next((mark for mark in get_args(annotation)[1:] if isinstance(mark, FieldInfo)), said)
            annotation = get_args(annotation)[0]
        yield name, annotation, name in required, said

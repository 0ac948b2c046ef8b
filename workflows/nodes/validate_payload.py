"""Validate Payload: two ways on, by a JSON Schema."""

from collections.abc import Iterator
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Literal

import orjson
from jsonschema import Draft4Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from pydantic import Field
from referencing import Registry
from referencing.exceptions import Unresolvable

from wegnology.lib.lists import identity
from wegnology.lib.paths import MAX_DEPTH, is_deeper, kind
from wegnology.lib.patterns import PatternError, compile_pattern
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, optional_path, path_of

MAX_ERRORS = 100
MAX_SECONDS = 1.0
_deadline: ContextVar[float] = ContextVar("when the validation must have ended")
_NOTHING_REMOTE: Registry[Any] = Registry()
"""References lead into the schema itself; nothing is fetched."""


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not compile_pattern(pattern).found_in(value):
        yield ValidationError(f"does not match {pattern!r}")


def _pattern_properties(validator: Any, properties: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, inner in properties.items():
        for key, item in value.items():
            if compile_pattern(pattern).found_in(key):
                yield from validator.descend(item, inner, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    patterns = [compile_pattern(pattern) for pattern in schema.get("patternProperties", {})]
    extra = [key for key in value if key not in known and not any(pattern.found_in(key) for pattern in patterns)]
    if isinstance(allowed, dict):
        for key in extra:
            yield from validator.descend(value[key], allowed, path=key)
    elif allowed is False and extra:
        yield ValidationError(f"Additional properties are not allowed: {', '.join(map(repr, extra[:10]))}")


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """The library compares each with each, which an array of some length could hold everyone up with."""
    if wanted and isinstance(value, list) and len({identity(item) for item in value}) < len(value):
        yield ValidationError("has elements that are equal")


def _timed(rule: Any) -> Any:
    """Let a rule ask for the time: schemas can be made to branch without end, and nobody else computes meanwhile."""

    def check(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        if perf_counter() > _deadline.get():
            raise _TooLongError
        return rule(validator, wanted, value, schema)

    return check


class _TooLongError(Exception):
    """The validation took longer than `MAX_SECONDS`."""


_OWN = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft4Validator, {name: _timed(rule) for name, rule in {**Draft4Validator.VALIDATORS, **_OWN}.items()}
)


class ValidatePayloadConfig(Schema):
    """Settings of `ValidatePayloadNode`."""

    schema_type: Literal["json", "path"] = Field(
        default="json", description="Where the schema is: in `schema` as JSON (json), or in the payload (path)."
    )
    schema_: str = Field(
        alias="schema",
        min_length=1,
        max_length=131_072,
        description="The JSON Schema, draft 4, as JSON text, or the payload path of it.",
        examples=['{"type": "object", "required": ["device"]}'],
    )
    to_validate_path: str = Field(
        default="", description="Payload path of what to validate; blank is the whole payload.", examples=["working.reading"]
    )
    errors_path: str = Field(default="", description="Payload path of an array of what is wrong.", examples=["working.errors"])


@nodes.register
class ValidatePayloadNode(Node[ValidatePayloadConfig]):
    """Leaves through the second output when the value fits the schema, else through the first."""

    name = "ValidatePayloadNode"
    label = "Validate Payload"
    category = Category.LOGIC
    Config = ValidatePayloadConfig
    outputs = ("invalid", "valid")

    def __init__(self, config: ValidatePayloadConfig) -> None:
        super().__init__(config)
        self._value = optional_path("toValidatePath", config.to_validate_path)
        self._errors = optional_path("errorsPath", config.errors_path)
        self._fixed: Any = None
        self._path = None
        if config.schema_type == "path":
            self._path = path_of("schema", config.schema_)
            return
        try:
            self._fixed = _validator(orjson.loads(config.schema_))
        except orjson.JSONDecodeError as error:
            text = f"This is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
            raise ConfigInvalid({"schema": text}) from None
        except ValueError as error:
            raise ConfigInvalid({"schema": f"{error}."}) from None

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        value = payload if self._value is None else self._value.get(payload)
        try:
            validator = self._fixed if self._path is None else _validator(self._path.get(payload))
            errors = self._faults(validator, value, context)
        except PatternError as error:
            raise NodeFailed(str(error)) from None
        except Unresolvable as error:
            raise NodeFailed(f"the schema refers to {error.ref!r}, which is not in it") from None
        except _TooLongError:
            raise NodeFailed(f"validating took longer than {MAX_SECONDS:g} s: the schema or the value is too large") from None
        except RecursionError:
            raise NodeFailed("the schema refers to itself without end") from None
        except ValueError as error:
            raise NodeFailed(f"the schema cannot be used: {error}") from None
        if not errors:
            return payload, 1
        return (self._errors.set(payload, errors) if self._errors else payload), 0

    def _faults(self, validator: Any, value: Any, context: RunContext) -> list[JSONValue]:
        found: list[JSONValue] = []
        _deadline.set(perf_counter() + MAX_SECONDS)
        for error in validator.iter_errors(value):
            context.tick()
            found.append(_described(error))
            if len(found) == MAX_ERRORS:
                break
        return found


def _validator(schema: Any) -> Any:
    """Return a validator; raises `ValueError` saying what is wrong with the schema."""
    if not isinstance(schema, dict):
        raise ValueError(f"a schema is an object, this is {kind(schema)}")
    if is_deeper(schema, MAX_DEPTH // 4):
        raise ValueError(f"the schema is nested more than {MAX_DEPTH // 4} levels deep")
    try:
        Draft4Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path)
        raise ValueError(f"{place}: {error.message[:500]}" if place else error.message[:500]) from None
    return _Validator(schema, registry=_NOTHING_REMOTE)


def _described(error: ValidationError) -> JSONObject:
    """Return a fault in the original product's form: where, what, and by which rule."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return {"property": f"instance{place}", "message": error.message[:1000], "name": str(error.validator)}

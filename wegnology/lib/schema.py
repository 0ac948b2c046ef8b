"""One declaration of settings, read by forms, the REST API, documentation and the code that uses the values.

A `Schema` is a frozen pydantic model whose JSON names are camelCase. A field may hold a template (`Templated[...]`) over the
application's globals and may be secret (`SecretStr`). Values are stored raw, checked when saved (`check`) and turned
into typed values when used (`resolve`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from wegnology.lib.templating import TemplateError, check_template, render_config
from wegnology.lib.types import JSONObject, JSONValue


class _TemplatedMark:
    """Marks a field whose raw value may be a template."""


T = TypeVar("T")
Templated = Annotated[T, _TemplatedMark()]


class ConfigInvalid(Exception):
    """Settings that cannot be used. `errors` maps a field's JSON name (or "" for the whole) to a sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {text}" if name else text for name, text in self.errors.items()))


def ui(
    *,
    section: str = "",
    when: Mapping[str, list[JSONValue]] | None = None,
    multiline: bool = False,
    placeholder: str = "",
) -> dict[str, Any]:
    """Describe how a form shows a field; pass it as `json_schema_extra`.

    `when` names other fields (JSON names) and the values at which this one matters: {"protocol": ["mqtts", "wss"]}.
    """
    return {"ui": {"section": section, "when": dict(when or {}), "multiline": multiline, "placeholder": placeholder}}


def _is_template(value: object) -> bool:
    return isinstance(value, str) and "{{" in value


class Schema(BaseModel):
    """Base of every configuration. Unknown keys are refused; error texts never repeat the input."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )
    form_only: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return the fields by their JSON name, in order of declaration."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Return the JSON names of the fields that hold secrets."""
        return frozenset(name for name, field in cls.fields().items() if is_secret(field))

    @classmethod
    def templated_fields(cls) -> frozenset[str]:
        """Return the JSON names of the fields that may hold a template."""
        return frozenset(name for name, field in cls.fields().items() if is_templated(field))

    @classmethod
    def check(cls, raw: JSONObject) -> None:
        """Check shape, limits and template syntax without any globals; raise `ConfigInvalid` naming every fault."""
        templates = {name: value for name, value in raw.items() if name in cls.templated_fields() and _is_template(value)}
        errors = _syntax_errors(templates)
        if templates:
            errors |= cls._check_fields(raw, skip=templates.keys())
        else:
            errors |= _validation_errors(cls, raw)
        if errors:
            raise ConfigInvalid(errors)

    @classmethod
    def _check_fields(cls, raw: JSONObject, skip: Any) -> dict[str, str]:
        """Check field by field: with templates still open, rules across fields cannot be judged yet."""
        errors: dict[str, str] = {}
        for name, field in cls.fields().items():
            if name in skip:
                continue
            if name not in raw:
                if field.is_required():
                    errors[name] = "This field is required."
                continue
            try:
                _adapter(field).validate_python(raw[name])
            except ValidationError as error:
                errors[name] = _sentence(error.errors(include_input=False)[0]["msg"])
        for name in raw.keys() - cls.fields().keys():
            errors[name] = "There is no such field."
        return errors

    @classmethod
    def resolve(cls, raw: JSONObject, context: JSONObject) -> Self:
        """Render the templates over `context` ({"globals": {...}}), then validate; raise `ConfigInvalid` by field."""
        values = dict(raw)
        errors: dict[str, str] = {}
        for name in cls.templated_fields() & raw.keys():
            value = raw[name]
            if isinstance(value, str) and "{{" in value:
                try:
                    values[name] = render_config(value, context)
                except TemplateError as error:
                    errors[name] = str(error)
        if errors:
            raise ConfigInvalid(errors)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigInvalid(_errors_by_field(error)) from None


def is_secret(field: FieldInfo) -> bool:
    """Say whether a field holds a secret."""
    return "SecretStr" in repr(field.annotation) or field.annotation is SecretStr


def is_templated(field: FieldInfo) -> bool:
    """Say whether a field may hold a template."""
    return any(isinstance(mark, _TemplatedMark) for mark in field.metadata)


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    """Return what checks one field by itself: its type and limits, without the alias, which only a model can use."""
    annotated: Any = Annotated[(field.annotation, _TemplatedMark(), *field.metadata)]
    return TypeAdapter(annotated)


def _syntax_errors(templates: Mapping[str, JSONValue]) -> dict[str, str]:
    errors = {}
    for name, value in templates.items():
        try:
            check_template(str(value))
        except TemplateError as error:
            errors[name] = str(error)
    return errors


def _validation_errors(schema: type[Schema], raw: JSONObject) -> dict[str, str]:
    try:
        schema.model_validate(raw)
    except ValidationError as error:
        return _errors_by_field(error)
    return {}


def _errors_by_field(error: ValidationError) -> dict[str, str]:
    """Turn pydantic's list into one sentence a field; a rule across fields may name its field as `field: text`."""
    errors: dict[str, str] = {}
    for fault in error.errors(include_input=False, include_url=False):
        text = _sentence(fault["msg"])
        name = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function-"))
        if not name and ": " in text and " " not in text.split(": ")[0]:
            name, text = text.split(": ", 1)
        errors.setdefault(name, text)
    return errors


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if text == "Field required":
        return "This field is required."
    if text == "Extra inputs are not permitted":
        return "There is no such field."
    return text if text.endswith(".") else f"{text}."


__all__ = ["ConfigInvalid", "Field", "Schema", "SecretStr", "Templated", "is_secret", "is_templated", "ui"]

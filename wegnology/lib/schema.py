"""One declaration of settings, read by forms, the REST API, documentation and the code that uses the values.

A `Schema` is a frozen pydantic model whose JSON names are camelCase. A field may hold a template (`Templated[...]`) over the
application's globals and may be secret (`SecretStr`). Values are stored raw, checked when saved (`check`) and turned
into typed values when used (`resolve`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from wegnology.lib.choices import Choice, Values, When, fits
from wegnology.lib.config_templates import is_template, render_config
from wegnology.lib.fault_texts import Filled, worded
from wegnology.lib.known_globals import MASK, known_globals, scrub
from wegnology.lib.schema_leaves import Leaf, TemplatedMark, is_secret, is_templated, json_names, map_leaves
from wegnology.lib.schema_rules import Fault, field_faults, open_places, rule_faults
from wegnology.lib.templating import TemplateError, check_template
from wegnology.lib.types import JSONObject, JSONValue

T = TypeVar("T")
_SECRET_BOUND = re.compile(r"Value should have at (least|most) ([0-9]+) items? after validation")  # and the length it has
Templated = Annotated[T, TemplatedMark()]


class ConfigInvalid(Exception):
    """Settings that cannot be used. `errors` maps a field's JSON name (or "" for the whole) to a sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {text}" if name else text for name, text in self.errors.items()))


def ui(
    *,
    section: str = "",
    when: When | None = None,
    multiline: bool = False,
    placeholder: str = "",
    follows: Mapping[str, Mapping[str, JSONValue]] | None = None,
) -> dict[str, Any]:
    """Describe how a form shows a field; pass it as `json_schema_extra`.

    `when` names other fields (JSON names) and the values at which this one matters: {"protocol": ["mqtts", "wss"]}, or
    those at which it does not: {"login": {"not": ["none"]}}. `follows` names a field and the value that goes with each of its
    values, which a form enters until somebody edits it: {"protocol": {"mqtt": 1883}}.
    """
    said = {"section": section, "when": dict(when or {}), "multiline": multiline, "placeholder": placeholder}
    return {"ui": {**said, **({"follows": follows} if follows else {})}}


def hints(field: FieldInfo) -> Mapping[str, Any]:
    """Return what a field says to forms (`ui`)."""
    extra = field.json_schema_extra
    hints = extra.get("ui") if isinstance(extra, dict) else None
    return hints if isinstance(hints, dict) else {}


class Schema(BaseModel):
    """Base of every configuration. Unknown keys are refused; error texts never repeat the input."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )
    choices: ClassVar[tuple[Choice, ...]] = ()
    """What a form asks to know which settings are used."""
    _from_secrets: frozenset[str] = PrivateAttr(frozenset())
    """Texts outside of secret fields that secret globals gave."""

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return the fields by their JSON name, in order of declaration."""
        return json_names(cls)

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Return the JSON names of the fields that hold secrets."""
        return frozenset(name for name, field in cls.fields().items() if is_secret(field))

    @classmethod
    def templated_fields(cls) -> frozenset[str]:
        """Return the JSON names of the fields that may hold a template."""
        return frozenset(name for name, field in cls.fields().items() if is_templated(field))

    @classmethod
    def map_secrets(cls, raw: JSONObject, change: Callable[[Any, str], JSONValue]) -> JSONObject:
        """Return raw settings with each secret, at any depth, replaced by `change(value, place)`; see `schema_leaves`."""
        return map_leaves(cls, raw, lambda value, leaf: change(value, leaf.place) if leaf.secret else value)

    @classmethod
    def masked(cls, raw: JSONObject) -> JSONObject:
        """Return raw settings as they may be shown: a mask in place of every secret."""
        return cls.map_secrets(raw, lambda value, place: MASK)

    @classmethod
    def templates(cls, raw: JSONObject) -> dict[str, str]:
        """Return the templates in raw settings by their place."""
        return open_places(cls, raw)

    @classmethod
    def check(cls, raw: JSONObject) -> None:
        """Check shape, limits and template syntax without any globals; raise `ConfigInvalid` naming every fault.

        While templates are open, rules across fields are judged as far as they only ask whether a field is there.
        """
        templates = cls.templates(raw)
        errors = _syntax_errors(templates)
        if not templates:
            errors |= _validation_errors(cls, raw)
        else:
            faults = field_faults(cls, raw, templates)
            errors |= _by_field(faults or ([] if errors else rule_faults(cls, raw)))
        if errors:
            raise ConfigInvalid(errors)

    @classmethod
    def resolve(cls, raw: JSONObject, context: JSONObject) -> Self:
        """Render the templates over `context` ({"globals": {...}}), then validate; raise `ConfigInvalid` by field."""
        errors: dict[str, str] = {}
        known, hidden = known_globals(context), set[str]()

        def render(value: Any, leaf: Leaf) -> JSONValue:
            if leaf.templated and is_template(value):
                try:
                    rendered = render_config(value, context)
                except TemplateError as error:
                    errors[leaf.place] = str(error)
                else:
                    hidden.update(known.secret_texts(value, rendered))
                    return rendered
            return value  # type: ignore[no-any-return]

        values = map_leaves(cls, raw, render)
        if errors:
            raise ConfigInvalid(errors)
        try:
            config = cls.model_validate(values)
        except ValidationError as error:
            raise ConfigInvalid({name: scrub(text, hidden) for name, text in errors_by_field(error).items()}) from None
        config._from_secrets = frozenset(hidden)
        return config

    def __repr__(self) -> str:
        return scrub(super().__repr__(), self._from_secrets)

    def __str__(self) -> str:
        return scrub(super().__str__(), self._from_secrets)

    def hide(self, text: str) -> str:
        """Return a text of these settings with a mask in place of what secret globals gave."""
        return scrub(text, self._from_secrets)

    def hide_with(self, other: "Schema") -> None:
        """Let texts about these settings be scrubbed of what is secret in others, too: a login that is used with them."""
        self._from_secrets |= other._from_secrets | frozenset(_secrets_in(other))

    def scrub(self, text: str) -> str:
        """Return a text with a mask in place of everything secret in these settings: for errors that may repeat them."""
        return scrub(text, self._from_secrets | set(_secrets_in(self)))


def _secrets_in(value: Any) -> Iterator[str]:
    """Yield every secret in a validated value."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets_in([part for _, part in value])
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _secrets_in(part)


def _syntax_errors(templates: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    for place, text in templates.items():
        try:
            check_template(text)
        except TemplateError as error:
            errors[place] = str(error)
    return errors


def _validation_errors(schema: type[Schema], raw: JSONObject) -> dict[str, str]:
    try:
        schema.model_validate(raw)
    except ValidationError as error:
        return errors_by_field(error)
    return {}


def errors_by_field(error: ValidationError) -> dict[str, str]:
    """Return pydantic's faults as one sentence a field, by JSON name or path; "" is the whole."""
    faults = error.errors(include_input=False, include_url=False)
    return _by_field((fault["loc"], worded(fault)) for fault in faults)


def _by_field(faults: Iterable[Fault]) -> dict[str, str]:
    """Turn pydantic's list into one sentence a field; a rule across fields may name its field as `field: text`."""
    errors: dict[str, str] = {}
    for loc, message in faults:
        text = sentence(message)
        name = ".".join(str(part) for part in loc if not str(part).startswith("function-"))
        if not name and ": " in text and " " not in text.split(": ")[0]:
            name, text = _of_field(text)
        errors.setdefault(name, text)
    return errors


def _of_field(text: str) -> tuple[str, str]:
    name, said = text.split(": ", 1)
    return name, Filled(text.template.split(": ", 1)[1], text.values) if isinstance(text, Filled) else said


def sentence(text: str) -> str:
    """Return what `worded` says of a fault as a sentence for people."""
    if isinstance(text, Filled):
        return text
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if bound := _SECRET_BOUND.match(text):
        return f"This must have at {bound[1]} {bound[2]} characters."
    if text == "Field required":
        return "This field is required."
    if text == "Extra inputs are not permitted":
        return "There is no such field."
    return text if text.endswith(".") else f"{text}."


__all__ = ["ConfigInvalid", "Field", "Schema", "SecretStr", "Templated", "Values", "When", "errors_by_field", "fits"]
__all__ += ["hints", "is_secret", "is_templated", "sentence", "ui"]

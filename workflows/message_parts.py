"""How the declared fields of a message become settings of a node, and how those give the message's values at each run.

Nothing here knows a connector: the marks of `wegnology.lib.outgoing` say all.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import orjson
from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from wegnology.lib.outgoing import Content, Pairs, Setting, mark_of
from wegnology.lib.paths import Path, kind
from wegnology.lib.schema import ConfigInvalid, Schema, is_templated, ui
from wegnology.lib.templating import Template, TemplateError, compile_template, parse_json_template
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import NodeFailed, compiled

TEMPLATE_LENGTH = 32_768
Settings = dict[str, tuple[Any, Any]]
"""Type and declaration of a node's settings by their JSON name."""
Read = Callable[[JSONObject], JSONValue]
"""Takes a payload, returns a value of the message; None leaves the field out. Raises `NodeFailed` and `TemplateError`."""

_METHOD_WORDS = {"stringTemplate": "a template", "jsonTemplate": "a template of JSON", "payloadPath": "a place in the payload"}


class Fixed:
    """A `Read` that gives the same value over any payload, which may be taken without asking."""

    def __init__(self, value: JSONValue) -> None:
        self.value = value

    def __call__(self, payload: JSONObject) -> JSONValue:
        """Return the value."""
        return self.value


class SendPair(Schema):
    """One name and its value."""

    key_template: str = Field(min_length=1, max_length=TEMPLATE_LENGTH, description="The name.", examples=["kind"])
    value_template: str = Field("", max_length=TEMPLATE_LENGTH, description="The value.", examples=["{{data.kind}}"])


class Part:
    """One field of a message as settings of a node. This kind keeps its name and its value."""

    def __init__(self, name: str, field: FieldInfo, escape: bool = True) -> None:
        self.name = name
        self.field = field
        self.escape = escape

    def settings(self) -> Settings:
        """Return the node's settings."""
        return {self.name: (self.field.annotation, self.field)}

    def key(self) -> str:
        """Return the setting that stands for the whole."""
        return next(iter(self.settings()))

    def given(self, values: JSONObject) -> bool:
        """Say whether the settings give this field a value."""
        return bool(values[self.name])

    def reader(self, values: JSONObject) -> Read | None:
        """Compile the settings; None when the field is left out. Raises `ConfigInvalid`."""
        return Fixed(values[self.name])

    def _template(self, setting: str, source: object) -> Template:
        return compiled(setting, lambda text: compile_template(text, escape=self.escape), str(source))

    def _path(self, setting: str, source: object) -> Path:
        return compiled(setting, Path.parse, str(source))


class TemplatePart(Part):
    """A field that is one template."""

    def key(self) -> str:
        """Return `<name>Template`, or the declared name."""
        mark = mark_of(self.field, Setting)
        return mark.name if mark else f"{self.name}Template"

    def settings(self) -> Settings:
        """Return the template."""
        default = None if self.field.is_required() else self.field.get_default(call_default_factory=True)
        declared: dict[str, Any] = {"max_length": TEMPLATE_LENGTH, "description": self.field.description}
        declared |= {"title": self.field.title, "examples": self.field.examples}
        if self.field.is_required():
            return {self.key(): (str, Field(min_length=1, **declared))}
        return {self.key(): (str, Field(default="" if default is None else str(default), **declared))}

    def given(self, values: JSONObject) -> bool:
        """Say whether there is a template."""
        return bool(values[self.key()])

    def reader(self, values: JSONObject) -> Read | None:
        """Compile the template."""
        key, required = self.key(), self.field.is_required()
        if not values[key] and not required:
            return None
        template = self._template(key, values[key])
        if template.fixed:
            return Fixed(template.fixed)
        optional = not required and self.field.get_default(call_default_factory=True) is None

        def read(payload: JSONObject) -> JSONValue:
            text = template.render(payload)
            if required and not text:
                raise NodeFailed(f"{key} gave an empty text")
            return None if optional and not text else text

        return read


class ContentPart(Part):
    """A text: `<prefix>Method`, `<prefix>Template`, `<prefix>PayloadPath`."""

    def __init__(self, name: str, field: FieldInfo, mark: Content, escape: bool = True) -> None:
        super().__init__(name, field, escape)
        self.methods: tuple[str, ...] = mark.methods
        self.prefix = mark.prefix

    def settings(self) -> Settings:
        """Return method, template and path."""
        said = self.field.description or ""
        return _with_method(self.prefix, self.methods, said, self.field.examples)

    def given(self, values: JSONObject) -> bool:
        """Say whether the chosen method has what it needs."""
        path = values[f"{self.prefix}Method"] == "payloadPath"
        return bool(values[f"{self.prefix}{'PayloadPath' if path else 'Template'}"])

    def reader(self, values: JSONObject) -> Read | None:
        """Compile what the chosen method needs."""
        method, required = values[f"{self.prefix}Method"], self.field.is_required()
        setting = f"{self.prefix}{'PayloadPath' if method == 'payloadPath' else 'Template'}"
        if required and not values[setting]:
            raise ConfigInvalid({setting: "This field is required."})
        if not values[setting]:
            return None
        take = self._taken(method, setting, values[setting])

        def read(payload: JSONObject) -> JSONValue:
            text = take(payload)
            if required and not text:
                raise NodeFailed(f"{setting} gave an empty text")
            return text

        return read

    def _taken(self, method: object, setting: str, source: object) -> Callable[[JSONObject], str]:
        if method == "payloadPath":
            path = self._path(setting, source)
            return lambda payload: _text(path.get(payload))
        template = self._template(setting, source)
        if method == "jsonTemplate":
            return lambda payload: _text(parse_json_template(template, payload))
        return template.render


class PairsPart(Part):
    """Names and values: `<prefix>Method`, `<prefix>Fields`, `<prefix>Template`, `<prefix>PayloadPath`."""

    def __init__(self, name: str, field: FieldInfo, mark: Pairs, escape: bool = True) -> None:
        super().__init__(name, field, escape)
        self.prefix, self.most = mark.prefix, mark.most

    def settings(self) -> Settings:
        """Return method, single templates, one template and path."""
        said = self.field.description or ""
        made = _with_method(self.prefix, ("individualFields", "jsonTemplate", "payloadPath"), said, None)
        method = f"{self.prefix}Method"
        fields: Any = Field(
            default=[],
            max_length=self.most,
            description=f"{said} One by one.",
            json_schema_extra=ui(when={method: ["individualFields"]}),
        )
        return {method: made.pop(method), f"{self.prefix}Fields": (list[SendPair], fields), **made}

    def given(self, values: JSONObject) -> bool:
        """Say whether the chosen method has what it needs."""
        return bool(values[self._setting(values)])

    def _setting(self, values: JSONObject) -> str:
        words = {"individualFields": "Fields", "jsonTemplate": "Template", "payloadPath": "PayloadPath"}
        return f"{self.prefix}{words[str(values[f'{self.prefix}Method'])]}"

    def reader(self, values: JSONObject) -> Read | None:
        """Compile what the chosen method needs."""
        setting = self._setting(values)
        source = values[setting]
        if not source:
            return None
        if isinstance(source, list):
            return self._single(setting, source)
        if setting.endswith("PayloadPath"):
            path = self._path(setting, source)
            return lambda payload: self._flat(setting, path.get(payload))
        template = self._template(setting, source)
        return lambda payload: self._flat(setting, parse_json_template(template, payload))

    def _single(self, setting: str, source: Sequence[Any]) -> Read:
        pairs = [
            (
                self._template(f"{setting}.{at}.keyTemplate", pair["keyTemplate"]),
                self._template(f"{setting}.{at}.valueTemplate", pair["valueTemplate"]),
            )
            for at, pair in enumerate(source)
        ]

        def read(payload: JSONObject) -> JSONValue:
            values: JSONObject = {}
            for at, (key, value) in enumerate(pairs):
                name = key.render(payload)
                if not name:
                    raise NodeFailed(f"{setting}[{at}].keyTemplate gave an empty text")
                values[name] = value.render(payload)
            return values

        return read

    def _flat(self, setting: str, value: JSONValue) -> JSONValue:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise NodeFailed(f"{setting} must give an object of names and values, not {kind(value)}")
        for name, item in value.items():
            if isinstance(item, dict | list):
                raise NodeFailed(f"{setting} must give a flat object: {name!r} is {kind(item)}")
        if len(value) > self.most:
            raise NodeFailed(f"{setting} gave {len(value)} names; at most {self.most} are allowed")
        return value


def parts_of(schema: type[Schema], escape: bool = True) -> list[Part]:
    """Return the fields of a message, or of a login in a node, as parts."""
    return [_part(name, field, escape) for name, field in schema.fields().items()]


def _part(name: str, field: FieldInfo, escape: bool) -> Part:
    if content := mark_of(field, Content):
        return ContentPart(name, field, content, escape)
    if pairs := mark_of(field, Pairs):
        return PairsPart(name, field, pairs, escape)
    if is_templated(field):
        return TemplatePart(name, field, escape)
    return Part(name, field, escape)


def config_of(name: str, module: str, settings: Settings) -> type[Schema]:
    """Return the schema of a node with these settings."""
    fields: dict[str, Any] = {}
    for alias, (annotation, declared) in settings.items():
        declared.alias = declared.validation_alias = declared.serialization_alias = alias
        declared.alias_priority = 2
        fields[re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", alias).lower()] = (annotation, declared)
    return create_model(name, __base__=Schema, __module__=module, **fields)


def _with_method(prefix: str, methods: tuple[str, ...], said: str, examples: list[Any] | None) -> Settings:
    method = f"{prefix}Method"
    templates = [name for name in methods if name.endswith("Template")]
    words = [_METHOD_WORDS.get(name, "single templates") for name in methods]
    made: Settings = {
        method: (
            Literal[methods],
            Field(default=methods[0], description=f"{said} From {', '.join(words[:-1])} or {words[-1]}."),
        ),
        f"{prefix}Template": (
            str,
            Field(
                default="",
                max_length=TEMPLATE_LENGTH,
                description=said,
                examples=examples,
                json_schema_extra=ui(when={method: list(templates)}, multiline=True),
            ),
        ),
    }
    if "payloadPath" in methods:
        path = ui(when={method: ["payloadPath"]}, placeholder="working.message")
        said = f"{said} A place in the payload."
        made[f"{prefix}PayloadPath"] = (str, Field(default="", max_length=1024, description=said, json_schema_extra=path))
    return made


def _text(value: JSONValue) -> str:
    """Return a value as text: text as it is, nothing as an empty one, all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


__all__ = ["Fixed", "Part", "Read", "SendPair", "Settings", "TemplateError", "config_of", "parts_of"]

"""String: one operation on a text."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from wegnology.lib.javascript import MAX_TEXT, number
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, path_of, template_of

MAX_LENGTH = 1000
"""The greatest length, and position, that an argument may ask for (node reference of the original product)."""
DEFAULT_LENGTH = 30
Method = Literal[
    "split", "replaceFirst", "replaceAll", "indexOf", "toUpper", "toLower", "trim", "trimStart", "trimEnd", "toNumber", "concat",
    "pad", "padStart", "padEnd", "truncate",
]  # fmt: skip


class StringConfig(Schema):
    """Settings of `StringNode`."""

    source_data: str = Field(max_length=131_072, description="The text to work on; a template.", examples=["{{data.message}}"])
    method: Method = Field(description="What to do with it.", examples=["split"])
    method_args: list[str] = Field(
        default=[],
        max_length=100,
        description="What the method needs, in order; templates. split: delimiter. replaceFirst and replaceAll: search, "
        "replacement. indexOf: search, from. concat: texts. pad, padStart, padEnd: length, filling. truncate: length, omission.",
        examples=[[","]],
    )
    result_path: str = Field(description="Payload path of the result.", examples=["working.parts"])

    @field_validator("method_args", mode="before")
    @classmethod
    def _as_texts(cls, values: object) -> object:
        if not isinstance(values, list):
            return values
        return [str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value for value in values]


@nodes.register
class StringNode(Node[StringConfig]):
    """Splits, replaces, finds, trims, pads, or converts text."""

    name = "StringNode"
    label = "String"
    category = Category.LOGIC
    Config = StringConfig

    def __init__(self, config: StringConfig) -> None:
        super().__init__(config)
        self._source = template_of("sourceData", config.source_data)
        self._arguments = [template_of(f"methodArgs.{at}", text) for at, text in enumerate(config.method_args)]
        self._path = path_of("resultPath", config.result_path)
        self._method = _METHODS[config.method]
        if not self._method.least <= len(self._arguments) <= self._method.most:
            wanted = f"{self._method.least} to {self._method.most}" if self._method.most else "no"
            text = f"{config.method} takes {wanted} arguments, here are {len(self._arguments)}."
            raise ConfigInvalid({"methodArgs": text})

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        arguments = [template.render(payload) for template in self._arguments]
        value = self._method.call(self._source.render(payload), *arguments)
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise NodeFailed(f"the text would be longer than {MAX_TEXT} characters")
        return self._path.set(payload, value), 0


def _count(text: str, what: str) -> int:
    value = number(text) if text.strip() else math.nan
    if not -math.inf < value <= MAX_LENGTH:
        raise NodeFailed(f"the {what} must be a number up to {MAX_LENGTH}, not {text[:80]!r}")
    return int(value)


def _split(text: str, delimiter: str) -> JSONValue:
    return [*text.split(delimiter)] if delimiter else [*text]


def _index_of(text: str, search: str, start: str = "0") -> int:
    return text.find(search, max(_count(start, "position to search from"), 0))


def _to_number(text: str) -> JSONValue:
    """What is no number becomes null, as JavaScript's NaN does in JSON."""
    value = number(text)
    return value if math.isfinite(value) else None


def _concat(text: str, *more: str) -> str:
    return "".join((text, *more))


def _filled(length: int, filling: str) -> str:
    return (filling * (length // len(filling) + 1))[:length] if filling and length > 0 else ""


def _pad(text: str, length: str, filling: str = " ") -> str:
    missing = _count(length, "length") - len(text)
    return _filled(missing // 2, filling) + text + _filled(missing - missing // 2, filling) if missing > 0 else text


def _pad_start(text: str, length: str, filling: str = " ") -> str:
    return _filled(_count(length, "length") - len(text), filling) + text


def _pad_end(text: str, length: str, filling: str = " ") -> str:
    return text + _filled(_count(length, "length") - len(text), filling)


def _truncate(text: str, length: str, omission: str = "...") -> str:
    most = _count(length, "length")
    if most <= 0:
        most = DEFAULT_LENGTH
    return text if len(text) <= most else (text[: max(most - len(omission), 0)] + omission)


def _replace_all(text: str, search: str, replacement: str) -> str:
    if search and len(text) + text.count(search) * (len(replacement) - len(search)) > MAX_TEXT:
        raise NodeFailed(f"the text would be longer than {MAX_TEXT} characters")
    return text.replace(search, replacement) if search else text


class _Method(NamedTuple):
    call: Callable[..., JSONValue]
    least: int = 0
    most: int = 0


_METHODS: dict[str, _Method] = {
    "split": _Method(_split, 1, 1),
    "replaceFirst": _Method(lambda text, search, to: text.replace(search, to, 1) if search else text, 2, 2),
    "replaceAll": _Method(_replace_all, 2, 2),
    "indexOf": _Method(_index_of, 1, 2),
    "toUpper": _Method(str.upper),
    "toLower": _Method(str.lower),
    "trim": _Method(str.strip),
    "trimStart": _Method(str.lstrip),
    "trimEnd": _Method(str.rstrip),
    "toNumber": _Method(_to_number),
    "concat": _Method(_concat, 1, 100),
    "pad": _Method(_pad, 1, 2),
    "padStart": _Method(_pad_start, 1, 2),
    "padEnd": _Method(_pad_end, 1, 2),
    "truncate": _Method(_truncate, 1, 2),
}

"""Storage: Set Value."""

import math
from typing import Literal

from pydantic import Field

from wegnology.lib.javascript import number
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import parse_json_template
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import (
    AwaitingNode,
    Category,
    NodeFailed,
    NumberTemplate,
    Result,
    RunContext,
    nodes,
    optional_path,
    path_of,
    template_of,
)


class StoreValueConfig(Schema):
    """Settings of `StoreValueNode`."""

    key_name: str = Field(min_length=1, max_length=1024, description="The key; a template.", examples=["counter"])
    value_type: Literal["template", "json", "number", "path", "incr", "decr", "clear"] = Field(
        description="How to read the value: a template that gives text (template), JSON (json) or a number (number); a payload "
        "path (path); an amount to add (incr) or take away (decr); or remove the key (clear).",
        examples=["incr"],
    )
    value: NumberTemplate = Field(default="", max_length=32_768, description="The value, the amount or the path.", examples=["1"])
    value_path: str = Field(
        default="", description="The payload path, as some exports write it; `value` is used where both stand."
    )
    result_path: str = Field(default="", description="Payload path of what is stored now.", examples=["working.counter"])


@nodes.register
class StoreValueNode(AwaitingNode[StoreValueConfig]):
    """Stores a value for later runs of this workflow. Adding is safe with runs side by side."""

    name = "StoreValueNode"
    label = "Storage: Set Value"
    category = Category.DATA
    Config = StoreValueConfig
    needs_task = True

    def __init__(self, config: StoreValueConfig) -> None:
        super().__init__(config)
        kind = config.value_type
        source = config.value or config.value_path if kind == "path" else config.value
        if kind not in ("clear", "template") and not source:
            raise ConfigInvalid({"value": f"{kind} needs a value."})
        self._key = template_of("keyName", config.key_name)
        self._path = path_of("value", source) if kind == "path" else None
        self._value = template_of("value", source) if kind not in ("path", "clear") else None
        self._result = optional_path("resultPath", config.result_path)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        stored = await self._store(self._key.render(payload), payload, context)
        return (payload if self._result is None else self._result.set(payload, stored)), 0

    async def _store(self, key: str, payload: JSONObject, context: RunContext) -> JSONValue:
        kind = self.config.value_type
        if kind == "clear":
            await context.storage.remove(key)
            return None
        if kind in ("incr", "decr"):
            amount = self._number(payload)
            return await context.storage.add(key, amount if kind == "incr" else -amount)
        value = self._read(payload)
        await context.storage.set(key, value)
        return value

    def _read(self, payload: JSONObject) -> JSONValue:
        if self._path is not None:
            return self._path.get(payload)  # type: ignore[no-any-return]
        if self.config.value_type == "number":
            return self._number(payload)
        if self._value is None:
            return None
        if self.config.value_type == "json":
            return parse_json_template(self._value, payload)
        return self._value.render(payload)

    def _number(self, payload: JSONObject) -> int | float:
        text = self._value.render(payload) if self._value else ""
        value = number(text) if text.strip() else math.nan
        if not math.isfinite(value):
            raise NodeFailed(f"the value must be a number, not {text[:80]!r}")
        return value

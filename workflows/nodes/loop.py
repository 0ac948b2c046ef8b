"""Loop: walks through a body of nodes once for each item."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from wegnology.lib.paths import copy_json
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import Category, LoopingNode, NodeFailed, nodes, optional_path, path_of

MAX_ITEMS = 262_144
"""As in the original product."""


class LoopConfig(Schema):
    """Settings of `LoopNode`."""

    loop_source_path: str = Field(
        description="Payload path of what to go through: an array, an object, a text, or a number of times.",
        examples=["data.items"],
    )
    current_item_path: str = Field(
        description="Payload path where the body finds the item: an object with value and index, key for an object's, and first "
        "or last where it is.",
        examples=["working.item"],
    )
    parallel: bool = Field(
        default=False, description="Work on up to five items at a time; what the body changes in the payload is then dropped."
    )
    map_result_path: str = Field(
        default="",
        description="Payload path of an array with what each walk through the body gave.",
        examples=["working.results"],
    )
    map_value_path: str = Field(
        default="", description="Payload path of what a walk gives, read at its end; blank is the item itself."
    )


@nodes.register
class LoopNode(LoopingNode[LoopConfig]):
    """Walks through the nodes of its body, those with its id as `meta.groupId`, once for each item; then goes on."""

    name = "LoopNode"
    label = "Loop"
    category = Category.LOGIC
    Config = LoopConfig

    def __init__(self, config: LoopConfig) -> None:
        super().__init__(config)
        self.parallel = config.parallel
        self._source = path_of("loopSourcePath", config.loop_source_path)
        self._item = path_of("currentItemPath", config.current_item_path)
        self._result = optional_path("mapResultPath", config.map_result_path)
        self._value = optional_path("mapValuePath", config.map_value_path) or self._item

    def items(self, payload: JSONObject) -> Sequence[JSONObject]:
        source = self._source.get(payload)
        values, keys = _parts(source)
        if len(values) > MAX_ITEMS:
            raise NodeFailed(f"{self._source.text} has more than {MAX_ITEMS} items")
        items: list[JSONObject] = [{"value": copy_json(value), "index": at} for at, value in enumerate(values)]
        for item, key in zip(items, keys, strict=False):
            item["key"] = key
        if items:
            items[0]["first"] = items[-1]["last"] = True
        return items

    def enter(self, payload: JSONObject, item: JSONObject) -> JSONObject:
        return self._item.set(payload, item)

    def leave(self, payload: JSONObject, values: list[JSONValue]) -> JSONObject:
        return payload if self._result is None else self._result.set(payload, values)

    def value(self, payload: JSONObject) -> JSONValue:
        value: JSONValue = self._value.get(payload)
        return value


def _parts(source: Any) -> tuple[Sequence[Any], Sequence[str]]:
    """Return the values to go through, and for an object their keys."""
    if isinstance(source, dict):
        return list(source.values()), list(source)
    if isinstance(source, (list, str)):
        return source, ()
    if isinstance(source, (int, float)) and not isinstance(source, bool):
        times = abs(math.ceil(source))
        return range(min(times, MAX_ITEMS + 1)), ()
    return (), ()

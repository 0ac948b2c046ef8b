"""On Change: two ways on, by whether a value differs from that of the run before."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from wegnology.lib import javascript
from wegnology.lib.lists import identity
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
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

Kind = Literal["any", "value", "valueInc", "valueDec", "percent", "percentInc", "percentDec"]


class BranchOnChangeConfig(Schema):
    """Settings of `BranchOnChangeNode`."""

    value_path: str = Field(description="Payload path of the value.", examples=["working.reading.state"])
    change_type: Kind = Field(
        default="any",
        description="What counts: any change, or a number that changed by at least the threshold; Inc: upwards, Dec: downwards.",
    )
    change_threshold: NumberTemplate = Field(
        default="",
        max_length=1024,
        description="By how much a number must change, or by how many percent; a template.",
        examples=["5"],
    )
    prev_value_path: str = Field(default="", description="Payload path of the value of the run before.")
    on_change_id_template: str = Field(
        default="",
        max_length=1024,
        description="What is watched by itself, such as a device; a template.",
        examples=["{{data.topic}}"],
    )

    @field_validator("change_type", mode="before")
    @classmethod
    def _all_is_any(cls, value: object) -> object:
        return "any" if value in ("all", "") else value


@nodes.register
class BranchOnChangeNode(AwaitingNode[BranchOnChangeConfig]):
    """Leaves through the second output when the value changed since the run before, else through the first."""

    name = "BranchOnChangeNode"
    label = "On Change"
    category = Category.LOGIC
    Config = BranchOnChangeConfig
    outputs = ("same", "changed")
    needs_task = True

    def __init__(self, config: BranchOnChangeConfig) -> None:
        super().__init__(config)
        if config.change_type != "any" and not config.change_threshold.strip():
            raise ConfigInvalid({"changeThreshold": "Say by how much the value must change."})
        self._value = path_of("valuePath", config.value_path)
        self._previous = optional_path("prevValuePath", config.prev_value_path)
        self._id = template_of("onChangeIdTemplate", config.on_change_id_template)
        self._threshold = template_of("changeThreshold", config.change_threshold)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        value = self._value.get(payload)
        known, previous = await context.storage.swap(f"{self.node_id}:{self._id.render(payload)}", value)
        changed = known and self._differs(previous, value, payload)
        if self._previous is not None and known:
            payload = self._previous.set(payload, previous)
        return payload, (1 if changed else 0)

    def _differs(self, previous: Any, value: Any, payload: JSONObject) -> bool:
        kind = self.config.change_type
        if kind == "any":
            return identity(previous) != identity(value)
        before, now = _number(previous), _number(value)
        if math.isnan(before) or math.isnan(now):
            return False
        text = self._threshold.render(payload)
        threshold = javascript.number(text) if text.strip() else math.nan
        if not threshold >= 0:
            raise NodeFailed(f"changeThreshold must give a number from 0 up, not {text[:80]!r}")
        change = now - before
        if kind.startswith("percent"):
            change = javascript.divide(change, abs(before)) * 100
        if kind.endswith("Inc"):
            return change > 0 and change >= threshold
        if kind.endswith("Dec"):
            return change < 0 and -change >= threshold
        return change != 0 and abs(change) >= threshold


def _number(value: Any) -> float:
    """Only numbers and texts that are numbers can change by an amount."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return javascript.number(value) if is_number or (isinstance(value, str) and value.strip()) else math.nan

"""Random Number: a whole number between two bounds."""

import math
import secrets

from pydantic import Field

from wegnology.lib.javascript import number
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, NumberTemplate, Result, RunContext, nodes, path_of, template_of

MAX_BOUND = 2**53 - 1
"""Whole numbers up to here are exact in JavaScript too."""


class RandomNumberConfig(Schema):
    """Settings of `RandomNumberNode`."""

    min: NumberTemplate = Field(default="0", max_length=1024, description="The least number it may give; a number or a template.")
    max: NumberTemplate = Field(
        default="100", max_length=1024, description="The greatest number it may give; a number or a template.", examples=["6"]
    )
    result_path: str = Field(description="Payload path of the number.", examples=["working.dice"])


@nodes.register
class RandomNumberNode(Node[RandomNumberConfig]):
    """Gives a random whole number from `min` to `max`, both included."""

    name = "RandomNumberNode"
    label = "Random Number"
    category = Category.LOGIC
    Config = RandomNumberConfig

    def __init__(self, config: RandomNumberConfig) -> None:
        super().__init__(config)
        self._least = template_of("min", config.min)
        self._greatest = template_of("max", config.max)
        self._path = path_of("resultPath", config.result_path)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        least = math.ceil(_bound("min", self._least.render(payload)))
        greatest = math.floor(_bound("max", self._greatest.render(payload)))
        if least > greatest:
            raise NodeFailed(f"there is no whole number between min {least} and max {greatest}")
        return self._path.set(payload, least + secrets.randbelow(greatest - least + 1)), 0


def _bound(field: str, text: str) -> int | float:
    value = number(text) if text.strip() else math.nan
    if not -MAX_BOUND <= value <= MAX_BOUND:
        raise NodeFailed(f"{field} must be a number up to {MAX_BOUND}, not {text[:80]!r}")
    return value

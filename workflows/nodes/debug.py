"""Debug: shows the payload, or a part of it, to whoever watches the workflow."""

from typing import Literal

from pydantic import Field

from wegnology.lib.paths import Path
from wegnology.lib.schema import Schema
from wegnology.lib.templating import compile_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, Result, RunContext, compiled, nodes


class DebugConfig(Schema):
    """Settings of `DebugNode`."""

    message: str = Field(
        default="", max_length=32_768, description="A title for what is shown; a template.", examples=["Reading"]
    )
    property: str = Field(
        default="", description="Payload path of what to show; blank shows the whole payload.", examples=["working.reading"]
    )
    level: Literal["verbose", "info", "warn", "error"] = Field(default="verbose", description="How important it is.")


@nodes.register
class DebugNode(Node[DebugConfig]):
    """Shows a value and changes nothing."""

    name = "DebugNode"
    label = "Debug"
    category = Category.DEBUG
    Config = DebugConfig

    def __init__(self, config: DebugConfig) -> None:
        super().__init__(config)
        self._message = compiled("message", compile_template, config.message)
        self._property = compiled("property", Path.parse, config.property.strip() or ".")

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        context.debug(self._message.render(payload), self._property.get(payload), self.config.level)
        return payload, 0

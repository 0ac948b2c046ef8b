"""The ends of a loop's body: Next, Return and Break."""

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import CapNode, Category, nodes, optional_path


class LoopCapConfig(Schema):
    """Settings of `LoopCapNode`."""

    loop_node_id: str = Field(
        min_length=1, max_length=1024, description="Id of the loop whose body ends here.", examples=["loop"]
    )
    should_break: bool = Field(
        default=False, description="End the loop after this item; without effect where items run in parallel."
    )
    map_value_path: str = Field(
        default="",
        description="Payload path of what this walk gives, in place of the loop's own setting.",
        examples=["working.sum"],
    )


@nodes.register
class LoopCapNode(CapNode[LoopCapConfig]):
    """Ends a walk through a loop's body; what it changed in the payload lasts for the next item. The first one reached counts."""

    name = "LoopCapNode"
    label = "Loop: Next"
    category = Category.LOGIC
    Config = LoopCapConfig

    def __init__(self, config: LoopCapConfig) -> None:
        super().__init__(config)
        self.loop_id = config.loop_node_id
        self.breaks = config.should_break
        self._value = optional_path("mapValuePath", config.map_value_path)

    def value(self, payload: JSONObject) -> tuple[bool, JSONValue]:
        return self._value is not None, None if self._value is None else self._value.get(payload)

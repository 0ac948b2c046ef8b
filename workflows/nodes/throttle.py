"""Throttle: two ways on, by how often."""

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Category, Result, RunContext, nodes, optional_path, template_of


class ThrottleConfig(Schema):
    """Settings of `ThrottleNode`."""

    rate_per_minute: float = Field(
        gt=0, le=600, description="How many may pass a minute, 600 at most; 0.0167 is one an hour.", examples=[1]
    )
    throttle_id_template: str = Field(
        default="",
        max_length=1024,
        description="What is counted by itself, such as a device; a template.",
        examples=["{{data.topic}}"],
    )
    time_since_path: str = Field(default="", description="Payload path of the milliseconds since one last passed.")


@nodes.register
class ThrottleNode(AwaitingNode[ThrottleConfig]):
    """Leaves through the second output when enough time has gone by since that last happened, else through the first."""

    name = "ThrottleNode"
    label = "Throttle"
    category = Category.LOGIC
    Config = ThrottleConfig
    outputs = ("throttled", "passes")
    needs_task = True

    def __init__(self, config: ThrottleConfig) -> None:
        super().__init__(config)
        self._id = template_of("throttleIdTemplate", config.throttle_id_template)
        self._since = optional_path("timeSincePath", config.time_since_path)
        self._interval_ms = 60_000 / config.rate_per_minute

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        passes, since = await context.storage.may_pass(f"{self.node_id}:{self._id.render(payload)}", self._interval_ms)
        if self._since is not None:
            payload = self._since.set(payload, since)
        return payload, (1 if passes else 0)

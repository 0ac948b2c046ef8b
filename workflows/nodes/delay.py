"""Delay: waits up to 59 seconds."""

import asyncio

from pydantic import Field

from wegnology.lib.javascript import number
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import compile_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, NumberTemplate, Result, RunContext, compiled, nodes

MAX_SECONDS = 59


class DelayConfig(Schema):
    """Settings of `DelayNode`."""

    delay: NumberTemplate = Field(
        min_length=1, max_length=1024, description="Seconds to wait, 0 to 59; a number or a template.", examples=["5"]
    )


@nodes.register
class DelayNode(AwaitingNode[DelayConfig]):
    """Waits; other branches of the run go on meanwhile."""

    name = "DelayNode"
    label = "Delay"
    category = Category.LOGIC
    Config = DelayConfig

    def __init__(self, config: DelayConfig) -> None:
        super().__init__(config)
        self._delay = compiled("delay", compile_template, config.delay)
        if not self._delay.paths and "{{" not in config.delay:
            try:
                _seconds(config.delay)
            except NodeFailed as error:
                raise ConfigInvalid({"delay": str(error)}) from None

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        seconds = _seconds(self._delay.render(payload))
        if seconds:
            await asyncio.sleep(seconds)
        return payload, 0


def _seconds(text: str) -> float:
    seconds = number(text) if text.strip() else -1
    if not 0 <= seconds <= MAX_SECONDS:
        raise NodeFailed(f"the delay must be 0 to {MAX_SECONDS} seconds, not {text[:80]!r}")
    return seconds

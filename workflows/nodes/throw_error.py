"""Throw Error: ends the run with a message of the user's own."""

from typing import NoReturn

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.templating import compile_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, RunContext, compiled, nodes


class ThrowErrorConfig(Schema):
    """Settings of `ThrowErrorNode`."""

    message_template: str = Field(
        min_length=1,
        max_length=32_768,
        description="What went wrong; a template.",
        examples=["no temperature in {{data.message}}"],
    )


@nodes.register
class ThrowErrorNode(Node[ThrowErrorConfig]):
    """Ends the run, which is parked with this message."""

    name = "ThrowErrorNode"
    label = "Throw Error"
    category = Category.DEBUG
    Config = ThrowErrorConfig
    outputs = ()

    def __init__(self, config: ThrowErrorConfig) -> None:
        super().__init__(config)
        self._message = compiled("messageTemplate", compile_template, config.message_template)

    def run(self, payload: JSONObject, context: RunContext) -> NoReturn:
        raise NodeFailed(self._message.render(payload))

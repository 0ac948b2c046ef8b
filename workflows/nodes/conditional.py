"""Conditional: two ways on, by an expression."""

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.expressions import MAX_LENGTH, compile_expression
from workflows.nodes.base import Category, Node, Result, RunContext, compiled, nodes


class ConditionalConfig(Schema):
    """Settings of `ConditionalNode`."""

    expression: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="The condition: values of the payload in braces, numbers, quoted text, operators and functions.",
        examples=["{{working.reading.temperature}} > {{globals.threshold}}"],
    )


@nodes.register
class ConditionalNode(Node[ConditionalConfig]):
    """Leaves through the second output when the expression is true, else through the first."""

    name = "ConditionalNode"
    label = "Conditional"
    category = Category.LOGIC
    Config = ConditionalConfig
    outputs = ("false", "true")

    def __init__(self, config: ConditionalConfig) -> None:
        super().__init__(config)
        self._is_true = compiled("expression", compile_expression, config.expression).is_true

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        return payload, (1 if self._is_true(payload) else 0)

"""Math: expressions whose results go into the payload."""

import math

from pydantic import Field

from wegnology.lib.javascript import UNDEFINED
from wegnology.lib.paths import Path
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
from workflows.expressions import MAX_LENGTH, Expression, compile_expression
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, compiled, nodes, path_of


class MathStatement(Schema):
    """One expression and where its result goes."""

    expression: str = Field(min_length=1, max_length=MAX_LENGTH, description="What to calculate.")
    result_path: str = Field(description="Payload path of the result.")


class MathConfig(Schema):
    """Settings of `MathNode`."""

    statements: list[MathStatement] = Field(
        min_length=1,
        max_length=100,
        description="What to calculate, in order; each statement sees the results of those before it.",
        examples=[[{"expression": "{{working.celsius}} * 9 / 5 + 32", "resultPath": "working.fahrenheit"}]],
    )


@nodes.register
class MathNode(Node[MathConfig]):
    """Calculates. A result that is not a finite number ends the run."""

    name = "MathNode"
    label = "Math"
    category = Category.LOGIC
    Config = MathConfig

    def __init__(self, config: MathConfig) -> None:
        super().__init__(config)
        errors: dict[str, str] = {}
        self._statements: list[tuple[Expression, Path]] = []
        for at, statement in enumerate(config.statements):
            try:
                expression = compiled(f"statements.{at}.expression", compile_expression, statement.expression)
                self._statements.append((expression, path_of(f"statements.{at}.resultPath", statement.result_path)))
            except ConfigInvalid as error:
                errors |= error.errors
        if errors:
            raise ConfigInvalid(errors)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        for expression, path in self._statements:
            value = expression.evaluate(payload)
            if isinstance(value, float) and not math.isfinite(value):
                raise NodeFailed(f"{expression.text[:200]} is not a finite number: look at the values it is made from")
            payload = path.set(payload, None if value is UNDEFINED else value)
        return payload, 0

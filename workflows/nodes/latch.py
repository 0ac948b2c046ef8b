"""Latch: once, until it is reset."""

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.expressions import MAX_LENGTH, Expression, compile_expression
from workflows.nodes.base import AwaitingNode, Category, Result, RunContext, compiled, nodes, optional_path, template_of


class LatchConfig(Schema):
    """Settings of `LatchNode`."""

    latch_expression: str = Field(
        default="",
        max_length=MAX_LENGTH,
        description="When this is true, it latches; blank: never.",
        examples=["{{data.celsius}} > 90"],
    )
    reset_expression: str = Field(
        default="",
        max_length=MAX_LENGTH,
        description="When this is true, it is free again; blank: never.",
        examples=["{{data.celsius}} < 70"],
    )
    latch_id_template: str = Field(
        default="",
        max_length=1024,
        description="What latches by itself, such as a device; a template.",
        examples=["{{data.topic}}"],
    )
    latch_result_path: str = Field(default="", description="Payload path of what the latch expression gave, true or false.")
    reset_result_path: str = Field(default="", description="Payload path of what the reset expression gave, true or false.")
    was_latched_path: str = Field(default="", description="Payload path of whether it was latched before.")
    is_latched_path: str = Field(default="", description="Payload path of whether it is latched now.")
    branch_path: str = Field(default="", description="Payload path of the output that is taken, 0 or 1.")


@nodes.register
class LatchNode(AwaitingNode[LatchConfig]):
    """Leaves through the second output when it latches, which then happens again only after a reset; else through the first."""

    name = "LatchNode"
    label = "Latch"
    category = Category.LOGIC
    Config = LatchConfig
    outputs = ("not newly latched", "newly latched")
    needs_task = True

    def __init__(self, config: LatchConfig) -> None:
        super().__init__(config)
        self._latch = _optional("latchExpression", config.latch_expression)
        self._reset = _optional("resetExpression", config.reset_expression)
        self._id = template_of("latchIdTemplate", config.latch_id_template)
        self._latch_result = optional_path("latchResultPath", config.latch_result_path)
        self._reset_result = optional_path("resetResultPath", config.reset_result_path)
        self._was = optional_path("wasLatchedPath", config.was_latched_path)
        self._is = optional_path("isLatchedPath", config.is_latched_path)
        self._branch = optional_path("branchPath", config.branch_path)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        latches = self._latch is not None and self._latch.is_true(payload)
        resets = self._reset is not None and self._reset.is_true(payload)
        was, now = await context.storage.latch(f"{self.node_id}:{self._id.render(payload)}", latches, resets)
        output = 1 if now and not was else 0
        for path, value in (
            (self._latch_result, latches),
            (self._reset_result, resets),
            (self._was, was),
            (self._is, now),
            (self._branch, output),
        ):
            if path is not None:
                payload = path.set(payload, value)
        return payload, output


def _optional(field: str, text: str) -> Expression | None:
    return compiled(field, compile_expression, text) if text.strip() else None

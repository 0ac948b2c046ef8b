"""Switch: many ways on, by comparing a text with cases."""

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, Result, RunContext, nodes, template_of

MAX_CASES = 99
"""A node has at most 100 outputs, the first of which is the default."""


class SwitchCase(Schema):
    """One case."""

    case_template: str = Field(default="", max_length=32_768, description="The text that takes this way; a template.")
    case_label: str = Field(default="", max_length=255, description="What the way is called on the canvas.")
    dont_break: bool = Field(default=False, description="Kept from exports of the original product, where it changes nothing.")


class SwitchConfig(Schema):
    """Settings of `SwitchNode`."""

    switch_template: str = Field(
        max_length=32_768, description="The text to compare; a template.", examples=["{{working.reading.kind}}"]
    )
    cases: list[SwitchCase] = Field(
        default=[],
        max_length=MAX_CASES,
        description="The cases, compared in order; the first that is equal decides.",
        examples=[[{"caseTemplate": "alarm", "caseLabel": "Alarm"}, {"caseTemplate": "ok", "caseLabel": "Fine"}]],
    )


@nodes.register
class SwitchNode(Node[SwitchConfig]):
    """Leaves through the output of the first case whose text is equal; through the first output when none is."""

    name = "SwitchNode"
    label = "Switch"
    category = Category.LOGIC
    Config = SwitchConfig
    outputs: tuple[str, ...] = ("default",)

    def __init__(self, config: SwitchConfig) -> None:
        super().__init__(config)
        self._switch = template_of("switchTemplate", config.switch_template)
        self._cases = [template_of(f"cases.{at}.caseTemplate", case.case_template) for at, case in enumerate(config.cases)]
        self.outputs = ("default", *(f"case {at}" for at in range(len(self._cases))))

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        text = self._switch.render(payload)
        for at, case in enumerate(self._cases):
            if case.render(payload) == text:
                return payload, at + 1
        return payload, 0

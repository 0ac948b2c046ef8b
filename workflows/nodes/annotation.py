"""Annotation: a note on the canvas. Its text stands in `meta`; it never runs."""

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, Result, RunContext, nodes


class AnnotationConfig(Schema):
    """Settings of `AnnotationNode`: none."""


@nodes.register
class AnnotationNode(Node[AnnotationConfig]):
    """A note; it cannot be wired."""

    name = "AnnotationNode"
    label = "Annotation"
    category = Category.DEBUG
    Config = AnnotationConfig
    outputs = ()
    takes_input = False

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        """Never called: the graph refuses wires to it."""
        return payload, 0

"""JSON: Encode. A value of the payload becomes text."""

from pydantic import Field

from wegnology.lib.javascript import json_text
from wegnology.lib.paths import Path
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, compiled, nodes

_MISSING = object()


class JsonEncodeConfig(Schema):
    """Settings of `JsonEncodeNode`."""

    source: str = Field(description="Payload path of the value.", examples=["working.alert"])
    destination: str = Field(description="Payload path of the JSON text.", examples=["working.text"])


@nodes.register
class JsonEncodeNode(Node[JsonEncodeConfig]):
    """Encodes a value as compact JSON."""

    name = "JsonEncodeNode"
    label = "JSON Encode"
    category = Category.LOGIC
    Config = JsonEncodeConfig

    def __init__(self, config: JsonEncodeConfig) -> None:
        super().__init__(config)
        self._source = compiled("source", Path.parse, config.source)
        self._destination = compiled("destination", Path.parse, config.destination)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        value = self._source.get_or(payload, _MISSING)
        if value is _MISSING:
            raise NodeFailed(f"{self._source.text} has no value")
        try:
            text = json_text(value)
        except TypeError as error:
            raise NodeFailed(f"{self._source.text} cannot be written as JSON: {error}") from None
        return self._destination.set(payload, text), 0

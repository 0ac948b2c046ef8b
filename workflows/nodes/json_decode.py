"""JSON: Decode. Text of the payload becomes a value."""

from typing import Any, Literal

import orjson
from pydantic import Field

from wegnology.lib.paths import MAX_DEPTH, Path, is_deeper, kind
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, compiled, nodes

_DEEP = 2 * MAX_DEPTH
"""JSON that is nested deeper than allowed has more characters than this."""


class JsonDecodeConfig(Schema):
    """Settings of `JsonDecodeNode`."""

    source: str = Field(description="Payload path of the text.", examples=["data.message"])
    destination: str = Field(description="Payload path of the decoded value.", examples=["working.reading"])
    error_behavior: Literal["throw", "payloadPath"] = Field(
        default="throw",
        description="What to do with text that is not JSON: end the run (throw), or note the error at `errorPath` (payloadPath).",
    )
    error_path: str = Field(default="", description="Payload path of the error; needed where it shall not end the run.")


@nodes.register
class JsonDecodeNode(Node[JsonDecodeConfig]):
    """Decodes text. What is not JSON ends the run, or is noted at `errorPath` as an object with `name` and `message`."""

    name = "JsonDecodeNode"
    label = "JSON Decode"
    category = Category.LOGIC
    Config = JsonDecodeConfig

    def __init__(self, config: JsonDecodeConfig) -> None:
        super().__init__(config)
        self._source = compiled("source", Path.parse, config.source)
        self._destination = compiled("destination", Path.parse, config.destination)
        self._error_path: Path | None = None
        if config.error_behavior == "payloadPath":
            if not config.error_path:
                raise ConfigInvalid({"errorPath": "A path is needed when errors go to the payload."})
            self._error_path = compiled("errorPath", Path.parse, config.error_path)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        text = self._source.get(payload)
        try:
            value = decoded(text, self._source.text)
        except NodeFailed as error:
            if self._error_path is None:
                raise
            return self._error_path.set(payload, {"name": error.name, "message": str(error)}), 0
        return self._destination.set(payload, value), 0


def decoded(text: object, what: str) -> Any:
    """Decode JSON text; raises `NodeFailed`, its text calling the input `what`."""
    if not isinstance(text, str):
        raise NodeFailed(f"{what} is {kind(text)}, not text with JSON", name="SyntaxError")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = error.msg.split(": line ")[0]
        raise NodeFailed(f"{what} is not valid JSON: {reason} at position {error.pos}", name="SyntaxError") from None
    if len(text) > _DEEP and text.count("[") + text.count("{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise NodeFailed(f"{what} is JSON nested more than {MAX_DEPTH} levels deep", name="SyntaxError")
    return value

"""Function: JavaScript over the payload."""

import orjson
from pydantic import Field

from wegnology.lib.paths import MAX_DEPTH, Path, is_deeper, kind
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, Result, RunContext, nodes, optional_path


class RawFunctionConfig(Schema):
    """Settings of `RawFunctionNode`."""

    script: str = Field(
        max_length=131_072,
        description="The body of a function with the parameter `payload`, which it may change or replace by what it returns. "
        "console.log shows values to whoever debugs.",
        examples=["payload.working = { fahrenheit: payload.data.celsius * 9 / 5 + 32 };"],
    )
    scope_path: str = Field(
        default="",
        description="Payload path of what the script gets as `payload`; blank is the whole payload.",
        examples=["working"],
    )


@nodes.register
class RawFunctionNode(AwaitingNode[RawFunctionConfig]):
    """Runs JavaScript (ES2023, without I/O, promises or modules) for up to 1 s and in 32 MiB."""

    name = "RawFunctionNode"
    label = "Function"
    category = Category.LOGIC
    Config = RawFunctionConfig
    needs_task = True

    def __init__(self, config: RawFunctionConfig) -> None:
        super().__init__(config)
        self._scope: Path | None = optional_path("scopePath", config.scope_path)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        given = payload if self._scope is None else self._scope.get(payload)
        text = await context.run_script(self.config.script, orjson.dumps(given), self.node_id)
        try:
            value: JSONValue = orjson.loads(text)
        except orjson.JSONDecodeError as error:  # half of a surrogate pair, say, which JavaScript lets stand
            raise NodeFailed(f"the script gave what is no JSON: {error.msg}", "TypeError") from None
        if is_deeper(value, MAX_DEPTH - (len(self._scope.keys) if self._scope else 0)):
            raise NodeFailed(f"the script made a payload nested more than {MAX_DEPTH} levels deep", "RangeError")
        if self._scope is not None:
            return self._scope.set(payload, value), 0
        if not isinstance(value, dict):
            raise NodeFailed(f"the script returned {kind(value)}; the payload must be an object", "TypeError")
        return value, 0

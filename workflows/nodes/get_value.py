"""Storage: Get Value."""

from typing import Literal

from pydantic import Field

from wegnology.lib.paths import copy_json
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import parse_json_template
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import AwaitingNode, Category, Result, RunContext, nodes, optional_path, path_of, template_of


class GetValueConfig(Schema):
    """Settings of `GetValueNode`."""

    key_name: str = Field(
        default="", max_length=1024, description="The key; a template. Not needed with getAll.", examples=["counter"]
    )
    value_path: str = Field(description="Payload path of the stored value.", examples=["working.counter"])
    default_value: str = Field(
        default="", max_length=32_768, description="What to put there when nothing is stored; blank is nothing.", examples=["0"]
    )
    default_value_type: Literal["template", "json", "path"] = Field(
        default="template",
        description="How to read the default: a template that gives text (template) or JSON (json), or a payload path (path).",
    )
    get_all: bool = Field(default=False, description="Get everything that the workflow stores, as an object by key.")


@nodes.register
class GetValueNode(AwaitingNode[GetValueConfig]):
    """Reads what a run of this workflow stored. All versions of a workflow share one storage."""

    name = "GetValueNode"
    label = "Storage: Get Value"
    category = Category.DATA
    Config = GetValueConfig
    needs_task = True

    def __init__(self, config: GetValueConfig) -> None:
        super().__init__(config)
        if not config.get_all and not config.key_name:
            raise ConfigInvalid({"keyName": "Say which key to read, or get all."})
        self._key = template_of("keyName", config.key_name)
        self._path = path_of("valuePath", config.value_path)
        is_path = config.default_value_type == "path"
        self._default_path = optional_path("defaultValue", config.default_value) if is_path else None
        self._default = None if is_path else template_of("defaultValue", config.default_value)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        if self.config.get_all:
            return self._path.set(payload, await context.storage.all()), 0
        value = await context.storage.get(self._key.render(payload))
        return self._path.set(payload, self._otherwise(payload) if value is None else value), 0

    def _otherwise(self, payload: JSONObject) -> JSONValue:
        if self._default_path is not None:
            return copy_json(self._default_path.get(payload))  # type: ignore[no-any-return]
        if self._default is None or not self.config.default_value:
            return None
        if self.config.default_value_type == "json":
            return parse_json_template(self._default, payload)
        return self._default.render(payload)

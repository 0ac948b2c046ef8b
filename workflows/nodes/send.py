"""One output node for every connector that can send, made from the connector's own declaration.

The node's settings are `integrationId` and the fields of the connector's `Outgoing`: a templated field `topic` becomes
`topicTemplate`, rendered over the payload at each run; every other field keeps its name and its default.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from integrations.connectors.base import AnyConnector, connectors
from wegnology.lib.schema import ConfigInvalid, Schema, is_templated
from wegnology.lib.templating import Template, compile_template
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, Result, RunContext, compiled, nodes

OWN_BROKER = "losant"
"""What the original product's exports call the platform's own broker."""


class SendNode(AwaitingNode[Schema]):
    """Base of the output nodes: renders the message and hands it to the context."""

    category = Category.OUTPUT
    templated: ClassVar[dict[str, FieldInfo]]
    """The connector's templated fields by their JSON name."""

    def __init__(self, config: Schema) -> None:
        super().__init__(config)
        values: dict[str, Any] = config.model_dump(mode="json", by_alias=True)
        integration_id = values.pop("integrationId")
        if integration_id in ("", OWN_BROKER):
            raise ConfigInvalid({"integrationId": "Choose an integration: this hub has no broker of its own."})
        self._integration_id = compiled("integrationId", lambda text: compile_template(text, escape=False), integration_id)
        self._templates: list[tuple[str, Template, bool]] = []
        for name, field in self.templated.items():
            source = values.pop(f"{name}Template")
            if source or field.is_required():
                template = compiled(f"{name}Template", compile_template, source)
                self._templates.append((name, template, field.is_required()))
        self._fixed = values

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        message: JSONObject = {}
        for name, template, required in self._templates:
            text = template.render(payload)
            if required and not text:
                raise NodeFailed(f"{name}Template gave an empty text")
            message[name] = text
        message.update(self._fixed)
        integration_id = self._integration_id.render(payload)
        if not integration_id:
            raise NodeFailed("integrationId gave an empty text")
        await context.send(integration_id, message, self.node_id)
        return Result(payload)


def send_node(connector: type[AnyConnector]) -> type[SendNode]:
    """Make the output node of a connector that can send."""
    outgoing = connector.Outgoing
    if outgoing is None or not connector.send_node:
        raise ValueError(f"{connector.name} cannot send")
    fields: dict[str, Any] = {
        "integration_id": (
            str,
            Field(
                default="",
                max_length=1024,
                description="Id of the integration to send through, of the same application; may be a template.",
                examples=["6653a1f0c2b84e7d9a5f1302"],
            ),
        )
    }
    templated: dict[str, FieldInfo] = {}
    for python_name, field in outgoing.model_fields.items():
        name = field.alias or python_name
        if is_templated(field):
            templated[name] = field
            fields[f"{python_name}_template"] = (str, _template_field(name, field))
        else:
            fields[python_name] = (field.annotation, field)
    config = create_model(f"{connector.send_node}Config", __base__=Schema, __module__=__name__, **fields)
    attributes = {
        "name": connector.send_node,
        "label": connector.label,
        "Config": config,
        "templated": templated,
        "needs_task": connector.send_waits,
        "__doc__": f"Sends through an integration of type {connector.label}.",
    }
    return type(connector.send_node, (SendNode,), attributes)


def _template_field(name: str, field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    settings: dict[str, Any] = {"alias": f"{name}Template", "max_length": 32_768, "description": field.description}
    settings |= {"title": field.title, "examples": field.examples}
    if field.is_required():
        return Field(min_length=1, **settings)
    return Field(default="" if default is None else str(default), **settings)


def register_send_nodes(types: Iterable[type[AnyConnector]]) -> None:
    """Register the output node of every connector among `types` that can send."""
    for connector in types:
        if connector.Outgoing is not None:
            nodes.register(send_node(connector))


register_send_nodes(connectors)

"""One output node for every connector that can send, made from the connector's own declaration.

The node's settings are `integrationId` and the fields of the connector's `Outgoing`: a templated field `topic` becomes
`topicTemplate`, rendered over the payload at each run; one marked `Content` or `Pairs` (`wegnology.lib.outgoing`) becomes a
method and its settings; every other field keeps its name and its default.

A type that sends by request gets two more: the settings of its `Direct`, a login of the node's own in place of an integration,
and `resultPath`, where the answer goes. A service that does not take the message fails the node, unless `resultPath` is there to
hold its error. What is wrong with the node itself (an empty template, a disabled integration) always fails it.
"""

from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from integrations.connectors.base import AnyConnector, connectors
from integrations.exceptions import SendFailed
from wegnology.lib.paths import Path
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import compile_template
from wegnology.lib.types import JSONObject
from workflows.message_parts import Fixed, Part, Read, Settings, config_of, parts_of
from workflows.nodes.base import AwaitingNode, Category, Login, NodeFailed, Result, RunContext, compiled, nodes

OWN_BROKER = "losant"
"""What the original product's exports call the platform's own broker."""
CREDENTIAL = "credentialName"


class _Field(NamedTuple):
    """A field of a message, or of a login, ready to be read from payloads."""

    name: str
    key: str
    read: Read


class SendNode(AwaitingNode[Schema]):
    """Base of the output nodes: renders the message and hands it to the context."""

    category = Category.OUTPUT
    connector: ClassVar[type[AnyConnector]]
    message_parts: ClassVar[Sequence[Part]]
    direct_parts: ClassVar[Sequence[Part]]
    """Empty where only an integration can be sent through."""

    def __init__(self, config: Schema) -> None:
        super().__init__(config)
        values: dict[str, Any] = config.model_dump(mode="json", by_alias=True)
        integration_id = values["integrationId"]
        self._direct: list[_Field] = []
        if integration_id in ("", OWN_BROKER):
            self._direct = self._chosen_login(values)
        self._integration_id = compiled("integrationId", lambda text: compile_template(text, escape=False), integration_id)
        self._only = self._integration_id.fixed
        """The integration, where it is the same for any payload."""
        fields = _readers(self.message_parts, values)
        self._fixed: JSONObject = {
            name: read.value for name, _, read in fields if isinstance(read, Fixed) and read.value is not None
        }
        self._fields = [(name, read) for name, _, read in fields if not isinstance(read, Fixed)]
        path = values.get("resultPath")
        self._result = compiled("resultPath", Path.parse, path) if path else None

    def _chosen_login(self, values: JSONObject) -> list[_Field]:
        """Compile the login that stands in the node itself; of several the first way that the connector names."""
        if not self.direct_parts:
            raise ConfigInvalid({"integrationId": "Choose an integration: this hub has no broker of its own."})
        parts = {part.name: part for part in self.direct_parts}
        for way in self.connector.direct_ways:
            if parts[way[0]].given(values):
                missing = [parts[name].key() for name in way if not parts[name].given(values)]
                if missing:
                    raise ConfigInvalid({key: f"Needed beside {parts[way[0]].key()}." for key in missing})
                return _readers([parts[name] for name in way], values)
        ways = " or ".join(" with ".join(parts[name].key() for name in way) for way in self.connector.direct_ways)
        raise ConfigInvalid({"integrationId": f"Choose an integration, or give {ways}."})

    def run(self, payload: JSONObject, context: RunContext) -> Result | Coroutine[Any, Any, Result]:
        message: JSONObject = self._fixed.copy()
        for name, read in self._fields:
            value = read(payload)
            if value is not None:
                message[name] = value
        if self._direct:
            settings = {field.name: _needed(field, payload) for field in self._direct}
            credential = str(settings.pop(CREDENTIAL, ""))
            login = Login(self.connector.name, settings, credential)
            return self._answered(context.send_directly(login, message, self.node_id), payload)
        integration_id = self._only or self._integration_id.render(payload)
        if not integration_id:
            raise NodeFailed("integrationId gave an empty text")
        if context.queue(integration_id, message, self.node_id):
            return (payload if self._result is None else self._result.set(payload, {})), 0
        return self._answered(context.send(integration_id, message, self.node_id), payload)

    async def _answered(self, sending: Coroutine[Any, Any, JSONObject], payload: JSONObject) -> Result:
        try:
            answer = await sending
        except SendFailed as error:
            if self._result is None:
                raise NodeFailed(str(error), type(error).__name__) from error
            answer = self.connector.failure_answer(error)
        return (payload if self._result is None else self._result.set(payload, answer)), 0


def _readers(parts: Iterable[Part], values: JSONObject) -> list[_Field]:
    """Compile parts; faults of all of them are raised together."""
    fields: list[_Field] = []
    errors: dict[str, str] = {}
    for part in parts:
        try:
            read = part.reader(values)
        except ConfigInvalid as error:
            errors |= error.errors
        else:
            if read is not None:
                fields.append(_Field(part.name, part.key(), read))
    if errors:
        raise ConfigInvalid(errors)
    return fields


def _needed(field: _Field, payload: JSONObject) -> Any:
    value = field.read(payload)
    if not value:
        raise NodeFailed(f"{field.key} gave an empty text")
    return value


def send_node(connector: type[AnyConnector]) -> type[SendNode]:
    """Make the output node of a connector that can send."""
    outgoing = connector.Outgoing
    if outgoing is None or not connector.send_node:
        raise ValueError(f"{connector.name} cannot send")
    message_parts = parts_of(outgoing)
    direct_parts = parts_of(connector.Direct, escape=False) if connector.Direct is not None else []
    settings: Settings = {"integrationId": (str, _integration_id(bool(direct_parts)))}
    for part in [*direct_parts, *message_parts]:
        settings |= part.settings()
    if not connector.sends_live:
        settings["resultPath"] = (str, _result_path())
    attributes = {
        "name": connector.send_node,
        "label": connector.label,
        "Config": config_of(f"{connector.send_node}Config", __name__, settings),
        "connector": connector,
        "message_parts": message_parts,
        "direct_parts": direct_parts,
        "needs_task": connector.send_waits or not connector.sends_live,
        "__module__": __name__,
        "__doc__": f"Sends through an integration of type {connector.label}.",
    }
    return type(connector.send_node, (SendNode,), attributes)


def _integration_id(alone: bool) -> Any:
    said = "Id of the integration to send through, of the same application; may be a template."
    return Field(
        default="",
        max_length=1024,
        description=f"{said} Blank: a login of the node's own." if alone else said,
        examples=["6653a1f0c2b84e7d9a5f1302"],
    )


def _result_path() -> Any:
    said = "Where the answer goes, or the service's error. Blank: the answer is not kept, and an error fails the run."
    return Field(default="", max_length=1024, description=said, examples=["working.sent"])


def register_send_nodes(types: Iterable[type[AnyConnector]]) -> None:
    """Register the output node of every connector among `types` that can send."""
    for connector in types:
        if connector.Outgoing is not None:
            nodes.register(send_node(connector))


register_send_nodes(connectors)

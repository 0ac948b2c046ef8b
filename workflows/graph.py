"""A workflow version, compiled: nodes built once, wired by reference, every fault found at once.

The JSON form of triggers and nodes is the original product's: `{"id", "type", "config", "meta", "outputIds": [[node id]]}`
for a node, `{"key", "type", "config", "meta", "outputIds"}` for a trigger.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, Self

from pydantic import Field, ValidationError

from wegnology.lib.fault_texts import Filled, worded
from wegnology.lib.marking import marked
from wegnology.lib.registry import UnknownName
from wegnology.lib.schema import ConfigInvalid, Schema, sentence
from wegnology.lib.types import JSONObject
from workflows.circle import find_circle
from workflows.exceptions import Fault, GraphInvalid
from workflows.groups import always_capped, group_faults
from workflows.nodes.base import AnyNodeClass, AwaitingNode, LoopingNode, Node, nodes
from workflows.placed import GraphNode
from workflows.triggers import TRIGGERS

INTEGRATION = "integration"
"""The trigger type of every connector."""
MAX_NODES = 2_000
MAX_TRIGGERS = 500

NodeId = Annotated[str, Field(min_length=1, max_length=1024)]
Outputs = Annotated[list[Annotated[list[NodeId], Field(max_length=100)]], Field(max_length=100)]


class _NodeForm(Schema):
    id: NodeId
    type: Annotated[str, Field(min_length=1, max_length=1024)]
    config: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    output_ids: Outputs = []


class _TriggerForm(Schema):
    type: Annotated[str, Field(min_length=1, max_length=1024)]
    key: Annotated[str, Field(max_length=1024)] = ""
    config: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    output_ids: Outputs = []


class IntegrationFlags(Schema):
    """Which events of an integration fire the trigger."""

    connect: bool = False
    message: bool = True
    disconnect: bool = False
    failure: bool = False


class Known(Protocol):
    """Where node classes are looked up; `get` raises `UnknownName`."""

    def get(self, name: str, /) -> AnyNodeClass:
        """Return the class of that type name."""


class Trigger:
    """One trigger: its runs start at the nodes `starts`."""

    __slots__ = ("_kinds", "config", "key", "label", "outputs", "starts", "type")

    def __init__(
        self,
        kind: str,
        key: str,
        label: str,
        event_kinds: frozenset[str],
        outputs: tuple[tuple[GraphNode, ...], ...],
        config: Schema | None = None,
    ) -> None:
        """`config` are the settings of a type in `triggers.TRIGGERS`."""
        self.type = kind
        self.key = key
        self.label = label
        self.outputs = outputs
        self.starts = outputs[0] if outputs else ()
        self.config = config
        self._kinds = event_kinds

    def wants(self, kind: str) -> bool:
        """Say whether an event of this kind fires the trigger."""
        return kind in self._kinds


class Graph:
    """A compiled workflow version; immutable, shared by all its runs."""

    def __init__(self, triggers: Sequence[Trigger], nodes: Mapping[str, GraphNode]) -> None:
        self.nodes = nodes
        self._triggers: dict[tuple[str, str], list[Trigger]] = {}
        for trigger in triggers:
            self._triggers.setdefault((trigger.type, trigger.key), []).append(trigger)

    @classmethod
    def parse(cls, triggers: list[JSONObject], nodes: list[JSONObject], known: Known = nodes) -> Self:
        """Compile; raises `GraphInvalid` with every fault. `known` is where node classes are looked up."""
        return cls(*_Builder(known).build(triggers, nodes))

    def triggers(self, kind: str, key: str) -> list[Trigger]:
        """Return the triggers of that type and key."""
        return self._triggers.get((kind, key), [])

    def of_type(self, kind: str) -> list[Trigger]:
        """Return the triggers of a type, whatever their key."""
        return [trigger for (known, _), found in self._triggers.items() if known == kind for trigger in found]

    def all_triggers(self) -> Iterator[Trigger]:
        """Iterate every trigger, those that never fire included."""
        for group in self._triggers.values():
            yield from group


class _Builder:
    """Collects faults while it compiles, so that a person sees them all at once."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.faults: list[Fault] = []
        self.trigger_wires: list[tuple[str, Outputs]] = []

    def build(self, triggers: list[JSONObject], raw_nodes: list[JSONObject]) -> tuple[list[Trigger], dict[str, GraphNode]]:
        self._bound(triggers, MAX_TRIGGERS, "triggers")
        self._bound(raw_nodes, MAX_NODES, "nodes")
        forms = [self._form(_NodeForm, raw, f"nodes[{index}]") for index, raw in enumerate(raw_nodes)]
        ids = {form.id for form in forms if form}
        ids |= {raw["id"] for raw in raw_nodes if isinstance(raw, dict) and isinstance(raw.get("id"), str)}
        built: dict[str, GraphNode] = {}
        for index, form in enumerate(forms):
            node = form and self._node(form, f"nodes[{index}]")
            if form and form.id in built:
                text = marked("Node IDs must be unique: {id} is used twice.")
                self.fault(f"nodes[{index}].id", Filled(text, {"id": repr(form.id)}))
            elif form and node:
                built[form.id] = node
        self._check_wires(forms, ids, built)
        found = [self._trigger(raw, f"triggers[{index}]", ids, built) for index, raw in enumerate(triggers)]
        wires = {form.id: (f"nodes[{index}]", form.output_ids) for index, form in enumerate(forms) if form}
        self.faults += group_faults(built, wires, self.trigger_wires)
        if self.faults:
            raise GraphInvalid(self.faults)
        for form in forms:
            if form:
                built[form.id].wire(_linked(form.output_ids, built))
        for node in built.values():
            node.body_keeps = isinstance(node.node, LoopingNode) and always_capped(node)
        return [trigger for trigger in found if trigger], built

    def fault(self, place: str, message: str) -> None:
        self.faults.append(Fault(place, message))

    def _bound(self, items: list[JSONObject], most: int, place: str) -> None:
        if len(items) > most:
            text = Filled(marked("There are {count}; at most {most} are allowed."), {"count": len(items), "most": most})
            raise GraphInvalid([Fault(place, text)])

    def _form(self, schema: type[Any], raw: object, place: str) -> Any:
        try:
            return schema.model_validate(raw)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False):
                self.fault(place + _suffix(fault["loc"]), sentence(worded(fault)))
        return None

    def _node(self, form: _NodeForm, place: str) -> GraphNode | None:
        try:
            node_class = self.known.get(form.type)
        except UnknownName as error:
            self.fault(f"{place}.type", f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return None
        try:
            node = node_class(node_class.Config.resolve(form.config, {}))
        except ConfigInvalid as error:
            for name, text in error.errors.items():
                self.fault(f"{place}.config{_suffix(name.split('.') if name else [])}", text)
            return None
        if isinstance(node, AwaitingNode):
            node.node_id = form.id
        group = form.meta.get("groupId")
        return GraphNode(
            form.id, str(form.meta.get("label") or node_class.label)[:255], node, group if isinstance(group, str) else ""
        )

    def _check_wires(self, forms: Sequence[_NodeForm | None], ids: set[str], built: Mapping[str, GraphNode]) -> None:
        for index, form in enumerate(forms):
            if form is None:
                continue
            self._check_targets(form.output_ids, f"nodes[{index}]", ids, built, own_id=form.id)
            node = built.get(form.id)
            outputs = node.node.outputs if node else ()
            if node and any(form.output_ids[len(outputs) :]):
                text = marked("This node has {count} output(s), {wired} are wired.")
                self.fault(f"nodes[{index}].outputIds", Filled(text, {"count": len(outputs), "wired": len(form.output_ids)}))
        circle = find_circle({form.id: form.output_ids for form in forms if form})
        if circle:
            self.fault("nodes", Filled(marked("The nodes run in a circle: {nodes}."), {"nodes": " → ".join(circle)}))

    def _check_targets(
        self, outputs: list[list[str]], place: str, ids: set[str], built: Mapping[str, GraphNode], own_id: str | None = None
    ) -> None:
        for number, targets in enumerate(outputs):
            for position, target in enumerate(targets):
                at = f"{place}.outputIds[{number}][{position}]"
                if target not in ids:
                    self.fault(at, Filled(marked("Referenced output ID {id} does not exist."), {"id": target}))
                elif target == own_id:
                    self.fault(at, marked("A node cannot connect to itself."))
                elif target in built and not built[target].node.takes_input:
                    text = marked("{node} cannot be connected: it never runs.")
                    self.fault(at, Filled(text, {"node": built[target].label}))

    def _trigger(self, raw: JSONObject, place: str, ids: set[str], built: Mapping[str, GraphNode]) -> Trigger | None:
        form = self._form(_TriggerForm, raw, place)
        if form is None:
            return None
        kinds = self._event_kinds(form.config, f"{place}.config") if form.type == INTEGRATION else frozenset()
        schema = TRIGGERS.get(form.type)
        config = self._form(schema, form.config, f"{place}.config") if schema else None
        faults = len(self.faults)
        self._check_targets(form.output_ids, place, ids, built)
        self.trigger_wires.append((place, form.output_ids))
        if len(self.faults) > faults or any(target not in built for targets in form.output_ids for target in targets):
            return None
        label = str(form.meta.get("label") or form.type)[:255]
        return Trigger(form.type, form.key, label, kinds, _linked(form.output_ids, built), config)

    def _event_kinds(self, config: JSONObject, place: str) -> frozenset[str]:
        flags = self._form(IntegrationFlags, config, place)
        kinds = frozenset(name for name, wanted in flags if wanted) if flags else frozenset()
        if flags and not kinds:
            self.fault(place, marked("Choose at least one of connect, message, disconnect and failure."))
        return kinds


def _linked(outputs: list[list[str]], built: Mapping[str, GraphNode]) -> tuple[tuple[GraphNode, ...], ...]:
    return tuple(tuple(built[target] for target in targets) for targets in outputs)


def _suffix(location: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if str(part).isdecimal() else f".{part}" for part in location)


__all__ = ["INTEGRATION", "Fault", "Graph", "GraphInvalid", "GraphNode", "IntegrationFlags", "Node", "Trigger"]

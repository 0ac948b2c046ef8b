"""Loop bodies: which nodes stand in which, and what a wire may not cross.

A node inside of a loop says so by `meta.groupId`, the loop's id. Wires stay inside of a body; the loop's second output leads into
it; only a cap, or the end of a branch, ends a walk through it.
"""

from collections.abc import Iterator, Mapping, Sequence

from wegnology.lib.fault_texts import Filled
from wegnology.lib.marking import marked
from workflows.exceptions import Fault
from workflows.nodes.base import CapNode, LoopingNode
from workflows.placed import GraphNode

_NOT_INSIDE = marked("Referenced output ID {id} does not exist in the required group.")
_NOT_OUTSIDE = marked("Referenced output ID {id} does not exist outside of the loop.")
INSIDE = 1
"""The output of a loop that leads into its body."""


def group_faults(
    nodes: Mapping[str, GraphNode],
    wires: Mapping[str, tuple[str, Sequence[Sequence[str]]]],
    triggers: Sequence[tuple[str, Sequence[Sequence[str]]]],
) -> Iterator[Fault]:
    """Find what is wrong with groups. `wires` holds place and output ids by node, `triggers` those of each trigger."""
    for name, (place, outputs) in wires.items():
        node = nodes.get(name)
        if node is None:
            continue
        yield from _own_faults(node, nodes, place)
        for number, targets in enumerate(outputs):
            inside = isinstance(node.node, LoopingNode) and number == INSIDE
            yield from _crossing(targets, node.id if inside else node.group, nodes, f"{place}.outputIds[{number}]")
    for place, outputs in triggers:
        for number, targets in enumerate(outputs):
            yield from _crossing(targets, "", nodes, f"{place}.outputIds[{number}]")


def _own_faults(node: GraphNode, nodes: Mapping[str, GraphNode], place: str) -> Iterator[Fault]:
    if node.group and (node.group not in nodes or not isinstance(nodes[node.group].node, LoopingNode)):
        yield Fault(f"{place}.meta.groupId", Filled(marked("There is no loop {id}."), {"id": repr(node.group)}))
    elif node.group and _contains_itself(node, nodes):
        yield Fault(f"{place}.meta.groupId", marked("A loop cannot stand inside of itself."))
    if isinstance(node.node, CapNode) and node.node.loop_id != node.group:
        yield Fault(f"{place}.config.loopNodeId", marked("This must be the loop that the node stands in (its meta.groupId)."))


def _contains_itself(node: GraphNode, nodes: Mapping[str, GraphNode]) -> bool:
    seen = {node.id}
    group = node.group
    while group in nodes:
        if group in seen:
            return True
        seen.add(group)
        group = nodes[group].group
    return False


def _crossing(targets: Sequence[str], group: str, nodes: Mapping[str, GraphNode], place: str) -> Iterator[Fault]:
    for position, target in enumerate(targets):
        if target in nodes and nodes[target].group != group:
            text = _NOT_INSIDE if group else _NOT_OUTSIDE
            yield Fault(f"{place}[{position}]", Filled(text, {"id": target}))


def always_capped(loop: GraphNode) -> bool:
    """Say whether each walk through the body surely ends in a cap and never forks: then it needs no payload of its own."""
    todo, seen = list(loop.outputs[INSIDE] if len(loop.outputs) > INSIDE else ()), set()
    if len(todo) != 1:
        return False
    while todo:
        node = todo.pop()
        if node.id in seen or isinstance(node.node, CapNode):
            continue
        seen.add(node.id)
        followed = node.outputs[:INSIDE] if isinstance(node.node, LoopingNode) else node.outputs
        wanted = 1 if isinstance(node.node, LoopingNode) else len(node.node.outputs)
        if len(followed) < wanted or any(len(targets) != 1 for targets in followed):
            return False
        todo += [targets[0] for targets in followed]
    return True

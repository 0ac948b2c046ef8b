"""A node in its place: compiled once, wired by reference."""

from typing import Any

from workflows.nodes.base import AnyNode, AwaitingNode, CapNode, LoopingNode


class GraphNode:
    """One node in its place."""

    __slots__ = ("body_keeps", "flows", "group", "id", "is_special", "label", "node", "onward", "outputs", "run", "waits")

    def __init__(self, identifier: str, label: str, node: AnyNode, group: str = "") -> None:
        self.id = identifier
        self.label = label
        self.node = node
        self.group = group
        """The loop in whose body it stands, if any."""
        self.is_special = isinstance(node, (LoopingNode, CapNode))
        """Whether the engine itself does what it does."""
        self.body_keeps = False
        """For a loop: every walk through its body ends in a cap, so that it may work on the payload itself."""
        self.run: Any = None if isinstance(node, (LoopingNode, CapNode)) else node.run
        self.waits = isinstance(node, AwaitingNode)
        needs_task = isinstance(node, AwaitingNode) and node.needs_task
        self.flows = not (self.is_special or needs_task)
        """Whether it may run without a task of its own, up to its first wait at least."""
        self.wire(())

    def wire(self, outputs: "tuple[tuple[GraphNode, ...], ...]") -> None:
        """Set to which nodes each output leads."""
        self.outputs = outputs
        alone = [targets[0] if len(targets) == 1 and targets[0].flows else None for targets in outputs]
        self.onward: tuple[GraphNode | None, ...] = (*alone, *[None] * max(1, len(self.node.outputs) - len(alone)))
        """For each output that there is, wired or not: the node to go on with at once, where it leads to one alone that flows."""

    def __repr__(self) -> str:
        return f"<{self.label} {self.id}>"

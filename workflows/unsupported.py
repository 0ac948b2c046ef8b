"""Nodes of types that are not here, as workflows from elsewhere hold them: kept in their place, a run that reaches one fails.

Graph.parse(triggers, nodes, EVERY_TYPE)             # what is stored runs as far as it can
Graph.parse(triggers, nodes, Tolerant(["GeofenceNode"]))   # what a person edits may keep what was there, and no typing error
"""

from collections.abc import Collection
from functools import lru_cache

from pydantic import ConfigDict

from wegnology.lib.registry import UnknownName
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AnyNodeClass, Category, Node, NodeFailed, Result, RunContext, nodes

MOST_OUTPUTS = 100


class AnyConfig(Schema):
    """Settings that nobody here understands."""

    model_config = ConfigDict(extra="allow")


class UnsupportedNode(Node[AnyConfig]):
    """Base of the classes that stand for unknown types."""

    category = Category.LOGIC
    Config = AnyConfig
    outputs = ("",) * MOST_OUTPUTS

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        """Fail: nobody can know what should happen here."""
        raise NodeFailed(
            f"nodes of the type {self.name} are not supported here: replace the node by others, or take it out",
            "NodeNotSupported",
        )


@lru_cache(maxsize=1024)
def _stand_in(name: str) -> type[UnsupportedNode]:
    return type("UnsupportedNode", (UnsupportedNode,), {"name": name, "label": name[:255], "__module__": __name__})


class Tolerant:
    """Looks up node classes as the registry does; unknown types that may stand get a class that fails when it is reached."""

    def __init__(self, kept: Collection[str] | None = None) -> None:
        """`kept` are the unknown types that may stand; None for every type."""
        self._kept = kept

    def get(self, name: str) -> AnyNodeClass:
        """Return the class of that type name; raises `UnknownName` for one that may not stand."""
        try:
            return nodes.get(name)
        except UnknownName:
            if self._kept is not None and name not in self._kept:
                raise
            return _stand_in(name)


EVERY_TYPE = Tolerant()


def unsupported_types(raw_nodes: object) -> frozenset[str]:
    """Return the types among nodes in their JSON form that are not known here."""
    raw = raw_nodes if isinstance(raw_nodes, list) else []
    types = {node.get("type") for node in raw if isinstance(node, dict)}
    return frozenset(name for name in types if isinstance(name, str) and name and name not in nodes)

"""Every node's test is a table of settings, payload, and what comes out."""

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.workflows.fakes import FakeRunContext
from wegnology.lib.eager import start
from wegnology.lib.paths import copy_json
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, nodes


class Result(NamedTuple):
    """What a node gives, by name."""

    payload: JSONObject
    output: int


def build(name: str, config: dict[str, Any]) -> Any:
    """Build a node as the graph does."""
    node_class = nodes.get(name)
    return node_class(node_class.Config.resolve(config, {}))


def run(name: str, config: dict[str, Any], payload: dict[str, Any], context: FakeRunContext | None = None) -> Result:
    """Run a node, which must not suspend, over a copy of the payload."""
    node = build(name, config)
    outcome = node.run(copy_json(payload), context or FakeRunContext())
    if not isinstance(node, AwaitingNode):
        return Result(*outcome)
    results: list[tuple[JSONObject, int]] = []
    assert start(outcome, results.append) is None
    return Result(*results[0])


async def finished(node: AwaitingNode[Any], payload: JSONObject, context: FakeRunContext) -> Result:
    """Run a node that may wait to its end."""
    outcome = node.run(payload, context)
    return Result(*(outcome if isinstance(outcome, tuple) else await outcome))


def run_waiting(name: str, config: dict[str, Any], payload: dict[str, Any], context: FakeRunContext) -> Result:
    """As `run`, for a node that may suspend."""
    node = build(name, config)
    return Result(*asyncio.run(node.run(copy_json(payload), context)))


def faults(name: str, config: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with settings, by field."""
    with pytest.raises(ConfigInvalid) as caught:
        build(name, config)
    return caught.value.errors

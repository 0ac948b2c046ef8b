"""What one run may hold in memory: however a workflow multiplies its payload, it ends with a named error."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.exceptions import RunFailed, RunLimitReached
from workflows.graph import Graph
from workflows.trace import Bounds, Trace
from workflows.weight import Fork, Weight, weigh

MIB = 1024 * 1024
CHEAP = {"source": "times", "destination": "t"}


def made(name: str, kind: str, config: Any, outputs: list[list[str]], group: str = "") -> JSONObject:
    return {"id": name, "type": kind, "config": config, "outputIds": outputs, "meta": {"groupId": group} if group else {}}


def run(payload: JSONObject, *nodes: JSONObject, most: int = 5 * MIB) -> engine.RunReport:
    graph = Graph.parse([{"type": "integration", "key": "i", "outputIds": [[nodes[0]["id"]]]}], list(nodes))
    trigger = graph.triggers("integration", "i")[0]
    context = FakeRunContext()
    return asyncio.run(asyncio.wait_for(engine.run(trigger, payload, context, Trace(bounds=Bounds(most))), 30))


def grown() -> JSONObject:
    """Return a payload of about 1 MiB."""
    return {"a": [[number] for number in range(10_000)], "times": 50}


def test_a_payload_that_grows() -> None:
    """Each node copies all there is into a place of its own: 1, 2, 3 MiB, and so on."""
    chain = [
        made(
            f"n{at}",
            "MutateNode",
            {"rules": [{"type": "copy", "source": "a", "destination": f"a{at}"}]},
            [[f"n{at + 1}"]] if at < 29 else [[]],
        )
        for at in range(30)
    ]
    with pytest.raises(RunFailed, match="holds more than 5 MiB") as caught:
        run(grown(), *chain)
    assert caught.value.name == "RunLimitReached"
    assert caught.value.node_id.startswith("n")


def test_results_of_a_loop() -> None:
    loop = made("loop", "LoopNode", {"loopSourcePath": "times", "currentItemPath": "i", "mapResultPath": "r"}, [[], ["cap"]])
    cap = made("cap", "LoopCapNode", {"loopNodeId": "loop", "mapValuePath": "a"}, [], "loop")
    with pytest.raises(RunFailed, match="holds more than 5 MiB"):
        run(grown(), loop, cap)
    assert run({**grown(), "times": 2}, loop, cap).visited == 3


@pytest.mark.parametrize("kind", ["DelayNode", "JsonEncodeNode"])
def test_branches_that_wait_and_branches_that_are_due(kind: str) -> None:
    """A chain in which each node forks: into one that waits, or after which there is another still to run."""
    config = {"delay": "0.5"} if kind == "DelayNode" else CHEAP
    chain = [made(f"n{at}", "JsonEncodeNode", CHEAP, [[f"n{at + 1}", f"w{at}"]]) for at in range(30)]
    waiting = [made(f"w{at}", kind, config, [[]]) for at in range(30)]
    with pytest.raises(RunFailed, match="holds more than 5 MiB"):
        run(grown(), *chain, *waiting, made("n30", "JsonEncodeNode", CHEAP, [[]]))


def test_walks_side_by_side() -> None:
    loop = made("loop", "LoopNode", {"loopSourcePath": "times", "currentItemPath": "i", "parallel": True}, [[], ["cap"]])
    cap = made("cap", "LoopCapNode", {"loopNodeId": "loop"}, [], "loop")
    with pytest.raises(RunFailed, match="holds more than 3 MiB"):
        run(grown(), loop, cap, most=3 * MIB)
    assert run({"times": 50}, loop, cap).visited == 51


def test_what_is_over_is_not_held_any_more() -> None:
    """Many forks and loops one after the other hold no more than one."""
    steps = [made(f"n{at}", "JsonEncodeNode", CHEAP, [[f"e{at}", f"n{at + 1}"]]) for at in range(20)]
    ends = [made(f"e{at}", "DelayNode", {"delay": "0"}, [[]]) for at in range(20)]
    assert run(grown(), *steps, *ends, made("n20", "JsonEncodeNode", CHEAP, [[]])).visited == 41


def test_weighing() -> None:
    assert weigh(["a" * 1000]) > 1000
    assert weigh({"k" * 1000: None}) > 1000
    assert weigh([[]] * 1_000_000, most=1000) < 20 * MIB
    weight = Weight(10_000)
    held = weight.hold("a" * 5000)
    with pytest.raises(RunLimitReached):
        weight.look("a" * 9000)
    weight.release(held)
    weight.look("a" * 9000)
    fork = Fork(2)
    payload: JSONObject = {"a": 1}
    assert fork.own(payload, weight) is not payload
    assert fork.own(payload, weight) is payload

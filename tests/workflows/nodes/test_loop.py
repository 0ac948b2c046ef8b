"""Loop and its caps, in small workflows."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext, node, trigger
from workflows import engine
from workflows.exceptions import GraphInvalid, RunFailed, RunLimitReached
from workflows.graph import Graph
from workflows.nodes.base import nodes

LOOP = {"loopSourcePath": "data.items", "currentItemPath": "working.item"}
SUM = {"statements": [{"expression": "{{sum}} + {{working.item.value}}", "resultPath": "sum"}]}


def inside(loop: str, raw: dict[str, Any]) -> dict[str, Any]:
    raw["meta"] = {"groupId": loop}
    return raw


def cap(identifier: str = "cap", loop: str = "loop", **config: Any) -> dict[str, Any]:
    return inside(loop, node(identifier, "LoopCapNode", loopNodeId=loop, **config))


def graph(*raw: dict[str, Any], first: str = "loop") -> Graph:
    return Graph.parse([trigger(first)], [*raw], nodes)


def run(workflow: Graph, payload: dict[str, Any], context: FakeRunContext | None = None) -> FakeRunContext:
    """Run; what `DebugNode`s saw is in the context."""
    context = context or FakeRunContext()
    [start] = workflow.triggers("integration", "i1")
    asyncio.run(asyncio.wait_for(engine.run(start, payload, context), 30))
    return context


def after(*body: dict[str, Any], loop: dict[str, Any] | None = None, into: str = "work") -> Graph:
    """A loop over this body, then a Debug node."""
    return graph(
        node("loop", "LoopNode", ["done"], [into], **{**LOOP, **(loop or {})}), *body, node("done", "DebugNode", message="done")
    )


def done(context: FakeRunContext) -> Any:
    [value] = [value for message, value, _ in context.debugged if message == "done"]
    return value


def seen(context: FakeRunContext) -> list[Any]:
    return [value for message, value, _ in context.debugged if message == "item"]


@pytest.mark.parametrize(
    ("source", "items"),
    [
        ([7, "b"], [{"value": 7, "index": 0, "first": True}, {"value": "b", "index": 1, "last": True}]),
        (["only"], [{"value": "only", "index": 0, "first": True, "last": True}]),
        (
            {"a": 1, "b": 2},
            [{"value": 1, "index": 0, "key": "a", "first": True}, {"value": 2, "index": 1, "key": "b", "last": True}],
        ),
        ("hi", [{"value": "h", "index": 0, "first": True}, {"value": "i", "index": 1, "last": True}]),
        (-1.5, [{"value": 0, "index": 0, "first": True, "last": True}]),
        (0, []),
        (None, []),
        (True, []),
        ([], []),
    ],
)
def test_what_is_gone_through(source: Any, items: list[Any]) -> None:
    workflow = after(inside("loop", node("work", "DebugNode", message="item", property="working.item")))
    context = run(workflow, {"data": {"items": source}})
    assert seen(context) == items
    assert done(context)["data"] == {"items": source}


def test_changes_last_when_a_cap_is_reached() -> None:
    workflow = after(inside("loop", node("work", "MathNode", ["cap"], **SUM)), cap())
    assert done(run(workflow, {"sum": 0, "data": {"items": [1, 2, 3]}}))["sum"] == 6


def test_changes_are_forgotten_without_a_cap() -> None:
    workflow = after(inside("loop", node("work", "MathNode", **SUM)))
    assert done(run(workflow, {"sum": 0, "data": {"items": [1, 2, 3]}})) == {"sum": 0, "data": {"items": [1, 2, 3]}}


def test_only_some_walks_reach_a_cap() -> None:
    """What the others change is forgotten."""
    body = [
        inside("loop", node("work", "MathNode", ["odd"], **SUM)),
        inside("loop", node("odd", "ConditionalNode", [], ["cap"], expression="{{working.item.value}} % 2 == 1")),
        cap(),
    ]
    assert done(run(after(*body), {"sum": 0, "data": {"items": [1, 2, 3, 4]}}))["sum"] == 4


def test_break_ends_the_loop_after_its_walk() -> None:
    body = [
        inside("loop", node("work", "MathNode", ["enough"], **SUM)),
        inside("loop", node("enough", "ConditionalNode", ["cap"], ["stop"], expression="{{sum}} > 4")),
        cap(),
        cap("stop", shouldBreak=True),
    ]
    assert done(run(after(*body), {"sum": 0, "data": {"items": [1, 2, 3, 4, 5]}}))["sum"] == 6


def test_the_first_cap_decides() -> None:
    body = [
        inside("loop", node("work", "DelayNode", ["late"], delay="0.01")),
        inside(
            "loop", node("late", "MutateNode", ["cap2"], rules=[{"type": "set", "destination": "by", "valueTemplate": "late"}])
        ),
        inside(
            "loop", node("soon", "MutateNode", ["cap"], rules=[{"type": "set", "destination": "by", "valueTemplate": "soon"}])
        ),
        cap(),
        cap("cap2"),
    ]
    loop = node("loop", "LoopNode", ["done"], ["work", "soon"], **LOOP)
    workflow = graph(loop, *body, node("done", "DebugNode", message="done"))
    assert done(run(workflow, {"data": {"items": [1]}}))["by"] == "soon"


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(
    ("loop", "cap_config", "result"),
    [
        ({}, {}, [{"value": 1, "index": 0, "first": True}, {"value": 2, "index": 1, "last": True}]),
        ({"mapValuePath": "working.item.value"}, {}, [1, 2]),
        ({"mapValuePath": "nothing"}, {"mapValuePath": "double"}, [2, 4]),
    ],
)
def test_results(parallel: bool, loop: dict[str, Any], cap_config: dict[str, Any], result: list[Any]) -> None:
    double = {"statements": [{"expression": "{{working.item.value}} * 2", "resultPath": "double"}]}
    body = [inside("loop", node("work", "MathNode", ["cap"], **double)), cap(**cap_config)]
    workflow = after(*body, loop={**loop, "mapResultPath": "out", "parallel": parallel})
    assert done(run(workflow, {"data": {"items": [1, 2]}}))["out"] == result


def test_parallel_walks_share_nothing_and_wait_side_by_side() -> None:
    body = [
        inside("loop", node("work", "MathNode", ["wait"], **SUM)),
        inside("loop", node("wait", "DelayNode", ["cap"], delay="0.05")),
        cap(),
    ]
    workflow = after(*body, loop={"parallel": True, "mapResultPath": "out", "mapValuePath": "sum"})
    payload = done(run(workflow, {"sum": 10, "data": {"items": [1, 2, 3, 4, 5, 6, 7]}}))
    assert payload["out"] == [11, 12, 13, 14, 15, 16, 17]
    assert payload["sum"] == 10


def test_a_failing_walk_ends_the_run_where_it_failed() -> None:
    body = [inside("loop", node("work", "DebugNode", ["bad"], message="item", property="working.item.value")),
            inside("loop", node("bad", "ConditionalNode", ["cap"], ["throw"], expression="{{working.item.value}} == 2")),
            inside("loop", node("throw", "ThrowErrorNode", messageTemplate="two!")), cap()]  # fmt: skip
    context = FakeRunContext()
    with pytest.raises(RunFailed, match="two!") as caught:
        run(after(*body), {"data": {"items": [1, 2, 3]}}, context)
    assert (caught.value.node_id, seen(context)) == ("throw", [1, 2])
    context = FakeRunContext()
    with pytest.raises(RunFailed, match="two!"):
        run(after(*body, loop={"parallel": True}), {"data": {"items": [1, 2, 3]}}, context)
    assert seen(context) == [1, 2, 3]  # side by side all walks end first


def test_loops_in_loops() -> None:
    inner = {
        "loopSourcePath": "working.item.value",
        "currentItemPath": "working.inner",
        "mapResultPath": "row",
        "mapValuePath": "cell",
    }
    cell = {"statements": [{"expression": "{{working.inner.value}} * 10 + {{working.item.index}}", "resultPath": "cell"}]}
    body = [
        inside("loop", node("inner", "LoopNode", ["cap"], ["work"], **inner)),
        inside("inner", node("work", "MathNode", ["next"], **cell)),
        cap("next", "inner"),
        cap(mapValuePath="row"),
    ]
    workflow = after(*body, loop={"mapResultPath": "table"}, into="inner")
    assert done(run(workflow, {"data": {"items": [[1, 2], [3]]}}))["table"] == [[10, 20], [31]]


def test_many_items_in_reasonable_work() -> None:
    workflow = after(inside("loop", node("work", "MathNode", ["cap"], **SUM)), cap())
    assert done(run(workflow, {"sum": 0, "data": {"items": 50_000}}, FakeRunContext(ticks=200_000)))["sum"] == sum(range(50_000))


def test_a_loop_keeps_to_the_runs_deadline() -> None:
    workflow = after(inside("loop", node("work", "MathNode", ["cap"], **SUM)), cap())
    with pytest.raises(RunLimitReached):
        run(workflow, {"sum": 0, "data": {"items": 200_000}}, FakeRunContext(ticks=1_000))
    with pytest.raises(RunFailed, match="more than 262144 items"):
        run(workflow, {"sum": 0, "data": {"items": 1e12}})


def test_an_empty_body_is_passed_over() -> None:
    workflow = graph(node("loop", "LoopNode", ["done"], [], **LOOP), node("done", "DebugNode", message="done"))
    assert done(run(workflow, {"data": {"items": [1]}})) == {"data": {"items": [1]}}


def test_faults_of_groups_name_the_place() -> None:
    raw = [
        node("loop", "LoopNode", ["work"], ["out"], **LOOP),
        inside("loop", node("work", "DebugNode", ["out"])),
        node("out", "DebugNode"),
        inside("nowhere", node("lost", "DebugNode")),
        cap("cap", "other"),
        inside("self", node("self", "LoopNode", [], [], **LOOP)),
    ]
    with pytest.raises(GraphInvalid) as caught:
        Graph.parse([trigger("work")], raw, nodes)
    assert {fault.place: fault.message for fault in caught.value.faults} == {
        "nodes[0].outputIds[0][0]": "Referenced output ID work does not exist outside of the loop.",
        "nodes[0].outputIds[1][0]": "Referenced output ID out does not exist in the required group.",
        "nodes[1].outputIds[0][0]": "Referenced output ID out does not exist in the required group.",
        "nodes[3].meta.groupId": "There is no loop 'nowhere'.",
        "nodes[4].meta.groupId": "There is no loop 'other'.",
        "nodes[5].meta.groupId": "A loop cannot stand inside of itself.",
        "triggers[0].outputIds[0][0]": "Referenced output ID work does not exist outside of the loop.",
    }

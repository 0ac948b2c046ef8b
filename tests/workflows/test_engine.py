"""Running graphs: branches, copies, waiting, failing, limits."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from integrations.exceptions import LeaseLost
from tests.workflows.fakes import FakeRunContext, node, parse, trigger
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.engine import RunReport
from workflows.exceptions import RunFailed, RunLimitReached
from workflows.graph import Trigger
from workflows.trace import MAX_PATH


def started(starts: list[str], nodes: list[JSONObject]) -> Trigger:
    return parse([trigger(*starts)], nodes).triggers("integration", "i1")[0]


def mark(identifier: str, *outputs: list[Any]) -> JSONObject:
    return node(identifier, "MarkNode", *outputs, text=identifier)


def gate(identifier: str, *outputs: list[Any], kind: str = "GateNode") -> JSONObject:
    return node(identifier, kind, *outputs, name=identifier)


def run_by_hand(coroutine: Coroutine[Any, Any, RunReport]) -> RunReport:
    """Drive a run that must not wait for anything, without any event loop. It may give others a turn."""
    while True:
        try:
            assert coroutine.send(None) is None
        except StopIteration as stop:
            report: RunReport = stop.value
            return report


def traces(context: FakeRunContext) -> list[list[Any]]:
    return [value for _, value, _ in context.debugged if isinstance(value, list)]


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def test_computing_and_sending_without_suspending() -> None:
    context = FakeRunContext()
    report = run_by_hand(engine.run(started(["a"], [mark("a", ["s"]), node("s", "SendNode", ["b"]), mark("b")]), {}, context))
    assert report == RunReport(3, ["a", "s", "b"])
    assert context.sent == [("i2", {"trace": ["a"]})]
    assert traces(context)[-1] == ["a", "b"]


@pytest.mark.parametrize("starts", [[], ["a"]])
def test_a_trigger_may_lead_nowhere(starts: list[str]) -> None:
    assert run_by_hand(engine.run(started(starts, [mark("a")]), {}, FakeRunContext())).visited == len(starts)


@pytest.mark.parametrize(("output", "path"), [(0, ["f", "a"]), (1, ["f", "b"])])
def test_the_output_decides_where_it_goes_on(output: int, path: list[str]) -> None:
    graph = started(["f"], [node("f", "ForkNode", ["a"], ["b"]), mark("a"), mark("b")])
    assert run_by_hand(engine.run(graph, {"output": output}, FakeRunContext())).path == path


def test_an_output_without_wires_ends_the_branch() -> None:
    graph = started(["f"], [node("f", "ForkNode", ["a"]), mark("a")])
    assert run_by_hand(engine.run(graph, {"output": 1}, FakeRunContext())).path == ["f"]


def test_branches_have_their_own_copies_and_run_in_wired_order() -> None:
    context = FakeRunContext()
    graph = started(["a", "b"], [mark("a", ["c", "d"]), mark("b"), mark("c"), mark("d")])
    report = run_by_hand(engine.run(graph, {"trace": ["start"]}, context))
    assert report.path == ["a", "c", "d", "b"]
    assert traces(context) == [["start", "a"], ["start", "a", "c"], ["start", "a", "d"], ["start", "b"]]


def test_meeting_branches_do_not_merge() -> None:
    context = FakeRunContext()
    run_by_hand(engine.run(started(["a", "b"], [mark("a", ["c"]), mark("b", ["c"]), mark("c")]), {}, context))
    assert traces(context) == [["a"], ["a", "c"], ["b"], ["b", "c"]]


def test_a_long_chain_needs_no_stack() -> None:
    nodes = [mark(str(n), [str(n + 1)]) for n in range(1_500)]
    for item in nodes:
        item["type"], item["config"] = "SendNode", {}
    graph = started(["0"], [*nodes, mark("1500")])
    report = asyncio.run(engine.run(graph, {}, FakeRunContext()))
    assert (report.visited, len(report.path)) == (1_501, MAX_PATH)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [("node", "SyntaxError", "it went wrong"), ("bug", "ZeroDivisionError", "division by zero")],
)
def test_a_failing_node_ends_the_run(kind: str, name: str, message: str) -> None:
    context = FakeRunContext()
    nodes = [mark("a", ["f", "b"]), node("f", "FailNode", kind=kind) | {"meta": {"label": "Bad"}}, mark("b")]
    with pytest.raises(RunFailed) as caught:
        run_by_hand(engine.run(started(["a"], nodes), {}, context))
    failed = caught.value
    assert (failed.node_id, failed.node_label, failed.name, failed.message) == ("f", "Bad", name, message)
    assert failed.payload == {"trace": ["a"], "seen": True}
    assert failed.path == ("a", "f")
    assert traces(context) == [["a"]]


def test_a_lost_lease_passes_through() -> None:
    with pytest.raises(LeaseLost):
        run_by_hand(engine.run(started(["f"], [node("f", "FailNode", kind="lease")]), {}, FakeRunContext()))


def test_the_deadline_ends_the_run() -> None:
    with pytest.raises(RunLimitReached, match="longer than 60 s") as caught:
        run_by_hand(engine.run(started(["a"], [mark("a", ["b"]), mark("b")]), {}, FakeRunContext(ticks=1)))
    assert (caught.value.node_id, caught.value.payload) == ("b", {"trace": ["a"]})


def test_forks_upon_forks_are_bounded() -> None:
    nodes = [node(str(n), "SendNode", [str(n + 1)] * 10) for n in range(8)]
    with pytest.raises(RunLimitReached, match="more than 100000 nodes"):
        asyncio.run(engine.run(started(["0"], [*nodes, mark("8")]), {}, FakeRunContext()))


def test_long_computing_gives_others_a_turn() -> None:
    nodes = [node(str(n), "SendNode", [str(n + 1)] * 10) for n in range(4)]

    async def turns() -> int:
        task = asyncio.create_task(engine.run(started(["0"], [*nodes, mark("4")]), {}, FakeRunContext()))
        count = 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        assert task.result().visited == 11_111
        return count

    assert asyncio.run(turns()) > 2


Body = Callable[[FakeRunContext, asyncio.Task[RunReport]], Awaitable[None]]


def run_waiting(nodes: list[JSONObject], starts: list[str], body: Body) -> None:
    async def main() -> None:
        context = FakeRunContext()
        task = asyncio.create_task(engine.run(started(starts, nodes), {}, context))
        await body(context, task)
        if not task.done():
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["GateNode", "TaskGateNode"])
def test_a_waiting_branch_does_not_hold_up_the_others(kind: str) -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        await until(lambda: len(context.sent) == 1)
        assert not task.done()
        context.gate("a").set()
        report = await task
        assert report == RunReport(3, ["a", "s", "b"])
        assert traces(context) == [["b"]]

    run_waiting([gate("a", ["b"], kind=kind), mark("b"), node("s", "SendNode")], ["a", "s"], body)


@pytest.mark.parametrize("kind", ["GateNode", "TaskGateNode"])
def test_a_lone_branch_waits_and_goes_on(kind: str) -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        context.gate("a").set()
        await until(lambda: task.done() or len(asyncio.all_tasks()) > 2)
        context.gate("c").set()
        assert (await task).path == ["a", "b", "c", "d"]
        assert traces(context) == [["b"], ["b", "d"]]

    run_waiting([gate("a", ["b"], kind=kind), mark("b", ["c"]), gate("c", ["d"], kind=kind), mark("d")], ["a"], body)


def test_waiting_branches_wait_side_by_side() -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        context.gate("y").set()
        await until(lambda: ["y", "n"] in traces(context) or len(traces(context)) == 1)
        context.gate("x").set()
        assert (await task).visited == 4

    run_waiting([gate("x", ["m"]), gate("y", ["n"]), mark("m"), mark("n")], ["x", "y"], body)


@pytest.mark.parametrize("waits", [["x"], ["x", "y"]], ids=["one waits", "two wait"])
def test_a_failure_cancels_what_waits(waits: list[str]) -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        with pytest.raises(RunFailed, match="it went wrong"):
            await task
        assert sorted(context.cancelled) == waits

    run_waiting([*map(gate, waits), node("f", "FailNode")], [*waits, "f"], body)


def test_a_failure_after_a_wait_cancels_what_waits() -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        await until(lambda: len(asyncio.all_tasks()) > 3)
        context.gate("y").set()
        with pytest.raises(RunFailed, match="division by zero") as caught:
            await task
        assert (context.cancelled, caught.value.node_id) == (["x"], "f")

    run_waiting([gate("x"), gate("y", ["f"]), node("f", "FailNode", kind="bug")], ["x", "y"], body)


def test_a_branch_made_while_waiting_is_watched_too() -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        context.gate("y").set()
        await until(lambda: len(traces(context)) == 1)
        context.gate("p").set()
        with pytest.raises(RunFailed):
            await task
        assert sorted(context.cancelled) == ["q", "x"]

    nodes = [gate("x"), gate("y", ["p", "q", "m"]), gate("p", ["f"]), gate("q"), mark("m"), node("f", "FailNode")]
    run_waiting(nodes, ["x", "y"], body)


def test_cancelling_the_run_cancels_its_branches() -> None:
    async def body(context: FakeRunContext, task: asyncio.Task[RunReport]) -> None:
        await until(lambda: len(asyncio.all_tasks()) > 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(context.cancelled) == ["x", "y"]

    run_waiting([gate("x"), gate("y")], ["x", "y"], body)

"""The trace of a run: which nodes, when they began and ended, and by which output they were left."""

import asyncio

import pytest

from tests.workflows.fakes import FakeRunContext, node
from tests.workflows.nodes.test_loop import after, cap, inside
from tests.workflows.test_engine import gate, mark, started, until
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.exceptions import RunFailed
from workflows.trace import MAX_TIMED, Trace


def took(trace: Trace, visit: int) -> float:
    """Return seconds from the begin to the end of a visit."""
    _, start, end, _ = trace.visits[visit]
    return float(end - start)


def test_a_loop_takes_as_long_as_its_body_and_every_visit_has_an_end() -> None:
    workflow = after(inside("loop", node("work", "DebugNode", ["cap"])), cap())
    trace = Trace()
    asyncio.run(engine.run(workflow.triggers("integration", "i1")[0], {"data": {"items": [1, 2]}}, FakeRunContext(), trace))
    assert trace.path == ["loop", "work", "cap", "work", "cap", "done"]
    assert [output for *_, output in trace.visits] == [0, 0, -1, 0, -1, 0]
    assert trace.visits[0][2] >= max(end for _, _, end, _ in trace.visits[1:5])
    assert took(trace, 0) >= sum(took(trace, visit) for visit in range(1, 5))


def test_a_branch_that_waits_ends_when_it_goes_on_and_others_are_not_held_up() -> None:
    async def story() -> Trace:
        context, trace = FakeRunContext(), Trace()
        task = asyncio.create_task(engine.run(started(["g", "m"], [gate("g", ["n"]), mark("m"), mark("n")]), {}, context, trace))
        await until(lambda: len(trace.path) == 2 and trace.visits[1][2])
        assert trace.visits[0][2:] == [None, None]  # under way
        context.gate("g").set()
        await task
        return trace

    trace = asyncio.run(story())
    assert trace.path == ["g", "m", "n"]
    waiting, middle, last = [(start, end) for _, start, end, _ in trace.visits]
    assert waiting[0] <= middle[0] <= middle[1] <= waiting[1] <= last[0] <= last[1]


def test_a_node_that_fails_has_no_end() -> None:
    trace = Trace()
    nodes = [mark("a", ["f"]), node("f", "FailNode", kind="failed")]
    with pytest.raises(RunFailed):
        asyncio.run(engine.run(started(["a"], nodes), {}, FakeRunContext(), trace))
    assert trace.path == ["a", "f"]
    assert [output for *_, output in trace.visits] == [0, None]


def test_only_so_many_visits_are_timed() -> None:
    workflow = after(inside("loop", node("work", "DebugNode", ["cap"])), cap())
    trace = Trace()
    payload: JSONObject = {"data": {"items": list(range(MAX_TIMED))}}
    asyncio.run(engine.run(workflow.triggers("integration", "i1")[0], payload, FakeRunContext(), trace))
    assert len(trace.path) == 2 * MAX_TIMED + 2
    assert len(trace.visits) == MAX_TIMED

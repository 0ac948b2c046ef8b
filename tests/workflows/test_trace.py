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
    return trace.ends[visit][0] - trace.starts[visit]


def test_a_loop_takes_as_long_as_its_body_and_every_visit_has_an_end() -> None:
    workflow = after(inside("loop", node("work", "DebugNode", ["cap"])), cap())
    trace = Trace()
    asyncio.run(engine.run(workflow.triggers("integration", "i1")[0], {"data": {"items": [1, 2]}}, FakeRunContext(), trace))
    assert trace.path == ["loop", "work", "cap", "work", "cap", "done"]
    assert [trace.ends[visit][1] for visit in range(6)] == [0, 0, -1, 0, -1, 0]
    assert trace.ends[0][0] >= max(trace.ends[visit][0] for visit in range(1, 5))
    assert took(trace, 0) >= sum(took(trace, visit) for visit in range(1, 5))


def test_a_branch_that_waits_ends_when_it_goes_on_and_others_are_not_held_up() -> None:
    async def story() -> Trace:
        context, trace = FakeRunContext(), Trace()
        task = asyncio.create_task(engine.run(started(["g", "m"], [gate("g", ["n"]), mark("m"), mark("n")]), {}, context, trace))
        await until(lambda: len(trace.path) == 2 and 1 in trace.ends)
        assert 0 not in trace.ends  # under way
        context.gate("g").set()
        await task
        return trace

    trace = asyncio.run(story())
    assert trace.path == ["g", "m", "n"]
    assert trace.starts[0] <= trace.starts[1] <= trace.ends[1][0] <= trace.ends[0][0] <= trace.starts[2] <= trace.ends[2][0]


def test_a_node_that_fails_has_no_end() -> None:
    trace = Trace()
    nodes = [mark("a", ["f"]), node("f", "FailNode", kind="failed")]
    with pytest.raises(RunFailed):
        asyncio.run(engine.run(started(["a"], nodes), {}, FakeRunContext(), trace))
    assert trace.path == ["a", "f"]
    assert list(trace.ends) == [0]


def test_only_so_many_visits_are_timed() -> None:
    workflow = after(inside("loop", node("work", "DebugNode", ["cap"])), cap())
    trace = Trace()
    payload: JSONObject = {"data": {"items": list(range(MAX_TIMED))}}
    asyncio.run(engine.run(workflow.triggers("integration", "i1")[0], payload, FakeRunContext(), trace))
    assert len(trace.path) == 2 * MAX_TIMED + 2
    assert len(trace.starts) == len(trace.ends) == MAX_TIMED

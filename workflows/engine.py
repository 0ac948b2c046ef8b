"""Running a workflow: walk the graph from a trigger, branch by branch.

A run suspends only where a node really waits, or after 5 ms of computing, so the caller may start it without a task
(`wegnology.lib.eager.start`). Several nodes wired to one output are independent branches, each with a copy of the payload; a
branch that waits does not hold up the others; a failing node ends the whole run.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Any, NamedTuple

from integrations.exceptions import LeaseLost
from wegnology.lib.eager import go_on, start
from wegnology.lib.paths import copy_json
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import RunFailed, RunLimitReached
from workflows.graph import GraphNode, Trigger
from workflows.groups import INSIDE
from workflows.nodes.base import CapNode, LoopingNode, NodeFailed, Result, RunContext
from workflows.trace import MAX_TIMED, SLICE_SECONDS, VISITS_A_WALK, Trace, Visit, left
from workflows.weight import Fork

PARALLEL_WALKS = 5
"""Walks through the body of one parallel loop at a time (execution model of the original product)."""
_CANCEL_SECONDS = 5.0

_Stack = list[tuple[GraphNode, JSONObject, Fork | None]]
"""Branches to walk, the next one last: node, payload, and the fork at which branches share that payload."""


class RunReport(NamedTuple):
    """What a finished run did: how many nodes it visited, and the ids of the first `MAX_PATH` of them."""

    visited: int
    path: list[str]


async def run(trigger: Trigger, payload: JSONObject, context: RunContext, trace: Trace | None = None) -> RunReport:
    """Run the workflow. `payload` is the run's own, down to its `globals`: nodes change it in place. The visits of nodes are
    added to `trace` as the run goes.

    Raises `RunFailed` (`RunLimitReached` among them) with the node, the payload there and the path. `LeaseLost` and
    cancellation pass through.
    """
    trace = Trace() if trace is None else trace
    rest = begin(trigger, payload, context, trace)
    if rest is not None:
        await rest
    return RunReport(trace.visited, trace.path)


def begin(
    trigger: Trigger, payload: JSONObject, context: RunContext, trace: Trace, until: float = 0.0
) -> Coroutine[Any, Any, None] | None:
    """As `run`, but at once as far as it goes without waiting: most runs end here. Returns the rest of the others.

    `until` is when (monotonic seconds) the context must be asked first whether the run may go on: later than at once where
    the caller just saw to that.
    """
    stack: _Stack = []
    if len(trigger.starts) == 1:
        stack.append((trigger.starts[0], payload, None))
    else:
        _fork(stack, trigger.starts, payload)
    halt = _flow(context, trace, stack, until)
    return _Walk(context, trace).rest(stack, halt) if halt is not None or stack else None


def _fork(stack: _Stack, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
    """Put the targets on the stack, the first on top. All but the last to run copy the payload."""
    fork = Fork(len(targets)) if len(targets) > 1 else None
    for target in reversed(targets):
        stack.append((target, payload, fork))


class _End(NamedTuple):
    """How a walk through a loop's body ended: the cap that was reached first, and the payload there."""

    cap: CapNode[Any]
    payload: JSONObject


class _Halt(NamedTuple):
    """Where a walk stopped. `waiting`: what the node waits for; without it others must get a turn, and a walk goes on with
    `payload`.
    """

    node: GraphNode
    payload: JSONObject
    visit: Visit
    waiting: asyncio.Task[Result] | None = None


def _flow(  # noqa: C901, PLR0912  (see below)
    context: RunContext, trace: Trace, stack: _Stack, until: float = 0.0
) -> _Halt | None:
    """Run nodes until one needs the engine or a task, or waits, or the slice is over. Most nodes go this way, and a call
    here would be paid by every one of them. Returns where it stopped; None with nothing on the stack, or such a node.
    """
    visits, slice_end = trace.visits, trace.slice_end
    now = monotonic()
    try:
        while stack:
            node, payload, fork = stack.pop()
            if not node.flows:
                stack.append((node, payload, fork))
                return None
            if fork is not None:
                payload = fork.own(payload, trace.bounds.weight)
            while True:  # down the branch
                visit: Visit = [node, now, None, None]  # as `Trace.visit` does
                if len(visits) < MAX_TIMED:
                    visits.append(visit)
                else:
                    trace.bounds.count(node)
                if now >= until:
                    until = context.tick()
                result = node.run(payload, context)
                if node.waits and type(result) is not tuple:
                    try:
                        waits_for = result.send(None)
                    except StopIteration as end:
                        result = end.value
                    else:
                        return _Halt(node, payload, visit, go_on(result, waits_for))
                payload, output = result
                visit[2] = now = monotonic()
                visit[3] = output
                following = node.onward[output]
                if following is None or now > slice_end:
                    break
                node = following
            if output < len(node.outputs):
                _fork(stack, node.outputs[output], payload)
            if now > slice_end:
                return _Halt(node, payload, visit)
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001  (a bug in a node must end the run, not the engine)
        raise _failed(error, node, payload, trace) from error.__cause__
    return None


def _follow(node: GraphNode, result: Result, stack: _Stack) -> None:
    """Put on the stack what a node leads to."""
    payload, output = result
    if output < len(node.outputs):
        _fork(stack, node.outputs[output], payload)


def _failed(error: Exception, node: GraphNode, payload: JSONObject, trace: Trace) -> RunFailed:
    if isinstance(error, RunFailed):
        failed = error
    elif isinstance(error, NodeFailed):
        failed = RunFailed(str(error), name=error.name)
    else:
        failed = RunFailed(str(error) or type(error).__name__, name=type(error).__name__)
    if failed.node_id:
        return failed  # it happened in the body of this loop, whose node it names already
    failed.node_id, failed.node_label = node.id, node.label
    failed.payload, failed.path = payload, tuple(trace.path)
    return failed


class _Walk:
    """One walk through the graph, or through a loop's body, with the tasks of branches that wait while others go on."""

    __slots__ = ("context", "end", "failure", "tasks", "trace", "wakeup")

    def __init__(self, context: RunContext, trace: Trace) -> None:
        self.context = context
        self.trace = trace
        self.end: _End | None = None
        self.tasks: dict[asyncio.Task[None], asyncio.Task[Result]] = {}
        """Branches that go on by themselves, with what each waits for at first."""
        self.failure: BaseException | None = None
        self.wakeup: asyncio.Future[None] | None = None

    async def through(self, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
        """Walk from these nodes until every branch has ended."""
        stack: _Stack = []
        _fork(stack, targets, payload)
        halt = _flow(self.context, self.trace, stack)
        if halt is not None or stack:
            await self.rest(stack, halt)

    async def rest(self, stack: _Stack, halt: _Halt | None) -> None:
        """Go on where `_flow` stopped until every branch has ended."""
        try:
            await self.walk(stack, halt)
            if self.tasks or self.failure:
                await self.join()
        except BaseException as error:
            if self.tasks:
                await _cancel([*self.tasks, *self.tasks.values()], error)
            raise

    async def walk(self, stack: _Stack, halt: _Halt | None, in_task: bool = False) -> None:
        """Go on where `_flow` stopped until the stack is empty. A branch that waits while others are due gets a task."""
        while halt is not None or stack:
            if halt is None:
                halt = self._step(stack)
            if halt is not None:
                node, payload, visit, waiting = halt
                if waiting is None:
                    await self._pause(node, payload)
                elif stack or (self.tasks and not in_task):
                    self._branch_off(halt)
                else:
                    result = await self._awaited(halt)
                    self.trace.slice_end = left(visit, result[1]) + SLICE_SECONDS
                    _follow(node, result, stack)
            halt = _flow(self.context, self.trace, stack)

    async def _awaited(self, halt: _Halt) -> Result:
        node, payload, _, waiting = halt
        try:
            result: Result = await waiting  # type: ignore[misc]
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (a bug in a node must end the run, not the engine)
            raise _failed(error, node, payload, self.trace) from error.__cause__
        return result

    async def _pause(self, node: GraphNode, payload: JSONObject | None) -> None:
        """Let others compute, and see how much the run holds after the node; without a payload its branch has ended."""
        await self.context.turn()
        self._raise_failure()
        try:
            if payload is not None:
                self.trace.bounds.weight.look(payload)
        except RunLimitReached as error:
            raise _failed(error, node, {}, self.trace) from None
        self.trace.slice_end = monotonic() + SLICE_SECONDS

    def _step(self, stack: _Stack) -> _Halt | None:
        """Run the next node, one that the engine itself knows or that needs a task; returns what it waits for."""
        node, payload, fork = stack.pop()
        trace, context = self.trace, self.context
        try:
            if fork is not None:
                payload = fork.own(payload, trace.bounds.weight)
            visit = trace.visit(node, monotonic())
            context.tick()
            if isinstance(node.node, CapNode):
                self.end = self.end or _End(node.node, payload)
                left(visit, -1)
                return None
            if not node.is_special:
                return _Halt(node, payload, visit, asyncio.get_running_loop().create_task(node.run(payload, context)))
            results: list[Result] = []
            waiting = start(Loop(context, trace, node).run(payload), results.append)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `_flow`)
            raise _failed(error, node, payload, self.trace) from error.__cause__
        if waiting is not None:
            return _Halt(node, payload, visit, waiting)
        result = results[0]
        _follow(node, result, stack)
        return _Halt(node, result[0], visit) if left(visit, result[1]) > trace.slice_end else None

    def _branch_off(self, halt: _Halt) -> None:
        waiting = halt.waiting
        if waiting is None:
            raise TypeError("nothing is waited for")
        try:
            weight = self.trace.bounds.weight.hold(halt.payload)
        except RunLimitReached as error:
            waiting.cancel()
            raise _failed(error, halt.node, halt.payload, self.trace) from None
        task = asyncio.get_running_loop().create_task(self._branch(halt))
        self.tasks[task] = waiting
        task.add_done_callback(self._branch_ended)
        task.add_done_callback(lambda _: self.trace.bounds.weight.release(weight))

    async def _branch(self, halt: _Halt) -> None:
        result = await self._awaited(halt)
        left(halt.visit, result[1])
        stack: _Stack = []
        _follow(halt.node, result, stack)
        await self.walk(stack, _flow(self.context, self.trace, stack), in_task=True)

    def _branch_ended(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        error = RunFailed("a branch was cancelled", name="Cancelled") if task.cancelled() else task.exception()
        self.failure = self.failure or error
        if self.wakeup and not self.wakeup.done():
            self.wakeup.set_result(None)

    async def join(self) -> None:
        """Wait for the branches; raises the first failure at once."""
        while self.tasks and self.failure is None:
            self.wakeup = asyncio.get_running_loop().create_future()
            await self.wakeup
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure


async def _cancel(tasks: Sequence[asyncio.Task[Any]], error: BaseException) -> None:
    """Cancel tasks and wait until they are gone, except when the coroutine is being closed."""
    for task in tasks:
        task.cancel()
    if tasks and not isinstance(error, GeneratorExit):
        done, _ = await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        for task in done:
            _ = task.cancelled() or task.exception()


class Loop:
    """The walks through one loop's body."""

    __slots__ = ("body", "context", "held", "keeps", "node", "trace")

    def __init__(self, context: RunContext, trace: Trace, place: GraphNode) -> None:
        if not isinstance(place.node, LoopingNode):
            raise TypeError(f"{place} is no loop")
        self.context = context
        self.trace = trace
        self.node: LoopingNode[Any] = place.node
        self.body = place.outputs[INSIDE] if len(place.outputs) > INSIDE else ()
        self.keeps = place.body_keeps
        self.held = 0

    async def run(self, payload: JSONObject) -> Result:
        """Go through the items, one after the other or side by side."""
        items = self.node.items(payload) if self.body else []
        copies = min(PARALLEL_WALKS, len(items)) if self.node.parallel else 0 if self.keeps else 1
        self.held = self.trace.bounds.weight.hold(payload, copies) if copies else 0
        try:
            if self.node.parallel:
                values = await self._side_by_side(payload, items)
            else:
                payload, values = await self._one_by_one(payload, items)
        finally:
            self.trace.bounds.weight.release(self.held)
        return self.node.leave(payload, values), 0

    async def _one_by_one(self, payload: JSONObject, items: Sequence[JSONObject]) -> tuple[JSONObject, list[JSONValue]]:
        """What a walk changes in the payload lasts when a cap ended it, else it is forgotten."""
        values: list[JSONValue] = []
        for item in items:
            own = self.node.enter(payload if self.keeps else copy_json(payload), item)
            end, value = await self._walk(own)
            values.append(value)
            if end is not None:
                payload = end.payload
                if end.cap.breaks:
                    break
        return payload, values

    async def _side_by_side(self, payload: JSONObject, items: Sequence[JSONObject]) -> list[JSONValue]:
        """All walks end before the first failure is raised."""
        values: list[JSONValue] = [None] * len(items)
        failures: list[RunFailed] = []
        todo = iter(enumerate(items))

        async def work() -> None:
            for at, item in todo:
                try:
                    _, values[at] = await self._walk(self.node.enter(copy_json(payload), item))
                except RunLimitReached:
                    raise
                except RunFailed as failure:
                    failures.append(failure)

        tasks = [task for _ in range(PARALLEL_WALKS) if (task := start(work(), lambda _: None)) is not None]
        try:
            for task in tasks:
                await task
        except BaseException as error:
            await _cancel(tasks, error)
            raise
        if failures:
            raise failures[0]
        return values

    async def _walk(self, payload: JSONObject) -> tuple[_End | None, JSONValue]:
        self.trace.bounds.allowed += VISITS_A_WALK
        walk = _Walk(self.context, self.trace)
        await walk.through(self.body, payload)
        if walk.end is None:
            return None, None
        says, value = walk.end.cap.value(walk.end.payload)
        value = copy_json(value if says else self.node.value(walk.end.payload))
        self.held += self.trace.bounds.weight.hold(value)
        return walk.end, value

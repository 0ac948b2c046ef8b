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
from workflows.trace import MAX_TIMED, Trace
from workflows.weight import MAX_BYTES, Fork, Weight

SLICE_SECONDS = 0.005
"""How long a run computes before others get a turn."""
MAX_VISITS = 100_000
"""Nodes that one run may visit, ..."""
VISITS_A_WALK = 1_000
"""... and so many more for each walk through the body of a loop, whose items are bounded."""
PARALLEL_WALKS = 5
"""Walks through the body of one parallel loop at a time (execution model of the original product)."""
MAX_PATH = 1_000
"""Node ids that a report keeps."""
_CANCEL_SECONDS = 5.0

_Stack = list[tuple[GraphNode, JSONObject, Fork | None]]
"""Branches to walk, the next one last: node, payload, and the fork at which branches share that payload."""


class RunReport(NamedTuple):
    """What a finished run did: how many nodes it visited, and the ids of the first `MAX_PATH` of them."""

    visited: int
    path: list[str]


async def run(
    trigger: Trigger, payload: JSONObject, context: RunContext, trace: Trace | None = None, most_bytes: int = MAX_BYTES
) -> RunReport:
    """Run the workflow. `payload` is the run's own, down to its `globals`: nodes change it in place. The visits of nodes are
    added to `trace` as the run goes.

    Raises `RunFailed` (`RunLimitReached` among them) with the node, the payload there and the path. `LeaseLost` and
    cancellation pass through.
    """
    trail = _Trail(Trace() if trace is None else trace, most_bytes)
    await _Walk(context, trail).through(trigger.outputs[0] if trigger.outputs else (), payload)
    return RunReport(trail.visited, trail.path)


def begin(trigger: Trigger, payload: JSONObject, context: RunContext, trace: Trace) -> Coroutine[Any, Any, None] | None:
    """As `run`, but at once as far as it goes without waiting: most runs end here. Returns the rest of the others."""
    return _Walk(context, _Trail(trace, MAX_BYTES)).begin(trigger.outputs[0] if trigger.outputs else (), payload)


def _fork(stack: _Stack, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
    """Put the targets on the stack, the first on top. All but the last to run copy the payload."""
    fork = Fork(len(targets)) if len(targets) > 1 else None
    for target in reversed(targets):
        stack.append((target, payload, fork))


class _Trail:
    """What one run has done so far."""

    __slots__ = ("_most_bytes", "_weight", "allowed", "ends", "path", "slice_end", "starts", "visited")

    def __init__(self, trace: Trace, most_bytes: int) -> None:
        self.visited = 0
        self.allowed = MAX_VISITS
        self.path, self.starts, self.ends = trace.path, trace.starts, trace.ends
        self._most_bytes = most_bytes
        self._weight: Weight | None = None
        self.slice_end = trace.began + SLICE_SECONDS

    @property
    def weight(self) -> Weight:
        """What the run holds in memory; most runs are never asked."""
        if self._weight is None:
            self._weight = Weight(self._most_bytes)
        return self._weight

    def count(self, node: GraphNode) -> None:
        """Note a visit. Raises `RunLimitReached`."""
        self.visited += 1
        if self.visited <= MAX_PATH:
            self.path.append(node.id)
            if self.visited <= MAX_TIMED:
                self.starts.append(monotonic())
        elif self.visited > self.allowed:
            raise RunLimitReached(f"The run visited more than {self.allowed} nodes.")

    def left(self, visit: int, result: Result | None) -> float:
        """Note the end of a visit, by its number; returns the time."""
        now = monotonic()
        if visit < MAX_TIMED:
            self.ends[visit] = (now, -1 if result is None else result[1])
        return now


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
    waiting: asyncio.Task[Result] | None = None
    visit: int = -1


class _Walk:
    """One walk through the graph, or through a loop's body, with the tasks of branches that wait while others go on."""

    __slots__ = ("context", "end", "failure", "tasks", "trail", "wakeup")

    def __init__(self, context: RunContext, trail: _Trail) -> None:
        self.context = context
        self.trail = trail
        self.end: _End | None = None
        self.tasks: dict[asyncio.Task[None], asyncio.Task[Result]] = {}
        """Branches that go on by themselves, with what each waits for at first."""
        self.failure: BaseException | None = None
        self.wakeup: asyncio.Future[None] | None = None

    async def through(self, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
        """Walk from these nodes until every branch has ended."""
        rest = self.begin(targets, payload)
        if rest is not None:
            await rest

    def begin(self, targets: tuple[GraphNode, ...], payload: JSONObject) -> Coroutine[Any, Any, None] | None:
        """Walk from these nodes as far as it goes without waiting; returns the rest of the walk, if there is one."""
        stack: _Stack = []
        if len(targets) == 1:
            stack.append((targets[0], payload, None))
        else:
            _fork(stack, targets, payload)
        halt = self._flow(stack)
        return self._rest(stack, halt) if halt is not None or stack else None

    async def _rest(self, stack: _Stack, halt: _Halt | None) -> None:
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
        trail = self.trail
        while halt is not None or stack:
            if halt is None:
                halt = self._step(stack)
            if halt is not None:
                node, payload, waiting, visit = halt
                if waiting is None:
                    await self._pause(node, payload)
                elif stack or (self.tasks and not in_task):
                    self._branch_off(halt)
                else:
                    result = await self._awaited(halt)
                    trail.slice_end = monotonic() + SLICE_SECONDS
                    self._follow(node, result, stack)
                    trail.left(visit, result)
            halt = self._flow(stack)

    async def _awaited(self, halt: _Halt) -> Result:
        node, payload, waiting, _ = halt
        try:
            result: Result = await waiting  # type: ignore[misc]
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (a bug in a node must end the run, not the engine)
            raise self._failed(error, node, payload) from error.__cause__
        return result

    def _flow(self, stack: _Stack) -> _Halt | None:  # noqa: C901, PLR0912  (a call here is paid by every node of every run)
        """Run nodes until one needs the engine or a task, or waits, or the slice is over. Most nodes go this way, so it is
        written for speed. Returns where it stopped; None with nothing on the stack, or such a node.
        """
        trail, context = self.trail, self.context
        path, starts, ends, slice_end = trail.path, trail.starts, trail.ends, trail.slice_end
        now, until = monotonic(), 0.0
        try:
            while stack:
                node, payload, fork = stack[-1]
                if not node.flows:
                    return None
                del stack[-1]
                if fork is not None:
                    payload = fork.own(payload, trail.weight)
                visit = trail.visited
                if visit < MAX_TIMED:
                    trail.visited = visit + 1
                    path.append(node.id)
                    starts.append(now)
                else:
                    trail.count(node)
                if now >= until:
                    until = context.tick()
                result = node.run(payload, context)
                if node.waits and type(result) is not tuple:
                    try:
                        waits_for = result.send(None)
                    except StopIteration as end:
                        result = end.value
                    else:
                        return _Halt(node, payload, go_on(result, waits_for), visit)
                now = monotonic()
                payload, output = result
                if visit < MAX_TIMED:
                    ends[visit] = (now, output)
                outputs = node.outputs
                if output < len(outputs):
                    targets = outputs[output]
                    if len(targets) == 1:
                        stack.append((targets[0], payload, None))
                    else:
                        _fork(stack, targets, payload)
                if now > slice_end:
                    return _Halt(node, payload)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `_awaited`)
            raise self._failed(error, node, payload) from error.__cause__
        return None

    async def _pause(self, node: GraphNode, payload: JSONObject | None) -> None:
        """Let others compute, and see how much the run holds after the node; without a payload its branch has ended."""
        await self.context.turn()
        self._raise_failure()
        try:
            if payload is not None:
                self.trail.weight.look(payload)
        except RunLimitReached as error:
            raise self._failed(error, node, {}) from None
        self.trail.slice_end = monotonic() + SLICE_SECONDS

    def _step(self, stack: _Stack) -> _Halt | None:
        """Run the next node, one that the engine itself knows or that needs a task; returns what it waits for."""
        node, payload, fork = stack.pop()
        trail, context = self.trail, self.context
        visit = trail.visited
        try:
            if fork is not None:
                payload = fork.own(payload, trail.weight)
            trail.count(node)
            context.tick()
            if isinstance(node.node, CapNode):
                self.end = self.end or _End(node.node, payload)
                trail.left(visit, None)
                return None
            if not node.is_special:
                return _Halt(node, payload, asyncio.get_running_loop().create_task(node.run(payload, context)), visit)
            results: list[Result] = []
            waiting = start(Loop(context, trail, node).run(payload), results.append)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `_awaited`)
            raise self._failed(error, node, payload) from error.__cause__
        if waiting is not None:
            return _Halt(node, payload, waiting, visit)
        self._follow(node, results[0], stack)
        late = trail.left(visit, results[0]) > trail.slice_end
        return _Halt(node, results[0][0]) if late else None

    def _follow(self, node: GraphNode, result: Result, stack: _Stack) -> None:
        payload, output = result
        if output < len(node.outputs):
            _fork(stack, node.outputs[output], payload)

    def _branch_off(self, halt: _Halt) -> None:
        waiting = halt.waiting
        if waiting is None:
            raise TypeError("nothing is waited for")
        try:
            weight = self.trail.weight.hold(halt.payload)
        except RunLimitReached as error:
            waiting.cancel()
            raise self._failed(error, halt.node, halt.payload) from None
        task = asyncio.get_running_loop().create_task(self._branch(halt))
        self.tasks[task] = waiting
        task.add_done_callback(self._branch_ended)
        task.add_done_callback(lambda _: self.trail.weight.release(weight))

    async def _branch(self, halt: _Halt) -> None:
        result = await self._awaited(halt)
        self.trail.left(halt.visit, result)
        stack: _Stack = []
        self._follow(halt.node, result, stack)
        await self.walk(stack, self._flow(stack), in_task=True)

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

    def _failed(self, error: Exception, node: GraphNode, payload: JSONObject) -> RunFailed:
        if isinstance(error, RunFailed):
            failed = error
        elif isinstance(error, NodeFailed):
            failed = RunFailed(str(error), name=error.name)
        else:
            failed = RunFailed(str(error) or type(error).__name__, name=type(error).__name__)
        if failed.node_id:
            return failed  # it happened in the body of this loop, whose node it names already
        failed.node_id, failed.node_label = node.id, node.label
        failed.payload, failed.path = payload, tuple(self.trail.path)
        return failed


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

    __slots__ = ("body", "context", "held", "keeps", "node", "trail")

    def __init__(self, context: RunContext, trail: _Trail, place: GraphNode) -> None:
        if not isinstance(place.node, LoopingNode):
            raise TypeError(f"{place} is no loop")
        self.context = context
        self.trail = trail
        self.node: LoopingNode[Any] = place.node
        self.body = place.outputs[INSIDE] if len(place.outputs) > INSIDE else ()
        self.keeps = place.body_keeps
        self.held = 0

    async def run(self, payload: JSONObject) -> Result:
        """Go through the items, one after the other or side by side."""
        items = self.node.items(payload) if self.body else []
        copies = min(PARALLEL_WALKS, len(items)) if self.node.parallel else 0 if self.keeps else 1
        self.held = self.trail.weight.hold(payload, copies) if copies else 0
        try:
            if self.node.parallel:
                values = await self._side_by_side(payload, items)
            else:
                payload, values = await self._one_by_one(payload, items)
        finally:
            self.trail.weight.release(self.held)
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
        self.trail.allowed += VISITS_A_WALK
        walk = _Walk(self.context, self.trail)
        await walk.through(self.body, payload)
        if walk.end is None:
            return None, None
        says, value = walk.end.cap.value(walk.end.payload)
        value = copy_json(value if says else self.node.value(walk.end.payload))
        self.held += self.trail.weight.hold(value)
        return walk.end, value

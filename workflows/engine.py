"""Running a workflow: walk the graph from a trigger, branch by branch.

A run suspends only where a node really waits, or after 5 ms of computing, so the caller may start it without a task
(`wegnology.lib.eager.start`). Several nodes wired to one output are independent branches, each with a copy of the payload; a
branch that waits does not hold up the others; a failing node ends the whole run.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

from integrations.exceptions import LeaseLost
from wegnology.lib.eager import start
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


def _fork(stack: _Stack, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
    """Put the targets on the stack, the first on top. All but the last to run copy the payload."""
    fork = Fork(len(targets)) if len(targets) > 1 else None
    for target in reversed(targets):
        stack.append((target, payload, fork))


class _Trail:
    """What one run has done so far."""

    __slots__ = ("allowed", "ends", "path", "slice_end", "starts", "visited", "weight")

    def __init__(self, trace: Trace, most_bytes: int) -> None:
        self.visited = 0
        self.allowed = MAX_VISITS
        self.path, self.starts, self.ends = trace.path, trace.starts, trace.ends
        self.weight = Weight(most_bytes)
        self.slice_end = perf_counter() + SLICE_SECONDS

    def left(self, visit: int, result: Result | None) -> float:
        """Note the end of a visit, by its number; returns the time."""
        now = perf_counter()
        if visit < MAX_TIMED:
            self.ends[visit] = (now, -1 if result is None else result.output)
        return now


class _End(NamedTuple):
    """How a walk through a loop's body ended: the cap that was reached first, and the payload there."""

    cap: CapNode[Any]
    payload: JSONObject


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
        stack: _Stack = []
        _fork(stack, targets, payload)
        try:
            await self.walk(stack)
            if self.tasks or self.failure:
                await self.join()
        except BaseException as error:
            if self.tasks:
                await _cancel([*self.tasks, *self.tasks.values()], error)
            raise

    async def walk(self, stack: _Stack, in_task: bool = False) -> None:
        """Walk until the stack is empty. A branch that waits while others are due goes on in a task of its own."""
        trail = self.trail
        while (late := self._compute(stack)) or stack:
            if late is not None:
                await self._pause(*late)
                continue
            node, payload, fork = stack.pop()
            visit = trail.visited
            try:
                if fork is not None:
                    payload = fork.own(payload, trail.weight)
                result = self._step(node, payload)
                if isinstance(result, asyncio.Task):
                    if stack or (self.tasks and not in_task):
                        self._branch_off(node, payload, result, visit)
                        continue
                    result = await result
                    trail.slice_end = perf_counter() + SLICE_SECONDS
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001  (a bug in a node must end the run, not the engine)
                raise self._failed(error, node, payload) from error.__cause__
            if result is not None:
                self._follow(node, result, stack)
            if trail.left(visit, result) > trail.slice_end:
                await self._pause(node, None if result is None else result.payload)

    def _compute(self, stack: _Stack) -> tuple[GraphNode, JSONObject] | None:
        """Run nodes that only compute, until one is due that may wait. Most nodes go this way, so it is written for speed.

        Returns the node visited last, and the payload after it, when others must get a turn.
        """
        trail, context = self.trail, self.context
        now = perf_counter()
        try:
            while stack:
                node, payload, fork = stack[-1]
                if not node.computes:
                    return None
                del stack[-1]
                if fork is not None:
                    payload = fork.own(payload, trail.weight)
                visit = trail.visited
                if visit < MAX_TIMED:
                    trail.visited = visit + 1
                    trail.path.append(node.id)
                    trail.starts.append(now)
                    context.tick()
                    result = node.run(payload, context)
                    now = perf_counter()
                    trail.ends[visit] = (now, result[1])
                else:
                    result, now = self._step(node, payload), perf_counter()
                outputs, output = node.outputs, result[1]
                if output < len(outputs):
                    targets = outputs[output]
                    if len(targets) == 1:
                        stack.append((targets[0], result[0], None))
                    else:
                        _fork(stack, targets, result[0])
                if now > trail.slice_end:
                    return node, result[0]
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `walk`)
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
        self.trail.slice_end = perf_counter() + SLICE_SECONDS

    def _step(self, node: GraphNode, payload: JSONObject) -> Result | asyncio.Task[Result] | None:
        """Run a node, or start it up to its first wait; None when the branch ends here."""
        trail = self.trail
        trail.visited += 1
        if trail.visited <= MAX_PATH:
            trail.path.append(node.id)
            if trail.visited <= MAX_TIMED:
                trail.starts.append(perf_counter())
        elif trail.visited > trail.allowed:
            raise RunLimitReached(f"The run visited more than {trail.allowed} nodes.")
        context = self.context
        context.tick()
        if node.is_special:
            return self._special(node, payload)
        if not node.waits:
            return node.run(payload, context)  # type: ignore[no-any-return]
        if node.needs_task:
            return asyncio.get_running_loop().create_task(node.run(payload, context))
        results: list[Result] = []
        return start(node.run(payload, context), results.append) or results[0]

    def _special(self, node: GraphNode, payload: JSONObject) -> Result | asyncio.Task[Result] | None:
        if isinstance(node.node, CapNode):
            self.end = self.end or _End(node.node, payload)
            return None
        walks = Loop(self.context, self.trail, node).run(payload)
        results: list[Result] = []
        return start(walks, results.append) or results[0]

    def _follow(self, node: GraphNode, result: Result, stack: _Stack) -> None:
        outputs = node.outputs
        if result.output < len(outputs):
            targets = outputs[result.output]
            if len(targets) == 1:
                stack.append((targets[0], result.payload, None))
            else:
                _fork(stack, targets, result.payload)

    def _branch_off(self, node: GraphNode, payload: JSONObject, waiting: asyncio.Task[Result], visit: int) -> None:
        try:
            weight = self.trail.weight.hold(payload)
        except RunLimitReached:
            waiting.cancel()
            raise
        task = asyncio.get_running_loop().create_task(self._branch(node, payload, waiting, visit))
        self.tasks[task] = waiting
        task.add_done_callback(self._branch_ended)
        task.add_done_callback(lambda _: self.trail.weight.release(weight))

    async def _branch(self, node: GraphNode, payload: JSONObject, waiting: asyncio.Task[Result], visit: int) -> None:
        try:
            result = await waiting
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `walk`)
            raise self._failed(error, node, payload) from error.__cause__
        self.trail.left(visit, result)
        stack: _Stack = []
        self._follow(node, result, stack)
        await self.walk(stack, in_task=True)

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
        return Result(self.node.leave(payload, values))

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

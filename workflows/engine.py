"""Running a workflow: walk the graph from a trigger, branch by branch.

A run suspends only where a node really waits, or after 5 ms of computing, so the caller may start it without a task
(`wegnology.lib.eager.start`). Several nodes wired to one output are independent branches, each with a copy of the payload; a
branch that waits does not hold up the others; a failing node ends the whole run.
"""

import asyncio
from time import perf_counter
from typing import NamedTuple

from integrations.exceptions import LeaseLost
from wegnology.lib.eager import start
from wegnology.lib.paths import copy_json
from wegnology.lib.types import JSONObject
from workflows.exceptions import RunFailed, RunLimitReached
from workflows.graph import GraphNode, Trigger
from workflows.nodes.base import NodeFailed, Result, RunContext

SLICE_SECONDS = 0.005
"""How long a run computes before others get a turn."""
MAX_VISITS = 100_000
"""Nodes that one run may visit."""
MAX_PATH = 1_000
"""Node ids that a report keeps."""
_CANCEL_SECONDS = 5.0

_Stack = list[tuple[GraphNode, JSONObject, bool]]
"""Branches to walk, the next one last: node, payload, and whether a branch still to come shares that payload."""


class RunReport(NamedTuple):
    """What a finished run did: how many nodes it visited, and the ids of the first `MAX_PATH` of them."""

    visited: int
    path: list[str]


async def run(trigger: Trigger, payload: JSONObject, context: RunContext) -> RunReport:
    """Run the workflow. `payload` is the run's own, down to its `globals`: nodes change it in place.

    Raises `RunFailed` (`RunLimitReached` among them) with the node, the payload there and the path. `LeaseLost` and
    cancellation pass through.
    """
    state = _Run(context)
    stack: _Stack = []
    if trigger.outputs:
        _fork(stack, trigger.outputs[0], payload)
    try:
        await state.walk(stack)
        if state.tasks or state.failure:
            await state.join()
    except BaseException as error:
        if state.tasks:
            await state.abandon(error)
        raise
    return RunReport(state.visited, state.path)


def _fork(stack: _Stack, targets: tuple[GraphNode, ...], payload: JSONObject) -> None:
    """Put the targets on the stack, the first on top. All but the last to run copy the payload."""
    shared = False
    for target in reversed(targets):
        stack.append((target, payload, shared))
        shared = True


class _Run:
    """One run: what it visited, and the tasks of branches that wait while others go on."""

    __slots__ = ("context", "failure", "path", "tasks", "visited", "wakeup")

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.visited = 0
        self.path: list[str] = []
        self.tasks: dict[asyncio.Task[None], asyncio.Task[Result]] = {}
        """Branches that go on by themselves, with what each waits for at first."""
        self.failure: BaseException | None = None
        self.wakeup: asyncio.Future[None] | None = None

    async def walk(self, stack: _Stack, in_task: bool = False) -> None:
        """Walk until the stack is empty. A branch that waits while others are due goes on in a task of its own."""
        slice_end = perf_counter() + SLICE_SECONDS
        while stack:
            node, payload, shared = stack.pop()
            try:
                if shared:
                    payload = copy_json(payload)
                result = self._step(node, payload)
                if isinstance(result, asyncio.Task):
                    if stack or (self.tasks and not in_task):
                        self._branch_off(node, payload, result)
                        continue
                    result = await result
                    slice_end = perf_counter() + SLICE_SECONDS
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001  (a bug in a node must end the run, not the engine)
                raise self._failed(error, node, payload) from error.__cause__
            self._follow(node, result, stack)
            if perf_counter() > slice_end:
                await self.context.turn()
                self._raise_failure()
                slice_end = perf_counter() + SLICE_SECONDS

    def _step(self, node: GraphNode, payload: JSONObject) -> Result | asyncio.Task[Result]:
        """Run a node, or start it up to its first wait."""
        self.visited += 1
        if self.visited <= MAX_PATH:
            self.path.append(node.id)
        elif self.visited > MAX_VISITS:
            raise RunLimitReached(f"The run visited more than {MAX_VISITS} nodes.")
        context = self.context
        context.tick()
        if not node.waits:
            return node.run(payload, context)  # type: ignore[no-any-return]
        if node.needs_task:
            return asyncio.get_running_loop().create_task(node.run(payload, context))
        results: list[Result] = []
        return start(node.run(payload, context), results.append) or results[0]

    def _follow(self, node: GraphNode, result: Result, stack: _Stack) -> None:
        outputs = node.outputs
        if result.output < len(outputs):
            targets = outputs[result.output]
            if len(targets) == 1:
                stack.append((targets[0], result.payload, False))
            else:
                _fork(stack, targets, result.payload)

    def _branch_off(self, node: GraphNode, payload: JSONObject, waiting: asyncio.Task[Result]) -> None:
        task = asyncio.get_running_loop().create_task(self._branch(node, payload, waiting))
        self.tasks[task] = waiting
        task.add_done_callback(self._branch_ended)

    async def _branch(self, node: GraphNode, payload: JSONObject, waiting: asyncio.Task[Result]) -> None:
        try:
            result = await waiting
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  (as in `walk`)
            raise self._failed(error, node, payload) from error.__cause__
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

    async def abandon(self, error: BaseException) -> None:
        """Cancel the branches and wait until they are gone, except when the coroutine is being closed."""
        tasks = {*self.tasks, *self.tasks.values()}
        for task in tasks:
            task.cancel()
        if not isinstance(error, GeneratorExit):
            done, _ = await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
            for task in done:
                _ = task.cancelled() or task.exception()

    def _failed(self, error: Exception, node: GraphNode, payload: JSONObject) -> RunFailed:
        if isinstance(error, RunFailed):
            failed = error
        elif isinstance(error, NodeFailed):
            failed = RunFailed(str(error), name=error.name)
        else:
            failed = RunFailed(str(error) or type(error).__name__, name=type(error).__name__)
        failed.node_id, failed.node_label = node.id, node.label
        failed.payload, failed.path = payload, tuple(self.path)
        return failed

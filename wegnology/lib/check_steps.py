"""The steps of a check: named, timed, with advice where one fails or works with a catch.

A check is a list of `Phase`s, run in order until one fails. Whoever shows it sees all names at once, then each step as it begins
and ends. Nothing here knows a protocol.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, Protocol

State = Literal["waiting", "running", "ok", "warning", "failed", "skipped"]
PHASE_SECONDS = 10.0
_GRACE = 0.5  # work has limits of its own, which name what took so long: they come first


class CheckStep(NamedTuple):
    """How one step stands. A later one of the same name takes the place of an earlier one.

    `detail` is what was found or what went wrong, `advice` what to do about it; both are sentences for people, without secrets.
    """

    name: str
    state: State
    seconds: float = 0.0
    detail: str = ""
    advice: str = ""


class Finding(NamedTuple):
    """What a phase that worked has found. With `advice` it is a warning."""

    detail: str = ""
    advice: str = ""


class Phase(NamedTuple):
    """One step to come: `work` raises when it fails. `needed`: what follows makes no sense without it."""

    name: str
    work: Callable[[], Awaitable[Finding]]
    needed: bool = True
    seconds: float = PHASE_SECONDS


class Explains(Protocol):
    """Who knows what errors mean: every connector does."""

    def explain(self, error: BaseException) -> str:
        """Say what went wrong."""

    def advise(self, error: BaseException) -> str:
        """Say what to do about it, "" when there is nothing to say."""


async def run_phases(phases: Sequence[Phase], by: Explains) -> AsyncIterator[CheckStep]:
    """Run phases in order; after a needed one failed the others are skipped."""
    for phase in phases:
        yield CheckStep(phase.name, "waiting")
    failed = False
    for phase in phases:
        if failed:
            yield CheckStep(phase.name, "skipped")
            continue
        yield CheckStep(phase.name, "running")
        step = await _run(phase, by)
        yield step
        failed = phase.needed and step.state == "failed"


async def _run(phase: Phase, by: Explains) -> CheckStep:
    loop = asyncio.get_running_loop()
    started = loop.time()
    limit = phase.seconds + _GRACE
    try:
        async with asyncio.timeout(limit) as bound:
            found = await phase.work()
    except Exception as error:  # noqa: BLE001  (whatever a protocol raises is what the step found)
        late = bound.expired()
        detail = f"It took longer than {phase.seconds:g} s." if late else by.explain(error)
        return CheckStep(phase.name, "failed", loop.time() - started, detail, by.advise(error))
    state: State = "warning" if found.advice else "ok"
    return CheckStep(phase.name, state, loop.time() - started, found.detail, found.advice)

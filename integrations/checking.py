"""Is it really working? One check of one integration: its settings, then a connection of its own, step by step.

Nothing here needs Celery, Redis or the database: whoever wants a check gives what the runtime works with (`Desired`) and gets
steps. However a connector behaves, the steps end within the limit; `check_in_thread` holds even against one that blocks.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from django.utils.translation import gettext, gettext_noop

from integrations.connectors.base import AnyConnector, Source
from integrations.exceptions import IntegrationError
from integrations.runtime.snapshot import Desired
from wegnology.lib.check_steps import CheckStep
from wegnology.lib.egress_guard import GuardedLoop
from wegnology.lib.schema import Schema

logger = logging.getLogger(__name__)

CHECK_SECONDS = 30.0
"""How long a whole check may take."""
SETTINGS = gettext_noop("Read the settings")
_CLOSING_SECONDS = 1.5
_NOT_TRIED = gettext_noop("Not tried: the time of the check was over.")


async def run_check(desired: Desired, seconds: float = CHECK_SECONDS) -> AsyncGenerator[CheckStep, None]:
    """Check an integration as it is desired; the steps end within `seconds`, each as ok, warning, failed or skipped."""
    connector, config = desired.connector, desired.config
    if connector is None or config is None:
        detail = "; ".join(f"{name}: {text}" if name else text for name, text in desired.errors.items())
        yield CheckStep(
            SETTINGS, "failed", 0.0, detail, gettext("Correct the settings, or the globals and the credential they name.")
        )
        return
    yield CheckStep(SETTINGS, "ok", 0.0, gettext("They are complete."))
    async with aclosing(_bounded(connector, config, desired.source, seconds)) as steps:
        async for step in steps:
            yield step._replace(detail=config.scrub(step.detail), advice=config.scrub(step.advice))


async def _bounded(
    connector: type[AnyConnector], config: Schema, source: Source, seconds: float
) -> AsyncGenerator[CheckStep, None]:
    """Pass on a connector's steps until the time is over; then say of each what became of it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds - _CLOSING_SECONDS
    standing: dict[str, CheckStep] = {}
    began: dict[str, float] = {}
    steps = connector.check(config, source)
    fault = gettext("It was given up: a whole check may take %(seconds)s s.") % {"seconds": f"{seconds:g}"}
    try:
        while (step := await _next(steps, deadline - loop.time())) is not None:
            standing[step.name] = step
            began.setdefault(step.name, loop.time()) if step.state == "running" else None
            yield step
    except TimeoutError:
        pass
    except Exception as error:  # noqa: BLE001  (a check must say what came of it, whatever a connector raises)
        fault = _explain(connector, config, source, error)
        standing.setdefault("Check", CheckStep("Check", "running"))
    finally:
        await _end(steps)
    for step in standing.values():
        if step.state == "running":
            yield CheckStep(step.name, "failed", loop.time() - began.get(step.name, loop.time()), fault)
        elif step.state == "waiting":
            yield CheckStep(step.name, "skipped", 0.0, _NOT_TRIED)


async def _next(steps: AsyncIterator[CheckStep], seconds: float) -> CheckStep | None:
    """Return the next step, None after the last; raises `TimeoutError` without waiting for work that does not let go."""

    async def next_step() -> CheckStep | None:
        return await anext(steps, None)

    task = asyncio.create_task(next_step())
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, seconds))
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=_CLOSING_SECONDS / 2)
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise TimeoutError
    return task.result()


async def _end(steps: AsyncIterator[CheckStep]) -> None:
    """Let a connector tidy up, for a while."""

    async def close() -> None:
        try:
            await steps.aclose()  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001  (what fails while closing changes nothing of what was found)
            logger.info("a check did not close in order: %s", type(error).__name__)

    closing = asyncio.create_task(close())
    _, pending = await asyncio.wait({closing}, timeout=_CLOSING_SECONDS / 2)
    for task in pending:
        task.cancel()


def _explain(connector: type[AnyConnector], config: Schema, source: Source, error: Exception) -> str:
    if isinstance(error, (IntegrationError, *connector.refused, *connector.transient)):
        return connector(config, source).explain(error)
    logger.error("%s connector: unexpected %s in a check", connector.name, type(error).__name__, exc_info=error)
    return gettext("The check itself failed (%(name)s); the log of the tasks process says more.") % {"name": type(error).__name__}


def check_in_thread(
    desired: Desired, report: Callable[[CheckStep], None], seconds: float = CHECK_SECONDS, spare: float = 2.0
) -> bool:
    """Run a check on a loop of its own; `report` is called there with each step. False: it did not end in time."""
    ended = threading.Event()

    async def check() -> None:
        async for step in run_check(desired, seconds):
            report(step)

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=GuardedLoop) as runner:
                try:
                    runner.run(check())
                finally:
                    ended.set()  # what is left over is cancelled after this
        except Exception:
            logger.exception("a check of %s failed", desired.integration_id)

    threading.Thread(target=run, name=f"check {desired.integration_id}", daemon=True).start()
    return ended.wait(seconds + spare)

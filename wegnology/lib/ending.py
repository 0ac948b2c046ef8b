"""Ending tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], again_seconds: float = 0.5) -> None:
    """Cancel tasks and return when all have ended, however they did.

    A library can lose a cancellation that comes in the same moment as what it waits for (`asyncio.wait_for` does up to Python
    3.11, and redis-py uses it); a loop around such a call would go on for ever. So they are cancelled again every
    `again_seconds` until they end; that must be longer than they need to tidy up.
    """
    tasks = list(tasks)
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)
    for task in tasks:
        _ = task.cancelled() or task.exception()  # looked at, so that nobody warns that it was not

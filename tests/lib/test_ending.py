"""Tasks end, also those that lose a cancellation."""

import asyncio
import contextlib

from wegnology.lib import ending


def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    lost = []

    async def forgetful() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            lost.append(1)
        await asyncio.Event().wait()

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on the way out")

    async def main() -> None:
        tasks = [asyncio.create_task(work()) for work in (forgetful, failing, asyncio.Event().wait)]
        await asyncio.sleep(0)
        await ending.end_tasks([*tasks, asyncio.create_task(asyncio.sleep(0))], again_seconds=0.01)
        assert [task.cancelled() for task in tasks] == [True, False, True]
        assert isinstance(tasks[1].exception(), ValueError)

    asyncio.run(main())
    assert len(lost) == 3

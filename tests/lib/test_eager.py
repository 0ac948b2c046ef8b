"""Coroutines started without a task."""

import asyncio

import pytest

from wegnology.lib.eager import start


async def _waits(log: list[str], gate: asyncio.Event) -> str:
    log.append("started")
    try:
        await gate.wait()
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    return "result"


def test_what_does_not_wait_needs_no_loop() -> None:
    async def ready() -> int:
        return 5

    results: list[int] = []
    assert start(ready(), results.append) is None
    assert results == [5]


def test_what_waits_goes_on_in_a_task() -> None:
    async def main() -> None:
        log: list[str] = []
        gate = asyncio.Event()
        task = start(_waits(log, gate), log.append)
        assert log == ["started"]
        assert task
        gate.set()
        assert await task == "result"

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1], ids=["before its first turn", "after it"])
def test_a_cancelled_one_learns_of_it(turns: int) -> None:
    async def main() -> None:
        log: list[str] = []
        task = start(_waits(log, asyncio.Event()), log.append)
        assert task
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["started", "cancelled"]

    asyncio.run(main())

"""Turns: one slice in each turn of the loop, integrations in rotation, the oldest run of each first."""

import asyncio

from workflows.turns import Turns


def test_integrations_take_turns_and_the_oldest_run_of_each_goes_first() -> None:
    """A hundred runs of one integration delay the single run of another by one slice, not by a hundred."""
    order: list[str] = []

    async def run(turns: Turns, integration: str, number: int, slices: int) -> None:
        for _ in range(slices):
            await turns.wait(integration, number)
            order.append(f"{integration}{number}")

    async def scene() -> None:
        turns = Turns(lambda _: None)
        runs = [run(turns, "a", turns.number(), 2) for _ in range(100)]
        await asyncio.gather(*runs, run(turns, "b", turns.number(), 2))

    asyncio.run(scene())
    assert order.index("b100") <= 2
    assert [name for name in order if name == "b100"] == order[1:4:2]
    assert [name for name in order if name[0] == "a"] == [f"a{number}" for number in range(100) for _ in range(2)]


def test_one_slice_in_each_turn_of_the_loop() -> None:
    """Whatever else is ready runs between two slices."""
    order: list[str] = []

    async def computing(turns: Turns, number: int) -> None:
        for _ in range(3):
            await turns.wait("a", number)
            order.append("slice")

    async def scene() -> None:
        turns = Turns(lambda _: None)
        tasks = [asyncio.ensure_future(computing(turns, turns.number())) for _ in range(5)]
        while not all(task.done() for task in tasks):
            order.append("|")
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert "slice slice" not in " ".join(order)
    assert order.count("slice") == 15


def test_an_integration_is_busy_until_its_last_run_got_its_turn_and_a_cancelled_run_holds_up_nobody() -> None:
    """Who waits is counted; a run that was cancelled while it waited gives its turn away."""
    freed: list[str] = []

    async def scene() -> None:
        turns = Turns(freed.append)
        first = asyncio.ensure_future(turns.wait("a", turns.number()))
        second = asyncio.ensure_future(turns.wait("a", turns.number()))
        await asyncio.sleep(0)
        assert "a" in turns.busy
        assert "b" not in turns.busy
        first.cancel()
        await second
        assert "a" not in turns.busy

    asyncio.run(scene())
    assert freed == ["a"]

"""Things that arrive, taken by a coroutine or poured into a function."""

import asyncio
from collections.abc import Sequence

import pytest

from wegnology.lib.arrivals import Arrivals


def test_what_is_poured_keeps_its_order_and_what_was_there_comes_first() -> None:
    async def story() -> None:
        arrivals: Arrivals[int] = Arrivals()
        arrivals.put(1)
        taken: list[list[int]] = []
        arrivals.pour(lambda items: taken.append(list(items)))
        arrivals.put_all([2, 3])
        arrivals.put(4)
        assert taken == [[1], [2, 3], [4]]
        arrivals.end(ConnectionError("gone"))
        with pytest.raises(ConnectionError, match="gone"):
            await arrivals.take()

    asyncio.run(story())


def test_what_the_function_raises_is_the_end_and_nothing_behind_it_is_taken() -> None:
    async def story() -> None:
        asked: list[Sequence[int]] = []

        def refuse(items: Sequence[int]) -> None:
            asked.append(items)
            raise ValueError("not this")

        arrivals: Arrivals[int] = Arrivals()
        arrivals.pour(refuse)
        waiting = asyncio.ensure_future(arrivals.take())
        await asyncio.sleep(0)
        arrivals.put(1)
        arrivals.put(2)
        assert asked == [(1,)]
        with pytest.raises(ValueError, match="not this"):
            await waiting

    asyncio.run(story())

"""Acknowledgements of one connection leave one call after the other, in order."""

import asyncio
import logging

import pytest

from integrations.connectors.base import Delivery, Source
from integrations.runtime.acknowledging import Acknowledging
from tests.fakes import FakeConfig, FakeConnector
from tests.integrations.runtime.hub import until


class SlowConnector(FakeConnector):
    """Acknowledges when the test lets it."""

    def __init__(self, name: str = "i1") -> None:
        super().__init__(FakeConfig(host="far.example"), Source(name))
        self.gate = asyncio.Event()
        self.calls: list[list[object]] = []
        self.under_way = 0
        self.error: Exception | None = None

    async def acknowledge(self, deliveries: object) -> None:
        assert isinstance(deliveries, list)
        self.under_way += 1
        assert self.under_way == 1
        self.calls.append([delivery.receipt for delivery in deliveries])
        await self.gate.wait()
        self.under_way -= 1
        if self.error is not None:
            raise self.error


def deliveries(*numbers: int) -> list[Delivery]:
    return [Delivery({}, 0, number) for number in numbers]


def test_calls_of_one_connection_do_not_overlap_and_keep_the_order() -> None:
    async def main() -> None:
        acknowledging, slow, quick = Acknowledging(), SlowConnector(), SlowConnector("i2")
        quick.gate.set()
        acknowledging.tell(slow, deliveries(1, 2))
        acknowledging.tell(quick, deliveries(1))
        acknowledging.tell(slow, deliveries(3))
        acknowledging.tell(slow, deliveries(4))
        acknowledging.tell(quick, deliveries(2))
        assert (slow.calls, quick.calls) == ([[1, 2]], [[1], [2]])
        slow.gate.set()
        await until(lambda: slow.calls == [[1, 2], [3, 4]] and not slow.under_way)
        acknowledging.tell(slow, deliveries(5))
        assert slow.calls[-1] == [5]

    asyncio.run(main())


def test_a_call_that_fails_does_not_hold_up_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        acknowledging, slow = Acknowledging(), SlowConnector()
        slow.error = ConnectionResetError("gone")
        acknowledging.tell(slow, deliveries(1))
        acknowledging.tell(slow, deliveries(2))
        slow.gate.set()
        await until(lambda: slow.calls == [[1], [2]])

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert "acknowledging failed: ConnectionResetError" in caplog.text

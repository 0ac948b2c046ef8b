"""Sources that are asked for messages are left alone while their inbox is nearly full."""

import asyncio
from typing import ClassVar

import pytest

from integrations.runtime import filling
from integrations.runtime.limits import Limits
from tests.fakes import FakeConnector
from tests.integrations.runtime.hub import Hub, desired, ids_apart, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib.ending import end_tasks

pytestmark = pytest.mark.usefixtures("far_ends")


class PolledConnector(FakeConnector):
    """A fake that is asked for messages."""

    polls: ClassVar[bool] = True


@pytest.mark.parametrize("size", [1, 400])
def test_a_polled_source_is_held_back_above_80_percent_and_goes_on_below_60(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(filling, "LOOK_SECONDS", 0.05)
    limits = Limits(partitions=4, inbox_events=20, inbox_bytes=20 * 200 if size == 1 else 14_000)

    async def test(lines: Lines) -> None:
        watching = asyncio.create_task(filling.watch(lines.client, lines.lines.values(), limits))
        first, second = ids_apart(2)
        polled, far = await lines.connected(desired(first, kind=PolledConnector))
        pushed, other = await lines.connected(desired(second))
        count = 16 if size == 1 else 15
        for _ in range(count):
            far.publish(text="x" * size)
            other.publish()
        await until(lambda: far.paused == [True])
        run = hub.hold("run", first)
        inbox = hub.inbox(first)
        while len(inbox) > 3:
            hub.end(first, inbox.pop(0), run)
        await until(lambda: far.paused == [True, False])
        assert other.paused == []
        assert (polled.held_back, pushed.held_back) == (False, False)
        await end_tasks([watching])

    run_lines(hub, test, limits)


def test_what_the_intake_holds_back_stays_so(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(desired(ids_apart(1)[0], kind=PolledConnector))
        line.hold_back(True)
        line.set_reading(False)
        line.hold_back(False)
        assert far.paused[-1] is True
        line.set_reading(True)
        assert far.paused[-1] is False

    run_lines(hub, test)


def test_a_new_connection_is_held_back_too(hub: Hub) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(desired(ids_apart(1)[0], kind=PolledConnector))
        line.hold_back(True)
        far.drop()
        await until(lambda: far.connects == 2 and line.connected)
        await until(lambda: far.paused == [True, True])

    run_lines(hub, test)

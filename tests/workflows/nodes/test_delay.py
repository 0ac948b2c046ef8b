"""Delay. Time is the event loop's, which a test turns by hand."""

import asyncio
from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import build, faults, run
from workflows.nodes.base import NodeFailed


class HandTurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting."""

    offset = 0.0

    def time(self) -> float:
        return super().time() + self.offset

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.offset += max(0.0, self._scheduled[0].when() - self.time())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


@pytest.mark.parametrize(("delay", "seconds"), [(10, 10.0), ("0.5", 0.5), ("{{data.wait}}", 59.0)])
def test_waits(delay: Any, seconds: float) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await build("DelayNode", {"delay": delay}).run({"data": {"wait": 59}}, FakeRunContext())
        return loop.time() - start

    with asyncio.Runner(loop_factory=HandTurnedLoop) as runner:
        waited = runner.run(main())
    assert seconds <= waited < seconds + 5


def test_no_delay_does_not_suspend() -> None:
    assert run("DelayNode", {"delay": 0}, {"a": 1}) == ({"a": 1}, 0)


@pytest.mark.parametrize("delay", ["60", "-1", "soon", 61, "NaN"])
def test_faults(delay: Any) -> None:
    assert faults("DelayNode", {"delay": delay}) == {"delay": f"the delay must be 0 to 59 seconds, not {str(delay)!r}"}


def test_a_template_that_gives_no_delay() -> None:
    with pytest.raises(NodeFailed, match="the delay must be 0 to 59 seconds, not ''"):
        run("DelayNode", {"delay": "{{data.wait}}"}, {})

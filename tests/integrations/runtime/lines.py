"""Lines with a real intake, book and outbox beside a real Redis, without a supervisor: the test starts and ends them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from integrations.runtime.backoff import Backoff
from integrations.runtime.book import StatusBook
from integrations.runtime.inbox import Intake
from integrations.runtime.limits import Limits
from integrations.runtime.listener import Line
from integrations.runtime.outbox import OutboxSender
from integrations.runtime.send_faults import SendFaults
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import Status
from tests.fakes import FakeConnector, FarEnd
from tests.integrations.runtime.hub import Hub, desired, tell_where_tasks_stand, until
from wegnology.lib.ending import end_tasks
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis, async_client


class Forgetful:
    """A client whose connections lose the answers to the next `forget` scripts, after the server carried them out."""

    def __init__(self) -> None:
        self.forget = 0
        self.client: AsyncRedis = async_client()
        self.client.connection_pool.connection_class = self._losing(self.client.connection_pool.connection_class)

    def _losing(self, base: Any) -> Any:
        forgetful = self

        class Losing(base):  # type: ignore[misc]
            sent = b""

            async def send_packed_command(self, command: Any, *args: Any, **options: Any) -> None:
                self.sent = b"".join(command) if isinstance(command, list) else command
                await super().send_packed_command(command, *args, **options)

            async def read_response(self, *args: Any, **options: Any) -> Any:
                answer = await super().read_response(*args, **options)
                if b"EVAL" in self.sent[:20] and forgetful.forget:
                    forgetful.forget -= 1
                    raise redis.exceptions.ConnectionError("the answer was lost")
                return answer

        return Losing


@dataclass
class Waits:
    """The delays that lines asked for: (lowest, highest) each; they wait a moment only."""

    asked: list[tuple[float, float]] = field(default_factory=list)

    def uniform(self, low: float, high: float) -> float:
        """Return a short delay."""
        self.asked.append((low, high))
        return 0.01


class Lines:
    """A listener process of which the test is the supervisor."""

    def __init__(self, hub: Hub, forgetful: Forgetful, limits: Limits) -> None:
        self.hub = hub
        self.forgetful = forgetful
        self.client = client = forgetful.client
        self.tokens: dict[int, str] = {}
        self.lost: list[tuple[int, str]] = []
        self.needed: list[int] = []
        self.waits = Waits()
        self.lines: dict[str, Line] = {}
        self.book = StatusBook(client)
        self.faults = SendFaults(client)
        self.intake = Intake(client, "p1", limits, self.token_of, lambda p, t: self.lost.append((p, t)), self.needed.extend)
        self.outbox = OutboxSender(client, self.lines, self.token_of, faults=self.faults)

    def token_of(self, partition: int) -> str | None:
        """Return the token of a partition, as a supervisor would."""
        return self.tokens.get(partition)

    def begin(self, wanted: Desired | None = None, last: Status | None = None) -> tuple[Line, FarEnd]:
        """Take the partition of an integration and start its line; return it with its far end."""
        wanted = wanted or desired(new_id())
        line = Line(wanted, self.intake, self.book, self.outbox, "p1", last, Backoff(self.waits.uniform))
        self.tokens[line.partition] = self.hub.hold("listen", line.integration_id)
        self.lines[line.integration_id] = line
        far = FakeConnector.far_ends.setdefault(line.integration_id, FarEnd())
        line.begin()
        return line, far

    async def connected(self, wanted: Desired | None = None, last: Status | None = None) -> tuple[Line, FarEnd]:
        """As `begin`; returns when it is connected."""
        line, far = self.begin(wanted, last)
        await until(lambda: line.connected)
        return line, far

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let intake and outbox work meanwhile; ends the lines afterwards."""
        chores = [asyncio.create_task(self.intake.run()), asyncio.create_task(self.outbox.run())]
        try:
            yield
        finally:
            await asyncio.gather(*(line.end(accept=False) for line in self.lines.values()))
            await end_tasks(chores)
            assert all(chore.cancelled() for chore in chores), chores


def run_lines(hub: Hub, test: Callable[[Lines], Awaitable[None]], limits: Limits | None = None, seconds: float = 40) -> None:
    """Run the body of a test beside working lines."""

    async def main() -> None:
        forgetful = Forgetful()
        lines = Lines(hub, forgetful, limits or Limits(partitions=4))
        try:
            async with asyncio.timeout(seconds), lines.working():
                await test(lines)
        except TimeoutError:
            tell_where_tasks_stand()
            raise
        finally:
            await forgetful.client.aclose()

    asyncio.run(main())

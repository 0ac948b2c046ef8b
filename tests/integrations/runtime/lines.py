"""Lines with a real intake, book and outbox beside a real Redis, without a supervisor: the test starts and ends them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio
from django.conf import settings

from integrations.runtime.backoff import Backoff
from integrations.runtime.book import StatusBook
from integrations.runtime.inbox import Intake
from integrations.runtime.limits import Limits
from integrations.runtime.listener import Line
from integrations.runtime.outbox import OutboxSender
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import Status
from tests.fakes import FakeConnector, FarEnd
from tests.integrations.runtime.hub import Hub, desired, tell_where_tasks_stand, until
from wegnology.lib.ending import end_tasks
from wegnology.lib.ids import new_id


class Forgetful(redis.asyncio.Redis):
    """A client that loses the answers to the next `forget` scripts, after the server carried them out."""

    forget = 0

    async def evalsha(self, *args: Any, **options: Any) -> Any:
        """Run the script; its answer may get lost."""
        answer = await super().evalsha(*args, **options)
        if self.forget:
            self.forget -= 1
            raise redis.exceptions.ConnectionError("the answer was lost")
        return answer


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

    def __init__(self, hub: Hub, client: Forgetful, limits: Limits) -> None:
        self.hub = hub
        self.client = client
        self.tokens: dict[int, str] = {}
        self.lost: list[tuple[int, str]] = []
        self.needed: list[int] = []
        self.waits = Waits()
        self.lines: dict[str, Line] = {}
        self.book = StatusBook(client)
        self.intake = Intake(client, "p1", limits, self.token_of, lambda p, t: self.lost.append((p, t)), self.needed.extend)
        self.outbox = OutboxSender(client, self.lines, self.token_of)

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


def run_lines(hub: Hub, test: Callable[[Lines], Awaitable[None]], limits: Limits | None = None) -> None:
    """Run the body of a test beside working lines."""

    async def main() -> None:
        client = Forgetful(connection_pool=redis.asyncio.ConnectionPool.from_url(settings.REDIS_URL, socket_timeout=5.0))
        lines = Lines(hub, client, limits or Limits(partitions=4))
        try:
            async with asyncio.timeout(40), lines.working():
                await test(lines)
        except TimeoutError:
            tell_where_tasks_stand()
            raise
        finally:
            await client.aclose(close_connection_pool=True)

    asyncio.run(main())

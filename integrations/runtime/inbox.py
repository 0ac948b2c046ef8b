"""From connections into the inboxes: accept at line speed, then acknowledge.

Whatever arrived since the last append goes into the next one; one append is under way at a time. A batch has a sequence
number, so a batch whose answer was lost is asked again and still happens once. Acknowledgements leave in arrival order.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from integrations.connectors.base import AnyConnector, Delivery
from integrations.events import EventKind, TriggerEvent, message_event
from integrations.runtime import scripts
from integrations.runtime.acknowledging import Acknowledging
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.limits import Limits
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis, Link, RedisAway, SyncRedis
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)

FULL_RETRY_SECONDS = 0.25
BATCH_EVENTS = 1_000
LINE_EVENTS = 200
BUSY_EVENTS = 100
BUSY_SECONDS = 0.02
"""After a batch of so many events the next one gathers for a moment: what each batch and each integration in it costs is then
paid for more events, which is an eighth of the whole. A batch is that large only where more arrives than can be run."""
POSITION_EVENTS = 100
"""How many messages of a source that resumes may lie between two positions that are kept with them."""
TOO_LARGE = b"dropped:too large"
OVER_LIMIT = b"dropped:limit"


Held = tuple[bytes, str, Delivery | None, AnyConnector | None]
"""One event in memory on its way into the inbox: its stored form, its policy (the letter `append.lua` knows), what the source
brought, and the connection that waits to be told that it is durable. Of what was dropped stands how the ledger counts it."""
_event_of: Callable[[Held], bytes] = itemgetter(0)
_policy_of: Callable[[Held], str] = itemgetter(1)
_Part = tuple["IntakeLine", str, list[Held], str]
"""What one line has in a batch, with the token of its lease and all policies together."""


class _Batch(NamedTuple):
    """What is appended together, and the same as `append.lua` reads it."""

    parts: list[_Part]
    arguments: list[Any]
    events: int


class IntakeLine(Protocol):
    """What the intake needs of a connection."""

    integration_id: str
    partition: int
    held: deque[Held]
    held_bytes: int
    reading: bool
    inbox_full: bool
    stopped: bool
    """The application has reached a payload limit that stops: what can wait does, the rest is dropped and counted."""

    def set_reading(self, reading: bool) -> None:
        """Stop or resume reading the source."""


class TokenOf(Protocol):
    """Looks up the current lease token of a partition; None without a lease."""

    def __call__(self, partition: int) -> str | None: ...


class Intake:
    """The one way into the inboxes for all connections of a process."""

    def __init__(
        self,
        client: AsyncRedis,
        process: str,
        limits: Limits,
        token_of: TokenOf,
        on_lost: Callable[[int, str], None],
        on_need: Callable[[list[int]], None],
        on_accepted: Callable[[str, list[Held]], None] = lambda integration_id, done: None,
    ) -> None:
        """`on_accepted` is told what is durable now, or was dropped in place of that."""
        self._on_accepted = on_accepted
        self._link = Link(client)
        self._process = process
        self._limits = limits
        self._token_of = token_of
        self._on_lost = on_lost
        self._on_need = on_need
        self._acknowledging = Acknowledging()
        self._due: dict[IntakeLine, None] = {}
        self._wake = asyncio.Event()
        self._sequence = 0
        self.held_bytes = 0
        self.redis_bytes = 0
        """Memory limit for all inboxes together, 0 for none; the supervisor keeps it current."""
        self.away = False

    def put(self, line: IntakeLine, deliveries: Sequence[Delivery], connector: AnyConnector) -> None:
        """Hold messages of a connection until they are durable."""
        held, most, size = line.held, self._limits.payload_bytes, 0
        positions: dict[str, str] = {}
        for delivery in deliveries:
            event = message_event(new_id(), delivery.received_ms, delivery.data, delivery.version)
            if delivery.receipt is None:
                policy, waits = "D", None
            else:
                policy, waits = "W", connector
            if len(event) > most:
                event, policy = TOO_LARGE, "X"
            elif line.stopped and policy == "D":
                event, policy = OVER_LIMIT, "X"
            held.append((event, policy, delivery, waits))
            size += len(event)
            if delivery.position is not None:
                positions[delivery.position[0]] = delivery.position[1]
                if len(held) % POSITION_EVENTS == 0:
                    self._hold_positions(line, positions)
        line.held_bytes += size
        self.held_bytes += size
        if positions:
            self._hold_positions(line, positions)
        self._bound(line)
        self.mark(line)

    def put_positions(self, line: IntakeLine, positions: Mapping[str, str]) -> None:
        """Keep where the source goes on, once all that was put before is stored."""
        self._hold_positions(line, dict(positions))
        self.mark(line)

    def _hold_positions(self, line: IntakeLine, positions: dict[str, str]) -> None:
        """Hold positions behind what they belong to, and forget them."""
        while positions:
            name, value = positions.popitem()
            item = f"{name}\n{value}".encode()
            line.held.append((item, "P", None, None))
            line.held_bytes += len(item)
            self.held_bytes += len(item)

    def put_event(self, line: IntakeLine, kind: EventKind, time_ms: int, data: JSONObject) -> None:
        """Hold an event of the connection itself."""
        event = TriggerEvent(new_id(), kind, time_ms, {"type": str(kind), **data}).to_json()
        line.held.append((event, "d", None, None))
        line.held_bytes += len(event)
        self.held_bytes += len(event)
        self.mark(line)

    def stop(self, line: IntakeLine, stopped: bool) -> None:
        """Take nothing more in from a line, or go on."""
        if line.stopped != stopped:
            line.stopped = stopped
            self.mark(line)

    def mark(self, line: IntakeLine) -> None:
        """Say that a line has something to append."""
        if not self._due:
            self._wake.set()
        self._due[line] = None

    def forget(self, line: IntakeLine) -> None:
        """Let go of what a closed connection still held; the source has it, or it could not wait."""
        self.held_bytes -= line.held_bytes
        line.held.clear()
        line.held_bytes = 0
        self._due.pop(line, None)

    def _bound(self, line: IntakeLine) -> None:
        limits = self._limits
        full = (
            len(line.held) >= limits.held_messages
            or line.held_bytes >= limits.held_bytes
            or self.held_bytes >= limits.held_bytes_together
        )
        if full and line.reading:
            line.set_reading(False)
        elif not full and not line.reading and len(line.held) < limits.held_messages // 2:
            line.set_reading(True)

    async def run(self) -> None:
        """Append until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while (batch := self._collect()).events:
                    await self._append(batch)
                    if self._gathers(batch):
                        await asyncio.sleep(BUSY_SECONDS)
        finally:
            await self._link.close()

    def _gathers(self, batch: _Batch) -> bool:
        """Say whether the next batch may gather for a moment: much arrives, but on no line so much that its part is full."""
        if batch.events < BUSY_EVENTS:
            return False
        waiting = [len(line.held) for line in self._due]
        return max(waiting, default=0) < LINE_EVENTS and sum(waiting) < BATCH_EVENTS // 2

    def _collect(self) -> _Batch:
        """Take what is due, at most `BATCH_EVENTS` events, a fair part of each line."""
        parts: list[_Part] = []
        arguments: list[Any] = []
        events = 0
        for line in list(self._due):
            del self._due[line]
            token = self._token_of(line.partition)
            if not line.held or token is None:
                continue
            part = list(islice(line.held, LINE_EVENTS))
            if line.stopped:
                part = list(takewhile(lambda held: held[1] != "W", part))
                if not part:
                    continue
            policies = "".join(map(_policy_of, part))
            parts.append((line, token, part, policies))
            arguments += (line.partition, token, line.integration_id, policies)
            arguments += map(_event_of, part)
            events += len(part)
            if events >= BATCH_EVENTS:
                self._wake.set()
                break
        return _Batch(parts, arguments, events)

    async def _append(self, batch: _Batch) -> None:
        self._sequence += 1
        limits = self._limits
        head = [prefix(), self._process, self._sequence, limits.inbox_events, limits.inbox_bytes, self.redis_bytes]
        accepted, need = await self._ask([*head, len(batch.parts), *batch.arguments])
        durable: dict[AnyConnector, list[Delivery]] = defaultdict(list)
        for (line, token, part, policies), count in zip(batch.parts, accepted, strict=True):
            if count < 0:
                self._on_lost(line.partition, token)
            elif line.held:
                self._conclude(line, part[:count], policies, durable, full=count < len(part))
        for connector, deliveries in durable.items():
            self._acknowledging.tell(connector, deliveries)
        if need:
            self._on_need(need)

    async def _ask(self, arguments: list[Any]) -> Any:
        """Append; ask the same batch again until Redis answers."""
        delay = 0.05
        while True:
            try:
                answer = await self._link.run(scripts.append, arguments)
            except RedisAway as error:
                if not self.away:
                    logger.warning("Redis is away, nothing is accepted until it is back: %s", error)
                self.away = True
                await asyncio.sleep(delay)
                delay = min(1.0, delay * 2)
            else:
                if self.away:
                    logger.warning("Redis is back")
                self.away = False
                return answer

    def _conclude(
        self, line: IntakeLine, done: list[Held], policies: str, durable: dict[AnyConnector, list[Delivery]], *, full: bool
    ) -> None:
        """Let go of what is stored, and add to `durable` what a connection waits to hear of."""
        held = line.held
        events = [one for one in done if one[1] != "P"] if "P" in policies else done
        if events:
            self._on_accepted(line.integration_id, events)
        for _, _, delivery, connector in events:
            if connector is not None and delivery is not None:
                durable[connector].append(delivery)
        if len(done) == len(held):
            size = line.held_bytes
            held.clear()
        else:
            size = sum([len(held.popleft()[0]) for _ in done])
        line.held_bytes -= size
        self.held_bytes -= size
        line.inbox_full = full
        if full:
            asyncio.get_running_loop().call_later(FULL_RETRY_SECONDS, self.mark, line)
        elif held:
            self.mark(line)
        if not line.reading:
            self._bound(line)


def discard(client: SyncRedis, integration_id: str, reason: str = "deleted") -> None:
    """Drop what waits for an integration that is gone, counted with its reason."""
    while scripts.discard.call_sync(client, [prefix(), partition_of(integration_id), integration_id, reason, 1000]):
        pass


def waiting(client: SyncRedis, integration_id: str) -> int:
    """Return how many events wait in the inbox."""
    return int(client.xlen(key("inbox", integration_id)))

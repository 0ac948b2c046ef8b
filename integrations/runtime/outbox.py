"""From the outboxes to the live connections.

A message is taken out only after the peer confirmed it. Messages of one integration leave in order, a batch at a time; batches
of different integrations do not wait for each other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from integrations.connectors.base import AnyConnector
from integrations.exceptions import SendFailed, SendLater, SendUnknown
from integrations.runtime import scripts
from integrations.runtime.inbox import TokenOf
from integrations.runtime.inspector import Way
from integrations.runtime.keys import key, prefix
from integrations.runtime.listener import Line
from integrations.runtime.send_faults import SendFaults
from wegnology.lib.ending import end_tasks
from wegnology.lib.redis import AsyncRedis, Link, RedisAway

logger = logging.getLogger(__name__)

BATCH_MESSAGES = 500
MOST_MESSAGES = 1_000
"""What one batch may hold where packs are larger than those before them."""
LOOK_SECONDS = 2.0
"""How often outboxes are looked at without a call, in case one was lost."""
WAIT_SECONDS = 10.0
"""How long a node waits for the outcome of a send that must not be kept for later."""


Stored = tuple[bytes, list[bytes]]
"""An entry of an outbox: its id, and names and values of its fields."""


class Entry:
    """An entry of an outbox under way: `messages` whose fate is not known yet, and how many were `sent` and `failed`."""

    __slots__ = ("failed", "identifier", "messages", "sent")

    def __init__(self, identifier: bytes, fields: list[bytes]) -> None:
        self.identifier = identifier
        stored = orjson.loads(fields[1])
        self.messages: list[Any] = stored if fields[0] == b"p" else [stored]
        self.sent = self.failed = 0


class Confirmed(NamedTuple):
    """An entry that can be taken out, and what became of its messages."""

    line: Line
    identifier: bytes
    sent: int
    failed: int


class OutboxSender:
    """Sends what waits for the connections of this process."""

    def __init__(
        self,
        client: AsyncRedis,
        lines: Mapping[str, Line],
        token_of: TokenOf,
        on_sent: Callable[[list[list[str]], Way], None] = lambda origins, way: None,
        faults: SendFaults | None = None,
    ) -> None:
        """`on_sent` is told what became of messages: of each the source and the id of the event whose run sent it."""
        self._on_sent = on_sent
        self._faults = faults or SendFaults(client)
        self._client = client
        self._reading, self._deleting = Link(client), Link(client)
        self._lines = lines
        self._token_of = token_of
        self._due: dict[Line, None] = {}
        self._wake = asyncio.Event()
        self._confirmed: list[Confirmed] = []
        self._confirm = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._entry_messages = 1.0
        """How many messages the entries read last held, on average."""

    def due(self, line: Line) -> None:
        """Look for messages that wait for this line."""
        self._due[line] = None
        self._wake.set()

    def called(self, integration_ids: Sequence[str]) -> None:
        """Take a call from `settle.lua`: messages of these integrations wait."""
        for integration_id in integration_ids:
            line = self._lines.get(integration_id)
            if line is not None:
                self.due(line)

    async def run(self) -> None:
        """Send until cancelled."""
        tasks = [asyncio.create_task(work()) for work in (self._read, self._delete, self._look)]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            await end_tasks([*tasks, *self._tasks], again_seconds=0.1)
            await self._reading.close()
            await self._deleting.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                names = await self._client.smembers(key("outboxes"))
            except RedisAway:
                continue
            self.called([str(name, "ascii") for name in names if isinstance(name, bytes)])

    async def _read(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            lines = [line for line in self._due if not line.sending and _may_send(line)]
            self._due.clear()
            if not lines:
                continue
            names = [key("outbox", line.integration_id) for line in lines]
            positions = [line.outbox_after for line in lines]
            try:
                most = max(10, int(BATCH_MESSAGES / self._entry_messages))
                answer = await self._reading.command("XREAD", "COUNT", most, "STREAMS", *names, *positions)
            except RedisAway:
                await asyncio.sleep(0.2)
                continue
            for name, stored in _streams(answer):
                entries, messages = _batch(stored)
                self._entry_messages = messages / len(entries)
                line = self._lines.get(name.decode().rpartition(":")[2])
                if line is not None and not line.sending and _may_send(line):
                    self._begin(line, entries)

    def _begin(self, line: Line, entries: Sequence[Stored]) -> None:
        line.sending = True
        task = asyncio.get_running_loop().create_task(self._send(line, entries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, line: Line, stored: Sequence[Stored]) -> None:
        connector = line.connector
        try:
            begun = line.unconfirmed
            entries = [begun.get(identifier) or Entry(identifier, fields) for identifier, fields in stored]
            messages = [message["m"] for entry in entries for message in entry.messages]
            results = iter(await self._outcomes(line, connector, messages, entries[0].identifier))
            left = [entry for entry in entries if not self._conclude(line, entry, list(islice(results, len(entry.messages))))]
            line.unconfirmed = {entry.identifier: entry for entry in left}
            done = not left
            same_connection = connector is line.connector
            if done and same_connection:
                line.outbox_after = entries[-1].identifier
        finally:
            line.sending = False
        self._confirm.set()
        if line.connected and (done or not same_connection):
            self.due(line)  # else `_look` does it in a while: by then the confirmed ones among them are gone

    async def _outcomes(
        self,
        line: Line,
        connector: AnyConnector | None,
        messages: Sequence[Any],
        oldest: bytes,
    ) -> Sequence[Exception | None]:
        if connector is None or not line.connected or connector.Outgoing is None:
            return [SendLater("The integration is not connected.")] * len(messages)
        if connector.send_waits and _age_seconds(oldest) > WAIT_SECONDS:
            return [SendFailed("Nobody waits for this message any more.")] * len(messages)
        try:
            return await connector.send_stored(messages)
        except Exception as error:
            logger.error("%s connector: sending failed", connector.name, exc_info=error)
            return [SendUnknown(connector.config.scrub(connector.explain(error)))] * len(messages)

    def _conclude(self, line: Line, entry: Entry, results: Sequence[Exception | None]) -> bool:
        """Take an entry out if the fate of all its messages is known; say whether it is."""
        if any(results):
            entry.messages = self._conclude_each(line, entry, results)
        else:
            self._faults.succeeded(line.integration_id)
            self._tell(line, entry, entry.messages, None)
            entry.sent += len(entry.messages)
            entry.messages = []
        if not entry.messages:
            self._confirmed.append(Confirmed(line, entry.identifier, entry.sent, entry.failed))
        return not entry.messages

    def _conclude_each(self, line: Line, entry: Entry, results: Sequence[Exception | None]) -> list[Any]:
        """Count and tell what became of messages; return those whose fate is not known."""
        left, fine = [], False
        for message, result in zip(entry.messages, results, strict=True):
            told = "r" in message
            if result is None:
                entry.sent += 1
                if not fine:
                    fine = True
                    self._faults.succeeded(line.integration_id)
            elif not told and isinstance(result, SendUnknown | SendLater):
                left.append(message)  # it stays, and goes out again after the reconnect: at least once
                continue
            else:
                entry.failed += 1
                fine = False
                self._failed(line, result, told)
            self._tell(line, entry, [message], result)
        return left

    def _tell(self, line: Line, entry: Entry, messages: list[Any], result: Exception | None) -> None:
        """Say what became of messages: to people who look at the events whose runs sent them, and to nodes that wait."""
        outcome = "sent" if result is None else "failed"
        origins = [message["o"] for message in messages if "o" in message]
        self._on_sent(origins, Way(line.integration_id, outcome, int(_age_seconds(entry.identifier) * 1000)))
        for message in messages:
            if "r" in message:
                self._answer(message["r"], result)

    def _failed(self, line: Line, error: Exception, told: bool) -> None:
        if line.connected:
            self._faults.failed(line.integration_id, str(error))
        if not told:
            logger.warning("integration %s: message not sent: %s", line.integration_id, error)

    def _answer(self, call: str, result: Exception | None) -> None:
        channel, _, identifier = call.rpartition("#")
        outcome = "" if result is None else f"{'unknown' if isinstance(result, SendUnknown) else 'failed'}:{result}"
        text = orjson.dumps({"reply": identifier, "outcome": outcome})
        task = asyncio.get_running_loop().create_task(self._publish(channel, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, channel: str, text: bytes) -> None:
        try:
            await self._client.publish(channel, text)
        except RedisAway:
            logger.info("an answer to a waiting node was lost: Redis is away")

    async def _delete(self) -> None:
        while True:
            await self._confirm.wait()
            self._confirm.clear()
            confirmed, self._confirmed = self._confirmed, []
            if not confirmed:
                continue
            try:
                lost = set(await self._deleting.run(scripts.sent, self._arguments(confirmed)))
                again = [
                    one
                    for one in confirmed
                    if one.line.partition in lost and self._lines.get(one.line.integration_id) is one.line
                ]
            except RedisAway:
                again = confirmed
            if again:  # a lease that was lost for a moment may be ours again; else the line is closed soon
                self._confirmed = again + self._confirmed
                self._confirm.set()
                await asyncio.sleep(0.2)

    def _arguments(self, confirmed: list[Confirmed]) -> list[Any]:
        groups: dict[tuple[Line, int, int], list[bytes]] = {}
        for line, identifier, sent, failed in confirmed:
            groups.setdefault((line, sent, failed), []).append(identifier)
        arguments: list[Any] = [prefix(), len(groups)]
        for (line, sent, failed), identifiers in groups.items():
            token = self._token_of(line.partition) or "-"
            arguments += (line.partition, token, line.integration_id, sent, failed, len(identifiers))
            arguments += identifiers
        return arguments


def _may_send(line: Line) -> bool:
    """A line that is down takes only messages that must not wait: they fail at once."""
    connector = line.connector
    return connector is not None and (line.connected or connector.send_waits)


def _age_seconds(identifier: bytes) -> float:
    return time.time() - int(identifier.split(b"-")[0]) / 1000


def _streams(answer: Any) -> Iterable[tuple[bytes, list[Stored]]]:
    """Return entries by stream from the bare answer of XREAD: pairs or a map, by version of the protocol."""
    return answer.items() if isinstance(answer, dict) else answer or ()


def _batch(stored: list[Stored]) -> tuple[list[Stored], int]:
    """Return the first entries, as many as make a batch, and how many messages are in them."""
    messages = 0
    for at, (_, fields) in enumerate(stored, 1):
        messages += 1 if fields[0] == b"m" else int(fields[3])
        if messages >= MOST_MESSAGES:
            return stored[:at], messages
    return stored, messages

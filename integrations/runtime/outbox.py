"""From the outboxes to the live connections.

A message is taken out only after the peer confirmed it. Messages of one integration leave in order, a batch at a time; batches
of different integrations do not wait for each other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from integrations.connectors.base import AnyConnector
from integrations.exceptions import SendFailed, SendLater, SendUnknown
from integrations.runtime import scripts
from integrations.runtime.inbox import TokenOf
from integrations.runtime.inspector import SentOn, Way
from integrations.runtime.keys import key, prefix
from integrations.runtime.listener import Line
from integrations.runtime.send_faults import SendFaults
from wegnology.lib.ending import end_tasks
from wegnology.lib.redis import AsyncRedis, Link, RedisAway
from wegnology.lib.trusted import constructor

logger = logging.getLogger(__name__)

BATCH_MESSAGES = 500
LOOK_SECONDS = 2.0
"""How often outboxes are looked at without a call, in case one was lost."""
WAIT_SECONDS = 10.0
"""How long a node waits for the outcome of a send that must not be kept for later."""


Entry = tuple[bytes, bytes]
"""A message of an outbox: its id and its stored form."""


class Confirmed(NamedTuple):
    """One message whose fate is known."""

    line: Line
    identifier: bytes
    outcome: str


class OutboxSender:
    """Sends what waits for the connections of this process."""

    def __init__(
        self,
        client: AsyncRedis,
        lines: Mapping[str, Line],
        token_of: TokenOf,
        on_sent: Callable[[str, SentOn], None] = lambda source_id, sent: None,
        faults: SendFaults | None = None,
    ) -> None:
        """`on_sent` is told what became of messages, with the source of the event whose run sent them."""
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
                answer = await self._reading.command("XREAD", "COUNT", BATCH_MESSAGES, "STREAMS", *names, *positions)
            except RedisAway:
                await asyncio.sleep(0.2)
                continue
            for name, entries in _streams(answer):
                line = self._lines.get(name.decode().rpartition(":")[2])
                if line is not None and not line.sending and _may_send(line):
                    self._begin(line, entries)

    def _begin(self, line: Line, entries: Sequence[Entry]) -> None:
        line.sending = True
        task = asyncio.get_running_loop().create_task(self._send(line, entries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, line: Line, entries: Sequence[Entry]) -> None:
        connector = line.connector
        try:
            stored = [orjson.loads(body) for _, body in entries]
            results = await self._outcomes(line, connector, [message["m"] for message in stored], entries)
            outcomes = zip(entries, stored, results, strict=True)
            known = [self._conclude(line, identifier, message, result) for (identifier, _), message, result in outcomes]
            done = all(known)
            same_connection = connector is line.connector
            if done and same_connection:
                line.outbox_after = entries[-1][0]
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
        entries: Sequence[Entry],
    ) -> Sequence[Exception | None]:
        if connector is None or not line.connected or connector.Outgoing is None:
            return [SendLater("The integration is not connected.")] * len(messages)
        if connector.send_waits and _age_seconds(entries[0][0]) > WAIT_SECONDS:
            return [SendFailed("Nobody waits for this message any more.")] * len(messages)
        construct = constructor(connector.Outgoing)
        outgoing = [construct(message) for message in messages]
        try:
            return await connector.send_many(outgoing)
        except Exception as error:
            logger.error("%s connector: sending failed", connector.name, exc_info=error)
            return [SendUnknown(connector.config.scrub(connector.explain(error)))] * len(messages)

    def _conclude(self, line: Line, identifier: bytes, message: Any, result: Exception | None) -> bool:
        """Take a message out if its fate is known; say whether it is."""
        waits = "r" in message
        if result is None:
            self._confirmed.append(Confirmed(line, identifier, "sent"))
            self._faults.succeeded(line.integration_id)
        elif isinstance(result, SendUnknown | SendLater) and not waits:
            return False  # it stays, and goes out again after the reconnect: at least once
        else:
            self._confirmed.append(Confirmed(line, identifier, "failed"))
            if line.connected:
                self._faults.failed(line.integration_id, str(result))
            if not waits:
                logger.warning("integration %s: message not sent: %s", line.integration_id, result)
        if "o" in message:
            source_id, event_id = message["o"]
            outcome = "sent" if result is None else "failed"
            way = Way(line.integration_id, outcome, int(_age_seconds(identifier) * 1000))
            self._on_sent(source_id, SentOn(event_id, way))
        if waits:
            self._answer(message["r"], result)
        return True

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
        groups: dict[tuple[Line, str], list[bytes]] = {}
        for line, identifier, outcome in confirmed:
            groups.setdefault((line, outcome), []).append(identifier)
        arguments: list[Any] = [prefix(), len(groups)]
        for (line, outcome), identifiers in groups.items():
            token = self._token_of(line.partition) or "-"
            arguments += (line.partition, token, line.integration_id, outcome, len(identifiers))
            arguments += identifiers
        return arguments


def _may_send(line: Line) -> bool:
    """A line that is down takes only messages that must not wait: they fail at once."""
    connector = line.connector
    return connector is not None and (line.connected or connector.send_waits)


def _age_seconds(identifier: bytes) -> float:
    return time.time() - int(identifier.split(b"-")[0]) / 1000


def _streams(answer: Any) -> list[tuple[bytes, list[Entry]]]:
    """Return entries by stream from the bare answer of XREAD: pairs or a map, by version of the protocol."""
    pairs = answer.items() if isinstance(answer, dict) else answer or ()
    return [(name, [(identifier, fields[1]) for identifier, fields in entries]) for name, entries in pairs]

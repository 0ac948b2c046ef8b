"""The last messages of integrations and what became of them, kept in Redis for people to look at.

Nothing is done for each message: a process remembers the newest ones it accepted, ran or sent, and writes them together once a
second. Of one integration at most `INSPECT_PER_SECOND` a second are kept, of all those of a process together at most
`TOGETHER`; what was passed over is counted, and the count stands with the message that follows. While Redis is short of memory
(80 % of its limit) nothing is kept.

`messages:I` holds, oldest first, JSON objects: `id` of the event, `a` and `t` when it was accepted and received (ms), `k` its
kind, `n` its size in bytes, `d` its data as it may be shown, and where they apply `x` (data was cut), `s` (how many were skipped
before it), `r` (the reason for which it was dropped, not stored).

`outcomes:I` holds, by the id of the event `id`, what workers write (`o`: how it ended, `b` when its runs began, `e` when they had
ended, `w` ms in the throttle, `q` ms in the inbox besides, `f` a list of [workflow, version, error or ""], `s` as below) and
what listeners write (only `s`: a list of [integration, outcome, ms from the outbox to the confirmation]).
"""

import asyncio
import logging
import re
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import orjson

from integrations.runtime import scripts
from integrations.runtime.inbox import Held
from integrations.runtime.keys import prefix
from integrations.runtime.limits import Limits
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis, Link, RedisAway
from wegnology.lib.showing import Shown
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
TOGETHER = 250
LIFE_SECONDS = 7 * 24 * 3600
OUTCOMES_A_MESSAGE = 3
"""Of a list of outcomes so many times more is kept than of messages: an event that sends has several entries."""
SLICE = 50
"""So many are prepared before others may go on."""
_ID = re.compile(rb'"id":"([0-9a-f]{24})"')


class Remembered(Protocol):
    """What is remembered of the end of an event: `Outcome`, or what becomes one."""

    def stored(self) -> bytes:
        """Return the stored form; called once a second for those that are kept."""


class Way(NamedTuple):
    """A message that a run sent: through which integration, what became of it, and how long that took."""

    integration_id: str
    outcome: str
    milliseconds: int


class Outcome(NamedTuple):
    """How an event ended in a worker. Times in milliseconds since 1970; `runs`: workflow, version, error or ""."""

    event_id: str
    outcome: str
    accepted_ms: int
    throttled_ms: int
    begun_ms: int
    ended_ms: int
    runs: Sequence[tuple[str, str, str]] = ()
    sends: Sequence[Way] = ()

    def stored(self) -> bytes:
        """Return the stored form."""
        waited = max(self.begun_ms - self.accepted_ms, 0)
        throttled = min(self.throttled_ms, waited)
        record = {"id": self.event_id, "o": self.outcome, "b": self.begun_ms, "e": self.ended_ms, "w": throttled}
        return orjson.dumps({**record, "q": waited - throttled, "f": list(self.runs), "s": [tuple(way) for way in self.sends]})


class _Newest:
    """The newest of one list since the last time it was written; `seen` counts all."""

    __slots__ = ("items", "seen")

    def __init__(self, most: int) -> None:
        self.items: deque[Any] = deque(maxlen=most)
        self.seen = 0


class Inspector:
    """Remembers what passes through a process, and writes it once a second."""

    def __init__(self, client: AsyncRedis, limits: Limits) -> None:
        self._link = Link(client)
        self._most = limits.inspect_messages
        self._each = limits.inspect_per_second
        self._text = limits.inspect_bytes
        self._messages: dict[str, _Newest] = {}
        self._skipped: dict[str, int] = {}
        self._share = min(self._each, self._most)
        self._outcomes: dict[str, deque[Remembered]] = self._newest()
        self._sent: dict[str, deque[tuple[str, Way]]] = self._newest()

    def _newest(self) -> dict[str, deque[Any]]:
        """Return a dictionary that begins the newest of each source when they are first asked for."""
        return defaultdict(partial(deque, maxlen=self._share))

    def accepted(self, integration_id: str, events: list[Held]) -> None:
        """Remember events of an integration that are in its inbox now, or were dropped in place of that."""
        if not self._share:
            return
        newest = self._messages.get(integration_id)
        if newest is None:
            newest = self._messages[integration_id] = _Newest(self._share)
        newest.seen += len(events)
        newest.items.append((time.time(), events[-self._share :]))

    def ended(self, source_id: str, outcome: Remembered) -> None:
        """Remember what became of an event of a source."""
        if not self._share:
            return
        self._outcomes[source_id].append(outcome)

    def sent(self, origins: Iterable[Sequence[str]], way: Way) -> None:
        """Remember what became of messages that runs sent; an origin is the source and the id of the event that was run."""
        if not self._share:
            return
        newest = self._sent
        for source_id, event_id in origins:
            newest[source_id].append((event_id, way))

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                try:
                    await self.write()
                except Exception:
                    logger.exception("messages are not kept for looking at; nothing else depends on it")
        finally:
            await self._link.close()

    async def write(self) -> None:
        """Write what is remembered. While Redis is away or short of memory it is passed over, and counted."""
        messages, self._messages = self._messages, {}
        outcomes, sent = self._outcomes, self._sent
        self._share = self._fair(len(messages) or len(outcomes) or len(sent))
        self._outcomes, self._sent = self._newest(), self._newest()
        if not messages and not outcomes and not sent:
            return
        lists = [await self._list(i, newest) for i, newest in messages.items()]
        lists += [self._outcomes_of(i, [outcome.stored() for outcome in newest]) for i, newest in outcomes.items()]
        lists += [self._outcomes_of(i, [_sent_on(*one) for one in newest]) for i, newest in sent.items()]
        lists = [arguments for arguments in lists if arguments[3]]
        flat = [part for arguments in lists for part in arguments]
        try:
            kept = not lists or await self._link.run(scripts.inspect, [prefix(), LIFE_SECONDS, len(lists), *flat])
        except RedisAway as error:
            logger.debug("messages are not kept for looking at: %s", error)
            kept = False
        self._remember_skipped(messages, kept=bool(kept))

    def _outcomes_of(self, integration_id: str, items: list[bytes]) -> list[Any]:
        return ["outcomes", integration_id, OUTCOMES_A_MESSAGE * self._most, len(items), *items]

    def _fair(self, integrations: int) -> int:
        """Return how many of one integration are remembered in the next second."""
        return min(self._each, self._most, max(1, TOGETHER // max(integrations, 1)))

    def _remember_skipped(self, messages: dict[str, _Newest], kept: bool) -> None:
        for i, newest in messages.items():
            if kept:
                self._skipped.pop(i, None)
            else:
                self._skipped[i] = self._skipped.get(i, 0) + newest.seen

    async def _list(self, integration_id: str, newest: _Newest) -> list[Any]:
        """Return the newest events of an integration as the script takes them."""
        shown = [(at, taken) for at, events in newest.items for taken in events][-self._share :]
        skipped = self._skipped.get(integration_id, 0) + newest.seen - len(shown)
        items = []
        for number, (at, taken) in enumerate(shown, 1):
            items.append(self._record(int(at * 1000), taken, skipped if number == 1 else 0))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return ["messages", integration_id, self._most, len(items), *items]

    def _record(self, accepted_ms: int, taken: Held, skipped: int) -> bytes:
        shown = Shown(self._text)
        event, policy, delivery, _ = taken
        if delivery is None:
            stored = orjson.loads(event)
            record: JSONObject = {"id": stored["id"], "a": accepted_ms, "t": stored["t"], "k": stored["k"]}
            record |= {"n": len(event), "d": shown.of(stored["d"])}
        else:
            found = _ID.search(event[:64])
            identifier = found[1].decode() if found else new_id()
            record = {"id": identifier, "a": accepted_ms, "t": delivery.received_ms, "k": "message"}
            record |= {"n": delivery.size or len(event), "d": shown.of(delivery.data)}
        if policy in "Xx":
            record["r"] = event.decode().partition(":")[2]
        if shown.cut:
            record["x"] = True
        if skipped:
            record["s"] = skipped
        return orjson.dumps(record)


def _sent_on(event_id: str, way: Way) -> bytes:
    """Return the stored form of what became of a message that a listener sent, or failed to."""
    return orjson.dumps({"id": event_id, "s": [tuple(way)]})

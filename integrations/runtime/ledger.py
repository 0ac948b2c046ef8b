"""The ledger: what became of everything that was received, by the hour of receipt.

received = finished + unmatched + parked + dropped + waiting, where received = messages + signals (connection events and
replays) and waiting is counted in the inbox itself. Likewise of what goes out: queued = sent + failed + dropped + waiting.
Counts are changed only by the script that moves the event, so they cannot drift from what happened.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.runtime import scripts
from integrations.runtime.keys import prefix
from wegnology.lib.redis import SyncRedis

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One hour of one integration. `messages` of the `received` came from the source; the rest are connection events, replays."""

    hour_ms: int
    received: int = 0
    messages: int = 0
    finished: int = 0
    unmatched: int = 0
    parked: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0

    @property
    def total(self) -> int:
        """How many there were to account for."""
        return self.received

    @property
    def signals(self) -> int:
        """How many of them are no messages of the source."""
        return self.received - self.messages

    @property
    def parts(self) -> dict[str, int]:
        """What became of them, in four kinds."""
        ended = {"parked": sum(self.parked.values()), "dropped": sum(self.dropped.values())}
        return {"finished": self.finished + self.unmatched, "waiting": self.waiting, **ended}

    @property
    def balanced(self) -> bool:
        """Say whether every received event is accounted for."""
        return self.received == sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class SentLine:
    """One hour of what workflows send through one integration, by the hour in which they did.

    `sent` are those that the peer confirmed; `dropped` names the reasons, `expired` among them.
    """

    hour_ms: int
    queued: int = 0
    sent: int = 0
    failed: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0

    @property
    def total(self) -> int:
        """How many there were to account for."""
        return self.queued

    @property
    def parts(self) -> dict[str, int]:
        """What became of them, in four kinds."""
        return {"sent": self.sent, "waiting": self.waiting, "failed": self.failed, "dropped": sum(self.dropped.values())}

    @property
    def balanced(self) -> bool:
        """Say whether every message is accounted for."""
        return self.queued == sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides of one integration, newest hour first."""

    received: list[LedgerLine] = field(default_factory=list)
    sent: list[SentLine] = field(default_factory=list)


def line_of(hour_ms: int, counts: Mapping[str, int], waiting: int) -> LedgerLine:
    """Build a line from stored counts such as {"messages": 3, "parked:failed": 1}."""

    return LedgerLine(
        hour_ms,
        counts.get("messages", 0) + counts.get("signals", 0),
        counts.get("messages", 0),
        counts.get("finished", 0),
        counts.get("unmatched", 0),
        group(counts, "parked"),
        group(counts, "dropped"),
        waiting,
    )


def sent_line_of(hour_ms: int, counts: Mapping[str, int], waiting: int) -> SentLine:
    """Build a line from stored counts such as {"queued": 3, "sent": 2, "dropped:expired": 1}."""
    queued, sent, failed = (counts.get(name, 0) for name in ("queued", "sent", "failed"))
    return SentLine(hour_ms, queued, sent, failed, group(counts, "dropped"), waiting)


def group(counts: Mapping[str, int], name: str) -> dict[str, int]:
    """Return the counts of a group by reason: {"failed": 1} of {"parked:failed": 1}."""
    return {field.split(":", 1)[1]: n for field, n in counts.items() if field.startswith(f"{name}:") and n}


def read_ledger(client: SyncRedis, integration_ids: Sequence[str], hours: int = 24) -> dict[str, list[LedgerLine]]:
    """Return the last `hours` hours of each integration, newest first, empty hours left out (`read_books`)."""
    return {i: books.received for i, books in read_books(client, integration_ids, hours).items()}


def read_books(client: SyncRedis, integration_ids: Sequence[str], hours: int = 24) -> dict[str, Books]:
    """Return the last `hours` hours of each integration, in and out; one round trip, true at one moment.

    Hours before that are told of as long as something waits in them.
    """
    now = int(time.time() * 1000)
    span = [now - now % HOUR_MS - back * HOUR_MS for back in range(hours)]
    return books_of(client, dict.fromkeys(integration_ids, span))


def books_of(client: SyncRedis, wanted: Mapping[str, Sequence[int]]) -> dict[str, Books]:
    """Return the hours (ms) that are asked for of each integration, with those in which something waits."""
    if not wanted:
        return {}
    arguments: list[Any] = [prefix(), len(wanted)]
    for integration_id, span in wanted.items():
        arguments += [integration_id, len(span), *span]
    answers = scripts.books.call_sync(client, arguments)
    return {i: _books(answer) for i, answer in zip(wanted, answers, strict=True)}


def _books(answer: Any) -> Books:
    counts_in, counts_out = ({int(hour): _counts(row) for hour, row in _pairs(flat)} for flat in answer[:2])
    waiting_in, waiting_out = ({int(hour): int(n) for hour, n in _pairs(flat)} for flat in answer[2:])
    received = [line_of(hour, counts_in.get(hour, {}), waiting_in.get(hour, 0)) for hour in _hours(counts_in, waiting_in)]
    sent = [sent_line_of(hour, counts_out.get(hour, {}), waiting_out.get(hour, 0)) for hour in _hours(counts_out, waiting_out)]
    return Books([line for line in received if line.total or line.waiting], [line for line in sent if line.total or line.waiting])


def _hours(*of: Mapping[int, object]) -> list[int]:
    return sorted({hour for hours in of for hour in hours}, reverse=True)


def _pairs(flat: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _counts(row: Sequence[bytes]) -> dict[str, int]:
    return {name.decode(): int(n) for name, n in _pairs(row)}

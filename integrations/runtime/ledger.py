"""The ledger: what became of everything that was received, by the hour of receipt.

received = finished + unmatched + parked + dropped + waiting, where received = messages + signals (connection events and
replays) and waiting is counted in the inbox itself. Counts are changed only by the script that moves the event, so they
cannot drift from what happened.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrations.runtime.keys import key
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
    def balanced(self) -> bool:
        """Say whether every received event is accounted for."""
        ended = self.finished + self.unmatched + sum(self.parked.values()) + sum(self.dropped.values())
        return self.received == ended + self.waiting


def line_of(hour_ms: int, counts: dict[str, int], waiting: int) -> LedgerLine:
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


def group(counts: Mapping[str, int], name: str) -> dict[str, int]:
    """Return the counts of a group by reason: {"failed": 1} of {"parked:failed": 1}."""
    return {field.split(":", 1)[1]: n for field, n in counts.items() if field.startswith(f"{name}:") and n}


def read_ledger(client: SyncRedis, integration_ids: Sequence[str], hours: int = 24) -> dict[str, list[LedgerLine]]:
    """Return the last `hours` hours of each integration, newest first, empty hours left out; one round trip.

    Counts and waiting events of an integration are read in one transaction, so a line is true at one moment.
    """
    if not integration_ids:
        return {}
    now = int(time.time() * 1000)
    span = [now - now % HOUR_MS - back * HOUR_MS for back in range(hours)]
    with client.pipeline(transaction=True) as pipe:
        for i in integration_ids:
            for hour in span:
                pipe.hgetall(key("ledger", i, hour))
            pipe.xrange(key("inbox", i), min=str(span[-1]), max="+")
        answers = iter(pipe.execute())
    result = {}
    for i in integration_ids:
        rows = [next(answers) for _ in span]
        waiting = _by_hour(next(answers))
        lines = [line_of(hour, _counts(row), waiting.get(hour, 0)) for hour, row in zip(span, rows, strict=True)]
        result[i] = [line for line in lines if line.received or line.waiting]
    return result


def _counts(row: dict[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(n) for name, n in row.items()}


def _by_hour(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> dict[int, int]:
    waiting: dict[int, int] = {}
    for identifier, _ in entries:
        milliseconds = int(identifier.split(b"-")[0])
        hour = milliseconds - milliseconds % HOUR_MS
        waiting[hour] = waiting.get(hour, 0) + 1
    return waiting

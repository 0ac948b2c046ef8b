"""How long an integration's pauses between messages usually are, so that a silence can be told from a pause.

The usual pause is the one that 95 % of the time is spent in pauses no longer than. Weighing by time and not by number makes
a source that sends a hundred messages every hour one with pauses of an hour, and one bad night is soon outweighed by many
good days. What is older counts less: a half after three days. Measured once a second, beside the messages.
"""

import orjson

HALF_MS = 3 * 86_400_000
QUANTILE = 0.95
LEAST_PAUSES = 20
LEAST_MS = 600_000
"""Fewer pauses, or a shorter time, say nothing yet."""
SILENT_TIMES = 3
SILENT_LEAST_MS = 60_000
"""A silence is three times the usual pause, and at least a minute."""
CLASSES = 24
"""Pauses of up to 1, 2, 4, 8 ... seconds: up to three months."""


class Pace:
    """The pauses of one integration, by their length."""

    __slots__ = ("changed", "count", "weights")

    def __init__(self, stored: bytes | None = None) -> None:
        known = orjson.loads(stored) if stored else [0]
        self.count: int = int(known[0])
        self.weights: list[float] = [*known[1:], *[0.0] * (CLASSES + 1 - len(known))]
        self.changed = False

    def note(self, pause_ms: int) -> None:
        """Take a pause between two messages, or a part of a busy time."""
        if pause_ms <= 0:
            return
        keep = 0.5 ** (pause_ms / HALF_MS)
        self.weights = [weight * keep for weight in self.weights]
        self.weights[min(((pause_ms - 1) // 1000).bit_length(), CLASSES - 1)] += pause_ms
        self.count = min(self.count + 1, LEAST_PAUSES)
        self.changed = True

    def usual_ms(self) -> int:
        """Return the usual pause in ms; 0 while there is too little to tell from."""
        total = sum(self.weights)
        if self.count < LEAST_PAUSES or total < LEAST_MS:
            return 0
        reached = 0.0
        for at, weight in enumerate(self.weights):
            reached += weight
            if reached >= QUANTILE * total:
                return 1000 << at
        return 1000 << CLASSES

    def to_json(self) -> bytes:
        """Return the stored form."""
        return orjson.dumps([self.count, *[round(weight) for weight in self.weights]])


def silence_ms(usual_ms: int) -> int:
    """Return after how long a source with this usual pause counts as silent."""
    return max(SILENT_TIMES * usual_ms, SILENT_LEAST_MS)

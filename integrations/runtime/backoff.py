"""How long to wait before the next attempt: exponential with full jitter and a cap."""

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
CAP_SECONDS = 60.0
REFUSED_CAP_SECONDS = 15 * 60.0
STABLE_SECONDS = 60.0
"""A connection that lived this long starts again from the first delay; a shorter one does not, so that a flapping
source is not stormed."""


class Backoff:
    """The delays of one connection."""

    __slots__ = ("_uniform", "attempts")

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self.attempts = 0

    def next_seconds(self, refused: bool = False) -> float:
        """Return the next delay in seconds. A refused login waits longer: only an edit will help."""
        cap = REFUSED_CAP_SECONDS if refused else CAP_SECONDS
        ceiling = min(cap, FIRST_SECONDS * 2.0 ** min(self.attempts, 12))
        self.attempts += 1
        return self._uniform(ceiling / 2 if refused else 0.05, ceiling)

    def connected_for(self, seconds: float) -> None:
        """Say how long the last connection lived."""
        if seconds >= STABLE_SECONDS:
            self.attempts = 0

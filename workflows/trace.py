"""Which nodes a run visited, and when. Written by the engine for every run, so it must cost next to nothing."""

from time import monotonic

MAX_TIMED = 200
"""Visits of which the time is kept."""


class Trace:
    """The way of one run. Times are those of `monotonic`.

    `path` are the ids of the first nodes visited. `starts` are when the first `MAX_TIMED` of these visits began; `ends` says by
    their index when they ended and by which output they went on, -1 where the branch ended. A visit without an end was under
    way when the run ended. `number` tells the runs of one event apart.
    """

    __slots__ = ("began", "ends", "number", "path", "starts")

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.path: list[str] = []
        self.starts: list[float] = []
        self.ends: dict[int, tuple[float, int]] = {}
        self.began = monotonic()

"""What a run has done so far: which nodes it visited, and when. Written for every run, so it must cost next to nothing."""

from time import monotonic
from typing import Any

from workflows.exceptions import RunLimitReached
from workflows.placed import GraphNode
from workflows.weight import MAX_BYTES, Weight

SLICE_SECONDS = 0.005
"""How long a run computes before others get a turn."""
MAX_VISITS = 100_000
"""Nodes that one run may visit, ..."""
VISITS_A_WALK = 1_000
"""... and so many more for each walk through the body of a loop, whose items are bounded."""
MAX_PATH = 1_000
"""Node ids that are kept of a run."""
MAX_TIMED = 200
"""Visits of which the time is kept."""

Visit = list[Any]
"""One visit: the node, when it began, when it ended, and by which output the run went on, -1 where the branch ended. The last
two are None while it is under way.
"""


class Bounds:
    """What bounds long runs, and those with branches or loops; most runs never come near."""

    __slots__ = ("allowed", "later", "untimed", "weight")

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self.weight = Weight(most_bytes)
        self.allowed = MAX_VISITS
        self.untimed = 0
        self.later: list[str] = []
        """The nodes of the first visits that were not timed."""

    def count(self, node: GraphNode) -> None:
        """Count a visit beyond those that are timed. Raises `RunLimitReached`."""
        self.untimed += 1
        visited = MAX_TIMED + self.untimed
        if visited <= MAX_PATH:
            self.later.append(node.id)
        elif visited > self.allowed:
            raise RunLimitReached(f"The run visited more than {self.allowed} nodes.")


class Trace:
    """The way of one run. Times are those of `monotonic`.

    `visits` are the first `MAX_TIMED` visits of nodes, in the order in which they began. `number` tells the runs of one event
    apart. `slice_end` is when others must get a turn.
    """

    __slots__ = ("_bounds", "began", "number", "slice_end", "visits")

    def __init__(self, number: int = 0, bounds: Bounds | None = None) -> None:
        self.number = number
        self.visits: list[Visit] = []
        self._bounds = bounds
        self.began = began = monotonic()
        self.slice_end = began + SLICE_SECONDS

    @property
    def bounds(self) -> Bounds:
        """What the run is bounded by."""
        if self._bounds is None:
            self._bounds = Bounds()
        return self._bounds

    @property
    def visited(self) -> int:
        """How many nodes the run visited."""
        return len(self.visits) + (self._bounds.untimed if self._bounds else 0)

    @property
    def path(self) -> list[str]:
        """The ids of the first `MAX_PATH` nodes visited."""
        return [visit[0].id for visit in self.visits] + (self._bounds.later if self._bounds else [])

    def visit(self, node: GraphNode, now: float) -> Visit:
        """Note that a visit began. Raises `RunLimitReached`."""
        visit: Visit = [node, now, None, None]
        if len(self.visits) < MAX_TIMED:
            self.visits.append(visit)
        else:
            self.bounds.count(node)
        return visit


def left(visit: Visit, output: int) -> float:
    """Note that a visit ended; returns the time."""
    visit[2:] = now, _ = monotonic(), output
    return now

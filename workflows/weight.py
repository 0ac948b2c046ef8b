"""What one run holds in memory: its payload, copies of it for branches and walks that wait, what its loops gave so far."""

from sys import getsizeof
from time import monotonic
from typing import Any

from wegnology.lib.paths import copy_json
from wegnology.lib.types import JSONObject
from workflows.exceptions import RunLimitReached

MAX_BYTES = 256 * 1024 * 1024
"""What one run may hold, estimated. A payload of 1 MiB as JSON takes 3 to 25 MiB."""
_SHARE = 3.0
"""A payload is weighed again after so many times the time that weighing it took."""


def weigh(value: Any, most: int = MAX_BYTES) -> int:
    """Estimate the bytes that a JSON value takes; texts that are shared count each time. Stops beyond `most`."""
    total, todo = 0, [value]
    while todo and total <= most:
        item = todo.pop()
        total += getsizeof(item)
        if type(item) is dict:
            total += sum(map(len, item))
            todo.extend(item.values())
        elif type(item) is list:
            todo.extend(item)
    return total


class Weight:
    """What one run holds beside the payload that it works on."""

    __slots__ = ("_again", "_held", "_most")

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._held = 0
        self._again = 0.0

    def hold(self, value: Any, times: int = 1) -> int:
        """Take note of what is kept for later; returns what to `release` then. Raises `RunLimitReached`."""
        weight = times * weigh(value, self._most)
        self._judge(weight)
        self._held += weight
        return weight

    def release(self, weight: int) -> None:
        """Take note that it is not kept any more."""
        self._held -= weight

    def look(self, payload: Any) -> None:
        """Weigh the payload at work, unless that was done a moment ago. Raises `RunLimitReached`."""
        begun = monotonic()
        if begun >= self._again:
            self._judge(weigh(payload, self._most))
            now = monotonic()
            self._again = now + _SHARE * (now - begun)

    def _judge(self, weight: int) -> None:
        if self._held + weight > self._most:
            size = self._most / 1024 / 1024
            raise RunLimitReached(
                f"The run holds more than {size:g} MiB: its payload, and its copies for branches and loops, must be smaller."
            )


class Fork:
    """Branches that begin with the same payload: all but the last to run get a copy, and until then the payload is held."""

    __slots__ = ("_held", "_left")

    def __init__(self, branches: int) -> None:
        self._left = branches
        self._held = 0

    def own(self, payload: JSONObject, weight: Weight) -> JSONObject:
        """Return the payload of the next branch. Raises `RunLimitReached`."""
        self._left -= 1
        if not self._left:
            weight.release(self._held)
            return payload
        self._held = self._held or weight.hold(payload)
        copied: JSONObject = copy_json(payload)
        return copied

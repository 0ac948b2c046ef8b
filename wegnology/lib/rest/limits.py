"""How often somebody may ask: counted in Redis for all web processes, in this process while Redis is away.

A window begins with its first request and ends after its length; what is beyond the limit meanwhile is refused.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from wegnology.lib.redis import RedisAway, sync_client

MAX_KEPT = 10_000
"""Windows that one process remembers while Redis is away."""


class Limit(NamedTuple):
    """At most `most` in `seconds`, of one kind."""

    kind: str
    most: int
    seconds: int


AWAY_SECONDS = 5.0
"""After a failure Redis is not asked for so long: each request would wait for it."""

_windows: dict[str, tuple[float, int]] = {}
"""By name: when the window ends, by the monotonic clock, and how many there were."""
_away_until = 0.0


def spend(limit: Limit, who: str) -> int:
    """Count one more; return 0 when it is within the limit, else the seconds until there is room again."""
    name = _name(limit, who)
    asked = _ask([("incr", name), ("expire", name, limit.seconds, "NX"), ("ttl", name)])
    count, left = (asked[0], asked[2]) if asked else _count_here(name, limit.seconds)
    return 0 if count <= limit.most else max(int(left), 1)


def left_to_wait(limit: Limit, who: str) -> int:
    """Return the seconds until there is room again, 0 when there is; counts nothing."""
    name = _name(limit, who)
    asked = _ask([("get", name), ("ttl", name)])
    count, left = asked or _counted_here(name)
    return 0 if int(count or 0) < limit.most else max(int(left), 1)


def forgive(limit: Limit, who: str) -> None:
    """Forget what was counted."""
    name = _name(limit, who)
    _windows.pop(name, None)
    _ask([("del", name)])


def _ask(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the answers of Redis; nothing while it is away."""
    global _away_until
    if time.monotonic() < _away_until:
        return []
    try:
        with closing(sync_client(timeout=0.5)) as client, client.pipeline(transaction=True) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            return list(pipe.execute())
    except RedisAway:
        _away_until = time.monotonic() + AWAY_SECONDS
        return []


def _name(limit: Limit, who: str) -> str:
    mark = hashlib.sha256(who.encode()).hexdigest()[:32]
    return f"{settings.REDIS_PREFIX}:limit:{limit.kind}:{mark}"


def _count_here(name: str, seconds: int) -> tuple[int, float]:
    now = time.monotonic()
    ends, count = _windows.get(name, (0.0, 0))
    if ends <= now:
        if len(_windows) >= MAX_KEPT:
            _windows.clear()
        ends, count = now + seconds, 0
    _windows[name] = (ends, count + 1)
    return count + 1, ends - now


def _counted_here(name: str) -> tuple[int, float]:
    ends, count = _windows.get(name, (0.0, 0))
    left = ends - time.monotonic()
    return (count, left) if left > 0 else (0, 0.0)


def address_of(request: HttpRequest) -> str:
    """Return who asks, by address; behind our own proxy what that says last."""
    if settings.BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))

"""Debug values: recorded only while somebody has switched that on, for some minutes; the last of them are kept for an hour."""

import time
from contextlib import closing
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from integrations.runtime.keys import key
from wegnology.lib.redis import sync_client
from workflows.insight.hits import ShownHit, read_hit
from workflows.insight.hours import moment
from workflows.insight.limits import HITS, WATCHED


class TooManyWatched(Exception):
    """As many workflows are watched as may be, in the whole installation."""


def watch(workflow_id: str, minutes: float | None = None) -> datetime:
    """Record the debug values of a workflow from now on; returns until when. Workers learn of it within about a second.

    `minutes` is at most, and by default, `DEBUG_MINUTES`. Raises `TooManyWatched`, and what `RedisAway` names.
    """
    most = settings.DEBUG_MINUTES if minutes is None else min(minutes, settings.DEBUG_MINUTES)
    now = int(time.time() * 1000)
    until = now + int(most * 60_000)
    with closing(sync_client()) as client:
        client.zremrangebyscore(key("watched"), "-inf", now)
        if client.zscore(key("watched"), workflow_id) is None and client.zcard(key("watched")) >= WATCHED:
            raise TooManyWatched(
                gettext("%(watched)s workflows are being watched already. Try again when one of them is not any more.")
                % {"watched": WATCHED}
            )
        client.zadd(key("watched"), {workflow_id: until})
    return moment(until)


def unwatch(workflow_id: str) -> None:
    """Record no more debug values; what was recorded stays for an hour."""
    with closing(sync_client()) as client:
        client.zrem(key("watched"), workflow_id)


def watched_until(workflow_id: str) -> datetime | None:
    """Return until when debug values are recorded; None when they are not."""
    with closing(sync_client()) as client:
        until: Any = client.zscore(key("watched"), workflow_id)
    return moment(int(until)) if until is not None and until > time.time() * 1000 else None


def hits(workflow_id: str, after: str = "") -> list[ShownHit]:
    """Return the debug values that are kept, oldest first, after the one of that id. Raises `ValueError` for what is no id."""
    with closing(sync_client()) as client:
        found: Any = client.xrange(key("debug", workflow_id), min=f"({_checked(after)}" if after else "-", count=HITS)
    return [read_hit(identifier.decode(), fields[b"h"]) for identifier, fields in found]


def _checked(identifier: str) -> str:
    milliseconds, _, number = identifier.partition("-")
    if not (milliseconds.isdecimal() and number.isdecimal() and len(identifier) <= 40):
        raise ValueError(gettext("%(identifier)s is not the id of a debug value") % {"identifier": f"{identifier[:40]!r}"})
    return identifier

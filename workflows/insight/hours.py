"""Counts and errors on their way from Redis into the database, hour by hour. Done by the sweeper."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.utils import timezone

from integrations.runtime.keys import key
from wegnology.lib.redis import SyncRedis
from workflows.insight.records import RunError, RunHour

AT_ONCE = 500

Place = tuple[str, int]
"""A workflow, and an hour in milliseconds since 1970."""


class Tally(NamedTuple):
    """What Redis knows of one workflow and hour."""

    hours: list[RunHour]
    errors: list[RunError]


def write(client: SyncRedis) -> None:
    """Write hours that changed to the database: absolute counts, so that writing twice changes nothing."""
    names = _changed(client)
    if not names:
        return
    tallies = read_tallies(client, [place_of(name) for name in names])
    fields = ["runs", "failed", "micros"]
    RunHour.objects.bulk_create(
        [row for tally in tallies for row in tally.hours],
        update_conflicts=True,
        unique_fields=["workflow_id", "hour", "version_id"],
        update_fields=fields,
    )
    RunError.objects.bulk_create(
        [row for tally in tallies for row in tally.errors],
        update_conflicts=True,
        unique_fields=["workflow_id", "hour", "digest"],
        update_fields=["message", "event_id", "count", "first_at", "last_at"],
    )
    client.srem(key("tallying"), *names)


def _changed(client: SyncRedis) -> list[bytes]:
    """Take hours that changed, with those that were taken before and not written: the database was away, or a process died."""
    names: list[bytes] = client.srandmember(key("tallied"), AT_ONCE)  # type: ignore[assignment]
    with client.pipeline(transaction=True) as pipe:
        if names:
            pipe.sadd(key("tallying"), *names)
            pipe.srem(key("tallied"), *names)
        pipe.smembers(key("tallying"))
        return list(pipe.execute()[-1])


def place_of(name: bytes) -> Place:
    """Return workflow and hour of a name such as `W:H`."""
    workflow_id, _, hour = name.decode().partition(":")
    return workflow_id, int(hour)


def read_tallies(client: SyncRedis, places: Sequence[Place]) -> list[Tally]:
    """Return what Redis knows of some hours, as rows that are not saved; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for workflow_id, hour in places:
            pipe.hgetall(key("tally", workflow_id, hour))
        answers = pipe.execute()
    return [_tally(place, answer) for place, answer in zip(places, answers, strict=True)]


def _tally(place: Place, stored: Mapping[bytes, bytes]) -> Tally:
    workflow_id, hour = place[0], moment(place[1])
    hours: dict[str, RunHour] = {}
    errors = []
    for name, value in stored.items():
        kind, _, rest = name.decode().partition(":")
        if kind == "V":
            version_id, _, field = rest.partition(":")
            row = hours.setdefault(version_id, RunHour(workflow_id=workflow_id, version_id=version_id, hour=hour))
            setattr(row, field, int(value))
        elif kind == "E":
            error = _error(rest, value, stored)
            if error is not None:
                errors.append(RunError(workflow_id=workflow_id, hour=hour, **error))
    return Tally(list(hours.values()), errors)


def _error(digest: str, count: bytes, stored: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    first, text = stored.get(f"F:{digest}".encode()), stored.get(f"T:{digest}".encode())
    if first is None or text is None:
        return None
    names = ("version_id", "error_name", "message", "node_id", "node_label", "event_id")
    *values, last_ms = orjson.loads(text)
    about = dict(zip(names, values, strict=True))
    return {**about, "digest": digest, "count": int(count), "first_at": moment(int(first)), "last_at": moment(last_ms)}


def trim(_client: SyncRedis) -> None:
    """Delete hours and errors that were kept long enough."""
    oldest = timezone.now() - timedelta(days=settings.INSIGHT_DAYS)
    RunHour.objects.filter(hour__lt=oldest).delete()
    RunError.objects.filter(hour__lt=oldest).delete()


def moment(milliseconds: int) -> datetime:
    """Return milliseconds since 1970 as a time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

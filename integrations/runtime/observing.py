"""Looks at all integrations every few seconds: how fast their messages move, and into which states they come by themselves.

Speeds come from the ledger, so measuring them costs a message nothing. A listener writes down the transitions that it sees;
that there is no listener, no message, or no end of waiting, nobody else would.
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from django.conf import settings

from integrations.models import Integration
from integrations.runtime.book import HISTORY_MOST, now_ms, transition_line
from integrations.runtime.keys import key
from integrations.runtime.ledger import HOUR_MS
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import ConnectionState, Flow, Status
from wegnology.lib.redis import SyncRedis

JUDGED = (ConnectionState.DEGRADED, ConnectionState.SILENT, ConnectionState.UNKNOWN)
WAITED_MS = 500
"""Who waited less was not held back by the throttle, but by the way things are."""


class Sample(NamedTuple):
    """What was counted of an integration at one moment. `at` is in monotonic seconds."""

    at: float
    hour_ms: int
    received: int
    ended: int


class Observer:
    """The chore. What it compares with is kept in the process: another that takes over measures from its second look on."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._seen: dict[str, ConnectionState] = {}

    def __call__(self, client: SyncRedis) -> None:
        """Look once."""
        limits: dict[str, float | None] = dict(Integration.objects.values_list("pk", "throttle_per_second"))
        if not limits:
            return
        statuses = read_statuses(client, list(limits))
        self._measure(client, statuses, limits)
        self._judge(client, statuses)

    def _measure(self, client: SyncRedis, statuses: Mapping[str, Status], limits: Mapping[str, float | None]) -> None:
        now, at = now_ms(), time.monotonic()
        rates: dict[Any, Any] = {}
        samples = {}
        for pk, status in statuses.items():
            flow = status.flow
            sample = samples[pk] = Sample(at, now - now % HOUR_MS, flow.received, flow.ended)
            limit = limits[pk]
            limit = settings.THROTTLE_PER_SECOND if limit is None else limit
            before = self._samples.get(pk)
            if before is None or before.hour_ms != sample.hour_ms or at <= before.at:
                continue
            came, went = ((new - old) / (at - before.at) for new, old in zip(sample[2:], before[2:], strict=True))
            throttled = (flow.throttled_ms or now) if _throttled(flow, limit, now) else 0
            measured = {"t": now, "in": max(came, 0.0), "out": max(went, 0.0), "limit": limit, "throttled": throttled}
            rates[pk] = orjson.dumps(measured)
        self._samples = samples
        if rates:
            client.hset(key("rates"), mapping=rates)

    def _judge(self, client: SyncRedis, statuses: Mapping[str, Status]) -> None:
        """Write down that a state came or went which only readers can tell; not what lasts for a moment only."""
        kept: dict[Any, Any] = client.hgetall(key("judged"))
        told = {pk.decode(): state.decode() for pk, state in kept.items()}
        lines: list[bytes] = []
        come: dict[Any, Any] = {}
        gone: list[str] = []
        seen: dict[str, ConnectionState] = {}
        for pk, status in statuses.items():
            judged = status.state in JUDGED and bool(status.listener) and not _said_itself(status)
            if judged:
                seen[pk] = status.state
                if self._seen.get(pk) is status.state and told.get(pk) != status.state:
                    come[pk] = str(status.state)
                    lines.append(transition_line(pk, status))
            elif pk in told:
                gone.append(pk)
                if status.state is ConnectionState.CONNECTED:
                    lines.append(transition_line(pk, status))
        self._seen = seen
        gone += [pk for pk in told if pk not in statuses]
        self._write(client, lines, come, gone)

    def _write(self, client: SyncRedis, lines: list[bytes], come: dict[Any, Any], gone: list[str]) -> None:
        if not (lines or come or gone):
            return
        with client.pipeline(transaction=True) as pipe:
            if lines:
                pipe.rpush(key("history"), *lines)
                pipe.ltrim(key("history"), -HISTORY_MOST, -1)
            if come:
                pipe.hset(key("judged"), mapping=come)
            if gone:
                pipe.hdel(key("judged"), *gone)
            pipe.execute()


def _said_itself(status: Status) -> bool:
    """Say whether the listener has written down what is wrong."""
    return status.state is ConnectionState.DEGRADED and status.problems[:1] == [status.degraded]


def _throttled(flow: Flow, limit: float, now: int) -> bool:
    """Say whether the limit holds messages back: some wait, the last had waited, and hardly a token was left since."""
    if not limit or not flow.waiting or (flow.latest_wait_ms or 0) < WAITED_MS:
        return False
    return flow.tokens + (now - flow.claimed_ms) * limit / 1000 < max(2.0, limit / 2)

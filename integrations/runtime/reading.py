"""The one way to read what is known of integrations: rows, proofs, pace and flow of any number of them, judged at one moment.

A row is believed only with fresh proof and a living holder, and *connected* only while nothing says otherwise. All of it is
worked out by who reads: a listener that is gone can tell nothing, and need not.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.utils.translation import gettext

from integrations.runtime import scripts
from integrations.runtime.health import storage_fault
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.ledger import HOUR_MS, group
from integrations.runtime.pace import Pace, silence_ms
from integrations.runtime.problems import problems_of
from integrations.runtime.send_faults import SendFault
from integrations.runtime.status import FLAPPING_LOSSES, FLAPPING_MS, NEVER_SEEN, ConnectionState, Flow, Status
from wegnology.lib.redis import SyncRedis

HEARD_MS = 10_000
"""A listener that was not heard of for so long is gone, however long its leases last."""
MEASURED_MS = 30_000
"""Rates older than this are not known."""
CHUNK = 200


class Kept(NamedTuple):
    """What Redis holds of one integration, besides how messages move."""

    row: bytes | None
    proof_ms: int
    last_ms: int
    pace: bytes | None
    send_fault: bytes | None
    rates: bytes | None


class Moment(NamedTuple):
    """What is the same for all that is read together."""

    now_ms: int
    holders: dict[int, str]
    storage_fault: str
    """Why Redis stores nothing, so that nobody can say that he lives; "" when it does."""


def read_statuses(client: SyncRedis, integration_ids: Sequence[str]) -> dict[str, Status]:
    """Return the judged status of each integration, with how its messages move; two round trips for any number of them."""
    if not integration_ids:
        return {}
    ids = list(integration_ids)
    partitions = sorted({partition_of(i) for i in ids})
    now_ms = int(time.time() * 1000)
    look = client.register_script(scripts.look.text)
    with client.pipeline(transaction=False) as pipe:
        pipe.mget([key("status", i) for i in ids])
        for name in ("proof", "last", "pace", "sendfaults", "rates"):
            pipe.hmget(key(name), ids)
        pipe.mget([key("listen", p) for p in partitions])
        pipe.zrange(key("listeners"), 0, -1, withscores=True)
        pipe.info("memory")
        pipe.info("persistence")
        for first in range(0, len(ids), CHUNK):
            chunk = ids[first : first + CHUNK]
            hour = now_ms - now_ms % HOUR_MS
            look(args=[prefix(), hour, hour - HOUR_MS, len(chunk), *chunk], client=pipe)
        rows, proofs, lasts, paces, faults, rates, tokens, heard, memory, persistence, *looks = pipe.execute()
    moment = Moment(now_ms, _holders(partitions, tokens, heard, now_ms), storage_fault(memory, persistence))
    found = {}
    moved = [flow for chunk in looks for flow in chunk]
    for i, flow, *kept in zip(ids, moved, rows, proofs, lasts, paces, faults, rates, strict=True):
        row, proof, last, pace, fault, rate = kept
        known = Kept(row, int(proof or 0), int(last or 0), pace, fault, rate)
        found[i] = judge(known, _flow(flow, rate, now_ms), partition_of(i), moment)
    return found


def _holders(partitions: Sequence[int], tokens: Sequence[bytes | None], heard: Any, now_ms: int) -> dict[int, str]:
    """Return who holds each partition and was heard of lately."""
    life_ms = int(settings.LEASE_SECONDS * 1000)
    named = {p: token.decode().partition("/")[0] if token else "" for p, token in zip(partitions, tokens, strict=True)}
    late = {name.decode() for name, until in heard if until - life_ms <= now_ms - HEARD_MS}
    return {p: "" if process in late else process for p, process in named.items()}


def _flow(found: Any, rates: bytes | None, now_ms: int) -> Flow:
    waiting, oldest, outgoing, claims, counted_in, counted_out = found
    counts_in, counts_out = _counts(counted_in), _counts(counted_out)
    measured = orjson.loads(rates) if rates else {}
    fresh = now_ms - int(measured.get("t", 0)) <= MEASURED_MS
    wait, claimed, tokens = _latest_claim(claims)
    return Flow(
        limit_per_second=float(measured.get("limit", 0.0)),
        received_per_second=measured.get("in") if fresh else None,
        run_per_second=measured.get("out") if fresh else None,
        waiting=waiting,
        oldest_ms=_time_of(oldest) if oldest else 0,
        latest_wait_ms=wait,
        claimed_ms=claimed,
        tokens=tokens,
        throttled_ms=int(measured.get("throttled", 0)) if fresh else 0,
        outgoing=outgoing,
        received=counts_in.get("messages", 0),
        ended=sum(n for name, n in counts_in.items() if name not in ("messages", "signals")),
        dropped=group(counts_in, "dropped"),
        parked=group(counts_in, "parked"),
        sends={name: n for name, n in counts_out.items() if n},
    )


def _counts(flat: Sequence[Any]) -> dict[str, int]:
    return {name.decode(): int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)}


def _time_of(entry: bytes) -> int:
    return int(entry.partition(b"-")[0])


def _latest_claim(claims: bytes) -> tuple[int | None, int, float]:
    """Return how long what was claimed last had waited, when it was claimed, and the tokens left: its bucket remembers."""
    bucket, _, entry = claims.partition(b";")
    if not bucket or not entry[:1].isdigit():
        return None, 0, 0.0
    tokens, _, when = bucket.partition(b" ")
    claimed = int(float(when))
    return max(0, claimed - _time_of(entry)), claimed, float(tokens)


def judge(kept: Kept, flow: Flow, partition: int, moment: Moment) -> Status:
    """Return what is to be believed of one integration."""
    if kept.row is None:
        return replace(NEVER_SEEN, flow=flow)
    seen = {"proof_ms": kept.proof_ms, "last_message_ms": kept.last_ms}
    status = Status.from_json(kept.row, **seen, flow=flow, usual_gap_ms=Pace(kept.pace).usual_ms())
    recent = [time for time in status.losses if time > moment.now_ms - FLAPPING_MS]
    if len(recent) >= FLAPPING_LOSSES:
        status = replace(status, flapping=len(recent))
    if status.state is ConnectionState.DISABLED:
        return status
    fault = SendFault.from_json(kept.send_fault) if kept.send_fault else None
    if problems := problems_of(status, fault, moment.now_ms, moment.storage_fault):
        status = replace(status, problems=problems)
    holder = moment.holders[partition]
    doubt = _doubt(status, holder, moment)
    if doubt:
        since = (
            status.proof_ms + int(settings.PROOF_SECONDS * 1000)
            if status.proof_ms and holder and holder == status.listener
            else 0
        )
        return replace(status, state=ConnectionState.UNKNOWN, since_ms=since, latest_cause=doubt)
    if status.state is not ConnectionState.CONNECTED:
        return status
    return _connected(status, moment.now_ms)


def _doubt(status: Status, holder: str, moment: Moment) -> str:
    """Say why the row cannot be believed; "" when it can."""
    if not holder and moment.storage_fault:
        return moment.storage_fault
    if not holder:
        return gettext("No listener process holds this integration.")
    if holder != status.listener:
        return gettext("Another listener is taking this integration over.")
    if status.state is not ConnectionState.CONNECTED or moment.now_ms - status.proof_ms <= settings.PROOF_SECONDS * 1000:
        return ""
    age = (moment.now_ms - status.proof_ms) // 1000
    why = f" {status.problems[0]}" if status.problems else ""
    return (
        gettext("No proof of life for %(age)s s.%(why)s") % {"age": age, "why": why}
        if status.proof_ms
        else gettext("No proof of life yet.%(why)s") % {"why": why}
    )


def _connected(status: Status, now_ms: int) -> Status:
    """Say how well a connection works that is up."""
    if status.problems:
        first, said = status.first_cause or status.problems[0], status.problems[0] == status.degraded
        return replace(
            status,
            state=ConnectionState.DEGRADED,
            since_ms=status.since_ms if said else 0,
            first_cause=first,
            latest_cause=status.problems[0],
        )
    quiet = now_ms - max(status.last_message_ms, status.connected_ms)
    if status.usual_gap_ms and status.last_message_ms and quiet > silence_ms(status.usual_gap_ms):
        cause = gettext("Nothing has come for %(quiet)s s; usually something comes within %(usual_gap_ms)s s.") % {
            "quiet": f"{quiet // 1000:,}",
            "usual_gap_ms": f"{status.usual_gap_ms // 1000:,}",
        }
        since = now_ms - quiet + silence_ms(status.usual_gap_ms)
        return replace(status, state=ConnectionState.SILENT, since_ms=since, latest_cause=cause)
    return status

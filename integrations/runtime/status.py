"""What is known of each connection, and how fresh that knowledge is.

The holder writes a row at every transition and, once a second for all its connections together, when each last gave proof of
life. A reader never believes a row alone: without fresh proof, or without a living holder, the state is *unknown*.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

import orjson
from django.conf import settings

from integrations.runtime.keys import key, partition_of
from wegnology.lib.redis import SyncRedis
from wegnology.lib.types import JSONObject


class ConnectionState(StrEnum):
    """State of a connection as people read it."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILING = "failing"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_CONFIGURED = "not configured"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one connection. Times are milliseconds since 1970, 0 for never."""

    state: ConnectionState = ConnectionState.UNKNOWN
    since_ms: int = 0
    proof_ms: int = 0
    first_cause: str = ""
    latest_cause: str = ""
    connected_ms: int = 0
    disconnected_ms: int = 0
    disconnect_error: str = ""
    next_attempt_ms: int = 0
    attempts: int = 0
    last_message_ms: int = 0
    subscriptions: list[JSONObject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    degraded: str = ""
    """What is wrong with a connection that works nevertheless."""
    backlog: dict[str, int] = field(default_factory=dict)
    """How many messages wait at the source, by its parts, as far as it tells."""
    errors: dict[str, str] = field(default_factory=dict)
    listener: str = ""
    known_topics: list[str] = field(default_factory=list)
    """What was subscribed to at the last connect; the next one ends what is not wanted any more."""

    def to_json(self) -> bytes:
        """Return the stored form. The state comes first: scripts look for it."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> "Status":
        """Read the stored form; keys of a newer release are left out."""
        stored = orjson.loads(text)
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**{**known, "state": ConnectionState(stored["state"])})


NEVER_SEEN = Status(latest_cause="No listener has reported on this integration yet.")


def read_statuses(client: SyncRedis, integration_ids: Sequence[str]) -> dict[str, Status]:
    """Return the status of each integration; two round trips for any number of them."""
    if not integration_ids:
        return {}
    ids = list(integration_ids)
    holders_of = sorted({partition_of(i) for i in ids})
    with client.pipeline(transaction=False) as pipe:
        pipe.mget([key("status", i) for i in ids])
        pipe.hmget(key("proof"), ids)
        pipe.hmget(key("last"), ids)
        pipe.mget([key("listen", p) for p in holders_of])
        rows, proofs, lasts, tokens = pipe.execute()
    holders = {p: _process(token) for p, token in zip(holders_of, tokens, strict=True)}
    now = int(time.time() * 1000)
    return {
        i: _judge(row, int(proof or 0), int(last or 0), holders[partition_of(i)], now)
        for i, row, proof, last in zip(ids, rows, proofs, lasts, strict=True)
    }


def _process(token: bytes | None) -> str:
    return token.decode().partition("/")[0] if token else ""


def _judge(row: bytes | None, proof_ms: int, last_ms: int, holder: str, now_ms: int) -> Status:
    if row is None:
        return NEVER_SEEN
    status = replace(Status.from_json(row), proof_ms=proof_ms, last_message_ms=last_ms)
    if status.state in (ConnectionState.DISABLED, ConnectionState.UNKNOWN):
        return status
    if not holder:
        return replace(status, state=ConnectionState.UNKNOWN, latest_cause="No listener process holds this integration.")
    if holder != status.listener:
        return replace(status, state=ConnectionState.UNKNOWN, latest_cause="Another listener is taking this integration over.")
    if status.state is ConnectionState.CONNECTED and now_ms - proof_ms > settings.PROOF_SECONDS * 1000:
        age = (now_ms - proof_ms) // 1000
        cause = f"No proof of life for {age} s." if proof_ms else "No proof of life yet."
        return replace(status, state=ConnectionState.UNKNOWN, latest_cause=cause)
    return status

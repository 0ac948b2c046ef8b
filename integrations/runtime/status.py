"""What is known of each connection, as its holder writes it.

The holder writes a row at every transition and, once a second for all its connections together, when each last gave proof of
life. Nobody believes a row alone: `integrations.runtime.reading` judges it.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from django.utils.translation import gettext_noop

from wegnology.lib.types import JSONObject

FLAPPING_LOSSES = 3
FLAPPING_MS = 600_000
"""A connection that was lost so often within so long is flapping, whether it is up at the moment or not."""


class ConnectionState(StrEnum):
    """State of a connection as people read it. *Degraded*, *silent* and *unknown* are never written, only judged."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    SILENT = "silent"
    UNKNOWN = "unknown"
    DISCONNECTED = "disconnected"
    REFUSED = "refused"
    NOT_CONFIGURED = "not configured"
    DISABLED = "disabled"

    @classmethod
    def _missing_(cls, value: object) -> "ConnectionState":
        """Read what an earlier release wrote; what a later one writes is unknown."""
        return cls.DISCONNECTED if value == "failing" else cls.UNKNOWN


LIVE_STATES = (ConnectionState.CONNECTED, ConnectionState.DEGRADED, ConnectionState.SILENT)
"""There is proof that the connection is up."""
LOST_STATES = (ConnectionState.DISCONNECTED, ConnectionState.REFUSED)
"""There is none, the cause is known, and it is tried again."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How messages of one integration move. Rates are messages a second, None while nobody measured them."""

    limit_per_second: float = 0.0
    """How many may start in a second; 0 is no limit."""
    received_per_second: float | None = None
    run_per_second: float | None = None
    waiting: int = 0
    oldest_ms: int = 0
    """When the oldest that waits was accepted; 0 while nothing waits."""
    latest_wait_ms: int | None = None
    """How long the one that was started last had waited; None where nothing is throttled."""
    claimed_ms: int = 0
    tokens: float = 0.0
    """When that was, and how many more might have been started with it."""
    throttled_ms: int = 0
    """Since when more wait than may start; 0 while the limit holds nothing back."""
    outgoing: int = 0
    """Messages that wait to be sent."""
    received: int = 0
    """Messages of this hour and the one before, as all that follows: `dropped` and `parked` by reason, `sends` by outcome."""
    ended: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    parked: dict[str, int] = field(default_factory=dict)
    sends: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one connection. Times are milliseconds since 1970, 0 for never."""

    state: ConnectionState = ConnectionState.UNKNOWN
    since_ms: int = 0
    """Since when it is in this state; 0 also where a reader judged it and cannot say."""
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
    """What is wrong with a connection that works nevertheless, as its connector or its listener says."""
    backlog: dict[str, int] = field(default_factory=dict)
    """How many messages wait at the source, by its parts, as far as it tells."""
    lagging_ms: int = 0
    """Since when more and more wait there; 0 while they do not."""
    losses: list[int] = field(default_factory=list)
    """When the connection was lost lately, oldest first."""
    down: str = ""
    """Why it is not connected while that lasts: the state of the latest attempt, kept through a handover."""
    settings: str = ""
    """Digest of the settings that the row is about: those of a handover are the same, those of an edit are not."""
    errors: dict[str, str] = field(default_factory=dict)
    listener: str = ""
    parts: list[str] = field(default_factory=list)
    """Names of the subscriptions at the last connect."""
    known_topics: list[str] = field(default_factory=list)
    """What was subscribed to at the last connect; the next one ends what is not wanted any more."""

    # What a reader adds; never stored.
    problems: list[str] = field(default_factory=list)
    """What is wrong, a sentence each, the gravest first; of a connection that works these make it *degraded*."""
    flapping: int = 0
    """How often it was lost within ten minutes, if that is often; else 0."""
    usual_gap_ms: int = 0
    """How long its usual pauses between messages are; 0 while too few came to say."""
    flow: Flow = field(default_factory=Flow)

    def to_json(self) -> bytes:
        """Return the stored form. The state comes first: scripts look for it."""
        row = asdict(self)
        for name in _JUDGED:
            del row[name]
        return orjson.dumps(row)

    @classmethod
    def from_json(cls, text: bytes, **more: Any) -> "Status":
        """Read the stored form; keys of a newer release are left out. `more` are fields that a reader knows better."""
        stored = orjson.loads(text)
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored and name not in _JUDGED}
        return cls(**{**known, "state": ConnectionState(stored["state"]), **more})

    @property
    def live(self) -> bool:
        """Say whether there is proof that the connection is up."""
        return self.state in LIVE_STATES

    def subscription_states(self) -> list[JSONObject]:
        """Return the state of each subscription: `topic`, `state`, `cause`, `proof_ms` and `last_message_ms` (0: not known).

        One that was refused is *refused* as long as its connection lives; all others are as their connection is.
        """
        state = ConnectionState.CONNECTED if self.live else self.state
        if not self.subscriptions:
            return [_subscription(part, state, self.latest_cause) for part in self.parts]
        return [self._subscription_state(row, state) for row in self.subscriptions]

    def _subscription_state(self, row: JSONObject, state: ConnectionState) -> JSONObject:
        topic, detail, last = str(row.get("topic", "")), str(row.get("detail", "")), int(str(row.get("last_ms") or 0))
        proof = int(str(row.get("proof_ms") or 0)) or self.proof_ms
        if not row.get("granted") and state in (ConnectionState.CONNECTED, ConnectionState.UNKNOWN):
            return _subscription(topic, ConnectionState.REFUSED, detail)
        return _subscription(topic, state, detail if self.live else self.latest_cause, proof, last)


_JUDGED = ("problems", "flapping", "usual_gap_ms", "flow")


def _subscription(topic: str, state: ConnectionState, cause: str, proof_ms: int = 0, last_ms: int = 0) -> JSONObject:
    return {"topic": topic, "state": state, "cause": cause, "proof_ms": proof_ms, "last_message_ms": last_ms}


NEVER_SEEN = Status(latest_cause=gettext_noop("No listener has reported on this integration yet."))

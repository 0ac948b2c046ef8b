"""An event while its runs are under way, and the place of its integration in a worker."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from integrations.events import TriggerEvent
from integrations.runtime.inspector import Outcome, Way
from integrations.runtime.lease import Lease
from wegnology.lib.paths import copy_json
from wegnology.lib.types import JSONObject
from workflows.catalog import Known, Match, Plan
from workflows.exceptions import RunFailed
from workflows.trace import Trace

FIRST = b"0"
ERROR_CHARACTERS = 300
"""Of an error so much is shown beside its message; the parked run has all of it."""


class Claimed(NamedTuple):
    """An entry of an inbox as the claim script hands it out."""

    identifier: bytes
    stored: bytes
    suspect: bool


class Past(NamedTuple):
    """How often workers died with events of an integration under way, and which event was on trial at the last death."""

    deaths: int
    on_trial: bytes


class Box:
    """What this worker keeps of one integration whose partition it holds.

    `after` is the last entry claimed. `claiming`: a claim is under way. `resting`: throttled until a timer wakes it. `flying`
    counts events claimed and not yet settled. `limited_since`: since when (seconds since 1970) the throttle has held events
    back, 0 while it does not. `waiting` are entries claimed that must not start yet: a suspect, and what
    came after one; `suspects_up_to` is the last entry that a holder which died had started,
    `past` what is known of that.
    """

    __slots__ = (
        "after",
        "claiming",
        "flying",
        "fresh",
        "integration_id",
        "lease",
        "limited_since",
        "more",
        "past",
        "resting",
        "suspects_up_to",
        "waiting",
    )

    def __init__(self, integration_id: str, lease: Lease) -> None:
        self.integration_id = integration_id
        self.lease = lease
        self.after = FIRST
        self.flying = 0
        self.fresh = True
        self.more = False
        self.resting = False
        self.claiming = False
        self.limited_since = 0.0
        self.suspects_up_to = b""
        self.past: Past | None = None
        self.waiting: deque[Claimed] = deque()


INBOX = ">"
"""Stands before the id of a target that is the inbox of a workflow: the body is an event then."""


class Send(NamedTuple):
    """A message for an outbox, or an event for an inbox (`INBOX`).

    `visit` is unique within the event and the same when the event is run again.
    """

    visit: str
    partition: int
    integration_id: str
    body: bytes


class Sent(NamedTuple):
    """What became of a message that was sent by request; counted when its event ends. `outcome`: sent or failed."""

    visit: str
    partition: int
    integration_id: str
    outcome: str
    milliseconds: int = 0


class Failure(NamedTuple):
    """One run of an event that failed."""

    plan: Plan
    error: RunFailed


class Begun(NamedTuple):
    """A run that waits: its payload, and the way it went so far."""

    plan: Plan
    payload: JSONObject
    trace: Trace

    def cut_short(self, error: RunFailed) -> RunFailed:
        """Say of a run that was ended from outside where it was: at the node that it visited last."""
        error.payload, error.path = self.payload, tuple(self.trace.path)
        error.node_id = error.path[-1] if error.path else ""
        place = self.plan.graph.nodes.get(error.node_id) if self.plan.graph else None
        error.node_label = place.label if place else ""
        return error


class Flight:
    """One event whose runs are under way. `repeated`: some sends may have gone out before, so each is checked."""

    __slots__ = (
        "begun",
        "box",
        "ended",
        "ended_at",
        "event",
        "failures",
        "identifier",
        "matches",
        "pending",
        "repeated",
        "sends",
        "sent",
        "tasks",
        "text",
        "throttled",
    )

    ended: str
    """How the event ended, and ..."""
    ended_at: float
    """... when (seconds since 1970); neither is set before."""

    def __init__(
        self, box: Box, identifier: bytes, text: bytes, event: TriggerEvent, repeated: bool, matches: Sequence[Match] = ()
    ) -> None:
        """`text` is the stored form of the event."""
        self.box = box
        self.identifier = identifier
        self.text = text
        self.event = event
        self.repeated = repeated
        self.matches = matches
        self.pending = len(matches)
        self.sends: list[Send] = []
        self.sent: list[Sent] | None = None
        self.failures: tuple[Failure, ...] = ()
        self.tasks: set[asyncio.Task[object]] | None = None
        self.begun = time.time()
        self.throttled = box.limited_since

    def stored(self) -> bytes:
        """Return what is shown of its end to whoever looks at messages; most of a burst are never asked."""
        accepted = int(self.identifier.partition(b"-")[0])
        throttled = int(self.begun * 1000) - max(accepted, int(self.throttled * 1000)) if self.throttled else 0
        errors = {id(plan): f"{error.name}: {error.message}"[:ERROR_CHARACTERS] for plan, error in self.failures}
        runs = [(plan.workflow_id, plan.version_id, errors.get(id(plan), "")) for plan, _ in self.matches]
        sends = [Way(one.integration_id, one.outcome, one.milliseconds) for one in self.sent or ()]
        times = accepted, max(throttled, 0), int(self.begun * 1000), int(self.ended_at * 1000)
        return Outcome(self.event.id, self.ended, *times, runs, sends).stored()

    def count_sent(self, sent: Sent) -> None:
        """Remember what became of a message that was sent by request."""
        if self.sent is None:
            self.sent = []
        self.sent.append(sent)


def payload_of(plan: Plan, known: Known, event: TriggerEvent, own_copy: bool) -> JSONObject:
    """Return the payload a run begins with (product page "Integration triggers": the envelope of every kind of event)."""
    values = plan.globals.copy() if plan.flat_globals else copy_json(plan.globals)
    data = copy_json(event.data) if own_copy else event.data
    origin = event.origin
    if origin is None:
        return {
            **plan.envelope,
            "globals": values,
            "time": _iso(event.time_ms),
            "relayId": known.integration_id,
            "triggerId": known.integration_id,
            "relayType": "integration",
            "triggerType": "integration",
            "data": data,
        }
    payload = {**plan.envelope, "globals": values, "time": _iso(event.time_ms)}
    payload["triggerId"], payload["triggerType"] = origin.trigger_id, origin.trigger_type
    if origin.relay_type:
        payload["relayId"], payload["relayType"] = origin.relay_id, origin.relay_type
    payload["data"] = data
    return payload


def _iso(time_ms: int) -> str:
    """Return milliseconds since 1970 as ISO 8601 with milliseconds."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    """Return the text of a second, which is made once for all its events."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")

"""How the row of a connection changes: with each step of its life, through handovers and edits, and while it only half works."""

from dataclasses import replace

from integrations.connectors.base import AnyConnector
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import FLAPPING_MS, ConnectionState, Status
from wegnology.lib.types import JSONObject

LOSSES_KEPT = 20
SOURCE_MS = 5_000
"""How often it is written what waits at a source."""
LAG_MS = 300_000
LAG_TIMES, LAG_LEAST = 1.2, 10
"""More and more waits at a source when in five minutes it became a fifth more, and at least ten messages."""
UNREAD_MS = 5_000
"""A connection that is not read for so long is told of."""


def first_status(desired: Desired, process: str, last: Status | None, now_ms: int) -> Status:
    """Return the row of a line that begins. A cause goes on with the next holder; after an edit it must show itself again."""
    status = Status(ConnectionState.CONNECTING, now_ms, settings=desired.digest, listener=process)
    if last is None:
        return status
    status = replace(
        status,
        connected_ms=last.connected_ms,
        disconnected_ms=last.disconnected_ms,
        disconnect_error=last.disconnect_error,
        losses=last.losses,
        parts=last.parts,
        known_topics=last.known_topics,
    )
    if not last.down:
        return status
    status = replace(status, latest_cause=last.latest_cause, down=last.down)
    if last.settings != desired.digest:
        return status
    return replace(status, since_ms=last.since_ms, first_cause=last.first_cause, attempts=last.attempts)


def connected_status(before: Status, connector: AnyConnector, now_ms: int) -> Status:
    """Return the row of a line that has just been connected."""
    wrong, rows = connector.degraded, rows_of(connector)
    return Status(
        ConnectionState.CONNECTED,
        now_ms,
        first_cause=wrong,
        latest_cause=wrong,
        connected_ms=now_ms,
        disconnected_ms=before.disconnected_ms,
        disconnect_error=before.disconnect_error,
        subscriptions=rows,
        notices=list(getattr(connector, "notices", [])),
        degraded=wrong,
        losses=before.losses,
        settings=before.settings,
        listener=before.listener,
        parts=[str(row["topic"]) for row in rows],
        known_topics=list(connector.source.topics),
    )


def lost_status(before: Status, error: str, now_ms: int) -> Status:
    """Return the row of a line that was connected and is no more, before it is known what follows."""
    losses = [*(time for time in before.losses if time > now_ms - FLAPPING_MS), now_ms][-LOSSES_KEPT:]
    return replace(
        before, disconnected_ms=now_ms, disconnect_error=error, losses=losses, first_cause="", degraded="", lagging_ms=0
    )


def down_status(before: Status, state: ConnectionState, cause: str, attempts: int, now_ms: int, next_ms: int) -> Status:
    """Return the row of a line that is down, with the first and the latest cause."""
    return replace(
        before,
        state=state,
        since_ms=before.since_ms if before.down == state else now_ms,
        first_cause=before.first_cause if before.down and before.first_cause else cause,
        latest_cause=cause,
        down=state,
        attempts=attempts,
        next_attempt_ms=next_ms,
        subscriptions=[],
    )


def idle_status(desired: Desired, process: str, now_ms: int) -> Status:
    """Return the row of an integration that is not to be connected."""
    if desired.enabled:
        cause = "; ".join(f"{name}: {text}" if name else text for name, text in desired.errors.items())
        state = ConnectionState.NOT_CONFIGURED
        return Status(state, now_ms, first_cause=cause, latest_cause=cause, errors=desired.errors, listener=process)
    return Status(ConnectionState.DISABLED, now_ms, latest_cause="Switched off.", listener=process)


def rows_of(connector: AnyConnector) -> list[JSONObject]:
    """Return what became of each subscription, as rows keep it."""
    return [subscription._asdict() for subscription in connector.subscriptions()]


class Condition:
    """How well a connection works that is up: what its connector says, whether it is read, how much waits at its source."""

    __slots__ = ("_lag_from", "_looked_ms", "_unread_ms")

    def __init__(self) -> None:
        self._unread_ms = 0
        self._looked_ms = 0
        self._lag_from = (0, 0)

    @property
    def unread(self) -> bool:
        """Say whether it was not read at the last look."""
        return bool(self._unread_ms)

    def see(self, status: Status, connector: AnyConnector, unread: str, now_ms: int) -> tuple[Status, bool]:
        """Return the row as it is now, and whether that is a change for the history. `unread` says why nothing is read, if so."""
        text = connector.degraded or self._told(unread, now_ms)
        if text != status.degraded:
            first = text and (status.first_cause or text)
            changed = replace(status, degraded=text, first_cause=first, latest_cause=text, since_ms=now_ms)
            return replace(changed, subscriptions=rows_of(connector)), True
        if now_ms - self._looked_ms < SOURCE_MS:
            return status, False
        self._looked_ms = now_ms
        backlog, rows = dict(connector.backlog), rows_of(connector)
        lagging = self._lagging(sum(backlog.values()), status.lagging_ms, now_ms)
        return replace(status, backlog=backlog, subscriptions=rows, lagging_ms=lagging), False

    def _told(self, unread: str, now_ms: int) -> str:
        if not unread:
            self._unread_ms = 0
            return ""
        self._unread_ms = self._unread_ms or now_ms
        return f"Nothing more is read from the source: {unread}" if now_ms - self._unread_ms >= UNREAD_MS else ""

    def _lagging(self, waiting: int, lagging_ms: int, now_ms: int) -> int:
        """Return since when more and more waits: compared every five minutes, over as soon as nothing waits."""
        since, then = self._lag_from
        if not since or not waiting:
            self._lag_from = (now_ms, waiting)
            return 0
        if now_ms - since < LAG_MS:
            return lagging_ms
        self._lag_from = (now_ms, waiting)
        return (lagging_ms or since) if waiting > then * LAG_TIMES + LAG_LEAST else 0

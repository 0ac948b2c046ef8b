"""The status of a connection as the API answers it."""

from typing import Any

from integrations.runtime.status import NEVER_SEEN, Flow, Status
from wegnology.lib.types import JSONObject


def status_answer(status: Status | None) -> dict[str, Any]:
    """Return a status; None when Redis cannot be reached."""
    known = status or NEVER_SEEN
    return {
        "connectInfo": {"ts": known.connected_ms or None},
        "disconnectInfo": {"ts": known.disconnected_ms or None, "error": known.disconnect_error},
        "lastKeepAlive": known.proof_ms or None,
        "nextAttempt": known.next_attempt_ms or None,
        "state": known.state.value,
        "since": known.since_ms or None,
        "firstCause": known.first_cause,
        "latestCause": known.latest_cause if status else "Redis cannot be reached: nothing is known.",
        "attempts": known.attempts,
        "lastMessage": known.last_message_ms or None,
        "problems": known.problems,
        "notices": known.notices,
        "flapping": known.flapping,
        "errors": known.errors,
        "subscriptions": [_subscription(row) for row in known.subscription_states()],
        "backlog": known.backlog,
        "flow": _flow(known.flow) if status else None,
    }


def _subscription(row: JSONObject) -> dict[str, Any]:
    return {
        "topic": row["topic"],
        "state": str(row["state"]),
        "cause": row["cause"],
        "lastKeepAlive": row["proof_ms"] or None,
        "lastMessage": row["last_message_ms"] or None,
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "limitPerSecond": flow.limit_per_second,
        "receivedPerSecond": flow.received_per_second,
        "runPerSecond": flow.run_per_second,
        "waiting": flow.waiting,
        "oldest": flow.oldest_ms or None,
        "throttled": flow.throttled_ms or None,
        "outgoing": flow.outgoing,
    }

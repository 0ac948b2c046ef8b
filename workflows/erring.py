"""What a failed run fires: the Workflow Error triggers of its application.

The events leave with the end of the failed one, in the same step, so they are fired if and only if the failure is recorded.
Runs that an error trigger started fire none, and neither does a chain of workflows that has become too long.
"""

import hashlib
from collections.abc import Callable, Sequence

import orjson

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime.keys import partition_of
from wegnology.lib.types import JSONObject, JSONValue
from workflows.flight import INBOX, Failure, Send
from workflows.plans import OwnSources
from workflows.triggers import FLOW_ERROR, WEBHOOK

MAX_DEPTH = 20
"""Workflows that may trigger each other in a row."""
MOST_PAYLOAD_BYTES = 256 * 1024
OMITTED = "Payload data omitted due to size"


def depth_of(event: TriggerEvent) -> int:
    """Return how many workflows have triggered each other up to this event."""
    return event.origin.depth if event.origin else 0


def derived_id(*parts: str) -> str:
    """Return an id that is the same whenever the same event brings forth the same thing again."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def error_events(own: Callable[[str], OwnSources], event: TriggerEvent, failures: Sequence[Failure]) -> list[Send]:
    """Return what the failed runs of an event put into the inboxes of workflows that want their errors, narrowest first."""
    if (event.origin and event.origin.trigger_type == FLOW_ERROR) or depth_of(event) >= MAX_DEPTH:
        return []
    sends = []
    for failure in failures:
        plan = failure.plan
        for handler in own(plan.application_id).error_handlers(plan.workflow_id) if plan.workflow_id else ():
            visit = f"error:{plan.version_id}:{handler}"
            sends.append(Send(visit, partition_of(handler), INBOX + handler, _event(event, failure, handler)))
    return sends


def _event(event: TriggerEvent, failure: Failure, handler: str) -> bytes:
    workflow_id = failure.plan.workflow_id
    origin = Origin(FLOW_ERROR, f"{workflow_id}-flowError", "flow", workflow_id, depth_of(event) + 1)
    identifier = derived_id(event.id, failure.plan.version_id, handler)
    return TriggerEvent(identifier, EventKind.MESSAGE, event.time_ms, _data(event, failure), origin=origin).to_json()


def _data(event: TriggerEvent, failure: Failure) -> JSONObject:
    plan, error = failure
    place = plan.graph.nodes.get(error.node_id) if plan.graph else None
    data: JSONObject = {
        "errorInfo": {
            "error": {"message": error.message, "name": error.name},
            "nodeId": error.node_id,
            "nodeType": place.node.name if place else "",
        },
        "erroredPayload": _bounded(error.payload),
    }
    if event.origin and event.origin.trigger_type == WEBHOOK and "replyId" in event.data:
        data["replyId"] = event.data["replyId"]
    return data


def _bounded(payload: JSONObject) -> JSONValue:
    """Return the payload as it can be stored; what is too large or no JSON is left out."""
    try:
        return payload if len(orjson.dumps(payload)) <= MOST_PAYLOAD_BYTES else OMITTED
    except TypeError:
        return OMITTED

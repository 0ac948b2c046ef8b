"""What a run does to other workflows of its application: start one at once or later, take that back, answer a webhook call.

A start leaves with the end of the run's event, in the same step, like a message; a scheduled one is put down at once under an id
that is the same when the run happens twice.
"""

import time
from typing import Any, Protocol

import redis.exceptions

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime.keys import key, prefix
from integrations.runtime.limits import Limits
from wegnology.lib.redis import AsyncRedis, RedisAway
from wegnology.lib.types import JSONObject, JSONValue
from workflows import replies, scripts
from workflows.catalog import Catalog
from workflows.erring import MAX_DEPTH, depth_of, derived_id
from workflows.flight import INBOX, Flight, Send
from workflows.nodes.base import Button, NodeFailed
from workflows.plans import Known, Plan
from workflows.triggers import BUTTON

MOST_SCHEDULED = 10_000
"""Runs that one application may have scheduled."""
NEW_CHAIN_SECONDS = 60.0
"""A run that is scheduled so far ahead begins a new chain: such a circle harms nobody."""


class Effects(Protocol):
    """What is needed of the worker's engine."""

    catalog: Catalog
    limits: Limits
    client: AsyncRedis

    def queue_send(self, flight: Flight, send: Send) -> None:
        """Take what leaves with the end of its event, or at once when the event's runs go on."""


class Gate(Protocol):
    """What asks whether the run may still have effects, and numbers the visits of its nodes."""

    def tick(self) -> object:
        """Raise when it may not."""

    def visit(self, node_id: str) -> str:
        """Number the visits of a node, the same when the event is run again."""


class Starts:
    """The doors of one run to other workflows."""

    def __init__(self, effects: Effects, flight: Flight, plan: Plan, gate: Gate) -> None:
        self._effects = effects
        self._flight = flight
        self._plan = plan
        self._gate = gate

    def start(self, button: Button, data: JSONValue, node_id: str) -> str:
        """Press a virtual button with the end of this run's event; returns the id of the run. Raises `NodeFailed`."""
        target = self._target(button)
        visit, event = self._event(button, data, node_id, depth_of(self._flight.event) + 1)
        self._gate.tick()
        self._effects.queue_send(self._flight, Send(visit, target.partition, INBOX + target.integration_id, self._stored(event)))
        return event.id

    async def schedule(self, button: Button, data: JSONValue, due_ms: int, node_id: str) -> str:
        """Press a virtual button later; returns the id of the run. Raises `NodeFailed`."""
        target = self._target(button)
        far = due_ms - time.time() * 1000 >= NEW_CHAIN_SECONDS * 1000
        _, event = self._event(button, data, node_id, 1 if far else depth_of(self._flight.event) + 1)
        stored = target.integration_id.encode() + b"\n" + self._stored(event)
        arguments = [prefix(), self._plan.application_id, event.id, due_ms, MOST_SCHEDULED, stored]
        if not await self._do(scripts.schedule.call(self._effects.client, arguments)):
            raise NodeFailed(f"the application has {MOST_SCHEDULED} runs scheduled: cancel some, or wait", "ScheduleFull")
        return event.id

    async def cancel(self, run_id: str) -> bool:
        """Take a scheduled run back; False when there is none of that id, or it has started."""
        application_id = self._plan.application_id

        async def remove() -> Any:
            async with self._effects.client.pipeline(transaction=True) as pipe:
                pipe.zrem(key("schedule"), f"{application_id}:{run_id}")
                pipe.hdel(key("scheduled", application_id), run_id)
                return await pipe.execute()

        return bool((await self._do(remove()))[0])

    async def reply(self, reply_id: str, reply: JSONObject) -> bool:
        """Answer a webhook call; False when nobody waits for it any more."""
        return bool(await self._do(replies.answer(self._effects.client, self._plan.application_id, reply_id, reply)))

    def _target(self, button: Button) -> Known:
        catalog, application_id = self._effects.catalog, self._plan.application_id
        known = catalog.workflows.get(button.workflow_id)
        if known is None or known.application_id != application_id:
            raise NodeFailed(f"there is no workflow {button.workflow_id!r} in this application", "WorkflowMissing")
        if not known.enabled:
            raise NodeFailed(f"the workflow {known.name!r} is disabled", "WorkflowDisabled")
        own = catalog.own(application_id)
        plan = own.plan(button.workflow_id, button.version)
        if plan is None:
            name = f" {button.version!r}" if button.version else ""
            raise NodeFailed(f"the workflow {known.name!r} has no version{name} that is enabled", "WorkflowVersionMissing")
        if not own.has_button(plan, button.key):
            raise NodeFailed(f"the workflow {known.name!r} has no virtual button {button.key!r}", "VirtualButtonMissing")
        return known

    def _event(self, button: Button, data: JSONValue, node_id: str, depth: int) -> tuple[str, TriggerEvent]:
        if depth > MAX_DEPTH:
            raise NodeFailed(f"{MAX_DEPTH} workflows have triggered each other in a row; this one must end", "TooManyTriggers")
        cause = self._flight.event
        visit = self._gate.visit(node_id)
        origin = Origin(BUTTON, button.key, "flow", self._plan.workflow_id, depth)
        identifier, now = derived_id(cause.id, visit), int(time.time() * 1000)
        given: Any = data
        return visit, TriggerEvent(identifier, EventKind.MESSAGE, now, given, version=button.version, origin=origin)

    def _stored(self, event: TriggerEvent) -> bytes:
        stored, most = event.to_json(), self._effects.limits.payload_bytes
        if len(stored) > most:
            raise NodeFailed(f"a payload may have {most} bytes, this one has {len(stored)}", "PayloadTooLarge")
        return stored

    async def _do(self, step: Any) -> Any:
        try:
            self._gate.tick()
        except BaseException:
            step.close()
            raise
        try:
            return await step
        except (*RedisAway, redis.exceptions.ResponseError) as error:
            raise NodeFailed(f"Redis did not take it: {error}", "RedisError") from None

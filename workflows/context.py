"""What nodes may do to the world while an event is run by a worker."""

import asyncio
import time
from typing import Protocol

from integrations.exceptions import LeaseLost
from integrations.runtime.limits import Limits
from integrations.runtime.outbox import WAIT_SECONDS
from wegnology.lib.packed_json import packed
from wegnology.lib.redis import AsyncRedis
from wegnology.lib.script_pool import ScriptFailed, ScriptPool
from wegnology.lib.types import JSONObject, JSONValue
from workflows.catalog import Catalog, Known, Plan
from workflows.exceptions import RunLimitReached
from workflows.flight import Flight, Send, Sent
from workflows.http_call import HttpAnswer, HttpCall
from workflows.http_requests import HttpRequests
from workflows.insight.hits import Hit
from workflows.nodes.base import Login, NodeFailed
from workflows.requests import Requests
from workflows.starting import Starts
from workflows.storage import Storages, WorkflowStorage
from workflows.trace import Trace
from workflows.turns import Turns


class Effects(Protocol):
    """Where effects go: the worker's engine."""

    catalog: Catalog
    client: AsyncRedis
    limits: Limits
    turns: Turns
    requests: Requests
    storages: Storages
    scripts: ScriptPool
    http: HttpRequests

    def queue_send(self, flight: Flight, send: Send) -> None:
        """Take a message that leaves with the end of its event, or at once when the event's runs go on."""

    async def ask(self, flight: Flight, send: Send, message: JSONObject) -> str:
        """Send and wait for the outcome: "" or "failed:<why>" or "unknown:<why>"."""

    def show(self, flight: Flight, plan: Plan, trace: Trace, hit: Hit) -> None:
        """Show a value to whoever watches the workflow."""


class Context:
    """The `RunContext` of one run."""

    __slots__ = ("_deadline", "_effects", "_flight", "_lease", "_place", "_plan", "_trace", "_visits")

    def __init__(self, effects: Effects, flight: Flight, plan: Plan, trace: Trace) -> None:
        """The number of `trace` tells the runs of one event apart: a workflow may have several triggers that it fires."""
        self._effects = effects
        self._flight = flight
        self._lease = flight.box.lease
        self._plan = plan
        self._trace = trace
        self._visits: dict[str, int] = {}
        self._place = -1
        self._deadline = trace.began + effects.limits.run_seconds

    @property
    def storage(self) -> WorkflowStorage:
        """What the runs of this workflow keep."""
        return WorkflowStorage(self._effects.storages, self._plan.workflow_id, self)

    @property
    def starts(self) -> Starts:
        """What the run does to other workflows."""
        return Starts(self._effects, self._flight, self._plan, self)

    def tick(self) -> float:
        """Raise `RunLimitReached` past the deadline, or when another worker may have taken over."""
        now = time.monotonic()
        until = min(self._deadline, self._lease.deadline)
        if now < until:
            return until
        if now >= self._deadline:
            raise RunLimitReached(f"the run took longer than {self._effects.limits.run_seconds:g} s")
        if not self._lease.alive():
            raise LeaseLost("the lease of this partition ran out")
        return self._lease.deadline

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(time.time() * 1000)

    async def turn(self) -> None:
        """Let others compute."""
        if self._place < 0:
            self._place = self._effects.turns.number()
        await self._effects.turns.wait(self._flight.box.integration_id, self._place)

    def debug(self, message: str, value: JSONValue, level: str = "verbose", node_id: str = "") -> None:
        """Show a value to whoever watches the workflow."""
        self._effects.show(self._flight, self._plan, self._trace, Hit(message, value, level, node_id))

    async def send(self, integration_id: str, message: JSONObject, node_id: str) -> JSONObject:
        """Send through an integration of the same application."""
        if self.queue(integration_id, message, node_id):
            return {}
        known = self._effects.catalog.integrations[integration_id]
        visit = self.visit(node_id)
        if known.connector is not None and known.connector.sends_live:
            return await self._ask(Send(visit, known.partition, integration_id, b""), message)
        return await self._request(known, message, visit)

    def queue(self, integration_id: str, message: JSONObject, node_id: str) -> bool:
        """Let a message wait for its connection; False where the outcome is waited for. Raises `NodeFailed`."""
        effects, flight = self._effects, self._flight
        known = effects.catalog.integrations.get(integration_id)
        if known is None or not known.queues or known.application_id != self._plan.application_id:
            self._check(known, integration_id)
            return False
        if time.monotonic() >= self._lease.deadline:
            self.tick()
        body = packed({"m": message, "o": (flight.box.integration_id, flight.event.id)})
        effects.queue_send(flight, Send(self.visit(node_id), known.partition, integration_id, body))
        return True

    def _check(self, known: Known | None, integration_id: str) -> None:
        """Raise `NodeFailed` where nothing can be sent through an integration."""
        if known is None or known.application_id != self._plan.application_id:
            raise NodeFailed(f"there is no integration {integration_id!r} in this application", "IntegrationMissing")
        if known.connector is None or known.connector.Outgoing is None:
            raise NodeFailed(f"the integration {known.name!r} cannot send messages", "SendNotSupported")
        if not known.enabled:
            raise NodeFailed(f"the integration {known.name!r} is disabled", "IntegrationDisabled")

    async def send_directly(self, login: Login, message: JSONObject, node_id: str) -> JSONObject:
        """Send by request with a login of the node's own. It is in no ledger: there is no integration to count it for."""
        self.tick()
        identity = f"{self._flight.event.id}:{self.visit(node_id)}"
        return await self._effects.requests.directly(self._plan.application_id, login, message, identity)

    async def run_script(self, script: str, payload: bytes, node_id: str = "") -> bytes:
        """Run JavaScript; what it logs is shown like debug values."""
        self.tick()
        try:
            outcome = await self._effects.scripts.run(self._plan.workflow_id, script, payload)
        except ScriptFailed as error:
            place = f" (line {error.line})" if error.line else ""
            raise NodeFailed(f"{error}{place}", error.name) from None
        for level, text in outcome.logs:
            self.debug(text, None, level, node_id)
        return outcome.value

    async def http(self, call: HttpCall) -> HttpAnswer:
        """Ask a web server; a run that happens twice asks twice."""
        self.tick()
        return await self._effects.http.ask(self._plan.application_id, call)

    def visit(self, node_id: str) -> str:
        """Number the visits of a node, the same when the event is run again."""
        count = self._visits.get(node_id, 0)
        self._visits[node_id] = count + 1
        return f"{self._plan.workflow_id}:{self._trace.number}:{node_id}:{count}"

    async def _request(self, known: Known, message: JSONObject, visit: str) -> JSONObject:
        """Send by request; what became of it is counted with the end of the event."""
        self.tick()
        outcome = "failed"
        begun = time.monotonic()
        try:
            answer = await self._effects.requests.through(known, message, f"{self._flight.event.id}:{visit}")
            outcome = "sent"
            return answer
        except NodeFailed:
            outcome = ""  # it never came to a message
            raise
        finally:
            if outcome:
                took = int((time.monotonic() - begun) * 1000)
                self._flight.count_sent(Sent(visit, known.partition, known.integration_id, outcome, took))

    async def _ask(self, send: Send, message: JSONObject) -> JSONObject:
        try:
            outcome = await asyncio.wait_for(self._effects.ask(self._flight, send, message), WAIT_SECONDS)
        except TimeoutError:
            outcome = "unknown:nobody answered within 10 s; whether the message was sent is not known"
        if outcome:
            kind, _, text = outcome.partition(":")
            raise NodeFailed(text, "SendUnknown" if kind == "unknown" else "SendFailed")
        return {}

"""Starts and ends the runs of events, and carries out what their nodes want."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from functools import partial

import orjson

from integrations.events import EventKind, EventUnreadable, TriggerEvent
from integrations.exceptions import LeaseLost
from integrations.runtime.inspector import Inspector
from integrations.runtime.keys import prefix
from integrations.runtime.limits import Limits
from integrations.runtime.send_faults import SendFaults
from wegnology.lib.eager import start
from wegnology.lib.http_fetch import Fetcher
from wegnology.lib.redis import AsyncRedis
from wegnology.lib.script_pool import ScriptPool
from wegnology.lib.types import JSONObject
from workflows import engine
from workflows.absent import NAME, absence, missing_plan
from workflows.catalog import Catalog, Known, Match, Plan
from workflows.context import Context
from workflows.erring import error_events
from workflows.exceptions import RunFailed, RunLimitReached
from workflows.flight import Begun, Box, Claimed, Failure, Flight, Send, payload_of
from workflows.freshness import NotSure
from workflows.http_requests import HttpRequests
from workflows.insight.hits import Hit
from workflows.insight.limits import InsightLimits
from workflows.insight.recording import Recorder
from workflows.parking import FAILED, NO_VERSION, NOT_RUN, STOPS_WORKER, UNREADABLE, Parked, Parking
from workflows.requests import Requests
from workflows.senders import Senders
from workflows.settling import Settling
from workflows.storage import Storages
from workflows.trace import Trace
from workflows.turns import Turns

logger = logging.getLogger(__name__)


class Running:
    """The runs under way in one engine."""

    def __init__(
        self,
        process: str,
        limits: Limits,
        catalog: Catalog,
        settling: Settling,
        parking: Parking,
        rest: Callable[[Box, float], None],
        turns: Turns,
        client: AsyncRedis,
        inspector: Inspector,
    ) -> None:
        self._inspector = inspector
        self.client = client
        self.storages = Storages(client)
        self.scripts = ScriptPool(limits.script_processes)
        self.limits = limits
        self.turns = turns
        self.catalog = catalog
        self.requests = Requests(catalog, Senders(), SendFaults(client))
        self.http = HttpRequests(catalog, Fetcher())
        self.recorder = Recorder(client, process, InsightLimits.from_settings())
        self._process = process
        self._settling = settling
        self._parking = parking
        self._rest = rest
        self._answers: dict[str, asyncio.Future[str]] = {}

    def begin(self, box: Box, known: Known, claimed: Claimed, deaths: int = 0, *, sure: bool = True) -> Flight | None:
        """Start the runs of one event; returns its flight, or None when it ended at once.

        Raises `NotSure`, having done nothing, when that is asked for and a workflow saved before the event came may want it.
        """
        if not box.lease.alive():
            return None
        try:
            event = TriggerEvent.from_json(claimed.stored)
        except EventUnreadable as error:
            self._park_unreadable(box, known, claimed, str(error))
            return None
        if event.origin is None:
            matches = self.catalog.match(known, event.kind, event.replay_of, event.version)
        else:
            matches = self.catalog.fired(known, event)
        flight = Flight(box, claimed.identifier, claimed.stored, event, claimed.suspect, matches)
        if not matches:
            if not sure and int(claimed.identifier.split(b"-")[0]) >= self.catalog.loaded_ms:
                raise NotSure
            self._unmatched(flight, known)
            return None
        if deaths:
            for match in matches:
                text = f"the worker process died {deaths} times while this event was run"
                died = RunFailed(text, name="WorkerDied")
                flight.failures += (Failure(match.plan, died),)
                self.recorder.ended(flight, match.plan, Trace(), died)
            self._park(flight, STOPS_WORKER)
            return None
        for number, match in enumerate(matches):
            self._start(flight, known, match, number)
        if flight.pending:
            self._goes_on(flight)
            return flight
        return None

    def _unmatched(self, flight: Flight, known: Known) -> None:
        """End an event that nothing runs for; one that was accepted for a version which is gone is kept."""
        if missing := absence(self.catalog, known, flight.event):
            flight.failures += (Failure(missing_plan(known, flight.event), RunFailed(missing, name=NAME)),)
            self._park(flight, NO_VERSION)
        elif flight.event.replay_of:
            self._park_not_run(flight, known)
        else:
            self._end(flight, "unmatched")

    def _start(self, flight: Flight, known: Known, match: Match, number: int) -> None:
        plan, trigger = match
        trace = Trace(number)
        if trigger is None:
            self._ended(flight, plan, trace, RunFailed(f"the workflow cannot run: {plan.faults}", name="GraphInvalid"))
            return
        payload = payload_of(plan, known, flight.event, own_copy=len(flight.matches) > 1)
        context = Context(self, flight, plan, trace)
        try:
            # `begin` saw that the lease is alive, so nothing need be asked before it may run out.
            rest = engine.begin(trigger, payload, context, trace, flight.box.lease.deadline)
            task = None if rest is None else start(rest, partial(self._ended, flight, plan, trace))
        except RunFailed as error:
            self._ended(flight, plan, trace, error)
        except LeaseLost:
            return  # the lease ran out: nothing of this event may start or end here any more
        else:
            if rest is None:
                self._ended(flight, plan, trace)
            elif task is not None:
                if flight.tasks is None:
                    flight.tasks = set()
                flight.tasks.add(task)
                # Nodes are asked between each other; one that waits past the deadline is ended from here.
                timer = asyncio.get_running_loop().call_later(self.limits.run_seconds, task.cancel)
                begun = Begun(plan, payload, trace)
                task.add_done_callback(partial(self._task_ended, flight, begun, timer))

    def _task_ended(self, flight: Flight, begun: Begun, timer: asyncio.TimerHandle, task: asyncio.Task[object]) -> None:
        timer.cancel()
        if flight.tasks is not None:
            flight.tasks.discard(task)
        if task.cancelled():
            if timer.when() <= asyncio.get_running_loop().time():
                text = f"the run took longer than {self.limits.run_seconds:g} s"
                self._ended(flight, begun.plan, begun.trace, begun.cut_short(RunLimitReached(text)))
            return
        error = task.exception()
        if isinstance(error, LeaseLost):
            return
        if error is None:
            self._ended(flight, begun.plan, begun.trace)
        elif isinstance(error, RunFailed):
            self._ended(flight, begun.plan, begun.trace, error)
        else:
            logger.error("a run ended by a fault of the engine", exc_info=error)
            self._ended(flight, begun.plan, begun.trace, RunFailed(str(error), name=type(error).__name__))

    def _ended(self, flight: Flight, plan: Plan, trace: Trace, error: RunFailed | None = None) -> None:
        self.recorder.ended(flight, plan, trace, error)
        if error is not None:
            flight.failures += (Failure(plan, error),)
        flight.pending -= 1
        if flight.pending:
            return
        if flight.failures:
            self._park(flight, FAILED)
        else:
            self._end(flight, "finished")

    def _park(self, flight: Flight, reason: str) -> None:
        """Keep what failed, and end the event then."""
        flight.sends += error_events(self.catalog.own, flight.event, flight.failures)
        done = partial(self._end, flight, f"parked:{reason}", time.time())
        kept = flight.event.id, flight.text, reason, flight.failures, done
        self._parking.park(Parked(flight.box.integration_id, *kept, int(flight.identifier.partition(b"-")[0])))

    def _end(self, flight: Flight, outcome: str, at: float = 0.0) -> None:
        """End an event; `at`: when its runs had ended, if that was before now."""
        self._settling.end(flight, outcome)
        flight.ended, flight.ended_at = outcome, at or time.time()
        self._inspector.ended(flight.box.integration_id, flight)

    def _park_unreadable(self, box: Box, known: Known, claimed: Claimed, text: str) -> None:
        plan = Plan(known.application_id, "", "", None, {}, {}, True)
        place = f"{box.integration_id}:{claimed.identifier.decode()}"
        event = TriggerEvent(hashlib.sha256(place.encode()).hexdigest()[:24], EventKind.MESSAGE, 0, {})
        flight = Flight(box, claimed.identifier, claimed.stored, event, repeated=False)
        flight.failures += (Failure(plan, RunFailed(text, name="EventUnreadable")),)
        self._park(flight, UNREADABLE)

    def _park_not_run(self, flight: Flight, known: Known) -> None:
        """Keep a replayed event that no workflow wants: whoever replayed it would miss it."""
        text = "no workflow wants this event: the workflow is deleted or disabled, or that version has no trigger for it"
        plan = Plan(known.application_id, flight.event.replay_of, "", None, {}, {}, True)
        flight.failures += (Failure(plan, RunFailed(text, name="NothingToRun")),)
        self._park(flight, NOT_RUN)

    def _goes_on(self, flight: Flight) -> None:
        """What a waiting run sent so far must not wait for its end."""
        flight.repeated = True
        for send in flight.sends:
            self._settling.send(flight, send)
        flight.sends.clear()

    def queue_send(self, flight: Flight, send: Send) -> None:
        """Take a message that leaves with the end of its event, or at once when the event's runs go on.

        Where it goes to is congested: the integration it comes from rests a moment, so that order is kept.
        """
        if self._settling.congested:
            pause = self._settling.congested.get(send.integration_id, 0.0) - time.monotonic()
            if pause > 0:
                self._rest(flight.box, pause)
        if flight.repeated and flight.tasks:
            self._settling.send(flight, send)
        else:
            flight.sends.append(send)

    async def ask(self, flight: Flight, send: Send, message: JSONObject) -> str:
        """Send and wait for the outcome."""
        reply = f"{flight.event.id}:{send.visit}"
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[reply] = waiting
        call = f"{prefix()}wake:{self._process}#{reply}"
        body = orjson.dumps({"m": message, "r": call, "o": (flight.box.integration_id, flight.event.id)})
        self._settling.send(flight, send._replace(body=body))
        try:
            return await waiting
        finally:
            self._answers.pop(reply, None)

    def show(self, flight: Flight, plan: Plan, trace: Trace, hit: Hit) -> None:
        """Keep a debug value for whoever watches."""
        self.recorder.show(flight, plan, trace, hit)

    def answered(self, text: bytes) -> None:
        """Take the outcome of a send that a node waits for."""
        answer = orjson.loads(text)
        waiting = self._answers.pop(answer["reply"], None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer["outcome"])

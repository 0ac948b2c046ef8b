"""The engine of a worker process: takes partitions, claims events as their throttle allows, runs them, ends them.

One event loop runs everything. What only computes runs through at once; a run that waits becomes a task. Integrations take
turns; no batch of them holds the loop longer than a few milliseconds.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from django.db import DatabaseError

from integrations.events import EventKind, EventUnreadable, TriggerEvent
from integrations.exceptions import LeaseLost
from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.lease import Lease, Leases, Presence, share
from integrations.runtime.limits import Limits
from integrations.runtime.supervisor import hear
from wegnology.lib.eager import start
from wegnology.lib.redis import AsyncRedis, RedisAway
from wegnology.lib.types import JSONObject, JSONValue
from workflows import engine
from workflows.catalog import Catalog, Known, Match, Plan
from workflows.context import Context
from workflows.exceptions import RunFailed
from workflows.flight import Box, Claimed, Failure, Flight, Send, payload_of
from workflows.parking import FAILED, STOPS_WORKER, UNREADABLE, Parked, Parking
from workflows.settling import Settling
from workflows.suspects import Suspects

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""A partition without work for so long is given back."""
BOXES_A_CLAIM = 64
EVENTS_A_CLAIM = 50
SLICE_SECONDS = 0.005
SHUTDOWN_SECONDS = 20.0
UNKNOWN_RETRY_SECONDS = 1.0


class Engine:
    """Everything a worker process does with events; `run` ends when `stop` is set."""

    def __init__(self, client: AsyncRedis, process: str, limits: Limits, catalog: Catalog) -> None:
        self.catalog = catalog
        self.limits = limits
        self._client = client
        self._process = process
        self._leases = Leases(client, "run", process, limits.lease_seconds)
        self._presence = Presence(client, "workers", process, limits.lease_seconds)
        self._database = ThreadPoolExecutor(1, "catalog")
        self._parking_thread = ThreadPoolExecutor(1, "parking")
        self._parking = Parking(self._parking_thread)
        self._settling = Settling(client, limits, self._settled, self._lost)
        self._suspects = Suspects(client, self._begin)
        self._suspects.on_free = self._push_if_held
        self._boxes: dict[str, Box] = {}
        self._due: dict[Box, None] = {}
        self._wake = asyncio.Event()
        self._flying = 0
        self._idle_since: dict[int, float] = {}
        self._leaving: set[int] = set()
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._stopping = False
        self._fair = limits.partitions

    # Partitions

    async def take(self, partition: int) -> bool:
        """Take a partition that has work, unless we hold our share; say whether we hold it now."""
        if self._stopping or partition in self._leases.held:
            return partition in self._leases.held
        if len(self._leases.held) >= self._fair:
            return False
        lease = await self._leases.acquire(partition)
        if lease is None:
            return False
        self._idle_since[partition] = time.monotonic()
        await self._look([lease])
        return True

    async def _look(self, leases: Sequence[Lease]) -> None:
        """Mark every integration that has events in these partitions."""
        async with self._client.pipeline(transaction=False) as pipe:
            for lease in leases:
                pipe.smembers(key("ready", lease.partition))
            found = await pipe.execute()
        for lease, names in zip(leases, found, strict=True):
            for name in names:
                self._mark(name.decode(), lease)

    def _mark(self, integration_id: str, lease: Lease) -> None:
        box = self._boxes.get(integration_id)
        if box is None or box.lease is not lease:
            box = self._boxes[integration_id] = Box(integration_id, lease)
        box.more = True
        self._push(box)

    def _push(self, box: Box) -> None:
        """Let a box take its turn, if it may start something."""
        if box.more and not box.waiting and box.flying < self.limits.runs_per_integration:
            self._due[box] = None
            self._wake.set()

    def called(self, text: bytes) -> None:
        """Take a call: events were appended, or a waiting send was answered."""
        if text.startswith(b"{"):
            answer = orjson.loads(text)
            waiting = self._answers.pop(answer["reply"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer["outcome"])
            return
        for name in text.decode().split():
            lease = self._leases.held.get(partition_of(name))
            if lease is not None:
                self._mark(name, lease)

    def _lost(self, partition: int, token: str) -> None:
        """Let go of a partition whose token was refused; its events are somebody else's now."""
        lease = self._leases.held.get(partition)
        if lease is None or lease.token != token:
            return
        del self._leases.held[partition]
        self._drop([lease])

    def _drop(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            logger.warning("worker %s lost partition %d", self._process, lease.partition)
            lease.deadline = 0.0
            self._idle_since.pop(lease.partition, None)
        self._forget({lease.partition for lease in leases})

    def _forget(self, partitions: set[int]) -> None:
        """Drop the boxes of these partitions; what they still do is refused or counts no more."""
        for integration_id, box in list(self._boxes.items()):
            if box.lease.partition in partitions:
                del self._boxes[integration_id]
                self._due.pop(box, None)
                self._flying -= box.flying

    # The loop

    async def run(self, stop: asyncio.Event) -> None:
        """Run events until `stop` is set; then claim no more, wait for runs under way, give partitions back."""
        chores = [
            asyncio.create_task(self._settling.run()),
            asyncio.create_task(self._parking.run()),
            asyncio.create_task(self._suspects.run()),
            asyncio.create_task(self._load()),
            asyncio.create_task(hear(self._client, f"{prefix()}wake:{self._process}", self.called)),
            asyncio.create_task(self._claim()),
            asyncio.create_task(self._claim()),
            asyncio.create_task(self._tick()),
        ]
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*chores, stopping], return_when=asyncio.FIRST_COMPLETED)
            for chore in chores:
                if chore.done():
                    chore.result()
            await self._leave()
        finally:
            for chore in [*chores, stopping]:
                chore.cancel()
            await asyncio.gather(*chores, stopping, return_exceptions=True)
            self._database.shutdown(wait=False)
            self._parking_thread.shutdown(wait=False)

    async def _leave(self) -> None:
        self._stopping = True
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._flying and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        try:
            unfinished = [box for box in self._boxes.values() if box.flying or box.waiting]
            for box in unfinished:  # not suspects for whoever goes on: we end in good order
                await self._client.hdel(key("box", box.integration_id), "starter")
            await self._leases.release(list(self._leases.held))
            await self._presence.leave()
        except RedisAway:
            logger.warning("partitions could not be released: their leases run out by themselves")

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()
        away = False
        while True:
            try:
                await loop.run_in_executor(self._database, self.catalog.refresh)
                away = False
            except DatabaseError as error:
                if not away:
                    logger.warning("the database is away, the last known workflows stay in force: %s", error)
                away = True
            await asyncio.sleep(TICK_SECONDS)

    async def _tick(self) -> None:
        while True:
            try:
                live = await self._presence.announce()
                self._fair = share(self.limits.partitions, live)
                late = {lease.partition for lease in self._leases.held.values() if not lease.alive()}
                self._drop(await self._leases.renew())
                self._forget(late)  # what was not started for want of time is claimed again
                await self._balance()
                await self._look(list(self._leases.held.values()))
            except RedisAway as error:
                logger.info("leases could not be renewed: %s", error)
            await asyncio.sleep(TICK_SECONDS)

    async def _balance(self) -> None:
        """Give back what is idle, and what is beyond our share once its runs have ended."""
        held = sorted(self._leases.held)
        busy = {box.lease.partition for box in self._boxes.values() if box.flying or box.more or box.waiting}
        now = time.monotonic()
        for partition in held:
            if partition in busy:
                self._idle_since[partition] = now
        self._leaving = set(held[self._fair :])
        flying = {box.lease.partition for box in self._boxes.values() if box.flying or box.waiting}
        going = [p for p in held if now - self._idle_since.get(p, now) > IDLE_SECONDS]
        going += [p for p in self._leaving if p not in flying and p not in going]
        self._forget(set(going))
        await self._leases.release(going)

    # Claiming

    async def _claim(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not self._stopping and (boxes := self._turn()):
                try:
                    await self._claim_for(boxes)
                except RedisAway as error:
                    logger.info("nothing can be claimed: %s", error)
                    for box in boxes:
                        self._due[box] = None
                    await asyncio.sleep(0.2)

    def _turn(self) -> list[Box]:
        """Take the boxes whose turn it is; what may not claim now is looked at again when that changes."""
        turn: list[Box] = []
        room = self.limits.runs_per_worker - self._flying
        if room <= 0:
            return turn
        for box in list(self._due):
            del self._due[box]
            if box.lease.partition in self._leaving or not box.lease.alive():
                continue
            turn.append(box)
            if len(turn) >= min(BOXES_A_CLAIM, room):
                self._wake.set()
                break
        return turn

    async def _claim_for(self, boxes: list[Box]) -> None:
        arguments: list[Any] = [prefix(), self._process, self.limits.throttle_burst, 0]
        asked: list[tuple[Box, Known, int]] = []
        for box in boxes:
            known = self.catalog.integrations.get(box.integration_id)
            if known is None:
                self._later(box, UNKNOWN_RETRY_SECONDS)  # made a moment ago, or deleted: the sweeper drops its events
                continue
            wanted = min(EVENTS_A_CLAIM, self.limits.runs_per_integration - box.flying)
            rate = self.limits.throttle_per_second if known.rate is None else known.rate
            arguments += [box.lease.partition, box.lease.token, box.integration_id, box.after, wanted, rate]
            box.more = False
            asked.append((box, known, wanted))
        arguments[3] = len(asked)
        if not asked:
            return
        try:
            answers = await scripts.claim.call(self._client, arguments)
        except RedisAway:
            for box, _, _ in asked:
                box.more = True
            raise
        await self._begin_claimed(asked, answers)

    async def _begin_claimed(self, asked: list[tuple[Box, Known, int]], answers: list[Any]) -> None:
        slice_ends = time.perf_counter() + SLICE_SECONDS
        for (box, known, wanted), answer in zip(asked, answers, strict=True):
            if not answer:
                self._lost(box.lease.partition, box.lease.token)
                continue
            entries, wait, started, starter = answer
            suspects_up_to = started if box.fresh and starter and starter != self._process.encode() else b""
            box.fresh = False
            for identifier, stored in entries:
                box.after = identifier
                box.flying += 1
                self._flying += 1
                suspect = bool(suspects_up_to) and _order(identifier) <= _order(suspects_up_to)
                claimed = Claimed(identifier, stored, suspect)
                if suspect or box.waiting:
                    self._suspects.add(box, known, claimed)
                else:
                    self._begin(box, known, claimed)
                if time.perf_counter() > slice_ends:
                    await asyncio.sleep(0)
                    slice_ends = time.perf_counter() + SLICE_SECONDS
            if wait:
                box.more = True
                self._later(box, wait / 1000)
            elif len(entries) == wanted:
                box.more = True
                self._push(box)

    def _later(self, box: Box, seconds: float) -> None:
        box.more = True
        asyncio.get_running_loop().call_later(seconds, self._push_if_held, box)

    def _push_if_held(self, box: Box) -> None:
        if self._boxes.get(box.integration_id) is box:
            self._push(box)

    # Running

    def _begin(self, box: Box, known: Known, claimed: Claimed, deaths: int = 0) -> Flight | None:
        """Start the runs of one event; returns its flight, or None when it ended at once."""
        if not box.lease.alive():
            return None
        try:
            event = TriggerEvent.from_json(claimed.stored)
        except (EventUnreadable, ValueError, KeyError) as error:
            self._park_unreadable(box, known, claimed, str(error))
            return None
        flight = Flight(box, claimed.identifier, claimed.stored, event, repeated=claimed.suspect)
        matches = self.catalog.match(known, event.kind, event.replay_of)
        if not matches:
            self._settling.end(flight, "unmatched")
            return None
        if deaths:
            for match in matches:
                text = f"the worker process died {deaths} times while this event was run"
                flight.failures.append(Failure(match.plan, RunFailed(text, name="WorkerDied")))
            self._conclude(flight, STOPS_WORKER)
            return None
        flight.pending = len(matches)
        for match in matches:
            self._start(flight, known, match, own_copy=len(matches) > 1)
        if flight.pending:
            self._goes_on(flight)
            return flight
        return None

    def _start(self, flight: Flight, known: Known, match: Match, own_copy: bool) -> None:
        plan, trigger = match
        if trigger is None:
            self._failed(flight, plan, RunFailed(f"the workflow cannot run: {plan.faults}", name="GraphInvalid"))
            return
        payload = payload_of(plan, known, flight.event, own_copy)
        context = Context(self, flight, plan)
        try:
            task = start(engine.run(trigger, payload, context), lambda _report: self._ended(flight))
        except RunFailed as error:
            self._failed(flight, plan, error)
        except LeaseLost:
            return  # the lease ran out: nothing of this event may start or end here any more
        else:
            if task is not None:
                if flight.tasks is None:
                    flight.tasks = set()
                flight.tasks.add(task)
                task.add_done_callback(partial(self._task_ended, flight, plan))

    def _task_ended(self, flight: Flight, plan: Plan, task: asyncio.Task[object]) -> None:
        if flight.tasks is not None:
            flight.tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, LeaseLost):
            return
        if error is None:
            self._ended(flight)
        elif isinstance(error, RunFailed):
            self._failed(flight, plan, error)
        else:
            logger.error("a run ended by a fault of the engine", exc_info=error)
            self._failed(flight, plan, RunFailed(str(error), name=type(error).__name__))

    def _ended(self, flight: Flight) -> None:
        flight.pending -= 1
        if flight.pending == 0:
            self._conclude(flight, FAILED)

    def _failed(self, flight: Flight, plan: Plan, error: RunFailed) -> None:
        flight.failures.append(Failure(plan, error))
        self._ended(flight)

    def _conclude(self, flight: Flight, reason: str) -> None:
        if not flight.failures:
            self._settling.end(flight, "finished")
            return
        done = partial(self._settling.end, flight, f"parked:{reason}")
        self._parking.park(Parked(flight.box.integration_id, flight.event.id, flight.stored, reason, flight.failures, done))

    def _park_unreadable(self, box: Box, known: Known, claimed: Claimed, text: str) -> None:
        plan = Plan(known.application_id, "", "", None, {}, {}, True)
        event = TriggerEvent(claimed.identifier.decode()[:24], EventKind.MESSAGE, 0, {})
        flight = Flight(box, claimed.identifier, claimed.stored, event, repeated=False)
        flight.failures.append(Failure(plan, RunFailed(text, name="EventUnreadable")))
        self._conclude(flight, UNREADABLE)

    def _goes_on(self, flight: Flight) -> None:
        """What a waiting run sent so far must not wait for its end."""
        flight.repeated = True
        for send in flight.sends:
            self._settling.send(flight, send)
        flight.sends.clear()

    def _settled(self, flights: list[Flight]) -> None:
        for flight in flights:
            box = flight.box
            if self._boxes.get(box.integration_id) is not box:
                continue
            self._flying -= 1
            box.flying -= 1
            if box.more:
                self._push_if_held(box)
        if self._due:
            self._wake.set()

    # Effects of nodes

    def queue_send(self, flight: Flight, send: Send) -> None:
        """Take a message that leaves with the end of its event, or at once when the event's runs go on."""
        if flight.repeated and flight.tasks:
            self._settling.send(flight, send)
        else:
            flight.sends.append(send)

    def congested_until(self, integration_id: str) -> float:
        """Return until when (monotonic seconds) no more should be put into an outbox."""
        return self._settling.congested_until(integration_id)

    async def ask(self, flight: Flight, send: Send, message: JSONObject) -> str:
        """Send and wait for the outcome."""
        reply = f"{flight.event.id}:{send.visit}"
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[reply] = waiting
        body = orjson.dumps({"m": message, "r": f"{prefix()}wake:{self._process}#{reply}"})
        self._settling.send(flight, send._replace(body=body))
        try:
            return await waiting
        finally:
            self._answers.pop(reply, None)

    def show(self, plan: Plan, message: str, value: JSONValue, level: str) -> None:
        """Show a debug value; kept for whoever watches in a later release."""
        logger.debug("workflow %s: %s: %s", plan.workflow_id, level, message)


def _order(identifier: bytes) -> tuple[int, int]:
    milliseconds, _, number = identifier.partition(b"-")
    return int(milliseconds), int(number or 0)

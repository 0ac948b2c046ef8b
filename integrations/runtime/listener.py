"""The loop around one connector: connect, receive, hand to the intake, notice the end, back off, again.

All retry, status and lifecycle events are here, once for every type of integration.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from integrations.connectors.base import CONNECT_PHASE_SECONDS, AnyConnector, Connector, Delivery
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, Unreachable
from integrations.runtime.backoff import REFUSED_CAP_SECONDS, Backoff
from integrations.runtime.book import StatusBook, now_ms
from integrations.runtime.inbox import Held, Intake
from integrations.runtime.keys import partition_of
from integrations.runtime.line_status import Condition, connected_status, down_status, first_status, lost_status
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import LOST_STATES, ConnectionState, Status
from wegnology.lib.ending import end_tasks

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5 * CONNECT_PHASE_SECONDS
DRAIN_SECONDS = 2.0
"""How long a connection that we close ourselves may take to hand over what it holds."""
MEASURE_SECONDS = 60.0
NOTE_MS = 1_000
"""How often a connection through which messages come is looked at for what its connector does not tell at once."""
"""How often a source is asked how much waits there."""


class Outbox(Protocol):
    """Where a line says that messages may be sent through it."""

    def due(self, line: "Line") -> None:
        """Look for messages that wait for this line."""


class Line:
    """One integration's connection while this process holds its partition."""

    __slots__ = (
        "_announce",
        "_backoff",
        "_book",
        "_broken",
        "_condition",
        "_ending",
        "_intake",
        "_measured",
        "_noted_ms",
        "_outbox",
        "_positions",
        "_task",
        "connected",
        "connector",
        "desired",
        "held",
        "held_back",
        "held_bytes",
        "inbox_full",
        "integration_id",
        "last_message_ms",
        "outbox_after",
        "partition",
        "probing",
        "proof_ms",
        "reading",
        "sending",
        "status",
        "stopped",
        "unconfirmed",
    )

    def __init__(
        self,
        desired: Desired,
        intake: Intake,
        book: StatusBook,
        outbox: Outbox,
        process: str,
        last: Status | None,
        backoff: Backoff | None = None,
    ) -> None:
        self.desired = desired
        self.integration_id = desired.integration_id
        self.partition = partition_of(desired.integration_id)
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        self.reading = True
        self.inbox_full = False
        self.held_back = False
        self.stopped = False
        self.connector: AnyConnector | None = None
        self.connected = False
        self.proof_ms = 0
        self.last_message_ms = last.last_message_ms if last else 0
        self.outbox_after = b"0-0"
        self.unconfirmed: dict[bytes, Any] = {}
        """Entries of the outbox of which a part is confirmed, by id; the outbox's own business."""
        self.sending = False
        self.probing = False
        self._intake = intake
        self._book = book
        self._outbox = outbox
        self._backoff = backoff or Backoff()
        self._broken: Exception | None = None
        self._ending = False
        self._task: asyncio.Task[None] | None = None
        self._positions = dict(desired.source.positions)
        self._condition = Condition()
        self._noted_ms = 0
        self._measured = -MEASURE_SECONDS
        self._announce = last is None or last.state in LOST_STATES or bool(last.down) or not last.connected_ms
        self.status = first_status(desired, process, last, now_ms())
        if self.status.attempts:
            self._backoff.attempts = self.status.attempts

    def begin(self) -> None:
        """Start connecting."""
        self._note(transition=False)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"line {self.integration_id}")

    @property
    def is_connecting(self) -> bool:
        """Whether the first attempt is under way."""
        return self.status.state is ConnectionState.CONNECTING

    async def end(self, accept: bool = True) -> None:
        """Close by our own will. With `accept`, what is held goes into the inbox and is acknowledged first."""
        if accept and self.held and self.connector is not None:
            self.set_reading(False)
            self._ending = True
            deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
            while self.held and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.02)
        self._ending = True
        if self._task is not None:
            await end_tasks([self._task], again_seconds=2 * CONNECT_PHASE_SECONDS)
        self._intake.forget(self)

    def set_reading(self, reading: bool) -> None:
        """Stop or resume reading the source; a line that ends reads no more."""
        if self._ending:
            return
        self.reading = reading
        self._pause()

    def hold_back(self, held_back: bool) -> None:
        """Ask the source for no more while the inbox is nearly full, or go on."""
        self.held_back = held_back
        if not self._ending:
            self._pause()

    def _pause(self) -> None:
        if self.connector is not None and self.connected:
            self.connector.pause(self.held_back or not self.reading)

    def break_off(self, error: Exception) -> None:
        """Treat the line as lost, because a probe got no proof of life."""
        if self._task is not None and self.connected and not self._ending:
            self._broken = error
            self._task.cancel()

    async def probe(self) -> None:
        """Ask for proof of life; a line that gives none is broken off."""
        connector = self.connector
        if connector is None or not self.connected:
            return
        self.probing = True
        try:
            async with asyncio.timeout(connector.probe_limit):
                await connector.probe()
        except Exception as error:  # noqa: BLE001  (any failure to prove life is a dead line)
            if connector is self.connector:
                text = "Keepalive Timeout" if isinstance(error, TimeoutError) else connector.explain(error)
                self.break_off(Disconnected(text))
        else:
            self.proof_ms = now_ms()
            self._keep_passed(connector)
            self._note_degraded(connector)
            await self._measure(connector)
        finally:
            self.probing = False

    async def _measure(self, connector: AnyConnector) -> None:
        """Ask now and then how much waits at the source. That it does not tell is no fault of the connection."""
        now = asyncio.get_running_loop().time()
        if now - self._measured < MEASURE_SECONDS or type(connector).measure is Connector.measure:
            return
        self._measured = now
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connector.measure()
        except Exception as error:  # noqa: BLE001  (a probe decides about the connection)
            logger.info("integration %s: the source does not tell what waits: %s", self.integration_id, type(error).__name__)
        else:
            self._note_degraded(connector)

    async def _run(self) -> None:
        config = self.desired.config
        if config is None or self.desired.connector is None:
            raise RuntimeError("a line needs a configuration")
        while not self._ending:
            source = self.desired.source._replace(positions=dict(self._positions))
            connector = self.desired.connector(config, source)
            self.connector = connector
            try:
                delay = await self._live(connector)
            finally:
                self.connected = False
                await _close(connector)
            self._intake.mark(self)
            await asyncio.sleep(delay)

    async def _live(self, connector: AnyConnector) -> float:
        """One connection from connect to its end; returns how long to wait before the next."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                data = await connector.connect()
        except Exception as error:  # noqa: BLE001  (translated: the one place that knows what an error means)
            return self._failed(connector, _translate(connector, error, Unreachable))
        started = loop.time()
        self._connected(connector, data)
        try:
            connector.pour(lambda deliveries: self._took(connector, deliveries))
            while True:
                self._took(connector, await connector.receive())
        except asyncio.CancelledError:
            if self._broken is None or self._ending:
                raise
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
            lost: Exception = self._broken
            self._broken = None
        except Exception as error:  # noqa: BLE001  (translated likewise)
            lost = _translate(connector, error, Disconnected)
        self._backoff.connected_for(loop.time() - started)
        return self._lost(connector, lost)

    def _took(self, connector: AnyConnector, deliveries: Sequence[Delivery]) -> None:
        """Take in what came through a connection; one that is being closed brings nothing more: the source has it."""
        if not self.connected or connector is not self.connector:
            return
        now = self.last_message_ms = self.proof_ms = now_ms()
        self._intake.put(self, deliveries, connector)
        if connector.resumes:
            self._positions.update(d.position for d in deliveries if d.position is not None)
            self._keep_passed(connector)
        if connector.degraded != self.status.degraded or now - self._noted_ms >= NOTE_MS:
            self._noted_ms = now
            self._note_degraded(connector)

    def _connected(self, connector: AnyConnector, data: Any) -> None:
        now = now_ms()
        self.connected = True
        self.proof_ms = now
        self.outbox_after = b"0-0"
        self.status = connected_status(self.status, connector, now)
        self._note(transition=True)
        if self.held_back or not self.reading:
            connector.pause(True)
        if self._announce:
            self._intake.put_event(self, EventKind.CONNECT, now, data)
        self._announce = False
        self._keep_passed(connector)
        self._outbox.due(self)

    def _keep_passed(self, connector: AnyConnector) -> None:
        """Keep positions that no delivery carries, behind what was received before."""
        if connector.resumes and (passed := connector.passed()):
            self._positions.update(passed)
            self._intake.put_positions(self, passed)

    def _note_degraded(self, connector: AnyConnector) -> None:
        """Say that the line works, but not as it should, or that it does again; and now and then what waits at the source."""
        if connector is not self.connector or not self.connected:
            return
        unread = "" if self.reading else "the inbox is full." if self.inbox_full else "what came cannot be stored."
        status, transition = self._condition.see(self.status, connector, unread, now_ms())
        if status != self.status:
            self.status = status
            self._note(transition)

    def look(self) -> None:
        """See to a line that is not read and gives no occasion by itself; called once a second."""
        if self.connector is not None and (not self.reading or self._condition.unread):
            self._note_degraded(self.connector)

    def _failed(self, connector: AnyConnector, error: Exception) -> float:
        state = ConnectionState.REFUSED if isinstance(error, Refused) else ConnectionState.DISCONNECTED
        changed = (str(error), state) != (self.status.latest_cause, self.status.down)
        delay = self._backoff.next_seconds(refused=state is ConnectionState.REFUSED)
        if isinstance(error, Unreachable):
            delay = max(delay, min(error.retry_after, REFUSED_CAP_SECONDS))
        self._fall(state, str(error), delay)
        self._note(transition=changed)
        if changed:
            logger.warning("integration %s: cannot connect: %s", self.integration_id, error)
            self._intake.put_event(self, EventKind.FAILURE, now_ms(), connector.event_data(EventKind.FAILURE, error))
        self._announce = True
        return delay

    def _lost(self, connector: AnyConnector, error: Exception) -> float:
        now = now_ms()
        delay = self._backoff.next_seconds()
        self.connected = False
        self.status = lost_status(self.status, str(error), now)
        self._fall(ConnectionState.DISCONNECTED, str(error), delay)
        self._note(transition=True)
        logger.warning("integration %s: connection lost: %s", self.integration_id, error)
        self._intake.put_event(self, EventKind.DISCONNECT, now, connector.event_data(EventKind.DISCONNECT, error))
        self._announce = True
        return delay

    def _fall(self, state: ConnectionState, cause: str, delay: float) -> None:
        now = now_ms()
        self.status = down_status(self.status, state, cause, self._backoff.attempts, now, now + int(delay * 1000))

    def _note(self, transition: bool) -> None:
        self._book.note(self.integration_id, self.status, transition)


def _translate(connector: AnyConnector, error: Exception, otherwise: type[IntegrationError]) -> Exception:
    """Turn an exception of a client library into an instruction, with its cause in plain words."""
    if isinstance(error, IntegrationError):
        error.args = tuple(connector.config.scrub(part) if isinstance(part, str) else part for part in error.args)
        return error
    kind = Refused if isinstance(error, connector.refused) else otherwise
    if not isinstance(error, (*connector.refused, *connector.transient)):
        logger.error("%s connector: unexpected %s", connector.name, type(error).__name__, exc_info=error)
    translated = kind(connector.config.scrub(connector.explain(error)))
    translated.__cause__ = error
    return translated


async def _close(connector: AnyConnector) -> None:
    try:
        async with asyncio.timeout(CONNECT_PHASE_SECONDS):
            await connector.close()
    except Exception as error:  # noqa: BLE001  (closing must not stop the next attempt)
        logger.warning("%s connector: closing failed: %s", connector.name, type(error).__name__)

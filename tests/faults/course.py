"""Numbered load through a whole hub while a fault of the source comes and goes: status in time, with its cause; books; losses."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from integrations.runtime.status import LOST_STATES, ConnectionState, Status
from tests.fault_course import CALM, Load, relay
from tests.faults.sources import Source
from tests.stack import Stack
from tests.traffic import Collector
from wegnology.lib.ids import new_id

logger = logging.getLogger(__name__)

HEARD = 10.0
"""Seconds until a listener process has noticed a line that ended, and readers know; the machine may be busy."""
NOTICED = 30.0 + HEARD
"""Likewise for a peer that says nothing any more."""
BACK = 100.0
"""Seconds until it is connected again: the longest delay between attempts, and a connect."""


@dataclass(frozen=True)
class Fault:
    """What happens to a source, and how the status must tell it. `cause`: a pattern that the latest or first cause matches."""

    begin: Callable[[Source], None]
    end: Callable[[Source], None]
    states: tuple[ConnectionState, ...] = LOST_STATES
    within: float = HEARD
    cause: str = "."
    lasts: bool = True
    """The source is away until `end`; else it is back by itself, and that it was away is what the status remembers."""


def _through(kind: str, cut: bool = False) -> Callable[[Source], None]:
    def begin(source: Source) -> None:
        source.proxy.fault(kind)
        if cut:
            source.proxy.cut()

    return begin


def _calm(source: Source) -> None:
    source.proxy.fault("none")


FAULTS = {
    "drop": Fault(_through("drop"), _calm, cause="(?i)clos|lost|end|drop|reset|gone|answer"),
    "reset": Fault(_through("reset"), _calm, cause="(?i)reset|lost|clos|broke|gone|end|answer"),
    "refuse": Fault(_through("refuse"), _calm, cause="(?i)refuse|nothing listens|no server|nobody"),
    # A type that polls may notice with its next request only, when the cut came between two.
    "hang": Fault(_through("hang", cut=True), _calm, within=NOTICED),
    "half-open": Fault(_through("half_open"), _calm, within=NOTICED, lasts=False),
    "hung": Fault(
        lambda source: source.stop(), lambda source: source.go_on(), within=NOTICED, cause="(?i)answer|silent|keepalive|time"
    ),
    "restart": Fault(lambda source: source.restart(), _calm, within=NOTICED, lasts=False),
    "expired credentials": Fault(
        lambda source: source.expire(),
        lambda source: source.renew(),
        (ConnectionState.REFUSED,),
        within=NOTICED,
        cause="(?i)unauth|authori[sz]|accept|login|credential|password|token|allow|401|403|signature",
    ),
}


class Course:
    """One integration that passes on what it receives, under load."""

    def __init__(self, hub: Stack, source: Source) -> None:
        self.hub, self.source = hub, source
        self.name = f"f{new_id()}"
        self.inward, self.outward = relay(source, self.name, hub.port)
        self._topics = [f"out/{self.name}/{lane}" for lane in source.lanes]
        self.load = Load(source)
        self.told = ""
        """How it went, for who reads."""

    def status(self) -> Status:
        """Return what people see of the integration."""
        return self.hub.status(self.inward.pk)

    def wait_live(self, seconds: float = BACK) -> None:
        """Wait until there is proof that it is connected."""
        self.hub.wait(lambda: self.status().live, seconds, f"{self.source.type_name} connected")

    def go_through(self, disturb: Callable[["Course"], None]) -> None:
        """Calm, load with a disturbance, calm again; then everything is looked at."""
        hub, load = self.hub, self.load
        hub.wait(lambda: hub.status(self.outward.pk).live, 60, "the way out")
        self.wait_live(60)
        with Collector(hub.port) as collector:
            load.put(CALM)
            hub.wait(lambda: self._arrived(collector, 1, load.last), 60, "the first numbers at the outputs")
            before = load.last
            with load:
                load.wait(CALM)
                disturb(self)
                load.wait(CALM)
            if self.source.keeps:
                hub.wait(lambda: self._arrived(collector, 1, load.last), 120, f"all numbers up to {load.last}")
            hub.wait_quiet(self.inward.pk, self.outward.pk)
            over = load.last
            load.put(CALM)
            hub.wait(lambda: self._arrived(collector, over + 1, load.last), 60, "the last numbers at the outputs")
            hub.wait_quiet(self.inward.pk, self.outward.pk)
            self._check(collector, before, over)
        self.inward.application.delete()

    def _arrived(self, collector: Collector, first: int, last: int) -> bool:
        wanted = set(range(first, last + 1))
        return all(wanted <= set(collector.numbers(topic)) for topic in self._topics)

    def _check(self, collector: Collector, before: int, over: int) -> None:
        """Order, losses, repetitions, books."""
        arrived = 0
        for topic in self._topics:
            numbers = collector.numbers(topic)
            first = list(dict.fromkeys(numbers))
            early = [(one, other) for one, other in pairwise(first) if one > other]
            excused = [pair for pair in early if not self.source.ordered and before < min(pair) and max(pair) <= over]
            assert early == excused, f"first arrivals on {topic} are out of order: {early}"
            missing = sorted(set(range(1, self.load.last + 1)) - set(first))
            assert not (self.source.keeps and missing), f"lost on {topic}: {missing}"
            assert [n for n in missing if n <= before or n > over] == [], "lost although there was no fault at the time"
            repeated = collector.repeated(topic)
            assert [n for n in repeated if n <= before or n > over] == [], "repeated although there was no fault at the time"
            arrived += len(first)
            self.told += f"; {topic[-1]}: {len(first)} of {self.load.last}, {len(repeated)} twice"
        lines = self.hub.ledger(self.inward.pk)
        assert [line for line in lines if not line.balanced or line.parked or line.dropped or line.waiting] == []
        assert sum(line.messages for line in lines) >= arrived
        assert self.hub.parked(self.inward.pk) == []

    def suffer(self, fault: Fault) -> None:
        """Let a fault come and go, and see that the status tells it in time."""
        began, at = time.time() * 1000, time.monotonic()
        fault.begin(self.source)
        try:
            try:
                self.hub.wait(lambda: self._noticed(fault, began), fault.within, f"{fault.states} noticed")
            except TimeoutError as error:
                raise AssertionError(f"{error}: {self.status()}") from None
            self.told = f"noticed after {time.monotonic() - at:.1f} s: {self._words(began)}"
            if fault.lasts:
                self._check_status(fault)
        finally:
            fault.end(self.source)
        ended = time.monotonic()
        self.wait_live()
        self.told += f"; back after {time.monotonic() - ended:.1f} s"

    def _noticed(self, fault: Fault, began: float) -> bool:
        status = self.status()
        if fault.lasts:
            causes = f"{status.first_cause} {status.latest_cause}"
            return status.state in fault.states and bool(re.search(fault.cause, causes))
        return status.disconnected_ms >= began and bool(status.disconnect_error)

    def _words(self, began: float) -> str:
        status = self.status()
        first = status.first_cause or status.disconnect_error
        return f"{status.state}, {first!r}, {status.latest_cause!r}"

    def _check_status(self, fault: Fault) -> None:
        status = self.status()
        assert status.first_cause
        assert status.attempts >= 1
        assert status.next_attempt_ms > 0
        assert {row["state"] for row in status.subscription_states()} <= {str(state) for state in fault.states}


def undergo(hub: Stack, source: Source, name: str) -> str:
    """Go through one fault of `FAULTS`; return how it went."""
    course = Course(hub, source)
    course.go_through(lambda course: course.suffer(FAULTS[name]))
    logger.warning("%s, %s: %s", source.type_name, name, course.told)
    return course.told

"""The short form of the faults: real connectors and servers with intake, book and reader, in one process and in a hurry."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from integrations.connectors.base import AnyConnector, connectors
from integrations.connectors.base import Source as Listening
from integrations.events import EventKind, TriggerEvent
from integrations.runtime.backoff import Backoff
from integrations.runtime.listener import Line
from integrations.runtime.reading import read_statuses
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import ConnectionState, Status
from tests.faults.sources import PLACES, Place, Source, environment
from tests.integrations.runtime.conftest import hub as hub
from tests.integrations.runtime.hub import Hub, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib import endpoints
from wegnology.lib.ids import new_id

SECONDS = 30.0
QUICK = {"phase_seconds": 1.0, "probe_limit": 2.5, "poll_seconds": 1, "slack_seconds": 1.0, "silence_seconds": 1.0}
"""The patience of connectors, where they have such a one; the rules are the same."""


@pytest.fixture(scope="module", params=PLACES)
def type_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def place(type_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PLACES[type_name](tmp_path_factory.mktemp("source")) as place:
        yield place


COMES_AGAIN_SECONDS = 60.0


@pytest.fixture
def kind(type_name: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[AnyConnector]]:
    """The connector in a hurry; its service's address is in the settings."""
    connectors.autodiscover()
    found = connectors.get(type_name)
    for name, seconds in QUICK.items():
        if hasattr(found, name):
            monkeypatch.setattr(found, name, seconds)
    endpoints.configure(list(environment(type_name, place).values()))
    yield found
    endpoints.configure([])
    place.fault("none")
    place.thaw()


class Short:
    """One line of the type under test; what arrived is in the inbox of a real Redis."""

    def __init__(self, lines: Lines, source: Source, kind: type[AnyConnector]) -> None:
        self.lines, self.source = lines, source
        self.integration_id = new_id()
        config = kind.Config.resolve(source.settings(), {})
        listening = Listening(self.integration_id, tuple(source.topics()))
        wanted = Desired(self.integration_id, "a1", "Far", kind, config, listening, digest="d1")
        self.line = Line(wanted, lines.intake, lines.book, lines.outbox, "p1", None, Backoff(lambda low, high: 0.05))
        lines.tokens[self.line.partition] = lines.hub.hold("listen", self.integration_id)
        lines.lines[self.integration_id] = self.line
        self.last = 0
        self.line.begin()

    async def status(self) -> Status:
        """Return what people see."""
        await self.lines.book.write([self.line])
        found = await asyncio.to_thread(read_statuses, self.lines.hub.client, [self.integration_id])
        return found[self.integration_id]

    async def put(self, count: int = 5) -> list[int]:
        """Let the next numbers arrive in each lane; return them."""
        numbers = list(range(self.last + 1, self.last + count + 1))
        self.last += count
        for lane in self.source.lanes:
            await asyncio.to_thread(self.source.put, lane, [json.dumps({"n": n}) for n in numbers])
        return numbers

    async def wait(self, condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        """Wait for something, and say what did not come."""
        try:
            await until(condition, seconds)
        except TimeoutError:
            raise AssertionError(f"{what}: {self.line.status}") from None

    async def arrived(self, numbers: list[int], seconds: float = SECONDS) -> None:
        """Wait until these numbers of every lane are in the inbox."""
        wanted = {(lane, n) for lane in self.source.lanes for n in numbers}
        await self.wait(lambda: wanted <= set(self.inbox()), f"numbers {numbers}", seconds)

    def inbox(self) -> list[tuple[str, int]]:
        """Return lane and number of each message that waits for workflows, in order."""
        events = [TriggerEvent.from_json(entry.stored) for entry in self.lines.hub.inbox(self.integration_id)]
        found = [self.source.told(event.data) for event in events if event.kind is EventKind.MESSAGE]
        return [(lane, int(json.loads(text)["n"])) for lane, text in found]

    async def suffer(
        self, begin: Callable[[], object], end: Callable[[], object], state: ConnectionState, probes: bool
    ) -> Status:
        """Let a fault come and go; return the status meanwhile."""
        before = self.line.status.disconnected_ms, self.line.status.attempts
        await asyncio.to_thread(begin)
        if probes:
            await self.line.probe()
        await self.wait(lambda: self.line.status.state is state, f"{state} after a fault (before: {before})")
        while (status := await self.status()).state is not state:  # another attempt went another way meanwhile
            await asyncio.sleep(0.02)
        await asyncio.to_thread(end)
        await self.wait(lambda: self.line.connected, "being connected again")
        return status


def test_a_type_goes_through_all_faults(hub: Hub, place: Place, kind: type[AnyConnector]) -> None:
    source = place.source()
    source.hurry()

    async def story(lines: Lines) -> None:
        short = Short(lines, source, kind)
        await short.wait(lambda: short.line.connected, "being connected")
        await short.arrived(await short.put())
        for name, (begin, end, state, probes) in _faults(source).items():
            await short.put()
            status = await short.suffer(begin, end, state, probes)
            assert (status.state, bool(status.first_cause), bool(status.latest_cause)) == (state, True, True), (name, status)
            assert {row["state"] for row in status.subscription_states()} <= {str(state)}, name
            await short.arrived(await short.put())
        await _trickles(short, place)
        if source.keeps:  # what was under way when a line was lost may come again late: when the source's lease of it ends
            await short.arrived(list(range(1, short.last + 1)), COMES_AGAIN_SECONDS)
        _check(hub, short)

    run_lines(hub, story, seconds=110)


Faults = dict[str, tuple[Callable[[], object], Callable[[], object], ConnectionState, bool]]


def _faults(source: Source) -> Faults:
    """Return how each fault comes and goes, what it leads to, and whether only a probe notices it."""
    proxy, lost = source.proxy, ConnectionState.DISCONNECTED

    def hang() -> None:
        proxy.fault("hang")
        proxy.cut()

    def calm() -> None:
        proxy.fault("none")

    return {
        "drop": (lambda: proxy.fault("drop"), calm, lost, False),
        "reset": (lambda: proxy.fault("reset"), calm, lost, False),
        "refuse": (lambda: proxy.fault("refuse"), calm, lost, False),
        "hang": (hang, calm, lost, False),
        "hung": (source.stop, source.go_on, lost, True),
        "expired credentials": (source.expire, source.renew, ConnectionState.REFUSED, False),
    }


async def _trickles(short: Short, place: Place) -> None:
    """On a slow way it is connected, or says why not."""
    place.fault("slow")
    await short.put(2)
    status = await short.status()
    assert status.live or status.latest_cause
    place.fault("none")
    await short.wait(lambda: short.line.connected, "being connected after a slow time")
    await short.arrived(await short.put())


def _check(hub: Hub, short: Short) -> None:
    """Nothing that can wait is lost, first arrivals are in order, and the books balance."""
    for lane in short.source.lanes:
        numbers = [n for one, n in short.inbox() if one == lane]
        first = list(dict.fromkeys(numbers))
        assert first == sorted(first) or not short.source.ordered
        assert not short.source.keeps or set(first) == set(range(1, short.last + 1))
    line = hub.line(short.integration_id)
    assert (line.waiting, line.dropped) == (line.received, {})

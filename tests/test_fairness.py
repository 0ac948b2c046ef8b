"""No integration is felt by its neighbours: not a flood, not a slow or heavy workflow, not hundreds of dead servers."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from integrations.models import Integration
from integrations.runtime.status import ConnectionState
from tests import factories
from tests.relays import mqtt, relay
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import Proxy
from tests.stack import SPEED, Stack, running
from tests.traffic import Collector, Publisher
from tests.workflows.fakes import node
from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject

FLOOD = 5_000
BROKER_QUEUE = 1_000
"""Messages that mosquitto as it comes keeps for a session. It drops what is beyond; a busy machine may be too slow for more."""
NEIGHBOUR = 100
HEAVY = 12
"""Events of half a second of computing each."""
BLACK_HOLES = 200


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A hub with a raised throttle and a broker as it comes."""
    with running(Stack(tmp_path_factory.mktemp("hub"), broker=Mosquitto(), environment=SPEED), request) as hub:
        yield hub


@pytest.fixture
def throttled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A hub with everything as it comes: 20 messages a second."""
    with running(Stack(tmp_path, broker=Mosquitto()), request) as hub:
        yield hub


@pytest.fixture
def application(hub: Stack) -> Iterator[Application]:
    """An application of the test's own, deleted afterwards."""
    row = factories.application()
    yield row
    row.delete()


def flood(hub: Stack, application: Application, at_once: int, per_second: float | None, seconds: float) -> None:
    """Publish thousands to one integration, so many at once; its neighbour is done long before, and nothing is lost."""
    busy, calm = relay(application, "busy", hub.port), relay(application, "calm", hub.port)
    busy.throttle_per_second = per_second
    busy.save()
    hub.wait_connected(busy.pk, calm.pk)
    with Collector(hub.port, "out/calm") as neighbour, Collector(hub.port, "out/busy") as collector:
        with Publisher(hub.port) as publisher:
            for first in range(1, FLOOD + 1, at_once):
                last = first + at_once - 1
                publisher.publish_at_once("in/busy", [json.dumps({"n": n}) for n in range(first, last + 1)])
                _received(hub, busy, last)
            publisher.publish_numbers(["in/calm"], 1, NEIGHBOUR)
        hub.wait(lambda: neighbour.has("out/calm", NEIGHBOUR), 30, "the neighbour's messages")
        behind = len(collector.messages("out/busy"))
        hub.wait(lambda: collector.has("out/busy", FLOOD), seconds, "the whole flood at the output")
        hub.wait_quiet(busy.pk, calm.pk)
        assert behind < FLOOD, "the neighbour had to wait for the flood to end"
        assert collector.numbers("out/busy") == list(range(1, FLOOD + 1))
        assert neighbour.numbers("out/calm") == list(range(1, NEIGHBOUR + 1))
    (line,) = hub.ledger(busy.pk)[-1:]
    assert (line.messages, line.parked, line.dropped, line.balanced) == (FLOOD, {}, {}, True)


def _received(hub: Stack, row: Integration, messages: int) -> None:
    try:
        hub.wait(lambda: sum(line.messages for line in hub.ledger(row.pk)) == messages, 30, f"{messages} messages received")
    except TimeoutError:
        dropped = [line for line in hub.broker.log.splitlines() if "dropped" in line]
        raise AssertionError(f"{hub.ledger(row.pk)}; the broker says: {dropped}") from None


def test_a_flood_arrives_whole_and_in_order_beside_its_neighbour(hub: Stack, application: Application) -> None:
    flood(hub, application, BROKER_QUEUE, 400, 60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_flood_at_twenty_a_second(throttled: Stack) -> None:
    flood(throttled, factories.application(), FLOOD, None, 400)


def test_slow_and_heavy_workflows_leave_a_neighbour_alone(throttled: Stack) -> None:
    hub, application = throttled, factories.application()
    slow = relay(application, "slow", hub.port, node("wait", "DelayNode", delay=10))
    heavy = relay(application, "heavy", hub.port, *heavy_nodes())
    calm = relay(application, "calm", hub.port)
    hub.wait_connected(slow.pk, heavy.pk, calm.pk)
    with Collector(hub.port) as collector, Publisher(hub.port) as publisher:
        publisher.publish_numbers(["in/slow"], 1, 40)
        publisher.publish_numbers(["in/heavy"], 1, HEAVY)
        publisher.publish_numbers(["in/calm"], 1, 40)
        hub.wait(lambda: collector.has("out/calm", 40), 60, "the neighbour's messages")
        assert len(collector.messages("out/slow")) + len(collector.messages("out/heavy")) < 40 + HEAVY
        hub.wait(lambda: collector.has("out/slow", 40) and collector.has("out/heavy", HEAVY), 100, "the others' messages")
    for row in (slow, heavy, calm):
        assert [(line.parked, line.dropped) for line in hub.ledger(row.pk) if line.parked or line.dropped] == []


def heavy_nodes() -> list[JSONObject]:
    """Return nodes that compute for long: each renders a long list."""
    make = {
        "type": "set",
        "destination": "working.series",
        "valueTemplate": json.dumps(list(range(300))),
        "valueTemplateType": "json",
    }
    render = {"type": "set", "destination": "working.sum", "valueTemplate": "{{#each working.series}}{{this}},{{/each}}"}
    render["valueTemplateType"] = "string"
    steps = [node("make", "MutateNode", rules=[make])]
    return [*steps, *[node(f"render{n}", "MutateNode", rules=[render]) for n in range(100)]]


def test_black_holes_do_not_hold_up_a_healthy_reconnect(hub: Stack, application: Application) -> None:
    healthy = relay(application, "healthy", hub.port)
    hub.wait_connected(healthy.pk)
    with black_holes() as ports:
        rows = [mqtt(application, f"hole {n}", ports[n % len(ports)], "x/#") for n in range(BLACK_HOLES)]
        hub.wait_state(ConnectionState.CONNECTING, *[row.pk for row in rows], seconds=15)
        late = relay(application, "late", hub.port)
        hub.wait_connected(late.pk, seconds=8)
        hub.broker.restart()
        with Collector(hub.port) as collector, Publisher(hub.port) as publisher:
            hub.wait_connected(healthy.pk, late.pk, seconds=8)
            publisher.publish_numbers(["in/healthy", "in/late"], 1, 10)
            hub.wait(lambda: collector.has("out/healthy", 10) and collector.has("out/late", 10), 8, "messages of the healthy")
        states = {hub.status(row.pk).state for row in rows}
        assert states <= {ConnectionState.CONNECTING, ConnectionState.DISCONNECTED}
        Integration.objects.filter(application=application).delete()
        hub.wait(lambda: not hub.client.exists("stack:status:" + rows[0].pk), 15, "the dead ones let go")


@contextmanager
def black_holes() -> Iterator[list[int]]:
    """Ports that swallow whoever connects: one with a full queue, one that never says a word, one behind a frozen proxy."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
        silent = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=1024))
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        frozen = stack.enter_context(Proxy(silent.getsockname()[1]))
        frozen.freeze()
        yield [full.getsockname()[1], silent.getsockname()[1], frozen.port]

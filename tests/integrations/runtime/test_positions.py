"""Positions of sources that resume: kept with what was accepted, in the same step, and given back to the next connection."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from integrations.connectors.base import Delivery
from integrations.runtime import inbox
from integrations.runtime.inbox import discard
from integrations.runtime.keys import key
from integrations.runtime.limits import Limits
from integrations.runtime.snapshot import Desired
from tests.fakes import FakeConnector
from tests.integrations.runtime.hub import Hub, desired, stored, until
from tests.integrations.runtime.lines import Lines, run_lines
from wegnology.lib.ids import new_id


def kept(hub: Hub, integration_id: str) -> dict[str, str]:
    """Return the positions in Redis."""
    found = hub.client.hgetall(key("position", integration_id))
    return {name.decode(): value.decode() for name, value in found.items()}


def test_a_position_is_kept_with_the_events_before_it(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    events = [stored(1), stored(2), b"hub/0\n17", stored(3), b"hub/0\n18", b"hub/1\n5"]
    assert hub.append(i, events, token, policies="WWPWPP")[0] == 6
    assert hub.numbers(i) == [1, 2, 3]
    assert kept(hub, i) == {"hub/0": "18", "hub/1": "5"}
    line = hub.line(i)
    assert (line.received, line.messages) == (3, 3)


def test_no_position_is_kept_past_an_event_that_was_not_accepted(hub: Hub) -> None:
    i = new_id()
    token = hub.hold("listen", i)
    events = [stored(1), b"p\n1", stored(2), b"p\n2", stored(3), b"p\n3"]
    assert hub.append(i, events, token, policies="WPWPWP", most=2)[0] == 4
    assert kept(hub, i) == {"p": "2"}
    stale = token
    hub.hold("listen", i, "p2")
    assert hub.append(i, [b"p\n3"], stale, policies="P")[0] == -1
    assert kept(hub, i) == {"p": "2"}


def test_positions_alone_wake_nobody_and_go_with_the_integration(hub: Hub) -> None:
    i = new_id()
    assert hub.append(i, [b"p\n1"], hub.hold("listen", i), policies="P") == (1, [])
    assert (hub.counts(i), hub.inbox(i), kept(hub, i)) == ({}, [], {"p": "1"})
    discard(hub.client, i)
    assert kept(hub, i) == {}


class ResumingConnector(FakeConnector):
    """A fake whose messages have positions; it was at 100 and passed some that it did not deliver."""

    resumes: ClassVar[bool] = True
    given: ClassVar[list[dict[str, str]]] = []
    skipped: ClassVar[dict[str, str]] = {}

    async def receive(self) -> Sequence[Delivery]:
        """Add positions."""
        deliveries = await super().receive()
        for delivery in deliveries:
            delivery.position = ("p", str(delivery.data["number"]))
        return deliveries

    def passed(self) -> Mapping[str, str]:
        """Say what was skipped."""
        skipped = dict(self.skipped)
        self.skipped.clear()
        return skipped

    async def connect(self) -> dict[str, object]:  # type: ignore[override]
        """Remember where to go on."""
        self.given.append(dict(self.source.positions))
        return await super().connect()  # type: ignore[return-value]


@pytest.fixture
def resuming(far_ends: object) -> Desired:
    ResumingConnector.given.clear()
    ResumingConnector.skipped.clear()
    wanted = desired(new_id())
    return replace(wanted, connector=ResumingConnector, source=wanted.source._replace(positions={"p": "0"}))


def test_the_next_connection_of_a_line_goes_on_after_what_it_holds(hub: Hub, resuming: Desired) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(resuming)
        for _ in range(250):
            far.publish()
        await until(lambda: kept(hub, line.integration_id) == {"p": "250"})
        assert hub.numbers(line.integration_id) == list(range(1, 251))
        far.drop()
        await until(lambda: far.connects == 2 and line.connected)
        assert ResumingConnector.given == [{"p": "0"}, {"p": "250"}]

    run_lines(hub, test)


def test_positions_are_kept_in_between(hub: Hub, resuming: Desired, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "POSITION_EVENTS", 10)

    async def test(lines: Lines) -> None:
        line, _ = await lines.connected(resuming)
        lines.tokens.clear()  # nothing is accepted
        connector = line.connector
        assert connector is not None
        deliveries = [Delivery({"number": n}, 0, n, 0, ("p", str(n))) for n in range(1, 36)]
        lines.intake.put(line, deliveries, connector)
        places = [at for at, held in enumerate(line.held) if held[1] == "P"]
        assert len(places) >= 3
        assert places[-1] == len(line.held) - 1
        assert line.held_bytes == lines.intake.held_bytes == sum(len(held[0]) for held in line.held)

    run_lines(hub, test)


def test_what_was_passed_is_kept_behind_what_was_received(hub: Hub, resuming: Desired) -> None:
    async def test(lines: Lines) -> None:
        ResumingConnector.skipped["q"] = "7"
        line, far = await lines.connected(resuming)
        await until(lambda: kept(hub, line.integration_id) == {"q": "7"})
        ResumingConnector.skipped["p"] = "99"
        far.publish()
        await until(lambda: kept(hub, line.integration_id) == {"p": "99", "q": "7"})
        ResumingConnector.skipped["p"] = "120"
        await line.probe()
        await until(lambda: kept(hub, line.integration_id)["p"] == "120")

    run_lines(hub, test)


def test_a_full_inbox_keeps_the_position_back(hub: Hub, resuming: Desired) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(resuming)
        for _ in range(8):
            far.publish()
        await until(lambda: line.inbox_full)
        stored_so_far = len([n for n in hub.numbers(line.integration_id) if n])
        assert stored_so_far < 8
        assert int(kept(hub, line.integration_id).get("p", "0")) <= stored_so_far

    run_lines(hub, test, Limits(partitions=4, inbox_events=4))


def test_what_waits_at_the_source_is_shown_with_the_status(hub: Hub, resuming: Desired) -> None:
    async def test(lines: Lines) -> None:
        line, far = await lines.connected(resuming)
        connector = line.connector
        assert connector is not None
        connector.backlog = {"partition 0": 12}
        far.publish()
        await until(lambda: line.status.backlog == {"partition 0": 12})

    run_lines(hub, test)

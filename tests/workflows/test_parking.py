"""Failed runs are kept: first the rows, then the end of the event."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from integrations.models import Integration
from tests.integrations.runtime.hub import stored, until
from tests.workflows.harness import source
from wegnology.lib.ending import end_tasks
from wegnology.lib.ids import new_id
from wegnology.lib.redis import sync_client
from workflows import dropping, parking
from workflows.catalog import Plan
from workflows.exceptions import RunFailed
from workflows.flight import Failure
from workflows.models import ParkedRun
from workflows.parking import Parked, Parking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("hub", "far_ends")]


class SometimesAway(ThreadPoolExecutor):
    """A thread whose database is away for the next calls; it says what the database saw."""

    def __init__(self, away: int = 0) -> None:
        super().__init__(1)
        self.away = away
        self.calls = 0

    def submit(self, work: Any, /, *arguments: Any, **options: Any) -> Any:
        """Run something in the thread, unless the database is away."""

        def run() -> Any:
            self.calls += 1
            if self.calls <= self.away:
                raise OperationalError("the database is away")
            try:
                return work(*arguments, **options)
            finally:
                connections.close_all()

        return super().submit(run)


def plan(row: Integration, flow: str = "") -> Plan:
    return Plan(row.application_id, flow or new_id(), new_id(), None, {}, {}, True)


def failure(row: Integration, *, flow: Plan | None = None, **fields: Any) -> Failure:
    return Failure(flow or plan(row), RunFailed(**{"message": "too hot", "name": "Unwell", **fields}))


def event(row: Integration, done: list[str], failures: Sequence[Failure], identifier: str = "") -> Parked:
    identifier = identifier or new_id()
    return Parked(row.pk, identifier, stored(1), parking.FAILED, failures, lambda: done.append(identifier))


def park(events: Sequence[Parked], done: list[str], thread: SometimesAway | None = None) -> None:
    """Park events and return when all are done."""

    async def main() -> None:
        with thread or SometimesAway() as database:
            keeper = Parking(database)
            running = asyncio.create_task(keeper.run())
            for each in events:
                keeper.park(each)
            await until(lambda: len(done) == len(events) or running.done())
            await end_tasks([running])
            assert running.cancelled(), running

    asyncio.run(main())


def test_every_failed_run_is_a_row_before_its_event_is_done() -> None:
    row, done = source(), list[str]()
    failures = [failure(row, node_id="n", node_label="Node", payload={"a": 1}), failure(row)]
    park([event(row, done, failures)], done)
    assert ParkedRun.objects.count() == 2
    first = ParkedRun.objects.get(node_id="n")
    assert (first.error_message, first.node_label, first.payload) == ("too hot", "Node", '{"a":1}')
    assert first.reason == parking.FAILED


def test_an_event_that_is_parked_twice_is_one_row() -> None:
    row, done = source(), list[str]()
    failures, identifier = [failure(row)], new_id()
    park([event(row, done, failures, identifier), event(row, done, failures, identifier)], done)
    assert ParkedRun.objects.count() == 1


def test_events_wait_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(parking, "FLUSH_SECONDS", 0.02)
    row, done = source(), list[str]()
    events = [event(row, done, [failure(row)]) for _ in range(3)]
    with caplog.at_level(logging.WARNING):
        park(events, done, SometimesAway(away=3))
    assert done == [each.event_id for each in events]
    assert ParkedRun.objects.count() == 3
    assert caplog.text.count("parking waits") >= 1


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "NUL \x00 in it", "node_label": "\x00"},
        {"message": "half of a \ud83d pair"},
        {"payload": {"huge": 10**30}},
        {"payload": {"text": "half of a \ud83d pair", "nul": "\x00"}},
        {"name": "x" * 300, "node_label": "y" * 300},
    ],
    ids=["nul", "surrogate", "huge number", "payload", "long"],
)
def test_whatever_a_payload_holds_can_be_kept(fields: dict[str, Any]) -> None:
    row, done = source(), list[str]()
    park([event(row, done, [failure(row, **fields)])], done)
    kept = ParkedRun.objects.get()
    assert "\x00" not in kept.error_message + kept.payload + kept.node_label


def test_runs_of_an_application_that_is_gone_hold_nobody_up() -> None:
    row, kept, done = source(), source(), list[str]()
    failures = {each.pk: [failure(each)] for each in (row, kept)}
    events = [event(each, done, failures[each.pk]) for each in (row, kept)]
    row.application.delete()
    park(events, done)
    assert [run.integration_id for run in ParkedRun.objects.all()] == [kept.pk]


def test_the_oldest_beyond_age_and_number_are_dropped(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.PARKED_MOST = 3
    many, few = source(), source()
    now = datetime.now(UTC)
    for row, ages in ((many, range(5)), (few, [1, settings.PARKED_DAYS * 24 + 1])):
        for hours in ages:
            ParkedRun.objects.create(
                application=row.application,
                integration_id=row.pk,
                event_id=new_id(),
                error_message=f"{hours}",
                created_at=now - timedelta(hours=hours),
            )
    with caplog.at_level(logging.WARNING):
        dropping.trim(sync_client())
    assert [run.error_message for run in ParkedRun.objects.filter(integration_id=many.pk)] == ["0", "1", "2"]
    assert [run.error_message for run in ParkedRun.objects.filter(integration_id=few.pk)] == ["1"]
    assert "dropped parked runs" in caplog.text

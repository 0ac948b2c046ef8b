"""Parked runs go back into their inboxes: in order, durable before the row is gone."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import free_port
from tests.workflows.harness import source
from wegnology.lib.ids import new_id
from wegnology.lib.redis import RedisAway
from workflows.models import ParkedRun, Workflow
from workflows.replay import replay

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("far_ends")]

FLOW = "f" * 24


def parked(row: Integration, number: int, text: str = "") -> ParkedRun:
    """Park an event; the higher its number, the earlier."""
    event = TriggerEvent(new_id(), EventKind.MESSAGE, 1, {"number": number})
    Workflow.objects.get_or_create(pk=FLOW, defaults={"application": row.application, "name": "Replayed"})
    return ParkedRun.objects.create(
        application=row.application,
        integration_id=row.pk,
        workflow_id=FLOW,
        event_id=event.id,
        event=text or event.to_json().decode(),
        created_at=datetime.now(UTC) - timedelta(seconds=number),
    )


def events(hub: Hub, row: Integration) -> list[TriggerEvent]:
    return [TriggerEvent.from_json(entry.stored) for entry in hub.inbox(row.pk)]


def test_the_oldest_goes_first_with_its_own_id_for_its_workflow_only(hub: Hub) -> None:
    row = source()
    runs = [parked(row, number) for number in (1, 3, 2)]
    assert replay([run.pk for run in runs]) == 3
    found = events(hub, row)
    assert [event.data["number"] for event in found] == [3, 2, 1]
    assert [event.id for event in found] == [runs[1].event_id, runs[2].event_id, runs[0].event_id]
    assert {event.replay_of for event in found} == {FLOW}
    assert not ParkedRun.objects.exists()
    line = hub.line(row.pk)
    assert (line.received, line.messages) == (3, 0)


def test_what_an_inbox_has_no_room_for_stays_parked(hub: Hub, settings: Settings) -> None:
    settings.INBOX_EVENTS = 1  # a replay may fill it to twice its bound
    full, roomy = source(), source()
    runs = [parked(full, number) for number in (4, 3, 2)] + [parked(roomy, 1)]
    assert replay([run.pk for run in runs]) == 3
    assert [run.event_id for run in ParkedRun.objects.all()] == [runs[2].event_id]
    assert len(events(hub, roomy)) == 1


def test_nothing_is_deleted_while_redis_is_away(hub: Hub, settings: Settings) -> None:
    run = parked(source(), 1)
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(RedisAway):
        replay([run.pk])
    assert ParkedRun.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize("text", ['{"v": 99}', "no JSON", "{}", "[]"])
def test_an_event_that_cannot_be_read_stays_and_the_others_go(hub: Hub, text: str, caplog: pytest.LogCaptureFixture) -> None:
    row = source()
    unreadable, run = parked(row, 2, text), parked(row, 1)
    with caplog.at_level(logging.WARNING):
        assert replay([unreadable.pk, run.pk]) == 1
    assert "cannot be replayed" in caplog.text
    assert [left.pk for left in ParkedRun.objects.all()] == [unreadable.pk]
    assert len(events(hub, row)) == 1


def test_replaying_nothing_is_nothing(hub: Hub) -> None:
    assert replay([]) == replay([new_id()]) == 0

"""Replays of many at a rate, edits, versions; what goes for good is counted; nothing parked is lost on the way."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.events import TriggerEvent
from integrations.models import Integration, LedgerHour, LedgerMove
from integrations.runtime import chores
from integrations.runtime.keys import key
from integrations.runtime.ledger import HOUR_MS
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, noting, source
from tests.workflows.test_replay import FLOW, events, parked
from wegnology.applications.models import Application
from workflows import dropping, replay_jobs
from workflows import replay as replay_module
from workflows.models import DEVELOP, ParkedRun, ReplayJob, ReplayState, Workflow, WorkflowVersion
from workflows.parked import Chosen
from workflows.parking import NOT_RUN, _keep
from workflows.replay import EditRefused, edit_text, replay, send_back

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("far_ends")]


def advance(job: ReplayJob, seconds: float) -> ReplayJob:
    """Let so much time pass for a job."""
    ReplayJob.objects.filter(pk=job.pk).update(advanced_at=timezone.now() - timedelta(seconds=seconds))
    replay_jobs.advance(None)  # type: ignore[arg-type]
    job.refresh_from_db()
    return job


def begin(row: Integration, rate: float = 2.0, **chosen: str) -> ReplayJob:
    return replay_jobs.begin(row.application, Chosen(**{"integration_id": row.pk, **chosen}), rate=rate)  # type: ignore[arg-type]


class TestJobs:
    """Begun once, carried on by whoever sweeps."""

    def test_a_job_keeps_to_its_rate_goes_oldest_first_and_ends(self, hub: Hub) -> None:
        row = source()
        for number in (5, 4, 3, 2, 1):
            parked(row, number)
        job = begin(row)
        assert (advance(job, 0.2).done, job.total) == (0, 5)
        assert advance(job, 1.2).done == 2
        assert [event.data["number"] for event in events(hub, row)] == [5, 4]
        assert advance(job, 60).done == 5  # no more than two seconds are made up for
        assert job.state == ReplayState.RUNNING
        assert advance(job, 1).state == ReplayState.DONE
        assert not ParkedRun.objects.exists()

    def test_what_fails_again_is_not_replayed_again(self, hub: Hub) -> None:
        row = source()
        run = parked(row, 1)
        job = begin(row)
        ParkedRun.objects.filter(pk=run.pk).update(created_at=timezone.now() + timedelta(seconds=1))
        assert advance(job, 1).state == ReplayState.DONE
        assert ParkedRun.objects.get().pk == run.pk

    def test_without_room_it_waits_and_goes_on(self, hub: Hub, settings: Settings) -> None:
        settings.INBOX_EVENTS = 1  # a replay may fill it to twice its bound
        row = source()
        for number in (4, 3, 2, 1):
            parked(row, number)
        job = advance(begin(row, rate=100.0), 2)
        assert (job.done, job.note) == (2, "Waits for room in an inbox.")
        hub.client.delete(key("inbox", row.pk))
        assert advance(job, 2).done == 4
        assert advance(job, 2).state == ReplayState.DONE

    def test_what_cannot_be_replayed_stays_and_is_counted(self, hub: Hub) -> None:
        row = source()
        parked(row, 3, "no JSON")
        parked(row, 2)
        job = advance(begin(row, rate=100.0), 2)
        assert (job.done, job.refused) == (1, 1)
        assert "cannot be read" in job.note
        assert advance(job, 2).state == ReplayState.DONE
        assert ParkedRun.objects.count() == 1

    def test_paused_it_rests_cancelled_it_ends(self, hub: Hub) -> None:
        row = source()
        parked(row, 1)
        job = begin(row)
        replay_jobs.change(job, ReplayState.PAUSED)
        assert (advance(job, 2).done, job.state) == (0, ReplayState.PAUSED)
        replay_jobs.change(job, ReplayState.RUNNING)
        assert advance(job, 1).done == 1
        assert replay_jobs.change(job, ReplayState.CANCELLED)
        assert not replay_jobs.change(job, ReplayState.RUNNING)

    @pytest.mark.parametrize(
        ("options", "text"),
        [({"rate": 0.0}, "rate"), ({"rate": 1e9}, "rate"), ({"version": "v1"}, "version"), ({}, "no parked run")],
    )
    def test_it_is_refused_with_a_reason(self, hub: Hub, options: dict[str, float], text: str) -> None:
        row = source()
        with pytest.raises(replay_jobs.JobRefused, match=text):
            replay_jobs.begin(row.application, Chosen(), **options)  # type: ignore[arg-type]

    def test_there_is_a_bound(self, hub: Hub) -> None:
        row = source()
        parked(row, 1)
        for _ in range(replay_jobs.MOST_JOBS):
            begin(row)
        with pytest.raises(replay_jobs.JobRefused, match="under way"):
            begin(row)

    def test_other_applications_runs_are_not_touched(self, hub: Hub) -> None:
        ours, theirs = source(), source()
        parked(ours, 1)
        parked(theirs, 1)
        job = replay_jobs.begin(ours.application, Chosen(), rate=100.0)
        assert (advance(job, 2).done, job.total) == (1, 1)
        assert ParkedRun.objects.get().application_id == theirs.application_id


def test_runs_are_chosen_by_what_they_have_in_common(hub: Hub) -> None:
    row, other = source(), source()
    first, second, third = parked(row, 3), parked(row, 2), parked(other, 1)
    ParkedRun.objects.filter(pk=first.pk).update(reason="failed", error_message="Too HOT")
    everywhere = Application.objects.values("pk")

    def keys(**chosen: object) -> list[str]:
        return [run.pk for run in Chosen(**chosen).rows(everywhere)]  # type: ignore[arg-type]

    assert keys() == [first.pk, second.pk, third.pk]
    assert keys(reason="failed") == keys(text="too hot") == keys(text=first.event_id) == [first.pk]
    assert keys(integration_id=other.pk) == keys(ids=(third.pk,)) == [third.pk]
    assert keys(before=second.created_at.isoformat()) == [first.pk]
    chosen = Chosen(reason="failed", ids=("a",))
    assert Chosen.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen
    with pytest.raises(ValueError, match="time zone"):
        Chosen(before="2026-01-01")


class TestOne:
    """One run: edited, refused, parked again."""

    def test_edited_it_keeps_its_id(self, hub: Hub) -> None:
        row = source()
        run = parked(row, 1)
        before = run.size
        edit_text(run, '{"number": 7000}')
        assert replay([run.pk]) == 1
        (event,) = events(hub, row)
        assert (event.id, event.data) == (run.event_id, {"number": 7000})
        assert run.size == before + 3

    @pytest.mark.parametrize(("text", "why"), [("{", "no JSON"), ("[]", "JSON object"), ('{"a": "%s"}' % ("x" * 200), "bytes")])
    def test_what_is_no_data_is_refused(self, hub: Hub, settings: Settings, text: str, why: str) -> None:
        settings.PAYLOAD_BYTES = 200
        run = parked(source(), 1)
        with pytest.raises(EditRefused, match=why):
            edit_text(run, text)

    def test_a_workflow_that_is_gone_or_disabled_is_named(self, hub: Hub) -> None:
        run = parked(source(), 1)
        Workflow.objects.filter(pk=FLOW).update(enabled=False)
        assert "disabled" in send_back([run]).refused[run.pk]
        Workflow.objects.filter(pk=FLOW).delete()
        assert "deleted" in send_back([run]).refused[run.pk]
        assert ParkedRun.objects.get().pk == run.pk

    def test_a_run_that_fails_again_before_its_row_is_gone_stays(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        row = source()
        run = parked(row, 1)

        def fails_at_once(rows: list[ParkedRun]) -> None:
            again = ParkedRun.objects.get(pk=run.pk)
            again.pk, again.replaying, again.created_at = "other", "", timezone.now()
            _keep([again])

        monkeypatch.setattr(replay_module, "_record", fails_at_once)
        assert replay([run.pk]) == 1
        assert ParkedRun.objects.get().pk == run.pk


@pytest.mark.django_db(transaction=True)
class TestVersions:
    """The version that triggers fire, or develop."""

    def test_into_the_develop_version(self, hub: Hub, world: World) -> None:
        row = source()
        flow = noting(row, note="develop")
        live = noting(row, note="live")
        version = WorkflowVersion.objects.get(workflow=live)
        flow.default_version = WorkflowVersion.objects.create(
            workflow=flow, name="v1", triggers=version.triggers, nodes=version.nodes
        )
        flow.save()
        live.delete()
        run, other = parked(row, 1), parked(row, 2)
        ParkedRun.objects.filter(pk__in=[run.pk, other.pk]).update(workflow_id=flow.pk)
        replay([run.pk], DEVELOP)
        replay([other.pk])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: len(world.seen) == 2)
        assert sorted(world.seen) == [("develop", 1), ("live", 2)]

    def test_what_no_workflow_wants_is_parked_again(self, hub: Hub, world: World) -> None:
        row = source()
        run = parked(row, 1)  # its workflow has no trigger at all
        replay([run.pk])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: ParkedRun.objects.filter(reason=NOT_RUN).exists())
        again = ParkedRun.objects.get()
        assert (again.event_id, again.workflow_id) == (run.event_id, FLOW)
        assert TriggerEvent.from_json(again.event.encode()).data == {"number": 1}
        assert again.received_at is not None
        assert hub.line(row.pk).parked == {NOT_RUN: 1}


class TestDropping:
    """Too old, too many, discarded: gone, and counted so in the hour of the event."""

    def ledger(self, hub: Hub, row: Integration, runs: list[ParkedRun]) -> datetime:
        """Let the ledger have events of runs as parked, some hours ago; return the hour."""
        now = int(time.time() * 1000)
        hour = now - now % HOUR_MS - 5 * HOUR_MS
        parked_events = len({run.event_id for run in runs})
        hub.client.hset(key("ledger", row.pk, hour), mapping={"messages": parked_events, "parked:failed": parked_events})
        moment = datetime.fromtimestamp(hour / 1000, UTC)
        keys = [run.pk for run in runs]
        ParkedRun.objects.filter(pk__in=keys).update(received_at=moment + timedelta(minutes=20), reason="failed")
        return moment

    def counts(self, hub: Hub, row: Integration) -> dict[str, int]:
        chores.write_ledger(hub.client)
        found: dict[str, int] = LedgerHour.objects.get(integration_id=row.pk).counts
        return {name: count for name, count in found.items() if ":" in name}

    def test_what_is_discarded_moves_from_parked_to_dropped(self, hub: Hub) -> None:
        row = source()
        runs = [parked(row, number) for number in (1, 2, 3)]
        self.ledger(hub, row, runs)
        assert dropping.discard(ParkedRun.objects.filter(pk__in=[runs[0].pk, runs[1].pk])) == 2
        assert self.counts(hub, row) == {"parked:failed": 1, "dropped:discarded": 2}

    def test_an_event_goes_with_its_last_run(self, hub: Hub) -> None:
        row = source()
        first, second = parked(row, 1), parked(row, 2)
        ParkedRun.objects.filter(pk=second.pk).update(event_id=first.event_id, version_id="v2")
        second.event_id = first.event_id
        self.ledger(hub, row, [first, second])
        dropping.discard(ParkedRun.objects.filter(pk=first.pk))
        assert not LedgerMove.objects.exists()
        dropping.discard(ParkedRun.objects.filter(pk=second.pk))
        assert self.counts(hub, row) == {"dropped:discarded": 1}

    @pytest.mark.parametrize(("setting", "value"), [("PARKED_MOST", 2), ("PARKED_BYTES", 25)])
    def test_the_oldest_of_too_many_go(self, hub: Hub, settings: Settings, setting: str, value: int) -> None:
        row, other = source(), source()
        runs = [parked(row, number) for number in (4, 3, 2, 1)]
        parked(other, 1)
        ParkedRun.objects.update(size=10)
        self.ledger(hub, row, runs)
        setattr(settings, setting, value)
        dropping.trim(hub.client)
        left = ParkedRun.objects.filter(integration_id=row.pk).order_by("created_at")
        assert [run.pk for run in left] == [runs[2].pk, runs[3].pk]
        assert ParkedRun.objects.filter(integration_id=other.pk).count() == 1
        assert self.counts(hub, row) == {"parked:failed": 2, f"dropped:{dropping.TOO_MANY}": 2}

    def test_what_is_too_old_goes(self, hub: Hub) -> None:
        row = source()
        old, new = parked(row, 31 * 24 * 3600), parked(row, 1)
        self.ledger(hub, row, [old, new])
        dropping.trim(hub.client)
        assert [run.pk for run in ParkedRun.objects.all()] == [new.pk]
        assert self.counts(hub, row) == {"parked:failed": 1, f"dropped:{dropping.TOO_OLD}": 1}

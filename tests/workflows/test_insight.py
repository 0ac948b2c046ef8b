"""What is recorded of runs, from the worker's engine to what pages and programs read."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration
from integrations.runtime.keys import key, partition_of
from integrations.runtime.lease import Lease
from tests.factories import application, trigger, workflow
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, noting, put, source, step
from wegnology.applications.models import Global
from wegnology.lib.ids import new_id
from wegnology.lib.redis import Script
from wegnology.lib.types import JSONObject
from workflows.flight import Box, Flight
from workflows.insight import failing, hours, reading, watching
from workflows.insight.hits import MESSAGE_CHARACTERS, VALUE_BYTES, Hit, text_of
from workflows.insight.limits import GROUPS, HITS, HITS_A_SECOND, WATCHED
from workflows.insight.recording import Recorder
from workflows.insight.records import RunError, RunHour
from workflows.insight.runs import RUN_BYTES, Failure, Run, Visit
from workflows.models import Workflow
from workflows.plans import Plan
from workflows.trace import Trace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


@pytest.fixture
def row() -> Integration:
    return source()


Begin = Callable[[], Worker]


@pytest.fixture
def worker() -> Iterator[Begin]:
    """A worker that begins when it is called for: workflows made before are known to it from the start."""
    with ExitStack() as stack:
        began: list[Worker] = []

        def begin() -> Worker:
            if not began:
                began.append(stack.enter_context(Worker()))
                wait_until(lambda: bool(began[0].catalog.integrations), what="the catalog")
            return began[0]

        yield begin


def flush(worker: Begin) -> None:
    """Hand over what was noted, and learn who is watched."""
    worker().call(worker().engine._running.recorder.flush())


def ran(hub: Hub, row: Integration, worker: Begin, *numbers: int) -> None:
    """Run messages of these numbers, and hand over what was noted."""
    if numbers:
        put(hub, row, numbers)
    worker().take(row)
    wait_until(lambda: hub.line(row.pk).waiting == 0, 30)
    flush(worker)


def window() -> tuple[datetime, datetime]:
    return timezone.now() - timedelta(hours=3), timezone.now() + timedelta(hours=1)


class TestRuns:
    """Runs that are kept."""

    def test_a_run_is_kept_with_its_way_its_times_and_where_it_came_from(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = workflow(row, nodes=[step("a", "b"), {**step("b"), "meta": {"label": "Second"}}])
        ran(hub, row, worker, 1)
        (run,) = reading.last_runs(flow.pk)
        assert run.failure is None
        assert (run.source_id, run.kind, run.trigger) == (row.pk, "message", "integration")
        assert run.version_id == flow.versions.get().pk
        assert [(visit.node_id, visit.label, visit.output) for visit in run.visits] == [("a", "Step", 0), ("b", "Second", 0)]
        assert run.visited == 2
        first, second = run.visits
        assert first.ms is not None
        assert second.ms is not None
        assert 0 <= first.start_ms <= first.start_ms + first.ms <= second.start_ms + 0.01
        assert second.start_ms + second.ms <= run.ms + 0.01
        assert abs(run.started_ms - time.time() * 1000) < 60_000
        assert reading.find_run(flow.pk, run.id) == run

    def test_a_failed_run_names_its_node_and_error_and_what_never_ended(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = workflow(row, nodes=[step("a", "b"), step("b", fail="too hot")])
        ran(hub, row, worker, 1)
        (run,) = reading.last_runs(flow.pk, failed=True)
        assert run.failure == Failure("Unwell", "too hot", "b", "Step")
        assert [visit.ms is None for visit in run.visits] == [False, True]
        assert reading.last_runs(flow.pk, failed=False) == []

    def test_a_node_that_waits_is_timed_until_it_goes_on(self, hub: Hub, row: Integration, worker: Begin, world: World) -> None:
        flow = workflow(
            row,
            triggers=[trigger(row, ["slow", "quick"])],
            nodes=[step("slow", gate="g", note="w"), step("quick", note="q")],
        )
        put(hub, row, [1])
        worker().take(row)
        wait_until(lambda: world.numbers("q") == [1] and world.waiting == [1])
        world.gate("g").set()
        wait_until(lambda: hub.line(row.pk).waiting == 0)
        flush(worker)
        (run,) = reading.last_runs(flow.pk)
        ends = {visit.node_id: visit.start_ms + visit.ms for visit in run.visits if visit.ms is not None}
        assert ends["slow"] >= ends["quick"]

    def test_of_a_burst_a_sample_is_kept_and_every_failure(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = noting(row, fail="odd", fail_numbers=[10, 20, 30])
        ran(hub, row, worker, *range(60))
        limit = worker().engine._running.recorder._limits.samples
        assert limit <= len(reading.last_runs(flow.pk, failed=False)) <= 2 * limit
        assert len(reading.last_runs(flow.pk, failed=True)) == 3

    def test_of_failures_the_last_are_kept_and_the_lists_run_out(
        self, settings: Settings, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        settings.RUNS_KEPT = 5
        flow = noting(row, fail="odd")
        ran(hub, row, worker, *range(8))
        found = reading.last_runs(flow.pk)
        assert len(found) == 5
        ran(hub, row, worker, 9)
        assert len(reading.last_runs(flow.pk)) == 5
        assert {run.id for run in reading.last_runs(flow.pk)} > {run.id for run in found[:4]}
        assert 0 < hub.client.ttl(key("failures", flow.pk)) <= 7 * 24 * 3600

    def test_a_long_way_is_cut_to_size(self) -> None:
        visits = tuple(Visit(f"{at:048d}", "Some label of a node", 1.234, 5.678, 0) for at in range(200))
        stored = Run("e" * 24, 0, "v", 1, 2.0, 3, "s", "message", "integration", 1_000, visits).to_json()
        assert len(stored) <= RUN_BYTES
        again = Run.from_json(stored)
        assert again.visited == 1_000
        assert again.visits == visits[: len(again.visits)]
        assert again.visits

    def test_nothing_is_recorded_where_that_is_switched_off(
        self, settings: Settings, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        settings.INSIGHT = False
        flow = noting(row, fail="odd", fail_numbers=[1])
        ran(hub, row, worker, 1, 2)
        assert reading.last_runs(flow.pk) == []
        assert reading.total(reading.stats(flow.pk, *window())).runs == 0


def flight_of(row: Integration) -> Flight:
    """Return an event of an integration that is under way."""
    box = Box(row.pk, Lease(partition_of(row.pk), "w/1", time.monotonic() + 60))
    return Flight(box, b"1-0", b"", TriggerEvent("e" * 24, EventKind.MESSAGE, 1, {}), repeated=False)


def plan_of(flow: Workflow) -> Plan:
    """Return a version that cannot run."""
    return Plan(flow.application_id, flow.pk, flow.versions.get().pk, None, {}, {}, True)


async def asked_twice(recorder: Recorder) -> None:
    """Hand over, lose the answer, and hand the same over again."""
    asked: list[list[Any]] = []
    run = recorder._link.run

    async def lossy(script: Script, args: list[Any]) -> Any:
        asked.append(args)
        answer = await run(script, args)
        if len(asked) == 1:
            raise ConnectionResetError("the answer was lost")
        return answer

    recorder._link.run = lossy  # type: ignore[assignment,method-assign]
    await recorder.flush()
    await recorder.flush()
    del recorder._link.run
    assert asked[0][4:] == asked[1][4:]


class TestHours:
    """Counts and errors."""

    def test_runs_are_counted_before_and_after_they_reach_the_database_and_only_once(
        self, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        flow = noting(row, fail="odd", fail_numbers=[2])
        ran(hub, row, worker, 1, 2, 3)
        live = reading.total(reading.stats(flow.pk, *window()))
        assert (live.runs, live.failed) == (3, 1)
        assert live.wall_ms > 0
        hours.write(hub.client)
        hours.write(hub.client)
        assert sum(row.runs for row in RunHour.objects.all()) == 3
        ran(hub, row, worker, 4)
        hours.write(hub.client)
        hub.client.flushall()
        stored = reading.total(reading.stats(flow.pk, *window()))
        assert (stored.runs, stored.failed) == (4, 1)

    def test_hours_that_were_taken_and_not_written_are_written_the_next_time(
        self, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        flow = noting(row)
        ran(hub, row, worker, 1)
        hub.client.smove(key("tallied"), key("tallying"), hub.client.srandmember(key("tallied")))  # a process died here
        hours.write(hub.client)
        assert RunHour.objects.get().workflow_id == flow.pk
        assert not hub.client.exists(key("tallying"))

    def test_a_batch_whose_answer_was_lost_is_counted_once(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = noting(row)
        ran(hub, row, worker, 1)
        recorder = worker().engine._running.recorder
        recorder.ended(flight_of(row), plan_of(flow), Trace())
        worker().call(asked_twice(recorder))
        assert reading.total(reading.stats(flow.pk, *window())).runs == 2

    def test_what_was_noted_is_handed_over_when_a_worker_stops(self, hub: Hub, row: Integration) -> None:
        flow = noting(row)
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        assert reading.total(reading.stats(flow.pk, *window())).runs == 1

    def test_errors_of_one_kind_are_one_line_with_their_number_and_the_latest_text(
        self, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        text = "{{#if data.cold}}cold{{else}}value {{data.number}} is odd{{/if}}"
        config: JSONObject = {"messageTemplate": text}
        node: JSONObject = {"id": "t", "type": "ThrowErrorNode", "config": config, "meta": {"label": "Stop"}, "outputIds": []}
        flow = workflow(row, nodes=[node])
        ran(hub, row, worker, 1, 2, 3)
        hub.append(row.pk, [TriggerEvent(new_id(), EventKind.MESSAGE, 1, {"number": 9, "cold": True}).to_json()], "*")
        ran(hub, row, worker)
        for _ in range(2):
            first, second = sorted(reading.errors(flow.pk, *window()), key=lambda one: -one.count)
            assert (first.count, first.message, first.node_id, first.node_label) == (3, "value 3 is odd", "t", "Stop")
            assert (second.count, second.message) == (1, "cold")
            assert first.first <= first.last
            hours.write(hub.client)
            if RunError.objects.count():
                hub.client.flushall()
        entries = reading.log(flow.pk, *window(), limit=9)
        assert sum(entry.line.runs for entry in entries) == sum(entry.line.failed for entry in entries) == 4
        assert {error.message for entry in entries for error in entry.errors} >= {"value 3 is odd", "cold"}
        assert reading.errors(flow.pk, *window(), version_id="another") == []
        assert len(reading.errors(flow.pk, *window(), limit=1)) == 1

    def test_kinds_of_errors_are_bounded_and_all_are_counted(self) -> None:
        errors = failing.Errors()
        for at in range(GROUPS + 20):
            errors.add("w", "v", Failure("Error", "text " + "x" * at, "n", "N"), "e")
        taken = errors.take()
        assert len(taken) == GROUPS + 1
        assert taken["w", failing.OTHER].count == 20
        assert errors.take() == {}

    def test_old_hours_are_deleted(self, hub: Hub, settings: Settings) -> None:
        settings.INSIGHT_DAYS = 30
        now = timezone.now()
        for days in (29, 31):
            RunHour.objects.create(workflow_id="w", version_id="v", hour=now - timedelta(days=days))
            RunError.objects.create(
                workflow_id="w", hour=now - timedelta(days=days), digest="d", message="m", first_at=now, last_at=now
            )
        hours.trim(hub.client)
        assert (RunHour.objects.count(), RunError.objects.count()) == (1, 1)

    def test_a_line_stands_for_each_step_also_where_nothing_ran(self) -> None:
        until = timezone.now().replace(minute=30)
        RunHour.objects.create(
            workflow_id="w", version_id="v", hour=reading.floor(until) - 20 * reading.HOUR, runs=2, micros=3000
        )
        lines = reading.stats("w", until - timedelta(hours=24), until, step=timedelta(hours=6))
        assert [line.runs for line in lines] == [2, 0, 0, 0, 0]
        assert lines[0].as_json()["wallTime"] == 3.0
        assert lines[0].mean_ms == 1.5

    def test_without_redis_the_database_is_read(self, settings: Settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        RunHour.objects.create(workflow_id="w", version_id="v", hour=reading.floor(timezone.now()), runs=2)
        assert reading.total(reading.stats("w", *window())).runs == 2


def debugging(of: Integration, **config: Any) -> Workflow:
    """Create a workflow that shows something."""
    node: JSONObject = {"id": "d", "type": "DebugNode", "config": config, "meta": {"label": "Look"}, "outputIds": [[]]}
    return workflow(of, nodes=[step("s", "d"), node])


def watched(worker: Begin, flow: Workflow) -> None:
    """Watch a workflow, and let the worker learn of it."""
    watching.watch(flow.pk)
    flush(worker)


class TestDebug:
    """Debug values."""

    def test_values_are_recorded_while_somebody_watches_and_not_before_or_after(
        self, hub: Hub, row: Integration, worker: Begin
    ) -> None:
        flow = debugging(row, message="No. {{data.number}}", property="data.number", level="warn")
        ran(hub, row, worker, 1)
        assert watching.watched_until(flow.pk) is None
        watched(worker, flow)
        assert watching.watched_until(flow.pk) is not None
        ran(hub, row, worker, 2)
        watching.unwatch(flow.pk)
        flush(worker)
        ran(hub, row, worker, 3)
        (hit,) = watching.hits(flow.pk)
        assert (hit.message, hit.value, hit.cut, hit.level) == ("No. 2", "2", False, "warn")
        assert (hit.node_id, hit.node_label, hit.path) == ("d", "Look", ["s", "d"])
        assert reading.find_run(flow.pk, hit.run_id) is not None
        assert watching.hits(flow.pk, after=hit.id) == []
        with pytest.raises(ValueError, match="not the id"):
            watching.hits(flow.pk, after="anything")

    def test_the_time_runs_out_by_itself(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = debugging(row)
        watching.watch(flow.pk, minutes=0.0001)
        wait_until(lambda: watching.watched_until(flow.pk) is None)
        flush(worker)
        ran(hub, row, worker, 1)
        assert watching.hits(flow.pk) == []

    def test_large_values_are_cut_and_many_are_counted_as_missed(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = debugging(row)
        watched(worker, flow)
        recorder = worker().engine._running.recorder
        shown = flight_of(row), plan_of(flow), Trace(), Hit("m" * 5_000, "x" * VALUE_BYTES, "info", "d")

        async def show_many() -> None:
            for _ in range(HITS_A_SECOND + 10):
                recorder.show(*shown)
            await recorder.flush()

        worker().call(show_many())
        *found, last = watching.hits(flow.pk)
        assert len(found) == HITS_A_SECOND
        assert all(hit.cut and len(hit.value) == VALUE_BYTES for hit in found)
        assert all(len(hit.message) == MESSAGE_CHARACTERS for hit in found)
        assert last.missed == 10

    def test_the_last_ones_are_kept_for_an_hour(self, hub: Hub, row: Integration, worker: Begin) -> None:
        flow = debugging(row, property="data.number")
        watched(worker, flow)
        for first in (0, 40, 80, 120):
            ran(hub, row, worker, *range(first, first + 40))
        found = watching.hits(flow.pk)
        assert len(found) == HITS
        assert [hit.value for hit in found] == [str(number) for number in range(60, 160)]
        assert 0 < hub.client.ttl(key("debug", flow.pk)) <= 3600

    @pytest.mark.parametrize("value", [2**70, "\ud800 half", {"list": [{1, 2}]}])
    def test_values_that_json_cannot_say_are_shown_nevertheless(self, value: object) -> None:
        assert json.loads(text_of({"value": value}).decode())

    def test_secret_globals_are_in_no_value(self, hub: Hub, worker: Begin) -> None:
        of = application(plain="seen")
        token = Global(application=of, key="token")
        token.set_value("hunter2", secret=True)
        token.save()
        row = source(of=of)
        flow = debugging(row)
        watched(worker, flow)
        ran(hub, row, worker, 1)
        (hit,) = watching.hits(flow.pk)
        assert orjson.loads(hit.value)["globals"] == {"plain": "seen"}

    def test_only_so_many_are_watched_at_a_time(self, hub: Hub) -> None:
        for number in range(WATCHED):
            watching.watch(f"flow{number}")
        with pytest.raises(watching.TooManyWatched, match="already"):
            watching.watch("one more")
        watching.watch("flow3")  # goes on
        watching.unwatch("flow4")
        watching.watch("one more")

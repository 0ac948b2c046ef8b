"""A worker's engine with real parts: a real Redis, a real catalog, steps that the test steers."""

import logging
import time
from typing import Any

import orjson
import pytest
from django.db import OperationalError

from integrations.events import EventKind, TriggerEvent
from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from tests.factories import integration, trigger, workflow
from tests.fakes import CONFIG
from tests.integrations.runtime.hub import Hub, ids_apart, quick, stored
from tests.servers.processes import wait_until
from tests.servers.redis import RedisServer
from tests.workflows.harness import Worker, World, handed_on, noting, put, source, step
from wegnology.lib.ids import new_id
from workflows import drain
from workflows.catalog import Catalog
from workflows.models import ParkedRun
from workflows.replay import replay

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


class TestRunning:
    """What becomes of an event."""

    def test_each_event_is_run_once_and_in_order_while_more_arrive(self, hub: Hub, world: World) -> None:
        row = source()
        noting(row)
        with Worker() as worker:
            put(hub, row, [0])
            worker.take(row)
            script = hub.client.register_script(scripts.append.text)
            for first in range(1, 1_001, 100):
                with hub.client.pipeline(transaction=False) as pipe:
                    for number in range(first, first + 100):
                        group: list[Any] = [partition_of(row.pk), "*", row.pk, "W", stored(number)]
                        script(args=[prefix(), "", 0, 10_000, 10_000_000, 0, 1, *group], client=pipe)
                    pipe.execute()
            wait_until(lambda: hub.line(row.pk).finished == 1_001)
        assert world.numbers() == list(range(1_001))

    def test_an_event_without_a_workflow_is_finished_and_counted_as_unmatched(self, hub: Hub, world: World) -> None:
        row = source()
        noting(row)  # is asked for by messages only
        lonely = source()
        event = TriggerEvent(new_id(), EventKind.CONNECT, 1, {"type": "connect"})
        hub.append(row.pk, [event.to_json(), stored(1)], "*")
        put(hub, lonely, [1, 2])
        with Worker() as worker:
            worker.take(row, lonely)
            wait_until(lambda: hub.line(row.pk).waiting == hub.line(lonely.pk).waiting == 0)
        assert (hub.line(row.pk).finished, hub.line(row.pk).unmatched) == (1, 1)
        assert hub.line(lonely.pk).unmatched == 2
        assert world.numbers() == [1]

    def test_a_workflow_saved_a_moment_ago_misses_nothing(self, hub: Hub, world: World) -> None:
        row = source()
        with Worker() as worker:
            worker.take(row)
            put(hub, row, [1])
            wait_until(lambda: hub.line(row.pk).unmatched == 1)  # the engine knows that nobody wants them
            noting(row)
            put(hub, row, [2, 3])
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        assert (world.numbers(), hub.line(row.pk).unmatched) == ([2, 3], 1)

    def test_without_the_database_what_nobody_wanted_is_not_waited_for(
        self, hub: Hub, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = source()

        def away(catalog: Catalog) -> bool:
            raise OperationalError("away")

        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: row.pk in worker.catalog.integrations)
            monkeypatch.setattr(Catalog, "_refresh", away)
            put(hub, row, list(range(20)))
            wait_until(lambda: hub.line(row.pk).unmatched == 20)

    def test_an_event_ends_when_all_its_workflows_have_ended(self, hub: Hub, world: World) -> None:
        row = source()
        for note in "abc":
            noting(row, note, gate="c" if note == "c" else "")
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: world.waiting == [1])
            assert sorted(world.seen) == [("a", 1), ("b", 1), ("c", 1)]
            assert hub.line(row.pk).waiting == 1
            world.gate("c").set()
            wait_until(lambda: hub.line(row.pk).finished == 1)

    def test_a_failing_run_is_parked_with_its_place_and_the_next_message_still_runs(self, hub: Hub, world: World) -> None:
        row = source()
        flow = noting(row, fail="too hot", fail_numbers=[1])
        put(hub, row, [1, 2])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        assert hub.line(row.pk).finished == 1
        assert hub.line(row.pk).parked == {"failed": 1}
        parked = ParkedRun.objects.get()
        assert (parked.integration_id, parked.workflow_id, parked.reason) == (row.pk, flow.pk, "failed")
        assert (parked.error_name, parked.error_message, parked.node_id, parked.node_label) == ("Unwell", "too hot", "s", "Step")
        assert orjson.loads(parked.payload)["data"]["number"] == 1
        assert TriggerEvent.from_json(parked.event.encode()).data["number"] == 1

    def test_a_replay_runs_only_the_workflow_that_failed(self, hub: Hub, world: World) -> None:
        row = source()
        noting(row, "well")
        ill = noting(row, "ill", fail="too hot")
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
            version = ill.versions.get()
            version.nodes = [step("s", note="cured")]
            version.save()
            parked = ParkedRun.objects.get()
            wait_until(lambda: worker.catalog._applications[row.application_id].matches != {} and _cured(worker, row.pk))
            assert replay([parked.pk]) == 1
            wait_until(lambda: world.numbers("cured") == [1])
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        assert world.numbers("well") == [1]
        assert not ParkedRun.objects.exists()
        line = hub.line(row.pk)
        assert (line.received, line.messages, line.finished, line.parked) == (2, 1, 1, {"failed": 1})

    def test_an_event_that_cannot_be_read_is_parked_with_its_reason(self, hub: Hub) -> None:
        row = source()
        noting(row)
        hub.append(row.pk, [b'{"v": 99}', b"\xff\x00 no JSON"], "*")
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).parked == {"unreadable": 2})
        assert ParkedRun.objects.filter(error_name="EventUnreadable").count() == 2

    def test_a_workflow_that_cannot_be_built_parks_with_its_faults(self, hub: Hub) -> None:
        row = source()
        workflow(row, nodes=[{"id": "n", "type": "DebugNode", "config": {"volume": 1}, "meta": {}, "outputIds": []}])
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
        assert "volume" in ParkedRun.objects.get().error_message

    def test_a_run_that_takes_too_long_is_ended_and_parked(self, hub: Hub) -> None:
        row = source()
        noting(row, gate="never")
        put(hub, row, [1])
        with Worker(quick(run_seconds=0.2)) as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
        assert "longer than 0.2 s" in ParkedRun.objects.get().error_message

    def test_an_edit_takes_effect_and_the_last_known_state_stays_while_the_database_is_away(
        self, hub: Hub, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        class SometimesAway(Catalog):
            away = False

            def refresh(self) -> bool:
                if self.away:
                    raise OperationalError("the database is away")
                return super().refresh()

        row = source()
        flow = noting(row, "old")
        catalog = SometimesAway()
        with caplog.at_level(logging.WARNING), Worker(catalog=catalog) as worker:
            put(hub, row, [1])
            worker.take(row)
            wait_until(lambda: world.numbers("old") == [1])
            catalog.away = True
            version = flow.versions.get()
            version.nodes = [step("s", note="new")]
            version.save()
            wait_until(lambda: "the database is away" in caplog.text)
            put(hub, row, [2])
            wait_until(lambda: world.numbers("old") == [1, 2])
            catalog.away = False
            wait_until(lambda: hub.append(row.pk, [stored(3)], "*")[0] == 1 and 3 in world.numbers("new"))


def _cured(worker: Worker, integration_id: str) -> bool:
    known = worker.catalog.integrations[integration_id]
    return any(
        node.node.config.note == "cured"
        for match in worker.catalog.match(known, EventKind.MESSAGE)
        if match.plan.graph is not None
        for node in match.plan.graph.nodes.values()
    )


class TestWaiting:
    """Runs that wait: beside each other, bounded, felt by nobody else."""

    def test_a_run_that_waits_does_not_keep_the_next_from_starting(self, hub: Hub, world: World) -> None:
        row = source()
        noting(row, gate="g", gate_numbers=[0])
        put(hub, row, list(range(20)))
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).finished == 19)
            assert hub.numbers(row.pk) == [0]
            world.gate("g").set()
            wait_until(lambda: hub.line(row.pk).finished == 20)
        assert world.numbers() == list(range(20))

    def test_at_most_so_many_runs_of_an_integration_are_under_way(self, hub: Hub, world: World) -> None:
        row, neighbour = source(), source()
        noting(row, gate="g")
        noting(neighbour, "n")
        put(hub, row, range(10))
        with Worker(quick(runs_per_integration=3)) as worker:
            worker.take(row)
            wait_until(lambda: world.waiting == [0, 1, 2])
            put(hub, neighbour, range(30))
            worker.take(neighbour)
            wait_until(lambda: hub.line(neighbour.pk).finished == 30)
            assert world.waiting == [0, 1, 2]
            world.gate("g").set()
            wait_until(lambda: hub.line(row.pk).finished == 10)
        assert world.numbers() == list(range(10))

    def test_at_most_so_many_runs_of_a_worker_are_under_way(self, hub: Hub, world: World) -> None:
        rows = [source(id=identifier) for identifier in ids_apart(2)]
        for row in rows:
            noting(row, gate="g")
            put(hub, row, range(10))
        with Worker(quick(runs_per_integration=4, runs_per_worker=4)) as worker:
            worker.take(*rows)
            wait_until(lambda: len(world.waiting) >= 4)
            world.gate("g").set()
            wait_until(lambda: all(hub.line(row.pk).finished == 10 for row in rows))
        assert sorted(world.numbers()) == sorted([*range(10), *range(10)])


class TestSending:
    """Messages leave with the end of their event, or at once when its runs go on."""

    def target(self, row: Any, **fields: Any) -> Any:
        return source(of=row.application, **fields)

    def test_messages_leave_in_the_order_of_their_events(self, hub: Hub) -> None:
        row = source()
        target = self.target(row)
        noting(row, send_to=target.pk)
        put(hub, row, range(30))
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).finished == 30)
        assert hub.outbox(target.pk) == [f"a{n}" for n in range(30)]
        assert hub.sent(target.pk) == {"queued": 30}

    def test_two_triggers_of_one_workflow_both_send_although_their_runs_wait(self, hub: Hub, world: World) -> None:
        row = source()
        target = self.target(row)
        triggers = [trigger(row, ["s"]), trigger(row, ["t"])]
        nodes = [step(name, note=name, gate="g", send_to=target.pk) for name in "st"]
        workflow(row, triggers=triggers, nodes=nodes)
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: world.waiting == [1, 1])
            world.gate("g").set()
            wait_until(lambda: hub.line(row.pk).finished == 1)
        assert sorted(hub.outbox(target.pk)) == ["s1", "t1"]

    @pytest.mark.parametrize("way", ["missing", "foreign", "disabled"])
    def test_what_cannot_be_sent_fails_the_run(self, hub: Hub, way: str) -> None:
        row = source()
        target = source() if way == "foreign" else self.target(row, enabled=way != "disabled")
        noting(row, send_to=target.pk if way != "missing" else new_id())
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
        assert ParkedRun.objects.get().error_name == ("IntegrationDisabled" if way == "disabled" else "IntegrationMissing")
        assert hub.outbox(target.pk) == []

    @pytest.mark.parametrize(("outcome", "error"), [("", ""), ("failed:no", "SendFailed"), ("unknown:lost", "SendUnknown")])
    def test_a_node_that_waits_for_the_outcome_gets_it(self, hub: Hub, outcome: str, error: str) -> None:
        row = source()
        target = workflow_target(row)
        noting(row, send_to=target.pk)
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.outbox(target.pk) == ["a1"])
            ((_, fields),) = hub.client.xrange(key("outbox", target.pk))
            channel, _, reply = orjson.loads(fields[b"m"])["r"].partition("#")
            answer = orjson.dumps({"reply": reply, "outcome": outcome})
            assert hub.client.publish(channel, answer) == 1, "runs begin when the worker listens for answers"
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        assert hub.line(row.pk).finished == (0 if error else 1)
        assert [parked.error_name for parked in ParkedRun.objects.all()] == ([error] if error else [])


def workflow_target(row: Any) -> Any:
    """Create an integration whose sending nodes wait, in the application of another."""
    return integration(row.application, integration_type="fake-waiting", config=CONFIG)


class TestHoldersChange:
    """Stops, deaths, takeovers."""

    def test_a_graceful_stop_waits_for_runs_under_way_and_claims_no_more(self, hub: Hub, world: World) -> None:
        row = source()
        noting(row, gate="g")
        put(hub, row, [1, 2])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: world.waiting == [1, 2])
            worker.loop.call_soon_threadsafe(worker.ask_to_stop)
            wait_until(lambda: worker.call(worker.engine.take(partition_of(new_id()))) is False)
            put(hub, row, [3])
            world.gate("g").set()
        assert world.numbers() == [1, 2]
        assert hub.line(row.pk).finished == 2
        assert hub.client.get(key("run", partition_of(row.pk))) is None
        assert hub.client.zcard(key("workers")) == 0

    def test_after_a_graceful_stop_nothing_is_suspected(self, hub: Hub, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drain, "SHUTDOWN_SECONDS", 0.1)
        row = source()
        noting(row, gate="g", gate_numbers=[1])
        put(hub, row, [1, 2])
        for _ in range(4):  # more often than an event may be there when a worker dies
            with Worker() as worker:
                worker.take(row)
                wait_until(lambda: world.waiting[-1:] == [1])
            world.waiting.clear()
        assert not hub.client.exists(key("starts", row.pk))
        world.gate("g").set()
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: hub.line(row.pk).finished == 2)
        assert not ParkedRun.objects.exists()

    def test_a_partition_that_is_lost_while_a_run_waits_has_no_effect_any_more(self, hub: Hub, world: World) -> None:
        row = source()
        target = source(of=row.application)
        noting(row, gate="g", send_to=target.pk)
        put(hub, row, [1])
        with Worker() as worker:
            worker.take(row)
            wait_until(lambda: world.waiting == [1])
            token = hub.hold("run", row.pk, "elsewhere")
            world.gate("g").set()
            wait_until(lambda: worker.call(worker.engine.take(partition_of(row.pk))) is False)
            (entry,) = hub.inbox(row.pk)
            assert hub.outbox(target.pk) == []
            assert hub.end(row.pk, entry, token) == ([], [])
        assert hub.line(row.pk).finished == 1

    def test_a_worker_that_stands_still_is_replaced_and_its_late_effects_are_refused(self, hub: Hub, world: World) -> None:
        row = source()
        target = source(of=row.application)
        noting(row, gate="g", send_to=target.pk)
        put(hub, row, [1, 2, 3])
        with Worker() as stuck, Worker() as fresh:
            stuck.take(row)
            wait_until(lambda: world.waiting == [1, 2, 3])
            stuck.freeze()
            world.gate("g").set()
            handed_on(hub, row, fresh)
            wait_until(lambda: hub.line(row.pk).finished == 3)
            stuck.thaw()
            wait_until(lambda: stuck.call(_held(stuck)) == [])
        assert hub.outbox(target.pk) == ["a1", "a2", "a3"]
        assert world.numbers() == [1, 2, 3, 1, 2, 3]
        assert hub.line(row.pk).finished == 3

    def test_an_event_that_stops_the_worker_is_parked_at_the_third_death_and_the_others_finish(
        self, hub: Hub, world: World
    ) -> None:
        row = source()
        noting(row, freeze_at=2)
        put(hub, row, [1, 2, 3])
        workers = []
        try:
            for _ in range(4):
                worker = Worker()
                worker.__enter__()
                workers.append(worker)
                handed_on(hub, row, worker)
                # It stands still now, which ends its lease; the fourth does not.
            wait_until(lambda: hub.line(row.pk).parked == {"stops the worker": 1}, seconds=15)
            wait_until(lambda: hub.line(row.pk).waiting == 0)
        finally:
            world.thawed.set()
            for worker in workers:
                worker.__exit__()
        line = hub.line(row.pk)
        assert (line.finished, line.parked) == (2, {"stops the worker": 1})
        assert world.numbers().count(2) == 3
        parked = ParkedRun.objects.get()
        assert (parked.error_name, TriggerEvent.from_json(parked.event.encode()).data["number"]) == ("WorkerDied", 2)

    def test_two_workers_share_the_partitions(self, hub: Hub, world: World) -> None:
        rows = [source(id=identifier) for identifier in ids_apart(4)]
        for row in rows:
            noting(row)
            put(hub, row, [1])
        with Worker() as first, Worker() as second:
            wait_until(lambda: hub.client.zcard(key("workers")) == 2)
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > 0.6)  # both have counted each other at a renewal
            assert sum(first.take(*rows)) == 2
            assert sum(second.take(*rows)) == 2
            wait_until(lambda: all(hub.line(row.pk).finished == 1 for row in rows))

    def test_runs_go_on_after_redis_was_away(self, own_redis: RedisServer, world: World) -> None:
        row = source()
        target = source(of=row.application)
        noting(row, gate="g", gate_numbers=[1], send_to=target.pk)
        with own_redis.client() as client, Worker(quick(lease_seconds=3.0)) as worker:
            hub = Hub(client)
            put(hub, row, range(5))
            worker.take(row)
            wait_until(lambda: world.waiting == [1])
            wait_until(lambda: hub.line(row.pk).finished == 4)
            own_redis.stop()
            world.gate("g").set()
            own_redis.start()
            wait_until(lambda: hub.line(row.pk).finished == 5)
            put(hub, row, [5])
            wait_until(lambda: hub.line(row.pk).finished == 6)
            assert sorted(hub.outbox(target.pk)) == [f"a{n}" for n in range(6)]


async def _held(worker: Worker) -> list[int]:
    return list(worker.engine._holding._leases.held)

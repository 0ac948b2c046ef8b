"""What fires workflows beside integrations: buttons, timers, schedules, errors, other workflows; with a real engine and Redis."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime import sweeper
from integrations.runtime.chores import drop_orphans, write_ledger
from integrations.runtime.keys import key, partition_of
from integrations.runtime.sources import owners
from tests import factories
from tests.integrations.runtime.hub import Hub, quick
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, put, source, step
from wegnology.applications.models import Application
from wegnology.applications.records import UsageDay
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject
from workflows.firing import NoRoom, NotFired, NothingToFire, Stopped, TooLarge, live_version, press
from workflows.models import ParkedRun, Workflow
from workflows.replay import replay
from workflows.timers import Timers, next_times, start_scheduled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


def fires(kind: str, to: str = "s", key_: str = "", **config: Any) -> JSONObject:
    """Return a trigger in its JSON form."""
    return {"type": kind, "key": key_, "config": config, "meta": {}, "outputIds": [[to]]}


def button(of: Application, *nodes: JSONObject, note: str = "b", **fields: Any) -> Workflow:
    """Create a workflow with a virtual button."""
    steps = list(nodes) or [step("s", note=note)]
    return factories.workflow(of, triggers=[fires("virtualButton", str(steps[0]["id"]))], nodes=steps, **fields)


def key_of(row: Workflow, at: int = 0) -> str:
    """Return the key that a trigger of the develop version got when it was saved."""
    return str(row.versions.get(name="develop").triggers[at]["key"])


def starting(target: Workflow, **config: Any) -> JSONObject:
    """Return a node that presses the button of a workflow."""
    settings = {"triggerWorkflowId": target.pk, "triggerVirtualButtonId": key_of(target), **config}
    return {"id": "t", "type": "WorkflowTriggerNode", "config": settings, "meta": {}, "outputIds": [["s"]]}


def take(worker: Worker, *rows: Workflow) -> None:
    """Give it the partitions of these workflows."""
    for row in rows:
        worker.call(worker.engine.take(partition_of(row.pk)))


def balanced(hub: Hub, *ids: str) -> bool:
    return all(hub.line(one).balanced and hub.line(one).waiting == 0 for one in ids)


class TestButton:
    """A press of a virtual button."""

    def test_it_runs_with_its_payload_and_its_envelope(self, hub: Hub, world: World) -> None:
        row = button(factories.application(), step("s", note="b", fail="look"))
        event_id = press(row, key_of(row), {"number": 7}, relay=("user", "u1"))
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
        assert world.numbers("b") == [7]
        parked = ParkedRun.objects.get()
        assert (parked.event_id, parked.integration_id, parked.path) == (event_id, row.pk, ["s"])
        payload = json.loads(parked.payload)
        expected = {"triggerType": "virtualButton", "triggerId": key_of(row), "relayType": "user", "relayId": "u1"}
        assert {name: payload[name] for name in expected} == expected
        assert (payload["flowId"], payload["flowVersion"], payload["data"]) == (row.pk, "develop", {"number": 7})

    def test_a_parked_press_can_be_replayed(self, hub: Hub, world: World) -> None:
        row = button(factories.application(), step("s", note="b", fail="look"))
        press(row, key_of(row), {"number": 7})
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
            develop = row.versions.get(name="develop")
            develop.nodes = [step("s", note="b")]
            develop.save()
            wait_until(lambda: not _fails(worker, row))
            assert replay([ParkedRun.objects.get().pk]) == 1
            wait_until(lambda: hub.line(row.pk).finished == 1)
        assert world.numbers("b") == [7, 7]
        assert balanced(hub, row.pk)

    def test_the_version_that_is_named_runs(self, hub: Hub, world: World) -> None:
        row = button(factories.application())
        trigger = row.versions.get(name="develop").triggers[0]
        factories.version(row, name="v1", triggers=[trigger], nodes=[step("s", note="one")])
        press(row, key_of(row), {"number": 1}, version="v1")
        press(row, key_of(row), {"number": 2})
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).finished == 2)
        assert world.seen == [("one", 1), ("b", 2)]

    def test_what_cannot_be_pressed_says_why(self, hub: Hub, settings: Settings) -> None:
        row = button(factories.application())
        with pytest.raises(NothingToFire, match="no version 'v9'"):
            press(row, key_of(row), version="v9")
        with pytest.raises(NothingToFire, match="no virtual button 'x'"):
            press(row, "x")
        with pytest.raises(NotFired, match="must be a JSON object"):
            press(row, key_of(row), [1])
        with pytest.raises(TooLarge, match="1,048,576 bytes"):
            press(row, key_of(row), {"text": "x" * 1_100_000})
        settings.INBOX_EVENTS = 1
        press(row, key_of(row))
        with pytest.raises(NoRoom):
            press(row, key_of(row))
        row.application.stopped_until = timezone.now() + timedelta(hours=1)
        with pytest.raises(Stopped, match="payload limit"):
            press(row, key_of(row))
        row.enabled = False
        with pytest.raises(NothingToFire, match="disabled"):
            press(row, key_of(row))
        assert hub.line(row.pk).received == 1

    def test_a_press_asks_for_a_worker(self, hub: Hub, drains: Any) -> None:
        row = button(factories.application())
        press(row, key_of(row))
        assert drains() == [partition_of(row.pk)]

    def test_a_disabled_workflow_finishes_what_waits_as_unmatched(self, hub: Hub, world: World) -> None:
        row = button(factories.application())
        press(row, key_of(row), {"number": 1})
        row.enabled = False
        row.save()
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).unmatched == 1)
        assert world.seen == []

    def test_deletion_drops_what_waits_and_is_no_orphan_before(self, hub: Hub) -> None:
        row, pk = button(factories.application()), ""
        press(row, key_of(row))
        pk = row.pk
        drop_orphans(hub.client)
        assert hub.line(pk).waiting == 1
        assert owners([pk]) == {pk: row.application_id}
        row.delete()
        assert hub.line(pk).dropped == {"deleted": 1}
        assert balanced(hub, pk)

    def test_a_press_counts_as_a_payload(self, hub: Hub) -> None:
        row = button(factories.application())
        press(row, key_of(row))
        write_ledger(hub.client)
        assert [(day.application_id, day.payloads) for day in UsageDay.objects.all()] == [(row.application_id, 1)]


def _fails(worker: Worker, row: Workflow) -> bool:
    plan = worker.catalog.own(row.application_id).plan(row.pk)
    assert plan is not None
    assert plan.graph is not None
    return bool(plan.graph.nodes["s"].node.config.fail)


class TestTimer:
    """Timers, driven by hand as the sweeper drives them."""

    def timer(self, **config: Any) -> Workflow:
        return factories.workflow(factories.application(), triggers=[fires("timer", **config)], nodes=[step("s", note="t")])

    def set_due(self, hub: Hub, row: Workflow, ms_from_now: int) -> None:
        name = f"{row.pk}:{key_of(row)}"
        mark = hub.client.hget(key("timers"), name).split()[1]
        hub.client.hset(key("timers"), name, f"{int(time.time() * 1000) + ms_from_now} {mark.decode()}")

    def test_it_fires_when_due_and_once_after_a_long_time(self, hub: Hub, world: World) -> None:
        row = self.timer(seconds=60)
        chore = Timers()
        chore(hub.client)
        assert hub.line(row.pk).received == 0
        (at,) = next_times(hub.client, row, live_version(row)).values()
        assert 55 < (at - timezone.now()).total_seconds() <= 60
        self.set_due(hub, row, -3_600_000)
        chore(hub.client)
        chore(hub.client)
        assert (hub.line(row.pk).received, hub.line(row.pk).messages) == (1, 1)
        (at,) = next_times(hub.client, row, live_version(row)).values()
        assert 0 < (at - timezone.now()).total_seconds() <= 60
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).finished == 1)
        assert world.seen == [("t", 0)]

    def test_two_processes_fire_it_once(self, hub: Hub) -> None:
        row = self.timer(seconds=60)
        one, other = Timers(), Timers()
        one(hub.client)
        self.set_due(hub, row, -1_000)
        before = hub.client.hgetall(key("timers"))
        one(hub.client)
        hub.client.hset(key("timers"), mapping=before)  # as if the other had read this before
        other(hub.client)
        assert hub.line(row.pk).received == 1

    def test_a_changed_or_switched_off_timer_begins_anew(self, hub: Hub) -> None:
        row = self.timer(seconds=60)
        chore = Timers()
        chore(hub.client)
        self.set_due(hub, row, -1_000)
        develop = row.versions.get(name="develop")
        develop.triggers = [{**develop.triggers[0], "config": {"cron": "0 0 1 1 *", "tz": "Europe/Berlin"}}]
        develop.save()
        chore(hub.client)
        assert hub.line(row.pk).received == 0
        self.set_due(hub, row, -1_000)
        row.enabled = False
        row.save()
        chore(hub.client)
        assert hub.client.hgetall(key("timers")) == {}
        assert next_times(hub.client, row, develop) == {}
        row.enabled = True
        row.save()
        chore(hub.client)
        assert hub.line(row.pk).received == 0

    def test_without_room_or_past_the_limit_it_is_dropped_and_counted(self, hub: Hub, settings: Settings) -> None:
        settings.INBOX_EVENTS = 1
        row = self.timer(seconds=60)
        chore = Timers()
        for _ in range(3):
            chore(hub.client)
            self.set_due(hub, row, -1_000)
        Application.objects.update(stopped_until=timezone.now() + timedelta(hours=1))
        chore(hub.client)
        line = hub.line(row.pk)
        assert (line.received, line.waiting, line.dropped) == (3, 1, {"full": 1, "limit": 1})
        assert line.balanced


class TestErrors:
    """Workflow Error triggers."""

    def failing(self, of: Application, *extra: JSONObject) -> Workflow:
        triggers = [fires("virtualButton"), *extra]
        return factories.workflow(
            of, name="Sick", triggers=triggers, nodes=[step("s", note="sick", fail="too hot"), step("h", note="own")]
        )

    def handler(self, of: Application, scope: str, note: str, **config: Any) -> Workflow:
        return factories.workflow(of, triggers=[fires("flowError", scope=scope)], nodes=[step("s", note=note, **config)])

    def test_the_own_one_and_global_ones_run_and_the_run_is_parked(self, hub: Hub, world: World) -> None:
        plant = factories.application()
        sick = self.failing(plant, fires("flowError", "h"))
        everywhere, cloud = self.handler(plant, "global", "all"), self.handler(plant, "cloud", "cloud")
        others = [self.handler(plant, "local", "no"), self.handler(plant, "experience", "no")]
        others.append(self.handler(factories.application("Other"), "global", "no"))
        press(sick, key_of(sick), {"number": 1})
        with Worker() as worker:
            take(worker, sick, everywhere, cloud)
            wait_until(lambda: balanced(hub, sick.pk, everywhere.pk, cloud.pk) and len(world.seen) == 4)
        assert sorted(world.seen) == [("all", 0), ("cloud", 0), ("own", 0), ("sick", 1)]
        assert hub.line(sick.pk).parked == {"failed": 1}
        assert [hub.line(row.pk).received for row in others] == [0, 0, 0]

    def test_what_a_handler_finds(self, hub: Hub, world: World) -> None:
        plant = factories.application()
        sick = self.failing(plant)
        handler = self.handler(plant, "global", "all", fail="handler is sick, too")
        press(sick, key_of(sick), {"number": 1})
        with Worker() as worker:
            take(worker, sick, handler)
            wait_until(lambda: hub.line(handler.pk).parked == {"failed": 1})
        parked = ParkedRun.objects.get(workflow_id=handler.pk)
        payload = json.loads(parked.payload)
        assert (payload["triggerType"], payload["triggerId"]) == ("flowError", f"{sick.pk}-flowError")
        assert (payload["relayType"], payload["relayId"]) == ("flow", sick.pk)
        data = payload["data"]
        assert data["errorInfo"] == {"error": {"message": "too hot", "name": "Unwell"}, "nodeId": "s", "nodeType": "StepNode"}
        assert (data["erroredPayload"]["flowId"], data["erroredPayload"]["data"]) == (sick.pk, {"number": 1})
        assert hub.line(handler.pk).received == 1  # its own failure fired nothing
        assert balanced(hub, sick.pk, handler.pk)

    def test_a_large_payload_is_left_out(self, hub: Hub) -> None:
        plant = factories.application()
        sick = self.failing(plant)
        handler = self.handler(plant, "global", "all", fail="show")
        press(sick, key_of(sick), {"text": "x" * 300_000})
        with Worker() as worker:
            take(worker, sick, handler)
            wait_until(lambda: hub.line(handler.pk).parked == {"failed": 1})
        event = TriggerEvent.from_json(ParkedRun.objects.get(workflow_id=handler.pk).event.encode())
        assert event.data["erroredPayload"] == "Payload data omitted due to size"

    def test_an_integration_run_that_takes_too_long_is_told_with_its_place(self, hub: Hub, world: World) -> None:
        row = source()
        slow = factories.workflow(
            row, nodes=[step("a", "s"), {"id": "s", "type": "DelayNode", "config": {"delay": "59"}, "outputIds": [[]]}]
        )
        handler = self.handler(row.application, "global", "all")
        put(hub, row, [5])
        with Worker(quick(run_seconds=0.3)) as worker:
            worker.take(row)
            take(worker, handler)
            wait_until(lambda: hub.line(handler.pk).finished == 1)
        parked = ParkedRun.objects.get(workflow_id=slow.pk)
        assert (parked.error_name, parked.node_id, parked.path) == ("RunLimitReached", "s", ["a", "s"])
        assert '"number":5' in parked.payload
        assert world.seen[-1] == ("all", 0)


class TestWorkflowTrigger:
    """Workflows that start others."""

    def test_it_starts_the_other_with_the_end_of_its_own_run(self, hub: Hub, world: World) -> None:
        plant = factories.application()
        target = button(plant, note="second")
        node = starting(target, payloadTemplate='{"number": {{data.number}}1}', resultPath="working.r")
        first = button(plant, node, step("s", note="first"))
        press(first, key_of(first), {"number": 4})
        with Worker() as worker:
            take(worker, first)  # nobody has asked for the other's partition: the worker takes it by itself
            wait_until(lambda: hub.line(target.pk).finished == 1)
        assert world.seen == [("first", 4), ("second", 41)]
        line = hub.line(target.pk)
        assert (line.received, line.messages) == (1, 0)

    def test_workflows_that_start_each_other_come_to_an_end(self, hub: Hub, world: World) -> None:
        row = button(factories.application())
        develop = row.versions.get(name="develop")
        develop.nodes = [{**starting(row), "id": "s", "outputIds": [["n"]]}, step("n", note="round")]
        develop.save()
        press(row, key_of(row))
        with Worker() as worker:
            take(worker, row)
            wait_until(lambda: hub.line(row.pk).parked == {"failed": 1})
        assert len(world.seen) == 20
        parked = ParkedRun.objects.get()
        assert (parked.error_name, parked.node_id) == ("TooManyTriggers", "s")
        assert balanced(hub, row.pk)

    def test_scheduled_it_waits_and_can_be_taken_back(self, hub: Hub, world: World) -> None:
        plant = factories.application()
        target = button(plant, note="later")
        node = starting(target, behavior="schedule", secondsTemplate="{{data.seconds}}", resultPath="data.run")
        back: Any = {
            "id": "s",
            "type": "WorkflowTriggerNode",
            "config": {"behavior": "cancel", "runIdTemplate": "{{data.run.runId}}"},
        }
        first = button(plant, {**node, "outputIds": [["n"]]}, step("n"))
        undone = button(plant, node, {**back, "outputIds": [[]]})
        press(first, key_of(first), {"seconds": 100})
        press(first, key_of(first), {"seconds": 0})
        press(undone, key_of(undone), {"seconds": 100})
        with Worker() as worker:
            take(worker, first, undone, target)
            wait_until(lambda: hub.line(first.pk).finished == 2 and hub.line(undone.pk).finished == 1)
            start_scheduled(hub.client)
            start_scheduled(hub.client)
            wait_until(lambda: hub.line(target.pk).finished == 1)
        assert hub.client.zcard(key("schedule")) == hub.client.hlen(key("scheduled", plant.pk)) == 1
        assert hub.line(target.pk).received == 1

    def test_a_scheduled_run_of_a_deleted_workflow_is_dropped_and_counted(self, hub: Hub) -> None:
        plant, gone = factories.application(), new_id()
        event = TriggerEvent(new_id(), EventKind.MESSAGE, 1, {}, origin=Origin("virtualButton", "k"))
        hub.client.zadd(key("schedule"), {f"{plant.pk}:{event.id}": 1})
        hub.client.hset(key("scheduled", plant.pk), event.id, gone.encode() + b"\n" + event.to_json())
        start_scheduled(hub.client)
        assert hub.line(gone).dropped == {"deleted": 1}
        assert hub.client.zcard(key("schedule")) == 0

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"triggerWorkflowId": "f" * 24}, "WorkflowMissing"),
            ({"triggerVirtualButtonId": "other"}, "VirtualButtonMissing"),
            ({"flowVersionTemplate": "v9"}, "WorkflowVersionMissing"),
        ],
    )
    def test_what_cannot_be_started_fails_by_name(self, hub: Hub, change: JSONObject, name: str) -> None:
        plant = factories.application()
        node: Any = starting(button(plant))
        first = button(plant, {**node, "config": {**node["config"], **change}}, step("s"))
        press(first, key_of(first))
        with Worker() as worker:
            take(worker, first)
            wait_until(lambda: hub.line(first.pk).parked == {"failed": 1})
        assert ParkedRun.objects.get().error_name == name

    def test_a_workflow_of_another_application_cannot_be_started(self, hub: Hub) -> None:
        foreign = button(factories.application("Other"))
        first = button(factories.application(), starting(foreign), step("s"))
        press(first, key_of(first))
        with Worker() as worker:
            take(worker, first)
            wait_until(lambda: hub.line(first.pk).parked == {"failed": 1})
        assert ParkedRun.objects.get().error_name == "WorkflowMissing"
        assert hub.line(foreign.pk).received == 0


def test_the_sweeper_of_timers_is_one_of_the_workers(hub: Hub) -> None:
    """It holds a lease of its own, so that long chores of others hold up no timer."""
    from workflows.bootstep import EngineStep

    names = [one._key for one in EngineStep(None)._sweepers]
    assert key("sweeper", "timers") in names
    assert sweeper.TICK_SECONDS == 1.0

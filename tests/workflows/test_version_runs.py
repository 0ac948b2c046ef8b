"""Which version runs: what is changed while a worker runs, and events whose version is gone; with a real engine and Redis."""

from collections.abc import Callable, Sequence

import pytest

from integrations.events import EventKind
from integrations.models import Integration
from integrations.runtime.keys import partition_of
from tests import factories
from tests.fakes import FakeConnector
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, put, source, step
from wegnology.applications.records import TrashEntry
from wegnology.applications.restoring import restore
from wegnology.lib.types import JSONObject
from workflows.catalog import Catalog
from workflows.firing import press
from workflows.models import DEVELOP, ParkedRun, Workflow
from workflows.replay import replay
from workflows.version_content import Content
from workflows.versions import create_version, delete_versions, save_develop, set_default, set_enabled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


def noting(flow: Workflow, note: str) -> Content:
    """Return what a version holds that notes its events."""
    triggers: Sequence[JSONObject] = flow.versions.get(name=DEVELOP).triggers
    return Content(list(triggers), [step("s", note=note)], {})


def flow_of(row: Integration) -> Workflow:
    """Create a workflow that messages of an integration start, and a button."""
    button: JSONObject = {"type": "virtualButton", "key": "", "config": {}, "meta": {}, "outputIds": [["s"]]}
    triggers = [factories.trigger(row, ["s"]), button]
    return factories.workflow(row.application, triggers=triggers, nodes=[step("s", note=DEVELOP)])


def key_of(flow: Workflow) -> str:
    return str(flow.versions.get(name=DEVELOP).triggers[1]["key"])


def parked(hub: Hub, flow: Workflow) -> bool:
    return hub.line(flow.pk).parked == {"no such version": 1}


def until(worker: Worker, source_id: str, condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait while the worker holds a source; on a machine so busy that it loses the lease, it takes it again."""

    def holding() -> bool:
        worker.call(worker.engine.take(partition_of(source_id)))
        return condition()

    wait_until(holding, 60, what)


class TestChanges:
    """Each change takes effect at a worker that runs, by the comparison of revisions once a second."""

    def test_all_that_changes_which_version_runs(self, hub: Hub, world: World) -> None:
        row = source()
        flow = flow_of(row)
        numbers = iter(range(1, 1000))

        with Worker() as worker:
            wait_until(lambda: row.pk in worker.catalog.integrations)

            def runs(note: str) -> bool:
                number = next(numbers)
                put(hub, row, [number])
                until(worker, row.pk, lambda: hub.line(row.pk).waiting == 0)
                return (note, number) in world.seen

            def soon(note: str) -> None:
                wait_until(lambda: runs(note), 60, f"{note} to run")

            soon(DEVELOP)
            save_develop(flow, noting(flow, "edited"))
            soon("edited")
            first = create_version(flow, "1", content=noting(flow, "first"), make_default=True)
            soon("first")
            second = create_version(flow, "2", content=noting(flow, "second"))
            set_default(flow, second)
            soon("second")
            set_enabled(second, False)
            wait_until(lambda: not runs("second"), 60, "the disabled version to rest")
            set_enabled(second, True)
            soon("second")
            create_version(flow, "2", content=noting(flow, "replaced"), replace=True)
            soon("replaced")
            set_enabled(flow, False)
            wait_until(lambda: not runs("replaced"), 60, "the disabled workflow to rest")
            set_enabled(flow, True)
            soon("replaced")
            set_default(flow, None)
            soon("edited")
            delete_versions(flow, [first])
            assert hub.line(row.pk).balanced


class TestGone:
    """Events that were accepted for a version which cannot run when their turn comes."""

    @pytest.mark.parametrize("how", ["deleted", "disabled"])
    def test_they_are_parked_and_run_when_it_is_back(self, hub: Hub, world: World, how: str) -> None:
        flow = flow_of(source())
        version = create_version(flow, "1", content=noting(flow, "first"))
        press(flow, key_of(flow), {"number": 7}, version="1")
        back: Callable[[], object]
        if how == "deleted":
            delete_versions(flow, [version])
            back = lambda: restore(TrashEntry.objects.get().pk)  # noqa: E731
        else:
            set_enabled(version, False)
            back = lambda: set_enabled(version, True)  # noqa: E731
        with Worker() as worker:
            until(worker, flow.pk, lambda: parked(hub, flow))
            row = ParkedRun.objects.get()
            assert (row.reason, row.error_name, row.workflow_id) == ("no such version", "WorkflowVersionMissing", flow.pk)
            assert "'1' that it is for cannot run: it was deleted or disabled" in row.error_message
            assert replay([row.pk]) == 1
            until(worker, flow.pk, lambda: ParkedRun.objects.exclude(pk=row.pk).exists(), "it to be parked again")
            back()
            wait_until(lambda: worker.catalog.own(flow.application_id).plan(flow.pk, "1") is not None, 60)
            assert replay([ParkedRun.objects.get().pk]) == 1
            until(worker, flow.pk, lambda: hub.line(flow.pk).finished == 1)
        assert set(world.seen) == {("first", 7)}
        assert hub.line(flow.pk).balanced

    def test_so_are_those_of_a_default_version_that_is_disabled(self, hub: Hub) -> None:
        flow = flow_of(source())
        version = create_version(flow, "1", content=noting(flow, "first"), make_default=True)
        press(flow, key_of(flow))
        set_enabled(version, False)
        with Worker() as worker:
            until(worker, flow.pk, lambda: parked(hub, flow))
        assert ParkedRun.objects.get().error_message == "the default version is disabled"

    def test_what_waits_for_a_disabled_workflow_counts_as_unmatched(self, hub: Hub) -> None:
        flow = flow_of(source())
        press(flow, key_of(flow))
        set_enabled(flow, False)
        with Worker() as worker:
            until(worker, flow.pk, lambda: hub.line(flow.pk).unmatched == 1)
        assert not ParkedRun.objects.exists()


class TestCompiling:
    def test_named_versions_are_read_and_compiled_once(self, hub: Hub) -> None:
        flow = flow_of(source())
        for number in range(3):
            create_version(flow, str(number))
        catalog = Catalog()
        catalog.refresh()
        own = catalog.own(flow.application_id)
        before = {name: own.plan(flow.pk, name) for name in ("0", "1", "2", DEVELOP)}
        save_develop(flow, noting(flow, "edited"))
        catalog.refresh()
        for name, plan in before.items():
            now = catalog.own(flow.application_id).plan(flow.pk, name)
            assert plan is not None
            assert now is not None
            assert (now.graph is plan.graph) is (name != DEVELOP)

    def test_what_is_gone_is_let_go_of(self, hub: Hub) -> None:
        flow = flow_of(source())
        version = create_version(flow, "1")
        catalog = Catalog()
        catalog.refresh()
        assert version.pk in catalog._compiler._outcomes
        delete_versions(flow, [version])
        catalog.refresh()
        assert catalog._compiler._outcomes.keys() == {flow.versions.get().pk}
        flow.delete()
        catalog.refresh()
        assert not catalog._compiler._outcomes
        assert not catalog._compiler._read

    def test_a_message_may_ask_for_the_default_one_by_name(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeConnector, "names_versions", True)
        row = source()
        flow = flow_of(row)
        version = create_version(flow, "1", make_default=True)
        catalog = Catalog()
        catalog.refresh()
        found = catalog.match(catalog.integrations[row.pk], EventKind.MESSAGE, version="default")
        assert [match.plan.version_id for match in found] == [version.pk]

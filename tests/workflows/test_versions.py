"""What can be done with the versions of a workflow, and that named ones never change."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from pytest_django import Settings

from tests import factories
from wegnology.applications.models import Application
from wegnology.applications.records import AuditEntry, TrashEntry
from wegnology.applications.restoring import restore
from wegnology.lib.types import JSONObject
from workflows import version_guards
from workflows.exceptions import (
    VersionFixed,
    VersionInUse,
    VersionInvalid,
    VersionMissing,
    VersionNameTaken,
    VersionRefused,
)
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.version_content import EMPTY, Content, content_of
from workflows.versions import (
    create_version,
    delete_versions,
    find_version,
    name_fault,
    save_develop,
    set_default,
    set_enabled,
    set_notes,
)

pytestmark = pytest.mark.django_db

SHOW: JSONObject = {"id": "show", "type": "DebugNode", "config": {"message": "hello"}, "outputIds": [[]]}
BUTTON: JSONObject = {"type": "virtualButton", "config": {}, "outputIds": [["show"]]}
SOME = Content([BUTTON], [SHOW], {"limit": 5})


@pytest.fixture
def flow() -> Workflow:
    """A workflow whose develop version holds something."""
    row = factories.workflow(factories.application())
    save_develop(row, SOME)
    return row


def revision(of: Workflow) -> int:
    return Application.objects.get(pk=of.application_id).revision


def develop(of: Workflow) -> WorkflowVersion:
    return of.versions.get(name=DEVELOP)


class TestCreating:
    def test_it_is_a_copy_of_develop(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0", notes="first")
        assert content_of(WorkflowVersion.objects.get(pk=version.pk)) == content_of(develop(flow))
        assert (version.notes, version.enabled, flow.live()) == ("first", True, develop(flow))
        save_develop(flow, EMPTY)
        version.refresh_from_db()
        assert (len(version.triggers), version.nodes, version.globals) == (1, [SHOW], {"limit": 5})
        assert version.triggers[0]["key"].startswith(f"{flow.pk}-")  # the button's, which both versions share

    def test_or_holds_what_it_is_given(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0", content=Content([], [SHOW], {}), enabled=False)
        assert (content_of(version), version.enabled) == (Content([], [SHOW], {}), False)

    def test_it_may_become_the_default_one_at_once(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0", make_default=True)
        assert flow.default_version == Workflow.objects.get().default_version == version

    @pytest.mark.parametrize("name", [DEVELOP, "default", "", " 1.0", "1.0 ", "a\nb", "\u200b", "x" * 256, "a" * 24])
    def test_some_names_are_refused(self, flow: Workflow, name: str) -> None:
        with pytest.raises(VersionRefused) as caught:
            create_version(flow, name)
        assert (caught.value.field, flow.versions.count()) == ("name", 1)

    @pytest.mark.parametrize("name", ["1.0.0", "v 2", "Ärger/2", "x" * 255, "Develop", "a" * 23])
    def test_all_others_are_taken(self, name: str) -> None:
        assert name_fault(name) == ""

    def test_notes_are_bounded(self, flow: Workflow) -> None:
        with pytest.raises(VersionRefused, match="at most 32767 characters, these have 32768"):
            create_version(flow, "1.0", notes="x" * 32_768)

    def test_content_that_makes_no_workflow_is_refused_with_every_fault(self, flow: Workflow) -> None:
        broken = Content([{"type": "timer", "config": {}}], [{"id": "a", "type": "NoNode"}], {"a b": 1, "long": "x" * 32_768})
        with pytest.raises(VersionInvalid) as caught:
            create_version(flow, "1.0", content=broken)
        places = [fault.place for fault in caught.value.faults]
        assert places == ["nodes[0].type", "triggers[0].config", "globals.a b", "globals.long"]

    @pytest.mark.parametrize("parts", [({}, [], {}), ([], "", {}), ([], [], []), ([], [], {str(n): n for n in range(101)})])
    def test_content_has_a_shape_and_a_bound(self, flow: Workflow, parts: Any) -> None:
        with pytest.raises(VersionInvalid, match=r"This must be|at most 100"):
            create_version(flow, "1.0", content=Content(*parts))

    def test_a_taken_name_is_refused(self, flow: Workflow) -> None:
        create_version(flow, "1.0")
        with pytest.raises(VersionNameTaken, match="versions never change"):
            create_version(flow, "1.0")

    def test_unless_it_shall_be_replaced(self, flow: Workflow) -> None:
        old = create_version(flow, "1.0", make_default=True)
        new = create_version(flow, "1.0", content=Content([], [SHOW], {}), replace=True)
        assert new.pk != old.pk
        assert flow.default_version == new
        assert list(flow.versions.exclude(name=DEVELOP)) == [new]
        restored = restore(TrashEntry.objects.get().pk)
        assert str(restored.rows[0]).endswith("1.0 (restored)")

    def test_there_is_a_most(self, flow: Workflow, settings: Settings) -> None:
        settings.WORKFLOW_VERSIONS = 2
        create_version(flow, "1")
        create_version(flow, "2")
        with pytest.raises(VersionRefused, match="has 2 versions, which is the limit"):
            create_version(flow, "3")
        create_version(flow, "2", replace=True)

    def test_a_deleted_workflow_gets_none(self, flow: Workflow) -> None:
        Workflow.objects.get(pk=flow.pk).delete()
        with pytest.raises(VersionMissing, match="has been deleted"):
            create_version(flow, "1.0")


class TestNeverChanging:
    @pytest.mark.parametrize(
        ("field", "value"), [("name", "2.0"), ("triggers", []), ("nodes", [SHOW, SHOW]), ("globals", {"limit": 6})]
    )
    def test_the_model_refuses(self, flow: Workflow, field: str, value: Any) -> None:
        version = create_version(flow, "1.0")
        setattr(version, field, value)
        with pytest.raises(VersionFixed, match=f"'1.0' never changes: {field}"):
            version.save()
        with pytest.raises(VersionFixed):
            version.save(update_fields=[field])

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", "2.0"),
            ("triggers", []),
            ("nodes", [SHOW, SHOW]),
            ("globals", {}),
            ("created_at", "2020-01-01T00:00Z"),
            ("id", "b" * 24),
        ],
    )
    def test_the_database_refuses(self, flow: Workflow, field: str, value: Any) -> None:
        version = create_version(flow, "1.0")
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            WorkflowVersion.objects.filter(pk=version.pk).update(**{field: value})

    def test_develop_keeps_its_name(self, flow: Workflow) -> None:
        row = develop(flow)
        row.name = "1.0"
        with pytest.raises(VersionFixed):
            row.save()
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            WorkflowVersion.objects.filter(pk=row.pk).update(name="1.0")
        WorkflowVersion.objects.filter(pk=row.pk).update(nodes=[])  # its content is no business of the guard

    def test_notes_and_the_switch_do_change(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        set_notes(version, "tried out")
        assert set_enabled(version, False) is True
        assert set_enabled(version, False) is False
        stored = WorkflowVersion.objects.get(pk=version.pk)
        assert (stored.notes, stored.enabled, content_of(stored)) == ("tried out", False, content_of(version))

    def test_the_guard_comes_back_with_the_next_migration(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        version_guards.lift()
        WorkflowVersion.objects.filter(pk=version.pk).update(nodes=[])
        version_guards.stand()
        version_guards.stand()
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            WorkflowVersion.objects.filter(pk=version.pk).update(nodes=[SHOW])


class TestDefault:
    def test_it_is_live_in_place_of_develop(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        before = revision(flow)
        set_default(flow, version)
        assert Workflow.objects.get().live() == version
        assert revision(flow) > before
        set_default(flow, develop(flow))
        assert Workflow.objects.get().default_version is None
        before = revision(flow)
        set_default(flow, None)
        assert revision(flow) == before  # no change, and no entry in the audit

    def test_one_of_another_workflow_is_refused(self, flow: Workflow) -> None:
        foreign = create_version(factories.workflow(flow.application, name="Other"), "1.0")
        with pytest.raises(VersionMissing, match="another workflow"):
            set_default(flow, foreign)


class TestSwitching:
    def test_each_change_reaches_the_workers(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        for row in (version, flow):
            before = revision(flow)
            set_enabled(row, False)
            assert revision(flow) > before
        assert list(AuditEntry.objects.filter(action="disabled").values_list("object_id", flat=True)) == [flow.pk, version.pk]

    def test_develop_is_not_switched_by_itself(self, flow: Workflow) -> None:
        with pytest.raises(VersionRefused, match="disable the workflow"):
            set_enabled(develop(flow), False)


class TestDeleting:
    def test_it_can_be_restored(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        delete_versions(flow, [version])
        assert not WorkflowVersion.objects.filter(pk=version.pk).exists()
        restore(TrashEntry.objects.get().pk)
        assert content_of(WorkflowVersion.objects.get(pk=version.pk)) == content_of(develop(flow))

    def test_neither_develop_nor_the_default_one(self, flow: Workflow) -> None:
        default, other = create_version(flow, "1.0", make_default=True), create_version(flow, "2.0")
        with pytest.raises(VersionInUse, match="default version"):
            delete_versions(flow, [other, default])
        with pytest.raises(VersionInUse, match="Develop cannot be deleted"):
            delete_versions(flow, [other, develop(flow)])
        foreign = create_version(factories.workflow(flow.application, name="Other"), "1.0")
        with pytest.raises(VersionMissing):
            delete_versions(flow, [other, foreign])
        assert flow.versions.count() == 3
        assert not TrashEntry.objects.exists()


class TestDevelop:
    def test_it_takes_back_what_a_version_holds(self, flow: Workflow) -> None:
        version = create_version(flow, "1.0")
        save_develop(flow, Content([], [], {"limit": 6}))
        save_develop(flow, content_of(version), keep_as="before")
        assert content_of(develop(flow)) == content_of(version)
        assert find_version(flow, "before").globals == {"limit": 6}

    def test_it_stays_when_the_copy_cannot_be_kept(self, flow: Workflow) -> None:
        create_version(flow, "1.0")
        with pytest.raises(VersionNameTaken):
            save_develop(flow, EMPTY, keep_as="1.0")
        assert develop(flow).nodes == [SHOW]


def test_a_version_is_found_by_id_and_by_name(flow: Workflow) -> None:
    version = create_version(flow, "1.0")
    assert find_version(flow, version.pk) == find_version(flow, "1.0") == version
    assert find_version(flow, DEVELOP) == find_version(flow, "default") == develop(flow)
    other = factories.workflow(flow.application, name="Other")
    for missing in ("2.0", "f" * 24, "", develop(other).pk):
        with pytest.raises(VersionMissing):
            find_version(flow, missing)

"""Deleting, with or without the workflows that integrations trigger. One function for row, page, bulk, REST and applications.

It neither validates nor connects: what is broken can be deleted. What is deleted can be restored (`restoring`), except waiting
events: those are dropped after the commit (reason `deleted`) by a receiver of `post_delete` in `integrations.apps`, which also
sees the deletion of a whole application.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from django.db import transaction
from django.db.models import Model, QuerySet

from integrations.models import Integration
from wegnology.applications.records import TrashEntry
from wegnology.applications.trash import put_away
from wegnology.lib.types import JSONValue
from workflows.graph import INTEGRATION
from workflows.models import Workflow, WorkflowVersion
from workflows.version_search import holding


class Take(StrEnum):
    """Which workflows go with an integration."""

    NONE = "none"
    ONLY = "only"
    """Those whose every trigger, in every version, is one of the deleted integrations."""
    ALL = "all"
    """Those with any trigger of one of them, in any version."""


class Affected(NamedTuple):
    """Workflows that the integrations trigger: `only` are triggered by nothing else, `all` includes them."""

    only: list[Workflow]
    all: list[Workflow]

    def taken(self, take: Take) -> list[Workflow]:
        """Return the workflows that a choice deletes."""
        return {Take.NONE: [], Take.ONLY: self.only, Take.ALL: self.all}[take]


def affected_workflows(integration_ids: Collection[str]) -> Affected:
    """Find the workflows that have a trigger of one of the integrations, in any version."""
    ours = set(integration_ids)
    holding_ours = holding(_versions_beside(ours), ours, "triggers")
    touched = {pk for pk, triggers in holding_ours.values_list("workflow_id", "triggers") if True in _is_ours(triggers, ours)}
    triggers: dict[str, set[bool]] = {}
    versions = WorkflowVersion.objects.filter(workflow__in=touched).order_by()
    for workflow_id, version_triggers in versions.values_list("workflow_id", "triggers"):
        triggers.setdefault(workflow_id, set()).update(_is_ours(version_triggers, ours))
    rows = list(Workflow.objects.filter(pk__in=touched).order_by("name", "id"))
    return Affected([row for row in rows if triggers[row.pk] == {True}], rows)


def workflows_by_integration(integration_ids: Collection[str]) -> dict[str, list[Workflow]]:
    """Return the workflows that have a trigger of each integration, in any version; four queries for any number."""
    ours, found = set(integration_ids), dict[str, set[str]]()
    versions = holding(_versions_beside(ours), ours, "triggers")
    for workflow_id, triggers in versions.values_list("workflow_id", "triggers"):
        for trigger in triggers:
            if isinstance(trigger, dict) and trigger.get("type") == INTEGRATION and trigger.get("key") in ours:
                found.setdefault(str(trigger["key"]), set()).add(workflow_id)
    wanted = {workflow_id for ids in found.values() for workflow_id in ids}
    rows = {
        row.pk: row for row in Workflow.objects.filter(pk__in=wanted).only("pk", "name", "application_id").order_by("name", "id")
    }
    return {key: [row for pk, row in rows.items() if pk in ids] for key, ids in found.items()}


def _versions_beside(integration_ids: Collection[str]) -> QuerySet[WorkflowVersion]:
    """Return the versions of the applications of these integrations."""
    applications = Integration.objects.filter(pk__in=integration_ids).values("application")
    return WorkflowVersion.objects.filter(workflow__application__in=applications).order_by()


def _is_ours(triggers: Iterable[JSONValue], ours: set[str]) -> Iterable[bool]:
    for trigger in triggers:
        yield isinstance(trigger, dict) and trigger.get("type") == INTEGRATION and trigger.get("key") in ours


class Deletion(NamedTuple):
    """What was deleted: names of the workflows that went along by choice, and the entries of the trash."""

    workflows: list[str]
    entries: list[TrashEntry]


def delete(rows: Collection[Model], take: Take = Take.NONE) -> Deletion:
    """Delete integrations, workflows, applications or what else is configured, all or nothing, into the trash together.

    With integrations go the workflows of the choice.
    """
    with transaction.atomic():
        integrations = [row.pk for row in rows if isinstance(row, Integration)]
        chosen = {(type(row), row.pk) for row in rows}
        workflows = affected_workflows(integrations).taken(take) if integrations else []
        workflows = [row for row in workflows if (Workflow, row.pk) not in chosen]
        deleted = put_away([*rows, *workflows])
    return Deletion([row.name for row in workflows], deleted.entries)

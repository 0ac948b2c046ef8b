"""Workflows: what happens with what arrived."""

from functools import partial
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_delete, post_migrate, post_save
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from workflows.models import Webhook, Workflow, WorkflowVersion


class WorkflowsConfig(AppConfig):
    """Knows integrations through events, models and the runtime's doors."""

    name = "workflows"
    verbose_name = gettext_lazy("Workflows")

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers."""
        from integrations.runtime.sources import register_source
        from wegnology.applications import audit
        from wegnology.applications.credential_users import register_users
        from wegnology.applications.global_uses import register_finder
        from wegnology.applications.models import Application
        from wegnology.applications.revisions import touch_on_change
        from workflows.alarms.rules import give_defaults
        from workflows.credential_use import NodeUsers
        from workflows.global_use import mentions
        from workflows.models import AlarmRule, Webhook, Workflow, WorkflowVersion
        from workflows.version_guards import stand

        register_users(NodeUsers())
        register_finder(mentions)
        register_source(Workflow)
        post_delete.connect(_forget, sender=Workflow, dispatch_uid="waiting events of deleted workflows")
        post_migrate.connect(stand, sender=self, dispatch_uid="guard of versions")
        post_save.connect(give_defaults, sender=Application, dispatch_uid="alarm rules of new applications")
        audit.watch(AlarmRule, lambda row: str(row.application_id), hidden=lambda row: frozenset({"config"}))
        touch_on_change(Workflow, lambda row: str(row.application_id))
        touch_on_change(
            WorkflowVersion,
            _application_of_version,
            page=lambda row: f"workflows.workflow:{row.workflow_id}",
            hidden=lambda row: frozenset({"triggers", "nodes", "globals"}),
            title=lambda row: f"{row.workflow.name}: {row.name}",
        )
        touch_on_change(
            Webhook,
            _application_of_version,
            page=lambda row: f"workflows.workflow:{row.workflow_id}",
            hidden=lambda row: frozenset({"digest", "config"}),
            title=lambda row: f"{row.workflow.name}: webhook {row.pk}",
        )


def _forget(instance: "Workflow", **_: object) -> None:
    """Drop what waits in the workflow's own inbox, once it is certain that the row is gone."""
    from integrations.live import discard_waiting

    transaction.on_commit(partial(discard_waiting, str(instance.pk)))


def _application_of_version(version: "WorkflowVersion | Webhook") -> str | None:
    """Return the application; None when its workflow is gone too, whose own deletion is seen."""
    from workflows.models import Workflow

    return Workflow.objects.filter(pk=version.workflow_id).values_list("application_id", flat=True).first()

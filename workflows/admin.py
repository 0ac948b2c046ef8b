"""Workflows: the develop version as JSON with faults in their place, named versions to look at."""

import json
import time
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from integrations.chart import chart
from integrations.live import read_live
from integrations.models import Integration
from integrations.panel import HOURS, stored_ledger
from wegnology.applications.confirming import ConfirmedEdits
from wegnology.applications.owned_admin import OwnedAdmin
from workflows import integration_admin, parked_admin  # noqa: F401  (importing registers the pages)
from workflows.alarms import admin as alarm_admin  # noqa: F401  (likewise)
from workflows.alarms import rule_admin  # noqa: F401  (likewise)
from workflows.deletion_admin import DeletionPages
from workflows.drawing_admin import DrawnWorkflow
from workflows.exchange_actions import ExchangeActions
from workflows.forms import WorkflowForm
from workflows.global_use import secrets_named
from workflows.graph import INTEGRATION
from workflows.impact import workflow_impact
from workflows.insight_admin import InsightPages
from workflows.list_page import ListPages
from workflows.models import DEVELOP, ParkedRun, Workflow, WorkflowVersion
from workflows.parked_admin import pretty
from workflows.trigger_panel import TriggerActions, shown_triggers
from workflows.version_actions import VersionActions
from workflows.version_admin import VersionPages
from workflows.version_panel import lines_of


@admin.register(Workflow)
class WorkflowAdmin(
    ConfirmedEdits,
    DeletionPages,
    InsightPages,
    DrawnWorkflow,
    TriggerActions,
    VersionPages,
    ExchangeActions,
    VersionActions,
    ListPages,
    OwnedAdmin,
):
    """One workflow: its develop version is edited, named versions are looked at."""

    class Media:
        js = ("wegnology/copy.js", "wegnology/graph.js")

    actions = (*ExchangeActions.actions, *DeletionPages.actions)
    form = WorkflowForm
    change_form_template = "admin/workflows/workflow/change_form.html"
    fieldsets = (
        (None, {"fields": ("application", "name", "description", "enabled", "default_version")}),
        (gettext_lazy("Develop version"), {"fields": ("triggers", "nodes", "globals", "save_as_version")}),
    )

    @admin.display(description=gettext_lazy("Develop version"))
    def develop_readonly(self, row: Workflow) -> SafeString:
        """Return the develop version for who may look but not change."""
        version = row.versions.filter(name=DEVELOP).first()
        return _as_json(version) if version else SafeString("—")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields, or for who may only look, what can be shown."""
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": (*self.fieldsets[0][1]["fields"], "develop_readonly")})]
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The application is chosen once."""
        kept = ("application", "develop_readonly") if obj else ()
        return (*kept, *super().get_readonly_fields(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the workflow and its develop version together."""
        super().save_model(request, obj, form, change)
        form.save_versions()
        parts = form.cleaned_data
        for key in secrets_named(obj.application_id, parts["nodes"], parts["globals"]):
            messages.warning(
                request,
                _("The global `%(key)s` is secret: workflows do not see it, and it renders as nothing here.") % {"key": key},
            )

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses that act on triggers."""
        press, rotate = (self.admin_site.admin_view(require_POST(view)) for view in (self.press_view, self.rotate_view))
        own = [
            path("<path:object_id>/press/", press, name="workflows_workflow_press"),
            path("<path:object_id>/rotate/", rotate, name="workflows_workflow_rotate"),
        ]
        return [*own, *self.version_urls(), *super().get_urls()]

    def consequences(self, request: HttpRequest, before: Workflow, after: Workflow) -> dict[str, Any] | None:
        """Ask before a workflow that something starts is switched off."""
        if not before.enabled or after.enabled:
            return None
        found = workflow_impact([before])
        if not found.serious:
            return None
        lead = _("“%(name)s” is in use. Switch it off?") % {"name": before.name}
        sentences = [_("Nothing starts it any more. Runs under way go on; what waits ends without a run, counted as such.")]
        return {"lead": lead, "sentences": sentences, "impact": found, "touched": "pages/workflow_impact.html"}

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show triggers by name, parked runs and named versions above the form."""
        row = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if row is not None and self.has_view_permission(request, row):
            context["sources"] = _sources(row)
            context["version_lines"] = lines_of(row)
            may_change = self.has_change_permission(request, row)
            context["own_triggers"] = shown_triggers(request, row, may_change)
            context["may_act"] = may_change
            context["own"] = _received(row)
            context["impact"] = workflow_impact([row])
            context["parked_count"] = ParkedRun.objects.filter(workflow_id=row.pk).count()
        return super().change_view(request, object_id, form_url, context)


def _received(row: Workflow) -> dict[str, Any]:
    """Return what became of the events that no integration brought, for the template of charts."""
    live = read_live([row.pk], HOURS)
    lines = live.ledgers.get(row.pk, []) if live.away_since is None else stored_ledger([row.pk]).received
    drawn = chart(lines, int(time.time() * 1000), HOURS, messages=False)
    return {"chart": drawn, "lines": lines, "away_since": live.away_since}


def _as_json(version: WorkflowVersion) -> SafeString:
    return pretty(json.dumps({"triggers": version.triggers, "nodes": version.nodes, "globals": version.globals}))


def _sources(workflow: Workflow) -> list[tuple[str, Integration | None]]:
    """Return the integrations that trigger the live version; None for one that is gone, whose trigger never fires."""
    version = workflow.live()
    triggers = [t for t in (version.triggers if version else []) if isinstance(t, dict) and t.get("type") == INTEGRATION]
    keys = list(dict.fromkeys(str(trigger.get("key", "")) for trigger in triggers))
    known = Integration.objects.filter(application=workflow.application_id).in_bulk(keys)
    return [(key, known.get(key)) for key in keys]

"""Exports of several workflows from their list, and what the page of one says of what is not supported here."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.exceptions import Fault
from workflows.exchange.exporting import Form, export_workflows
from workflows.exchange.judging import unsupported
from workflows.exchange.stored import workflow_parts
from workflows.exchange_pages import download
from workflows.models import DEVELOP, Workflow
from workflows.version_actions import VersionActions


class ExchangeActions(VersionActions):
    """Actions of the list of workflows, and a note on the page of one. Mixed into its admin."""

    actions: Any = (*VersionActions.actions, "export_json", "export_yaml")

    @admin.action(description=gettext_lazy("Export selected workflows, all versions in one JSON file"), permissions=["view"])
    def export_json(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Hand out one file."""
        return _exported(request, queryset, Form.JSON)

    @admin.action(description=gettext_lazy("Export selected workflows as templates (YAML)"), permissions=["view"])
    def export_yaml(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Hand out a file, or an archive of files."""
        return _exported(request, queryset, Form.YAML)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say what of the workflow never runs here."""
        row: Workflow | None = context.get("original")
        context["not_supported"] = not_supported(row) if row is not None else []
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return answer


def not_supported(row: Workflow) -> list[Fault]:
    """Return the nodes and triggers of the develop version that are not supported here."""
    (part,) = workflow_parts([row])
    develop = part.version(DEVELOP)
    return unsupported(develop, "") if develop else []


def _exported(request: HttpRequest, rows: QuerySet[Workflow], form: Form) -> HttpResponse | None:
    chosen = list(rows.select_related("application"))
    if len({row.application_id for row in chosen}) != 1:
        messages.error(request, _("Nothing was exported: choose workflows of one application."))
        return None
    return download(export_workflows(chosen[0].application, chosen, form))

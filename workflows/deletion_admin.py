"""Deleting workflows on the pages: one or many, after what that touches was said."""

from typing import Any

from django.contrib.admin import action
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy

from wegnology.lib.theme import ModelAdmin
from workflows.impact import workflow_impact
from workflows.models import Workflow


class DeletionPages(ModelAdmin):
    """Asks before workflows are deleted."""

    actions = ("delete_selected",)
    delete_confirmation_template = "admin/workflows/workflow/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/workflows/workflow/delete_selected_confirmation.html"

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Say what a deletion touches."""
        row = self.get_object(request, unquote(object_id))
        more = {"impact": workflow_impact([row])} if row is not None and request.method == "GET" else {}
        return super().delete_view(request, object_id, {**more, **(extra_context or {})})

    @action(permissions=["delete"], description=gettext_lazy("Delete selected %(verbose_name_plural)s"))
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Say what the deletion of all of them touches; delete them when that was answered."""
        response: Any = delete_selected(self, request, queryset)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data["impact"] = workflow_impact(list(queryset))
        return response  # type: ignore[no-any-return]

"""What can be done with several workflows at once from their list: switch them, keep a version of each."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.exceptions import VersionRefused
from workflows.models import Workflow
from workflows.version_forms import VersionForm
from workflows.versions import create_version, set_enabled


class VersionActions:
    """Actions of the list of workflows."""

    actions: Any = ("enable_selected", "disable_selected", "keep_version")

    @admin.action(description=gettext_lazy("Enable selected workflows"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """Switch workflows on."""
        changed = _switch(queryset, True)
        messages.success(request, _("Enabled: %(changed)s. The others were before.") % {"changed": changed})

    @admin.action(description=gettext_lazy("Disable selected workflows"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """Switch workflows off, with all their versions."""
        changed = _switch(queryset, False)
        messages.success(
            request, _("Disabled with all their versions: %(changed)s. The others were before.") % {"changed": changed}
        )

    @admin.action(description=gettext_lazy("Keep a version of selected workflows"), permissions=["change"])
    def keep_version(self: Any, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Ask for a name, then keep what each develop version holds under it: of all, or of none."""
        rows = list(queryset)
        form = VersionForm(request.POST if "confirmed" in request.POST else None)
        if form.is_bound and form.is_valid() and _keep(rows, form):
            messages.success(request, _("Kept as %(name)s: %(count)d.") % {"name": form.cleaned_data["name"], "count": len(rows)})
            return HttpResponseRedirect(reverse("admin:workflows_workflow_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Keep a version of each"),
            "rows": rows,
            "form": form,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/workflows/version/keep.html", context)


def _switch(rows: QuerySet[Workflow], enabled: bool) -> int:
    with transaction.atomic():
        return sum(set_enabled(row, enabled) for row in rows)


def _keep(rows: list[Workflow], form: VersionForm) -> bool:
    given, row = form.cleaned_data, None
    try:
        with transaction.atomic():
            for row in rows:
                create_version(row, given["name"], notes=given["notes"], make_default=given["make_default"])
    except VersionRefused as error:
        form.add_error(error.field if error.field in form.fields else None, f"{row}: {error}")
        return False
    return True

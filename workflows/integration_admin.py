"""The pages of integrations, with what they have to do with workflows: who they trigger, what is parked, what goes with them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from integrations.admin import IntegrationAdmin
from integrations.check_admin import settings_of
from integrations.inspection import Message, find_message, read_inspection
from integrations.models import Integration
from wegnology.applications.access import may
from wegnology.applications.confirming import CONFIRMED, ConfirmedEdits
from wegnology.applications.models import Role
from wegnology.lib.redis import RedisAway
from wegnology.lib.theme import row_action
from workflows.deletion import Deletion, Take, affected_workflows, delete, workflows_by_integration
from workflows.impact import impact
from workflows.message_workflow import workflow_from
from workflows.models import ParkedRun, Workflow

LINKS_SHOWN = 5


@admin.register(Integration)
class IntegrationWithWorkflowsAdmin(ConfirmedEdits, IntegrationAdmin):
    """Registered here and not below: the page shows workflows, of which integrations know nothing."""

    actions = (*IntegrationAdmin.actions, "delete_selected")
    actions_row: ClassVar = ["delete_row"]

    def workflows_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[Workflow]]:
        """Return the workflows with a trigger of each integration."""
        return workflows_by_integration(ids)

    def panel_context(self, request: HttpRequest, row: Integration) -> dict[str, Any]:
        """Return the workflows that the integration triggers, and what a change of it touches."""
        affected = affected_workflows([row.pk])
        return {"workflows": affected.all, "only": affected.only, "impact": impact([row]), **self.parked_context(row)}

    def parked_context(self, row: Integration) -> dict[str, Any]:
        """Return how many of its runs are parked, and where they are."""
        address = reverse("admin:workflows_parkedrun_changelist") + f"?integration_id={row.pk}"
        return {"parked_count": ParkedRun.objects.filter(integration_id=row.pk).count(), "parked_url": address}

    def get_urls(self) -> list[URLPattern]:
        """Add the address that makes a workflow from a message."""
        view = self.admin_site.admin_view(require_POST(self.workflow_view))
        name = "integrations_integration_message_workflow"
        return [path("<str:object_id>/messages/<str:event_id>/workflow", view, name=name), *super().get_urls()]

    def workflow_address(self, workflow_id: str, known: Collection[str]) -> str:
        """Lead from a run to its workflow."""
        return reverse("admin:workflows_workflow_change", args=[workflow_id]) if workflow_id in known else ""

    def message_context(self, request: HttpRequest, row: Integration, message: Message) -> dict[str, Any]:
        """Offer to make a workflow from the message."""
        if not self.has_change_permission(request, row):
            return {}
        return {"workflow_url": reverse("admin:integrations_integration_message_workflow", args=[row.pk, message.event_id])}

    def workflow_view(self, request: HttpRequest, object_id: str, event_id: str) -> HttpResponse:
        """Make a workflow from a message, and lead to it."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            message = find_message(read_inspection(row.pk), event_id)
        except RedisAway:
            message = None
        if message is None:
            messages.error(request, _("This message is not kept any more: choose another one."))
            return redirect("admin:integrations_integration_messages", row.pk)
        made = workflow_from(row, message)
        text = _("This workflow was made from a message of “%(name)s”. It is disabled: look at it, then enable it.")
        messages.success(request, text % {"name": row.name})
        return redirect("admin:workflows_workflow_change", made.pk)

    def consequences(self, request: HttpRequest, before: Integration, after: Integration) -> dict[str, Any] | None:
        """Ask before a connection that something hangs on is closed or made anew."""
        sentences = _consequences(before, after)
        found = impact([before]) if sentences else None
        if found is None or not found.serious:
            return None
        lead = _("“%(name)s” is in use. Save this?") % {"name": before.name}
        return {"lead": lead, "sentences": sentences, "impact": found, "touched": "pages/impact.html"}

    @admin.action(description=gettext_lazy("Disable selected integrations"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> HttpResponse | None:
        """Switch off the chosen integrations; ask first where something hangs on them."""
        rows = list(queryset.filter(enabled=True))
        found = impact(rows) if rows and CONFIRMED not in request.POST else None
        if found is None or not found.serious:
            return super().disable(request, queryset)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Disable integrations"),
            "opts": self.opts,
            "rows": rows,
            "impact": found,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/integrations/integration/disable_confirmation.html", context)

    @row_action(description=gettext_lazy("Delete"), icon="delete", permissions=["delete"])
    def delete_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that asks what goes with it."""
        return redirect("admin:integrations_integration_delete", object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, or delete one integration."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        return self._delete(request, [row]) or self._ask(request, [row])

    @admin.action(description=gettext_lazy("Delete selected integrations"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Integration]) -> HttpResponse | None:
        """Ask, or delete the chosen integrations."""
        rows = list(queryset)
        return self._delete(request, rows) or self._ask(request, rows)

    def _ask(self, request: HttpRequest, rows: Collection[Integration]) -> HttpResponse:
        affected = affected_workflows([row.pk for row in rows])
        others = [row for row in affected.all if row not in affected.only]
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Delete %(count)s integration", "Delete %(count)s integrations", len(rows)) % {"count": len(rows)},
            "opts": self.opts,
            "rows": rows,
            "only": affected.only,
            "others": others,
            "impact": impact(rows),
            "trash_days": settings.TRASH_DAYS,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/integrations/integration/delete_confirmation.html", context)

    def _delete(self, request: HttpRequest, rows: Collection[Integration]) -> HttpResponse | None:
        """Delete when the question was answered."""
        if request.method != "POST" or "confirmed" not in request.POST:
            return None
        take = Take(request.POST.get("take", Take.NONE)) if request.POST.get("take") in list(Take) else Take.NONE
        deletion = delete(rows, take)
        messages.success(request, self._what_was_deleted(request, rows, deletion))
        return HttpResponseRedirect(reverse("admin:integrations_integration_changelist"))

    def _what_was_deleted(self, request: HttpRequest, rows: Collection[Integration], deletion: Deletion) -> SafeString:
        """Name what was deleted; administrators get links to where it can be restored."""
        names = ", ".join(row.name for row in rows)
        text = _("Deleted: %(names)s.") % {"names": names}
        if deletion.workflows:
            text = f"{text} {_('With workflows: %(names)s.') % {'names': ', '.join(deletion.workflows)}}"
        mine = [entry for entry in deletion.entries if may(request.user, entry.application_id, Role.ADMINISTRATOR)]
        if not mine:
            later = _("For %(days)s days an administrator can restore this from the trash.") % {"days": settings.TRASH_DAYS}
            return format_html("{} {}", text, later)
        later = _("For %(days)s days you can restore this from the trash:") % {"days": settings.TRASH_DAYS}
        page = "admin:applications_trashentry_change"
        shown = [(reverse(page, args=[entry.pk]), entry.name) for entry in mine[:LINKS_SHOWN]]
        links = format_html_join(", ", '<a class="wg-link" href="{}">{}</a>', shown)
        more = len(mine) - len(shown)
        return format_html("{} {} {}{}", text, later, links, f" {_('and %(count)s more') % {'count': more}}" if more > 0 else ".")


def _consequences(before: Integration, after: Integration) -> list[str]:
    """Say what saving does to the connection; nothing when it does nothing."""
    if before.enabled and not after.enabled:
        return [
            _("Its connection is closed: nothing comes any more, and the workflows below are not started."),
            _("What waits for workflows still runs. What waits to be sent is dropped when it has waited too long."),
        ]
    if not before.enabled or settings_of(before) == settings_of(after):
        return []
    gone = sorted(set(before.topics) - set(after.topics))
    lost = [_("Nothing comes any more from: %(gone)s.") % {"gone": ", ".join(gone)}] if gone else []
    return [_("Its connection is made anew with the new settings, within two seconds."), *lost]

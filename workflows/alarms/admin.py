"""Pages: what is wrong now, with a button that says that somebody knows."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from integrations.history_admin import ReadOnlyAdmin
from wegnology.applications.models import Role
from wegnology.applications.owned_admin import PART_ROLES
from wegnology.lib.badges import Badge, badge_html
from workflows.alarms.keeping import acknowledge
from workflows.models import Alarm

_OPEN, _KNOWN, _OVER = (
    Badge("notifications_active", gettext_lazy("Open"), "danger"),
    Badge("visibility", gettext_lazy("Acknowledged"), "warning"),
    Badge("check_circle", gettext_lazy("Over"), "muted"),
)
_SUBJECTS = {
    "integration": "admin:integrations_integration_change",
    "workflow": "admin:workflows_workflow_change",
    "credential": "admin:applications_credential_change",
    "application": "overview",
}


def state_of(alarm: Alarm) -> Badge:
    """Return how an alarm stands."""
    if alarm.cleared_at is not None:
        return _OVER
    return _KNOWN._replace(detail=alarm.acknowledged_by) if alarm.acknowledged_at else _OPEN


class StateFilter(admin.SimpleListFilter):
    """Open, open and known to nobody, over."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the states."""
        return [("open", _("Open")), ("unknown", _("Open, acknowledged by nobody")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        if self.value() == "over":
            return queryset.filter(cleared_at__isnull=False)
        if self.value() == "unknown":
            return queryset.filter(cleared_at__isnull=True, acknowledged_at__isnull=True)
        return queryset.filter(cleared_at__isnull=True) if self.value() == "open" else queryset


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """What is wrong, and what was."""

    roles: ClassVar = {**PART_ROLES, "acknowledge": Role.EDITOR}
    list_display = ("label_", "state", "about", "cause", "opened_at", "cleared_at", "application")
    list_select_related = ("application",)
    list_filter = (StateFilter, "kind", "application")
    list_per_page = 100
    search_fields = ("subject_name", "cause", "subject_id")
    actions = ("acknowledge_many",)
    fields = (
        *("label_", "state", "about", "cause", "first_cause", "advice_", "opened_at", "cleared_at"),
        *("acknowledged_at", "acknowledged_by", "times", "rule_"),
    )
    change_form_template = "admin/workflows/alarm/change_form.html"
    change_list_template = "admin/workflows/alarm/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the button."""
        view = self.admin_site.admin_view(require_POST(self.acknowledge_view))
        return [path("<path:object_id>/acknowledge/", view, name="workflows_alarm_acknowledge"), *super().get_urls()]

    def get_ordering(self, request: HttpRequest) -> Any:
        """Show what is open first, and of that what nobody knows; the latest first."""
        known = F("acknowledged_at").desc(nulls_first=True)
        return (F("cleared_at").desc(nulls_first=True), known, "-opened_at", "-id")

    def has_acknowledge_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change workflows may say that he knows."""
        return self.allowed(request, "acknowledge", obj)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer the button while it means something."""
        row = self.get_object(request, object_id)
        asks = row is not None and row.cleared_at is None and row.acknowledged_at is None
        context = {"may_acknowledge": asks and self.has_acknowledge_permission(request, row), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def acknowledge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Note that somebody knows."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_acknowledge_permission(request, row):
            return HttpResponse(status=403)
        self._acknowledge(request, Alarm.objects.filter(pk=row.pk))
        return redirect("admin:workflows_alarm_change", row.pk)

    @admin.action(description=gettext_lazy("Acknowledge"), permissions=["acknowledge"])
    def acknowledge_many(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """Note that somebody knows of the chosen ones."""
        self._acknowledge(request, Alarm.objects.filter(pk__in=queryset.order_by().values("pk")))

    def _acknowledge(self, request: HttpRequest, alarms: QuerySet[Alarm]) -> None:
        done = acknowledge(alarms)
        if done:
            messages.success(request, _("%(count)d acknowledged: not told again while going on.") % {"count": done})
        else:
            messages.info(request, _("Nothing to acknowledge: it is over, or somebody did."))

    @admin.display(description=gettext_lazy("Alarm"), ordering="kind")
    def label_(self, row: Alarm) -> str:
        """Return what it is."""
        return row.label

    @admin.display(description=gettext_lazy("State"))
    def state(self, row: Alarm) -> SafeString:
        """Return how it stands."""
        return badge_html(state_of(row))

    @admin.display(description=gettext_lazy("About"), ordering="subject_name")
    def about(self, row: Alarm) -> SafeString:
        """Lead to what it is about."""
        address = reverse(_SUBJECTS[row.subject_kind], args=[row.subject_id])
        return format_html('<a class="wg-link" href="{}">{}</a>', address, row.subject_name)

    @admin.display(description=gettext_lazy("What to do"))
    def advice_(self, row: Alarm) -> str:
        """Return the next step."""
        return row.advice

    @admin.display(description=gettext_lazy("Rule"))
    def rule_(self, row: Alarm) -> SafeString:
        """Lead to the rule."""
        if row.rule_id is None:
            return SafeString("—")
        address = reverse("admin:workflows_alarmrule_change", args=[row.rule_id])
        return format_html('<a class="wg-link" href="{}">{}</a>', address, row.label)

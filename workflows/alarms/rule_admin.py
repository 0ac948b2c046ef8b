"""Pages of the rules of alarms: what is an alarm in an application, and who is told."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from wegnology.applications.owned_admin import PART_ROLES, OwnedAdmin
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.zones import local_time
from workflows.alarms.forms import AlarmRuleForm, RecipientsForm
from workflows.alarms.kinds import KINDS
from workflows.alarms.trial import try_rule
from workflows.models import AlarmRule


@admin.register(AlarmRule)
class AlarmRuleAdmin(OwnedAdmin):
    """Rules of an application."""

    roles: ClassVar = PART_ROLES
    form = AlarmRuleForm
    list_display = ("label_", "enabled", "threshold_", "about", "told", "repeat_minutes", "failure", "application")
    list_select_related = ("application", "integration")
    list_filter = ("enabled", "kind", "application")
    list_per_page = 100
    actions = ("tell_whom",)
    change_form_template = "admin/workflows/alarmrule/change_form.html"

    class Media:
        js = ("wegnology/schema-form.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the test."""
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/test/", wrap(require_POST(self.test_view)), name="workflows_alarmrule_test"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show failures beside who is told."""
        kind = KINDS.get(obj.kind) if obj is not None else None
        without = {"threshold": kind and not kind.unit, "integration": kind and not kind.of_integrations}
        own = [name for name in ("application", "kind", "enabled", "threshold", "integration") if not without.get(name)]
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": own}), (_("Told"), {"fields": ("told", "repeat_minutes", "tell_over", "failure")})]
        told = ["emails", "webhook", "repeat_minutes", "tell_over"]
        if obj is not None:
            told[2:2] = ["no_webhook"] if obj.calls else []
            told.append("failure")
        return [(None, {"fields": own}), (_("Who is told"), {"fields": told})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Application and kind are chosen once."""
        return (*super().get_readonly_fields(request, obj), "told", "failure", *(("application", "kind") if obj else ()))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Say what the kind means, and offer the test."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None:
            may = self.has_change_permission(request, row)
            context = {"kind": KINDS.get(row.kind), "may_test": may and (row.emails or row.calls)}
            context["signing_key"] = _key_of(row) if may else ""
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Tell everybody that this is a test, and say how it went."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, row):
            return HttpResponse(status=403)
        outcomes = list(try_rule(row))
        for way, fault in outcomes:
            if fault:
                messages.error(request, f"{way}: {fault}")
            else:
                messages.success(request, _("%(way)s: a test was sent.") % {"way": way})
        if not outcomes:
            messages.info(request, _("This rule tells nobody: it shows on screen only."))
        return redirect("admin:workflows_alarmrule_change", row.pk)

    @admin.action(description=gettext_lazy("Say who is told by e-mail …"), permissions=["change"])
    def tell_whom(self, request: HttpRequest, queryset: QuerySet[AlarmRule]) -> HttpResponse | None:
        """Set the recipients of the chosen rules."""
        form = RecipientsForm(request.POST if "emails" in request.POST else None)
        if form.is_bound and form.is_valid():
            for row in queryset:
                row.emails = form.cleaned_data["emails"]
                row.save()
            messages.success(request, _("Changed: %(count)d rules.") % {"count": len(queryset)})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Who is told by e-mail"),
            "opts": self.opts,
            "form": form,
            "rows": queryset,
        }
        return TemplateResponse(request, "admin/workflows/alarmrule/recipients.html", context)

    @admin.display(description=gettext_lazy("Alarm"), ordering="kind")
    def label_(self, row: AlarmRule) -> str:
        """Return what it is."""
        return str(row)

    @admin.display(description=gettext_lazy("From"))
    def threshold_(self, row: AlarmRule) -> str:
        """Return the threshold in force."""
        kind = KINDS.get(row.kind)
        return f"{row.limit:g} {_(kind.unit)}" if kind and kind.unit else "—"

    @admin.display(description=gettext_lazy("About"), ordering="integration__name")
    def about(self, row: AlarmRule) -> str:
        """Return which integration it is about."""
        kind = KINDS.get(row.kind)
        everything = _("all integrations") if kind and kind.of_integrations else _("the application")
        return row.integration.name if row.integration else everything

    @admin.display(description=gettext_lazy("Tells"))
    def told(self, row: AlarmRule) -> str:
        """Return who is told, without the address of the webhook."""
        return ", ".join([*row.emails, *([_("a webhook")] if row.calls else [])]) or _("on screen only")

    @admin.display(description=gettext_lazy("Last failure"))
    def failure(self, row: AlarmRule) -> str:
        """Return what could not be told."""
        return " ".join(local_time(text) for text in (row.mail_failure, row.webhook_failure) if text) or "—"


def _key_of(row: AlarmRule) -> str:
    """Return the key of the signatures, for who may change the rule."""
    try:
        return row.receiver()[1]
    except (KeyMissing, SealBroken):
        return ""

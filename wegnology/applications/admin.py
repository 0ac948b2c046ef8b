"""Applications, their globals and their members."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications import credential_admin, records_admin, token_admin  # noqa: F401  (importing registers the pages)
from wegnology.applications.access import forget, is_operator
from wegnology.applications.global_admin import GlobalInline, warn_of_deleted
from wegnology.applications.member_admin import MemberInline
from wegnology.applications.models import Application, Member, Role
from wegnology.applications.owned_admin import OwnedAdmin, OwnedInline
from wegnology.lib.theme import ModelForm, Textarea

PARTS: Mapping[str, type[OwnedInline]] = {"globals": GlobalInline, "members": MemberInline}
"""What has a page of its own beside the application's."""
_PART = "_part_of_application"
_ROUTE = "applications_application"
_NO_BUTTONS = dict.fromkeys(("show_delete", "show_save_and_add_another", "show_save_and_continue"), False)


class ApplicationForm(ModelForm):
    """An application, its description as short as most are."""

    class Meta:
        model = Application
        fields = ("name", "description", "payload_limit", "stop_at_limit")
        widgets: ClassVar = {"description": Textarea(attrs={"rows": 3})}


@admin.register(Application)
class ApplicationAdmin(OwnedAdmin):
    """A tenant: its globals, its members, and how much is in it."""

    application_path = "pk"
    operator_fields = ("payload_limit", "stop_at_limit")
    form = ApplicationForm
    list_display = ("name", "integration_count", "workflow_count", "updated_at")
    search_fields = ("name", "id", "description")
    ordering = ("name", "id")
    list_per_page = 100
    inlines: ClassVar = [GlobalInline, MemberInline]
    narrows = False

    def get_urls(self) -> list[URLPattern]:
        """Give the globals and the members pages of their own."""
        pages = [
            path(f"<path:object_id>/{part}/", self.admin_site.admin_view(partial(self.part_view, part)), name=f"{_ROUTE}_{part}")
            for part in PARTS
        ]
        return [*pages, *super().get_urls()]

    def part_view(self, part: str, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one part of an application by itself."""
        setattr(request, _PART, part)
        row = self.get_object(request, object_id)
        may_change = row is not None and PARTS[part](self.model, self.admin_site).has_change_permission(request, row)
        context = {"part": part, "part_title": PARTS[part].verbose_name_plural, **_NO_BUTTONS, "show_save": may_change}
        answer: HttpResponse = self.changeform_view(request, object_id, "", context)
        return answer

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the application's own fields to its own page."""
        return [] if hasattr(request, _PART) else super().get_fieldsets(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay on the page of a part."""
        if not hasattr(request, _PART):
            return super().response_change(request, obj)
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(request.path)

    def allowed(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Let create applications who runs the installation, and whom they gave the right; the rest follows from roles."""
        if action == "add":
            return is_operator(request.user) or request.user.has_perm("applications.add_application")
        return super().allowed(request, action, row)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """A new application has one member: who creates it."""
        if hasattr(request, _PART):
            return [PARTS[getattr(request, _PART)]]
        return [inline for inline in super().get_inlines(request, obj) if obj or inline is not MemberInline]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; who creates an application is its administrator."""
        super().save_model(request, obj, form, change)
        if not change:
            Member.objects.create(application=obj, user_id=int(request.user.pk or 0), role=Role.ADMINISTRATOR)
            forget(request.user)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save; say what still names a global that was deleted."""
        super().save_formset(request, form, formset, change)
        warn_of_deleted(request, formset)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count what is in each application, in the same query: each by itself, a join would make rows of all pairs."""
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(**{f"{name}_count": _count(name) for name in ("integrations", "workflows")})
        return counted

    @admin.display(description=gettext_lazy("Integrations"), ordering="integrations_count")
    def integration_count(self, row: Any) -> int:
        """Return how many integrations it has."""
        return int(row.integrations_count)

    @admin.display(description=gettext_lazy("Workflows"), ordering="workflows_count")
    def workflow_count(self, row: Any) -> int:
        """Return how many workflows it has."""
        return int(row.workflows_count)


def _count(relation: str) -> Coalesce:
    rows: Any = Application._meta.get_field(relation).related_model
    counted = rows.objects.filter(application=OuterRef("pk")).order_by().values("application").annotate(rows=Count("pk"))
    return Coalesce(Subquery(counted.values("rows")), 0)

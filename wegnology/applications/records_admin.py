"""Pages of the audit and of the trash, for members of the application that the rows tell about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST

from wegnology.applications import audit
from wegnology.applications.access import applications_of, is_operator
from wegnology.applications.history import ACTORS, changes_html, kind_of
from wegnology.applications.models import Application, Role
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.applications.record_filters import ActorFilter, ApplicationFilter, KindFilter
from wegnology.applications.records import AuditEntry, TrashEntry
from wegnology.applications.restoring import CannotRestore, restore
from wegnology.lib.speaking import counted
from wegnology.lib.spoken_filters import SpokenValues
from wegnology.lib.theme import row_action


class RecordAdmin(OwnedAdmin):
    """Rows that name their application by id, for reading: it may be gone; then they are for operators."""

    application_path = "application_id"
    has_history = False

    def within(self, queryset: QuerySet[Any], applications: QuerySet[Application]) -> QuerySet[Any]:
        """Narrow rows to those of some applications."""
        return queryset.filter(application_id__in=applications.order_by().values("pk"))

    def application_id_of(self, row: Any) -> str | None:
        """Return the application; without one it is for operators."""
        return str(row.application_id) or None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    @admin.display(description=gettext_lazy("Kind"))
    def kind_name(self, row: Any) -> str:
        """Return the kind as people say it."""
        return kind_of(row)


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who changed what."""

    place = gettext_lazy("Audit")
    list_display = ("time", "who", "action_", "kind_name", "object_", "what")
    list_filter = (("action", SpokenValues), KindFilter, "actor_name", "time", ApplicationFilter)
    list_per_page = 100
    show_full_result_count = False
    search_fields = ("object_name", "object_id", "actor_name")
    search_help_text = gettext_lazy("Search by name or id of the object, or by person")
    fields = ("time", "who", "actor_kind_", "action_", "kind_name", "object_", "object_id", "application_id", "what")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes; what is old enough goes by itself."""
        return False

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Let people filter by those who acted in their own applications."""
        return [ActorFilter if entry == "actor_name" else entry for entry in super().get_list_filter(request)]

    @admin.display(description=gettext_lazy("Who"), ordering="actor_name")
    def who(self, row: AuditEntry) -> str:
        """Return who acted, and whether a token did."""
        return gettext("%(actor_name)s (token)") % {"actor_name": row.actor_name} if row.actor_kind == "token" else row.actor_name

    @admin.display(description=gettext_lazy("actor kind"))
    def actor_kind_(self, row: AuditEntry) -> str:
        """Return what kind of actor it was; one that this release does not know keeps its name."""
        return gettext(ACTORS.get(row.actor_kind, row.actor_kind))

    @admin.display(description=gettext_lazy("action"), ordering="action")
    def action_(self, row: AuditEntry) -> str:
        """Return what was done."""
        return gettext(row.action)

    @admin.display(description=gettext_lazy("Object"), ordering="object_name")
    def object_(self, row: AuditEntry) -> str:
        """Return the object's name at that time."""
        return row.object_name

    @admin.display(description=gettext_lazy("Change"))
    def what(self, row: AuditEntry) -> SafeString:
        """Return what changed."""
        return format_html('<div class="wg-detail">{}</div>', changes_html(row))


@admin.register(TrashEntry)
class TrashEntryAdmin(RecordAdmin):
    """What was deleted: to bring it back, or to remove it for good."""

    place = gettext_lazy("Trash")
    nothing = gettext_lazy("The trash is empty. What is deleted stays here for some days, and can be restored.")

    roles: ClassVar[Mapping[str, Role]] = dict.fromkeys(("view", "add", "change", "delete", "restore"), Role.ADMINISTRATOR)
    list_display = ("name", "kind_name", "application_", "deleted_by", "deleted_at", "days_left", "contents_short")
    list_filter = (ApplicationFilter, "deleted_at")
    list_per_page = 100
    search_fields = ("name", "deleted_by", "application_name")
    fields = ("name", "kind_name", "application_", "deleted_by", "deleted_at", "expires_at", "contents_")
    change_form_template = "admin/applications/trashentry/change_form.html"
    actions = ("restore_selected",)
    actions_row: ClassVar = ["restore_row"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return entries of the applications where the person is an administrator."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_operator(request.user) else self.within(rows, applications_of(request.user, self.roles["view"]))

    def has_restore_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say who may bring something back."""
        return self.allowed(request, "restore", obj)

    @admin.display(description=gettext_lazy("Application"), ordering="application_name")
    def application_(self, row: TrashEntry) -> str:
        """Return the application's name when it was deleted."""
        return row.application_name

    @admin.display(description=gettext_lazy("Days left"), ordering="expires_at")
    def days_left(self, row: TrashEntry) -> int:
        """Return for how many days it can still be restored."""
        return max((row.expires_at - timezone.now() + timedelta(days=1)).days, 0)

    @admin.display(description=gettext_lazy("Contents"))
    def contents_short(self, row: TrashEntry) -> str:
        """Return how much of what is in it."""
        kinds = [str(kind) for kind, _ in row.contents]
        counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
        return ", ".join(counted(count, kind, f"{kind}s") for kind, count in counts.items())

    @admin.display(description=gettext_lazy("Contents"))
    def contents_(self, row: TrashEntry) -> SafeString:
        """Return everything in it by name; more cannot be seen without restoring it."""
        lines = format_html_join("", "<li>{}: {}</li>", ((gettext(kind), name) for kind, name in row.contents))
        return format_html('<ul class="wg-list">{}</ul>', lines)

    @row_action(description=gettext_lazy("Restore"), icon="restore_from_trash", permissions=["restore"])
    def restore_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page with the button."""
        return HttpResponseRedirect(reverse("admin:applications_trashentry_change", args=[object_id]))

    @admin.action(description=gettext_lazy("Restore"), permissions=["restore"])
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[TrashEntry]) -> None:
        """Bring the chosen entries back, the latest first: what was deleted before it may belong to it."""
        for pk in list(queryset.order_by("-deleted_at", "-pk").values_list("pk", flat=True)):
            self._restore(request, pk)

    def _restore(self, request: HttpRequest, entry_id: str) -> None:
        try:
            restored = restore(entry_id)
        except CannotRestore as error:
            messages.error(request, str(error))
            return
        names = ", ".join(audit.title_of(row) for row in restored.rows[:10])
        text = gettext("Restored: %(names)s and more.") if len(restored.rows) > 10 else gettext("Restored: %(names)s.")
        messages.success(request, text % {"names": names})
        for note in restored.notes:
            messages.warning(request, note)
        messages.info(request, gettext("What was enabled is enabled again. Events that waited when it was deleted are gone."))

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the restore button."""
        view = self.admin_site.admin_view(require_POST(self.restore_view))
        return [path("<path:object_id>/restore/", view, name="applications_trashentry_restore"), *super().get_urls()]

    def restore_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Bring one entry back."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if self.has_restore_permission(request, row):
            self._restore(request, row.pk)
        else:
            messages.error(request, gettext("Only an administrator of the application may restore what was deleted."))
        return HttpResponseRedirect(reverse("admin:applications_trashentry_changelist"))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove it for good, and record who did."""
        self.delete_queryset(request, TrashEntry.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove entries for good, and record who did."""
        with transaction.atomic():
            for row in queryset:
                audit.record(None, "purged", row, {"deleted by": row.deleted_by})
            queryset.delete()

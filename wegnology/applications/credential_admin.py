"""Service credentials as people see them: whose they are, when they end and what uses them; never what is secret."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.credential_facts import CredentialFacts, ending_lines, facts_of, use_words
from wegnology.applications.credential_form import credential_form
from wegnology.applications.credential_users import CredentialUse
from wegnology.applications.credentials import named_uses, uses_of
from wegnology.applications.models import Credential
from wegnology.applications.typed_admin import TypeCard, TypedAdmin
from wegnology.lib import credential_types as kinds
from wegnology.lib.badges import Badge, badge_html
from wegnology.lib.forms import SchemaFields
from wegnology.lib.reference import said_of
from wegnology.lib.spoken_filters import SpokenChoices
from wegnology.lib.theme import ChangeList, row_action

COMMON = ("application", "name", "enabled", "description")
_ENABLED = Badge("check_circle", gettext_lazy("Enabled"), "success")
_DISABLED = Badge("pause_circle", gettext_lazy("Disabled"), "muted")


class CredentialList(ChangeList):
    """A page of credentials with what uses them, read together."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, then what is shown of each."""
        super().get_results(request)
        rows: list[Credential] = list(self.result_list)
        self.result_list = rows
        uses = uses_of(rows)
        prefetch_related_objects(rows, "application__globals")
        owners = {row.application_id: row.application for row in rows}
        known = {pk: application.globals_for_connections() for pk, application in owners.items()}
        for row in rows:
            row.shown = _Shown(facts_of(row, known[row.application_id]), uses[row.pk])  # type: ignore[attr-defined]


class _Shown:
    def __init__(self, facts: CredentialFacts, uses: Sequence[CredentialUse]) -> None:
        self.facts = facts
        self.uses = uses


@admin.register(Credential)
class CredentialAdmin(TypedAdmin):
    """List, page and form of every kind."""

    nothing = gettext_lazy("No service credentials yet. One keeps a login that integrations and workflow nodes then name.")
    choose_lead = gettext_lazy("What is the login for? The kind of a service credential cannot be changed later.")
    list_display = ("name_", "state", "kind_", "application", "whose", "ends", "used_by")
    list_display_links = ("name_",)
    list_select_related = ("application",)
    list_filter = ("enabled", ("credential_type", SpokenChoices), "application")
    list_filter_submit = False
    list_per_page = 100
    search_fields = ("name", "id", "description")
    search_help_text = gettext_lazy("Search by name, id or description")
    ordering = ("name", "id")
    change_form_template = "admin/applications/credential/change_form.html"
    actions = ("delete_selected",)
    actions_row: ClassVar = ["delete_row"]

    # -- the list

    @admin.display(description=gettext_lazy("Name"), ordering="name")
    def name_(self, row: Credential) -> str:
        """Return the name; a column that links."""
        return row.name

    @admin.display(description=gettext_lazy("State"), ordering="enabled")
    def state(self, row: Credential) -> SafeString:
        """Return whether it may be used."""
        return badge_html(_ENABLED if row.enabled else _DISABLED)

    @admin.display(description=gettext_lazy("Kind"), ordering="credential_type")
    def kind_(self, row: Credential) -> str:
        """Return the kind's label."""
        return row.kind_label

    @admin.display(description=gettext_lazy("Login"))
    def whose(self, row: Credential) -> str:
        """Return what helps to recognise it."""
        facts = row.shown.facts.facts  # type: ignore[attr-defined]
        return str(facts[0][1]) if facts else "—"

    @admin.display(description=gettext_lazy("Ends"))
    def ends(self, row: Credential) -> SafeString | str:
        """Return how many days are left, where it ends at all."""
        badge = row.shown.facts.badge(timezone.now())  # type: ignore[attr-defined]
        return badge_html(badge) if badge else "—"

    @admin.display(description=gettext_lazy("Used by"))
    def used_by(self, row: Credential) -> str:
        """Return how many use it."""
        return use_words(row.shown.uses) or "—"  # type: ignore[attr-defined]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CredentialList]:
        """Use the list that reads what is shown."""
        return CredentialList

    # -- the form

    def types(self) -> list[TypeCard]:
        """Return every kind."""
        every = kinds.CREDENTIAL_TYPES.values()
        return [TypeCard(kind.name, _(kind.label), _(said_of(kind).partition("\n")[0])) for kind in every]

    def _kind(self, request: HttpRequest, obj: Credential | None) -> type[kinds.Credential]:
        return obj.kind if obj else kinds.CREDENTIAL_TYPES[request.GET.get("type", "")]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form of the row's kind."""
        form = credential_form(self._kind(request, obj), obj.config if obj else {})
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Return the common fields, then those of the kind."""
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("kind_", *COMMON, "settings_readonly")})]
        sections = SchemaFields(self._kind(request, obj)).sections()
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [(None, {"fields": (*COMMON, *(("kind_",) if obj else ()))})]
        return [*fieldsets, *((_(name) or _("Settings"), {"fields": fields}) for name, fields in sections.items())]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Application and kind are chosen once."""
        return ("application", "kind_", "settings_readonly") if obj else ()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form below what the credential is, when it ends and what uses it."""
        row = self.get_object(request, unquote(object_id))
        context = dict(extra_context or {})
        if row is not None and self.has_view_permission(request, row):
            if row.credential_type not in kinds.CREDENTIAL_TYPES:
                messages.error(
                    request,
                    _("This release knows no service credentials of kind %(credential_type)s.")
                    % {"credential_type": row.credential_type},
                )
                return self.response_post_save_change(request, row)
            facts = facts_of(row)
            ends = ending_lines(row.kind, facts.ends, timezone.now())
            context = {"facts": facts, "ends": ends, "uses": uses_of([row])[row.pk], **context}
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; one in use is not disabled before the question what happens then was answered."""
        ask = change and "enabled" in form.changed_data and not obj.enabled and bool(self._in_use(obj, form))
        if ask:
            obj.enabled = True
        super().save_model(request, obj, form, change)
        request.ask_before_disabling = ask  # type: ignore[attr-defined]
        if change and "name" in form.changed_data:
            self._tell_who_keeps_the_name(request, obj, str(form.initial["name"]))

    def _in_use(self, row: Credential, form: Any) -> list[CredentialUse]:
        """Return what uses a row that may have got another name in the form."""
        return named_uses({row.application_id: {str(form.initial["name"])}})

    def _tell_who_keeps_the_name(self, request: HttpRequest, row: Credential, before: str) -> None:
        left = [use for use in named_uses({row.application_id: {before}}) if use.certain]
        if left:
            names = ", ".join(f"{_(use.kind).lower()} {use.name} ({use.detail})" for use in left)
            messages.warning(
                request, _("These still say “%(before)s” and have to be changed: %(names)s.") % {"before": before, "names": names}
            )

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Lead to the question where one is open."""
        if getattr(request, "ask_before_disabling", False):
            messages.info(request, _("It stays enabled until you answer. Everything else is saved."))
            return redirect("admin:applications_credential_disable", obj.pk)
        return super().response_change(request, obj)

    # -- disabling and deleting what is in use

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks before disabling."""
        view = self.admin_site.admin_view(self.disable_view)
        disable = path("<path:object_id>/disable/", view, name="applications_credential_disable")
        return [disable, *super().get_urls()]

    def disable_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, naming what uses it, then disable."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask(request, [row], "disable")
        row.enabled = False
        row.save()
        messages.success(request, _("Disabled: %(name)s. What uses it does not connect.") % {"name": row.name})
        return HttpResponseRedirect(reverse("admin:applications_credential_change", args=[row.pk]))

    @row_action(description=gettext_lazy("Delete"), icon="delete", permissions=["delete"])
    def delete_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that asks."""
        return redirect("admin:applications_credential_delete", object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, naming what uses it, or delete."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        return self._delete(request, [row]) or self._ask(request, [row], "delete")

    @admin.action(description=gettext_lazy("Delete selected service credentials"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> HttpResponse | None:
        """Ask, naming what uses them, or delete."""
        rows = list(queryset)
        return self._delete(request, rows) or self._ask(request, rows, "delete")

    def _ask(self, request: HttpRequest, rows: Sequence[Credential], what: str) -> HttpResponse:
        uses = uses_of(rows)
        context = {
            **self.admin_site.each_context(request),
            "title": _question(rows, what),
            "opts": self.opts,
            "what": what,
            "rows": [(row, uses[row.pk]) for row in rows],
            "used": any(uses.values()),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/applications/credential/ask.html", context)

    def _delete(self, request: HttpRequest, rows: Sequence[Credential]) -> HttpResponse | None:
        """Delete when the question was answered."""
        if request.method != "POST" or "confirmed" not in request.POST:
            return None
        Credential.objects.filter(pk__in=[row.pk for row in rows]).delete()
        messages.success(request, _("Deleted: %(names)s.") % {"names": ", ".join(row.name for row in rows)})
        return HttpResponseRedirect(reverse("admin:applications_credential_changelist"))


def _question(rows: Sequence[Credential], what: str) -> str:
    if len(rows) > 1:
        return _("Delete %(count)s service credentials") % {"count": len(rows)}
    text = _("Delete the service credential “%(name)s”") if what == "delete" else _("Disable the service credential “%(name)s”")
    return text % {"name": rows[0].name}

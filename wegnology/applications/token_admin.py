"""API tokens of applications, for their administrators. A token is shown in the answer to its creation, and never again."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.access import applications_of, is_operator
from wegnology.applications.audit import current_actor
from wegnology.applications.models import ApiToken, Role
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.applications.tokens import MAX_TOKENS_OF_AN_APPLICATION
from wegnology.lib.badges import Badge, badge_html
from wegnology.lib.fields import LinesField
from wegnology.lib.form_conditions import add_hints
from wegnology.lib.rest.scopes import application_scopes
from wegnology.lib.theme import ModelForm, Select, Textarea

CHOSEN = "chosen"
ACCESS = (
    ("all.Application", gettext_lazy("Everything")),
    ("all.Application.bounded", gettext_lazy("Everything but API tokens")),
    ("all.Application.read", gettext_lazy("Reading only")),
    (CHOSEN, gettext_lazy("What the scopes below say")),
)
_ACTIVE, _PAUSED, _ENDED = (
    Badge("check_circle", gettext_lazy("Active"), "success"),
    Badge("pause_circle", gettext_lazy("Inactive"), "muted"),
    Badge("schedule", gettext_lazy("Ended"), "warning"),
)


class ApiTokenForm(ModelForm):
    """A new token: what it may do is chosen once."""

    access = forms.ChoiceField(
        label=gettext_lazy("May do"),
        choices=ACCESS,
        initial="all.Application.bounded",
        widget=Select(),
        help_text=gettext_lazy("A token that is lost can do this until it is revoked: choose the least that is enough."),
    )
    scopes = LinesField(
        label=gettext_lazy("Scopes"),
        required=False,
        help_text=gettext_lazy("One a line, such as integrations.get or flow.*; “The REST API” under Documentation lists them."),
    )

    class Meta:
        model = ApiToken
        fields = ("application", "name", "description", "expires_at", "active")
        widgets: ClassVar = {"description": Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            add_hints(self.fields["scopes"].widget.attrs, {}, {"access": [CHOSEN]}, "")

    def clean(self) -> dict[str, Any]:
        """Find the scopes, and refuse what cannot be."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "access" in self.fields:
            self.instance.scope = self._scope(cleaned)
        ends = cleaned.get("expires_at")
        if ends and "expires_at" in self.changed_data and ends <= timezone.now():
            self.add_error("expires_at", ValidationError(_("This time is over.")))
        application = cleaned.get("application")
        if self.instance._state.adding and application and application.api_tokens.count() >= MAX_TOKENS_OF_AN_APPLICATION:
            text = _("An application has at most %(most)d tokens. Revoke one first.")
            self.add_error(None, text % {"most": MAX_TOKENS_OF_AN_APPLICATION})
        return cleaned

    def _scope(self, cleaned: Mapping[str, Any]) -> list[str]:
        access, scopes = cleaned.get("access"), list(dict.fromkeys(cleaned.get("scopes") or []))
        if access != CHOSEN:
            if scopes:
                self.add_error("scopes", _("Choose “What the scopes below say” above, or leave this empty."))
            return [access] if access else []
        if not scopes:
            self.add_error("scopes", _("Name at least one scope."))
        unknown = sorted(set(scopes) - set(application_scopes()))
        if unknown:
            self.add_error("scopes", _("There is no scope %(names)s.") % {"names": ", ".join(unknown[:5])})
        return scopes


@admin.register(ApiToken)
class ApiTokenAdmin(OwnedAdmin):
    """List, page and form of tokens."""

    class Media:
        js = ("wegnology/copy.js", "wegnology/schema-form.js")

    roles: ClassVar[Mapping[str, Role]] = dict.fromkeys(("view", "add", "change", "delete"), Role.ADMINISTRATOR)
    form = ApiTokenForm
    list_display = ("name", "state", "application", "may_do", "expires_at", "last_used_at", "creator_name")
    list_select_related = ("application",)
    list_filter = ("active", "application")
    list_filter_submit = False
    list_per_page = 100
    search_fields = ("name", "id", "description")
    search_help_text = gettext_lazy("Search by name, id or description")
    ordering = ("name", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return tokens of the applications where the person is an administrator."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_operator(request.user) else self.within(rows, applications_of(request.user, Role.ADMINISTRATOR))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Offer what it may do when it is made; show it afterwards."""
        if obj is None:
            return ("application", "name", "description", "access", "scopes", "expires_at")
        return (
            "application",
            "name",
            "description",
            "active",
            "may_do",
            "expires_at",
            "last_used_at",
            "creator_name",
            "created_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Of a token that is there, only its name, description and whether it is active can change."""
        fixed = ("application", "may_do", "expires_at", "last_used_at", "creator_name", "created_at") if obj else ()
        return (*fixed, *super().get_readonly_fields(request, obj))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Leave out what cannot change."""
        if obj is not None:
            kwargs["form"] = _without_access()
        return super().get_form(request, obj, change=change, **kwargs)

    @admin.display(description=gettext_lazy("State"))
    def state(self, row: ApiToken) -> SafeString:
        """Return whether it opens anything now."""
        return badge_html(_ACTIVE if row.usable else _ENDED if row.active else _PAUSED)

    @admin.display(description=gettext_lazy("May do"))
    def may_do(self, row: ApiToken) -> SafeString:
        """Return its scopes, in words where there are some."""
        words = {name: str(text) for name, text in ACCESS}
        return format_html_join(", ", "{}", ((words.get(name, name),) for name in row.scope))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; a new one gets its token."""
        if not change:
            obj.creator_kind, obj.creator_id, obj.creator_name = current_actor()
            request._token = obj.issue()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the token: not after a redirect, since nothing keeps it meanwhile."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("API token"),
            "row": obj,
            "token": request._token,  # type: ignore[attr-defined]
            "media": self.media,
        }
        response = TemplateResponse(request, "admin/applications/apitoken/created.html", context)
        response["Cache-Control"] = "no-store"
        return response


def _without_access() -> type[ApiTokenForm]:
    class Changed(ApiTokenForm):
        access = None  # type: ignore[assignment]
        scopes = None  # type: ignore[assignment]

    return Changed

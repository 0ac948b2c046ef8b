"""Integrations as people see them: a list with live status, a page a connection, its form made from the connector's schema."""

import sys
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import history_admin  # noqa: F401  (importing registers the pages)
from integrations.connectors.base import AnyConnector, connectors
from integrations.forms import form_for, sections_of
from integrations.inspector_admin import InspectorPages
from integrations.list_admin import ListPages
from integrations.list_page import topics_html
from integrations.models import Integration
from wegnology.applications.access import applications_of, is_operator
from wegnology.applications.models import Credential, Role
from wegnology.applications.typed_admin import TypeCard
from wegnology.lib.slugs import slug_of

COMMON = ("application", "name", "enabled")


def about(connector: type[AnyConnector]) -> str:
    """Return the first line of the connector's file: what it speaks. Addresses in it are for who reads the code."""
    line = (sys.modules[connector.__module__].__doc__ or "").strip().partition("\n")[0]
    return " ".join(word for word in line.split() if not word.startswith("https://"))


def _abilities(connector: type[AnyConnector]) -> list[str]:
    return [_("Receives"), *([_("Sends")] if connector.Outgoing else [])]


def _card(cls: type[AnyConnector], address: str) -> TypeCard:
    return TypeCard(cls.name, _(cls.label), _(about(cls)), cls.icon, _abilities(cls), _(cls.notice), address)


def _notice(connector: type[AnyConnector]) -> str:
    return format_html('<span class="wg-note wg-warning">{}</span>', _(connector.notice)) if connector.notice else ""


class IntegrationAdmin(ListPages, InspectorPages):
    """List, page and form of every type."""

    choose_lead = gettext_lazy("What do you want to connect to? The type of an integration cannot be changed later.")
    choose_empty = gettext_lazy("No type of integration is installed. A type is one file in integrations/connectors/.")
    operator_fields = ("throttle_per_second",)

    list_select_related = ("application",)
    change_form_template = "admin/integrations/integration/change_form.html"

    def types(self) -> list[TypeCard]:
        """Return every connector, with what it can do and where it is described."""
        page = reverse("documentation", args=["reference/integrations"])
        return [_card(cls, f"{page}#{slug_of(cls.label)}") for cls in connectors]

    @admin.display(description=gettext_lazy("Type"))
    def type_label(self, row: Integration) -> str:
        """Return the type for the form, where it cannot be changed."""
        return self.type_(row)

    def _connector(self, request: HttpRequest, obj: Integration | None) -> type[AnyConnector]:
        return obj.connector if obj else connectors.get(request.GET.get("type", ""))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form of the row's type."""
        connector = self._connector(request, obj)
        credentials = self._credentials(request, connector, obj)
        named, config = (obj.credential_name, obj.config) if obj else ("", {})
        form = form_for(connector, config, credentials, named=named, by_application=obj is None)
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def _credentials(self, request: HttpRequest, connector: type[AnyConnector], obj: Integration | None) -> Iterable[Credential]:
        """Return the credentials that may be chosen: those of the row's application, for a new row those of every own one."""
        if not connector.credential_types:
            return ()
        rows = Credential.objects.filter(credential_type__in=connector.credential_types).select_related("application")
        owners = applications_of(request.user, Role.EDITOR).order_by()
        own = rows.filter(application_id=obj.application_id) if obj else rows.filter(application__in=owners)
        return own.order_by("application__name", "name")

    @admin.display(description=gettext_lazy("Topics"))
    def topics_readonly(self, row: Integration) -> SafeString:
        """Return all topics for who may look but not change."""
        return topics_html(row.topics if isinstance(row.topics, list) else [], len(row.topics))

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        """Return the common fields, then the schema's sections."""
        connector = self._connector(request, obj)
        topics = ("topics",) if connector.topics_label else ()
        if obj and not self.has_change_permission(request, obj):
            login = ("credential_name",) if connector.credential_types else ()
            shown = ("topics_readonly",) if topics else ()
            return [(None, {"fields": ("type_label", *COMMON, *login, *shown, "settings_readonly")})]
        sections = sections_of(connector)
        common = {"fields": (*COMMON, *(("type_label",) if obj else ())), "description": _notice(connector)}
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [(None, common)]
        fieldsets += [(_(name) or _("Settings"), {"fields": fields}) for name, fields in sections.items()]
        fieldsets += [(_(connector.topics_label), {"fields": topics})] if topics else []
        limits = self.operator_fields if obj or is_operator(request.user) else ()
        return [*fieldsets, *([(_("Limits"), {"fields": limits, "classes": ("collapse",)})] if limits else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Application and type are chosen once."""
        kept = ("application", "type_label", "topics_readonly", "settings_readonly") if obj else ()
        return (*kept, *super().get_readonly_fields(request, obj))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form beside the connection's live state."""
        row = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if row is not None and self.has_view_permission(request, row):
            if row.integration_type not in connectors:
                messages.error(
                    request,
                    _("This release knows no integrations of type %(integration_type)s.")
                    % {"integration_type": row.integration_type},
                )
                return self.response_post_save_change(request, row)
            context = {**self.tab_context(request, row, "change"), **context}
        return super().change_view(request, object_id, form_url, context)

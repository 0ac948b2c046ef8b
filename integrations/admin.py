"""Integrations as people see them: a list with live status, a page a connection, its form made from the connector's schema."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations import history_admin  # noqa: F401  (importing registers the pages)
from integrations.connectors.base import AnyConnector, connectors
from integrations.endings import endings_of
from integrations.forms import form_for, sections_of
from integrations.ledger_admin import LedgerPages
from integrations.live import Live, read_live
from integrations.models import Integration
from integrations.panel import badges, panel
from integrations.runtime.status import NEVER_SEEN
from integrations.wording import ago
from wegnology.applications.access import applications_of, is_operator
from wegnology.applications.credential_facts import ending_lines
from wegnology.applications.models import Credential, Role
from wegnology.lib.badges import Badge, badge_html
from wegnology.lib.theme import ChangeList

COMMON = ("application", "name", "enabled")


class IntegrationList(ChangeList):
    """A page of integrations with their live state, read together: no query or round trip a row."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, then all their states at once."""
        super().get_results(request)
        rows: list[Integration] = list(self.result_list)
        self.result_list = rows
        now_ms = int(time.time() * 1000)
        self.live = read_live([row.pk for row in rows])
        self.away_since = self.live.away_since
        shown = badges(rows, self.live, now_ms)
        for row in rows:
            row.shown = _Shown(shown[row.pk], _last_message(self.live, row.pk, now_ms))  # type: ignore[attr-defined]


class _Shown:
    def __init__(self, badge: Badge, last_message: str) -> None:
        self.badge = badge
        self.last_message = last_message


def _last_message(live: Live, integration_id: str, now_ms: int) -> str:
    return ago(live.statuses.get(integration_id, NEVER_SEEN).last_message_ms, now_ms) if live.away_since is None else "—"


def _about(connector: type[AnyConnector]) -> str:
    """Return the first line of the connector's file: what it speaks. Addresses in it are for who reads the code."""
    line = (sys.modules[connector.__module__].__doc__ or "").strip().partition("\n")[0]
    return " ".join(word for word in line.split() if not word.startswith("https://"))


def _notice(connector: type[AnyConnector]) -> str:
    return format_html('<span class="wg-note wg-warning">{}</span>', connector.notice) if connector.notice else ""


class IntegrationAdmin(LedgerPages):
    """List, page and form of every type."""

    choose_lead = "What do you want to connect to? The type of an integration cannot be changed later."
    choose_empty = "No type of integration is installed. A type is one file in integrations/connectors/."
    operator_fields = ("throttle_per_second",)

    list_display = ("name_", "status", "type_", "application", "last_message")
    list_display_links = ("name_",)
    list_select_related = ("application",)
    list_filter = ("enabled", "integration_type", "application")
    list_filter_submit = False
    list_per_page = 100
    list_before_template = "pages/redis_away.html"
    search_fields = ("name", "id")
    search_help_text = "Search by name or id"
    ordering = ("name", "id")
    change_form_template = "admin/integrations/integration/change_form.html"

    def types(self) -> list[tuple[str, str, str]]:
        """Return every connector."""
        return [(cls.name, cls.label, f"{_about(cls)} {cls.notice}".strip()) for cls in connectors]

    @admin.display(description="Name", ordering="name")
    def name_(self, row: Integration) -> str:
        """Return the name; a column that links."""
        return row.name

    @admin.display(description="Status")
    def status(self, row: Integration) -> SafeString:
        """Return the live state, read for the whole page at once."""
        return badge_html(row.shown.badge)  # type: ignore[attr-defined]

    @admin.display(description="Type", ordering="integration_type")
    def type_(self, row: Integration) -> str:
        """Return the type's label; a type that this release does not have keeps its name."""
        return connectors.get(row.integration_type).label if row.integration_type in connectors else row.integration_type

    @admin.display(description="Last message")
    def last_message(self, row: Integration) -> str:
        """Return when something last arrived."""
        return str(row.shown.last_message)  # type: ignore[attr-defined]

    @admin.display(description="Type")
    def type_label(self, row: Integration) -> str:
        """Return the type for the form, where it cannot be changed."""
        return self.type_(row)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[IntegrationList]:
        """Use the list that reads live states."""
        return IntegrationList

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

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        """Return the common fields, then the schema's sections."""
        connector = self._connector(request, obj)
        topics = ("topics",) if connector.topics_label else ()
        if obj and not self.has_change_permission(request, obj):
            login = ("credential_name",) if connector.credential_types else ()
            return [(None, {"fields": ("type_label", *COMMON, *login, *topics, "settings_readonly")})]
        sections = sections_of(connector)
        common = {"fields": (*COMMON, *(("type_label",) if obj else ())), "description": _notice(connector)}
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [(None, common)]
        fieldsets += [(name or "Settings", {"fields": fields}) for name, fields in sections.items()]
        fieldsets += [(connector.topics_label, {"fields": topics})] if topics else []
        limits = self.operator_fields if obj or is_operator(request.user) else ()
        return [*fieldsets, *([("Limits", {"fields": limits, "classes": ("collapse",)})] if limits else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Application and type are chosen once."""
        kept = ("application", "type_label", "settings_readonly") if obj else ()
        return (*kept, *super().get_readonly_fields(request, obj))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form below the integration's live state."""
        row = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if row is not None and self.has_view_permission(request, row):
            if row.integration_type not in connectors:
                messages.error(request, f"This release knows no integrations of type {row.integration_type}.")
                return self.response_post_save_change(request, row)
            ends = ending_lines(row.config_schema, endings_of(row), timezone.now())
            context = {"panel": panel(row), "ends": ends, **self.panel_context(request, row), **context}
        return super().change_view(request, object_id, form_url, context)

    def panel_context(self, request: HttpRequest, row: Integration) -> dict[str, Any]:
        """Return what packages above add to the page."""
        return {}

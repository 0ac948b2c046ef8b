"""The list of integrations as an admin page: columns, what is read anew while it stands open, and actions on many rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.connectors.base import connectors
from integrations.list_page import MOST_LIVE, IntegrationList, StateFilter, shown, topics_html
from integrations.live import read_live
from integrations.models import Integration
from integrations.reconnecting import reconnect
from wegnology.applications.owned_admin import OwnedAdmin

WORKFLOWS_SHOWN = 2


class ListPages(OwnedAdmin):
    """List of integrations."""

    actions: Any = ("enable", "disable", "reconnect")
    list_display = ("name_", "status", "type_", "topics_", "rate", "hours", "last_message", "workflows_")
    list_display_links = ("name_",)
    list_filter = (StateFilter, "enabled", "integration_type", "application")
    list_filter_submit = False
    list_per_page = 50
    list_before_template = "pages/redis_away.html"
    search_fields = ("name", "id", "topics")
    search_help_text = gettext_lazy("Search by name, topic or id")
    ordering = ("name", "id")

    @property
    def media(self) -> Media:
        """Keep the list true while it stands open."""
        return super().media + Media(js=["wegnology/live-list.js"])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[IntegrationList]:
        """Use the list that reads live states."""
        return IntegrationList

    def workflows_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        """Return the workflows that integrations trigger, by integration; packages above know them."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        """Add the address at which an open list asks again."""
        live = path("live/", self.admin_site.admin_view(self.live_view), name="integrations_integration_live")
        return [live, *super().get_urls()]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Return the columns that change, by integration: those of `id` that the person may see."""
        ids = request.GET.getlist("id")[:MOST_LIVE]
        rows = list(self.get_queryset(request).filter(pk__in=ids))
        live = read_live([row.pk for row in rows])
        found = {row.pk: one.parts for row, one in zip(rows, shown(rows, live), strict=True)}
        return JsonResponse({"rows": found}, headers={"Cache-Control": "no-store"})

    @admin.display(description=gettext_lazy("Name"), ordering="name")
    def name_(self, row: Integration) -> str:
        """Return the name; a column that links."""
        return row.name

    @admin.display(description=gettext_lazy("Status"))
    def status(self, row: Integration) -> SafeString:
        """Return the live state."""
        return _live(row, "status")

    @admin.display(description=gettext_lazy("Type"), ordering="integration_type")
    def type_(self, row: Integration) -> str:
        """Return the type's label; a type that this release does not have keeps its name."""
        return _(connectors.get(row.integration_type).label) if row.integration_type in connectors else row.integration_type

    @admin.display(description=gettext_lazy("Topics"))
    def topics_(self, row: Integration) -> SafeString:
        """Return what it listens to."""
        return topics_html(row.topics if isinstance(row.topics, list) else [])

    @admin.display(description=gettext_lazy("Rate/s"))
    def rate(self, row: Integration) -> SafeString:
        """Return messages a second against the limit."""
        return _live(row, "rate")

    @admin.display(description=gettext_lazy("Last hours"))
    def hours(self, row: Integration) -> SafeString:
        """Return a small chart."""
        return _live(row, "hours")

    @admin.display(description=gettext_lazy("Last message"))
    def last_message(self, row: Integration) -> SafeString:
        """Return when something last arrived."""
        return _live(row, "last")

    @admin.display(description=gettext_lazy("Workflows"))
    def workflows_(self, row: Integration) -> SafeString:
        """Return links to the workflows that it triggers."""
        rows: Sequence[Any] = row.workflows  # type: ignore[attr-defined]
        page = "admin:workflows_workflow_change"
        links = format_html_join(
            ", ",
            '<a class="wg-link" href="{}">{}</a>',
            ((reverse(page, args=[one.pk]), one.name) for one in rows[:WORKFLOWS_SHOWN]),
        )
        more = len(rows) - WORKFLOWS_SHOWN
        return format_html("{} {}", links, _("and %(count)s more") % {"count": more}) if more > 0 else links or SafeString("—")

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        """Switch the chosen ones on."""
        self._switch(request, queryset, on=True)

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> HttpResponse | None:
        """Switch the chosen ones off."""
        self._switch(request, queryset, on=False)
        return None

    @admin.action(description=gettext_lazy("Reconnect"), permissions=["change"])
    def reconnect(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        """Make the connections of the chosen ones anew."""
        count = len(reconnect(list(queryset)))
        text = ngettext("%(count)s connection is made anew.", "%(count)s connections are made anew.", count) % {"count": count}
        messages.success(request, text)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Integration], *, on: bool) -> None:
        rows = list(queryset.exclude(enabled=on))
        for row in rows:
            row.enabled = on
            row.save(update_fields=["enabled", "updated_at"])
        count = len(rows)
        if on:
            messages.success(
                request,
                ngettext("%(count)s integration was enabled.", "%(count)s integrations were enabled.", count) % {"count": count},
            )
        else:
            messages.success(
                request,
                ngettext("%(count)s integration was disabled.", "%(count)s integrations were disabled.", count)
                % {"count": count},
            )


def _live(row: Any, name: str) -> SafeString:
    return format_html('<span data-live-row="{}" data-live="{}">{}</span>', row.pk, name, row.shown.parts[name])

"""The pages of one integration as tabs: configuration, messages, workflows, ledger, history and audit, each a page of its own.

In the top right corner of each stands the state of the connection. A script asks for it again while the page stands open;
without one it is what it was when the page was loaded. Who may look at the integration may look at all of them; a check and a
reconnect are for who may change it.
"""

from functools import partial
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.check_admin import last_check
from integrations.connectors.base import connectors
from integrations.endings import endings_of
from integrations.form_aids import FormAids
from integrations.models import Integration, StatusChange
from integrations.panel import status_panel
from integrations.reconnecting import reconnect
from integrations.wording import recorded
from wegnology.applications.credential_facts import ending_lines

CHANGES_A_PAGE = 100
_PAGE = "integrations_integration"
_FOLDER = "admin/integrations/integration"


class Tab(NamedTuple):
    """One of the pages."""

    name: str
    label: str
    address: str


def tabs(row: Integration) -> list[Tab]:
    """Return the pages of an integration in their order."""
    named = [
        ("change", _("Configuration")),
        ("messages", _("Messages")),
        ("workflows", _("Workflows")),
        ("ledger", _("Throughput and ledger")),
        ("states", _("History")),
        ("history", _("Audit")),
    ]
    if row.integration_type in connectors and row.connector.Outgoing is not None:
        named.insert(2, ("send", _("Send")))
    return [Tab(name, label, reverse(f"admin:{_PAGE}_{name}", args=[row.pk])) for name, label in named]


class TabPages(FormAids):
    """What all pages of an integration have in common, and those that show what the database remembers."""

    class Media:
        js = ("wegnology/status.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the pages, and what they ask for."""
        wrap = self.admin_site.admin_view
        shown = [("state", self._state), ("workflows/", self._workflows), ("states/", self._states)]
        asked = [("reconnect/", self._reconnect), ("check/saved/", self._check_saved)]
        names = {"check/saved/": "check_saved"}
        reading = [(place, require_safe(partial(self._for_row, view, "view"))) for place, view in shown]
        acting = [(place, require_POST(partial(self._for_row, view, "change"))) for place, view in asked]
        own = [
            path(f"<str:object_id>/{place}", wrap(view), name=f"{_PAGE}_{names.get(place, place.strip('/'))}")
            for place, view in (*reading, *acting)
        ]
        return [*own, *super().get_urls()]

    def _for_row(self, view: Any, action: str, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer for an integration that this person may see, or change."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.allowed(request, action, row):
            raise PermissionDenied
        answer: HttpResponse = view(request, row)
        return answer

    def tab_page(self, request: HttpRequest, row: Integration, tab: str, title: str, /, **context: Any) -> HttpResponse:
        """Show one of the pages; its template is named after it."""
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"{_FOLDER}/{tab}.html", {**shared, **self.tab_context(request, row, tab), **context})

    def tab_context(self, request: HttpRequest, row: Integration, tab: str) -> dict[str, Any]:
        """Return what the frame around each page shows: the tabs and the state of the connection."""
        may_change = self.allowed(request, "change", row)
        known = row.integration_type in connectors
        context = {
            "original": row,
            "tab": tab,
            "tabs": tabs(row),
            "status": status_panel(row),
            "ends": ending_lines(row.config_schema, endings_of(row), timezone.now()) if known else [],
            "state_url": reverse(f"admin:{_PAGE}_state", args=[row.pk]),
            "may_change": may_change,
        }
        if not (may_change and known):
            return context
        asks = {name: reverse(f"admin:{_PAGE}_{name}", args=[row.pk]) for name in ("reconnect", "check_saved")}
        return {**context, **{f"{name}_url": address for name, address in asks.items()}, **last_check(row)}

    def _state(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Return the state of the connection, for the script."""
        panel = status_panel(row)
        html = render_to_string("pages/connection.html", {"status": panel})
        badge = render_to_string("pages/badge.html", {"badge": panel.badge})
        answer = {"words": panel.badge.words, "tone": panel.badge.tone, "badge": badge, "html": html}
        return JsonResponse(answer, headers={"Cache-Control": "no-store"})

    def _reconnect(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Make the connection anew."""
        if reconnect([row]):
            messages.success(request, _("The connection of “%(name)s” is made anew.") % {"name": row.name})
        else:
            messages.warning(request, _("“%(name)s” is disabled: enable it first, then it connects.") % {"name": row.name})
        return redirect(f"admin:{_PAGE}_change", row.pk)

    def _check_saved(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Check the integration as it is saved."""
        if row.integration_type not in connectors:
            raise Http404
        return self.ask_check(request, row, saved=True)

    def _workflows(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Show what it starts and what sends through it; packages above know that."""
        title = _("Workflows of %(name)s") % {"name": row.name}
        return self.tab_page(request, row, "workflows", title, **self.panel_context(request, row))

    def _states(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Show when the connection came and went, newest first."""
        changes = StatusChange.objects.filter(integration_id=row.pk)
        pages = Paginator(changes, CHANGES_A_PAGE).get_page(request.GET.get("p"))
        shown = [(change, recorded(change.state)) for change in pages]
        return self.tab_page(request, row, "states", _("History of %(name)s") % {"name": row.name}, pages=pages, changes=shown)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show the audit in the frame of the other pages."""
        answer = super().history_view(request, object_id, extra_context)
        row = answer.context_data["original"] if isinstance(answer, TemplateResponse) and answer.context_data else None
        if isinstance(answer, TemplateResponse) and answer.context_data and isinstance(row, Integration):
            answer.template_name = f"{_FOLDER}/history.html"
            answer.context_data |= self.tab_context(request, row, "history")
            answer.context_data |= {"title": _("Audit of %(name)s") % {"name": row.name}, "part_title": ""}
        return answer

    def panel_context(self, request: HttpRequest, row: Integration) -> dict[str, Any]:
        """Return what packages above know of its workflows."""
        return {}

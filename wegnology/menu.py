"""The menu: what belongs to the chosen application, then what concerns the installation."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from wegnology.applications.access import is_operator, may, may_anywhere
from wegnology.applications.current import current_of
from wegnology.applications.models import Application, Role

Group = dict[str, Any]


def navigation(request: HttpRequest) -> list[Group]:
    """Return the groups of the menu as the theme takes them, for the person of a request."""
    if not request.user.is_authenticated:
        return []
    application = current_of(request).application
    groups: list[Group] = [
        {"items": [*_at_work(request, application)]},
        {"title": _("History"), "separator": True, "items": [*_history(request, application)]},
        {"title": _("Installation"), "separator": True, "items": [*_installation(request)]},
    ]
    return [group for group in groups if group["items"]]


def _at_work(request: HttpRequest, application: Application | None) -> Iterator[Group]:
    if not may_anywhere(request.user, Role.VIEWER):
        return
    if application:
        yield _entry(request, _("Overview"), "space_dashboard", "overview", application)
    yield _entry(request, _("Integrations"), "hub", "admin:integrations_integration_changelist")
    yield _entry(request, _("Workflows"), "account_tree", "admin:workflows_workflow_changelist")
    yield _entry(request, _("Service credentials"), "key", "admin:applications_credential_changelist")
    if application:
        yield _entry(request, _("Globals"), "data_object", "admin:applications_application_globals", application)
    yield _entry(request, _("Parked runs"), "inventory_2", "admin:workflows_parkedrun_changelist")
    yield _entry(request, _("Alarms"), "notifications", "admin:workflows_alarm_changelist")
    if may_anywhere(request.user, Role.EDITOR):
        yield _entry(request, _("Import"), "upload_file", "import")
    if application:
        yield _entry(request, _("Members"), "group", "admin:applications_application_members", application)
        if may(request.user, application.pk, Role.ADMINISTRATOR):
            yield _entry(request, _("API tokens"), "vpn_key", "admin:applications_apitoken_changelist")
        yield _entry(request, _("Settings"), "settings", "admin:applications_application_change", application)


def _history(request: HttpRequest, application: Application | None) -> Iterator[Group]:
    if not may_anywhere(request.user, Role.VIEWER):
        return
    yield _entry(request, _("Ledger"), "receipt_long", "admin:integrations_ledgerhour_changelist")
    yield _entry(request, _("State changes"), "history", "admin:integrations_statuschange_changelist")
    yield _entry(request, _("Audit"), "policy", "admin:applications_auditentry_changelist")
    administers = may(request.user, application.pk, Role.ADMINISTRATOR) if application else False
    if administers or (not application and may_anywhere(request.user, Role.ADMINISTRATOR)):
        yield _entry(request, _("Trash"), "delete", "admin:applications_trashentry_changelist")


def _installation(request: HttpRequest) -> Iterator[Group]:
    yield _entry(request, _("Status"), "monitor_heart", "status")
    if may_anywhere(request.user, Role.VIEWER) or request.user.has_perm("applications.add_application"):
        yield _entry(request, _("Applications"), "apps", "admin:applications_application_changelist")
    if is_operator(request.user):
        yield _entry(request, _("Users"), "person", "admin:auth_user_changelist")
    yield _help(request)


def _help(request: HttpRequest) -> Group:
    start = reverse("documentation_start")
    return {"title": _("Documentation"), "icon": "menu_book", "link": start, "active": request.path.startswith(start)}


def _entry(request: HttpRequest, title: str, icon: str, route: str, application: Application | None = None) -> Group:
    address = reverse(route, args=[application.pk] if application else [])
    return {"title": title, "icon": icon, "link": address, "active": _is_at(request.path, route, address)}


def _is_at(path: str, route: str, address: str) -> bool:
    """Say whether a page belongs to a line; the pages of one application are lines of their own."""
    if not route.endswith("_changelist") or route == "admin:applications_application_changelist":
        return path == address or path == f"{address}add/"
    return path.startswith(address)

"""How the pages look: name, colours and menu of the admin theme."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

BLUE = {
    "50": "oklch(97% .016 235)",
    "100": "oklch(94% .032 235)",
    "200": "oklch(89% .06 235)",
    "300": "oklch(81% .1 235)",
    "400": "oklch(72% .13 238)",
    "500": "oklch(62% .14 242)",
    "600": "oklch(52% .135 245)",
    "700": "oklch(46% .12 246)",
    "800": "oklch(40% .1 247)",
    "900": "oklch(35% .08 248)",
    "950": "oklch(26% .06 250)",
}


def _styles(request: HttpRequest) -> str:
    return static("wegnology/pages.css")


def _favicon(request: HttpRequest) -> str:
    return static("wegnology/favicon.svg")


def for_members(request: HttpRequest) -> bool:
    """Show a line of the menu to who is a member of any application."""
    from wegnology.applications.access import may_anywhere
    from wegnology.applications.models import Role

    return may_anywhere(request.user, Role.VIEWER)


def for_administrators(request: HttpRequest) -> bool:
    """Show a line of the menu to administrators of any application."""
    from wegnology.applications.access import may_anywhere
    from wegnology.applications.models import Role

    return may_anywhere(request.user, Role.ADMINISTRATOR)


def for_applications(request: HttpRequest) -> bool:
    """Show a line of the menu to members, and to who may create the first application."""
    return for_members(request) or request.user.has_perm("applications.add_application")


def for_operators(request: HttpRequest) -> bool:
    """Show a line of the menu to operators."""
    from wegnology.applications.access import is_operator

    return is_operator(request.user)


def _entry(title: str, icon: str, route: str, seen: Callable[[HttpRequest], bool] | None = for_members) -> dict[str, Any]:
    """Return a line of the menu; `seen` says who may see the page, None everyone who is logged in."""
    return {"title": title, "icon": icon, "link": reverse_lazy(route), "permission": seen}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "WEGnology Integrations",
    "SITE_HEADER": "WEGnology",
    "SITE_SUBHEADER": "Integrations",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "BORDER_RADIUS": "6px",
    "STYLES": [_styles],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "COLORS": {"primary": BLUE},
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    _entry("Status", "monitor_heart", "status", None),
                    _entry("Integrations", "hub", "admin:integrations_integration_changelist"),
                    _entry("Workflows", "account_tree", "admin:workflows_workflow_changelist"),
                    _entry("Parked runs", "inventory_2", "admin:workflows_parkedrun_changelist"),
                    _entry("Service credentials", "key", "admin:applications_credential_changelist"),
                    _entry("Applications", "apps", "admin:applications_application_changelist", for_applications),
                ]
            },
            {
                "title": "History",
                "separator": True,
                "items": [
                    _entry("Ledger", "receipt_long", "admin:integrations_ledgerhour_changelist"),
                    _entry("State changes", "history", "admin:integrations_statuschange_changelist"),
                    _entry("Audit", "policy", "admin:applications_auditentry_changelist"),
                    _entry("Trash", "delete", "admin:applications_trashentry_changelist", for_administrators),
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _entry("Users", "person", "admin:auth_user_changelist", for_operators),
                ],
            },
        ]
    },
}

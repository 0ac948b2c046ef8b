"""How the pages look: name and colours of the admin theme."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy

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


def _scripts(request: HttpRequest) -> str:
    return static("wegnology/submit-on-change.js")


def _theme_aids(request: HttpRequest) -> str:
    return static("wegnology/theme-aids.js")


def _zone(request: HttpRequest) -> str:
    return static("wegnology/zone.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "WEGnology Integrations",
    "SITE_HEADER": "WEGnology",
    "SITE_SUBHEADER": gettext_lazy("Integrations"),
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "BORDER_RADIUS": "6px",
    "STYLES": [_styles],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "COLORS": {"primary": BLUE},
    "SCRIPTS": [_scripts, _theme_aids, _zone],
    "SIDEBAR": {"navigation": "wegnology.menu.navigation"},
}

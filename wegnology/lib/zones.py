"""Times in the zone of the browser, which a script found out and left in a cookie; else in that of the installation."""

from collections.abc import Callable
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "zone"


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """Return the zone of a browser; None where it did not say, or named one that there is not."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name) if name in _known() else None


class ZoneMiddleware:
    """Answers in the zone of the browser. The API knows no cookies: its times are in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and leave nothing behind for the next request of the thread."""
        zone = None if request.path.startswith("/api/") else zone_of(request)
        if zone is None:
            return self._get_response(request)
        with timezone.override(zone):
            return self._get_response(request)

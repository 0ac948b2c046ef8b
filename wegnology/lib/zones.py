"""Times in the zone of the browser, which a script found out and left in a cookie; else in that of the installation."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import localize

COOKIE = "zone"
_DAY_FIRST, _YEAR_FIRST = "%d %b %Y %H:%M", "%Y-%m-%d %H:%M:%S"
_STORED = re.compile(r"(\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC(?=: |$)")


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """Return the zone of a browser; None where it did not say, or named one that there is not."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name) if name in _known() else None


def local_time(text: str) -> str:
    """Return a text that was stored with a time in UTC at its beginning with that time as pages say it."""
    found = _STORED.match(text)
    if found is None:
        return text
    try:
        moment = datetime.strptime(found[1], _DAY_FIRST if found[1][2] == " " else _YEAR_FIRST).replace(tzinfo=UTC)
    except ValueError:
        return text
    return f"{localize(timezone.localtime(moment))}{text[found.end() :]}"


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

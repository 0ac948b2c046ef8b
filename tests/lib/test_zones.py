"""Pages show times in the zone of the browser, as far as it names one that there is."""

from datetime import UTC, datetime

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from wegnology.lib.zones import ZoneMiddleware, local_time

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def shown(path: str, cookie: str | None) -> str:
    """Return the hour that a page would show."""

    def page(_: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{timezone.localtime(NOON):%H}")

    request = RequestFactory().get(path)
    if cookie is not None:
        request.COOKIES["zone"] = cookie
    return ZoneMiddleware(page)(request).content.decode()


@pytest.mark.parametrize(
    ("path", "cookie", "hour"),
    [
        ("/status", None, "12"),
        ("/status", "Europe/Berlin", "14"),
        ("/status", "Asia/Kathmandu", "17"),
        ("/status", "Mars/Olympus", "12"),
        ("/status", "../../etc/passwd", "12"),
        ("/status", "", "12"),
        ("/api/applications", "Europe/Berlin", "12"),
    ],
)
def test_hours_are_those_of_the_browser(path: str, cookie: str | None, hour: str) -> None:
    assert shown(path, cookie) == hour


def test_the_next_request_of_the_thread_begins_anew() -> None:
    shown("/status", "Europe/Berlin")
    assert shown("/status", None) == "12"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("2026-07-01 12:00:05 UTC", "1 Jul 2026 14:00:05"),
        ("01 Jul 2026 12:00 UTC: refused: no such mailbox", "1 Jul 2026 14:00:00: refused: no such mailbox"),
        ("2026-13-01 12:00:05 UTC", "2026-13-01 12:00:05 UTC"),
        ("Mended on 2026-07-01 12:00:05 UTC", "Mended on 2026-07-01 12:00:05 UTC"),
        ("2026-07-01 12:00:05 UTC, roughly", "2026-07-01 12:00:05 UTC, roughly"),
        ("", ""),
    ],
)
def test_a_stored_time_is_said_in_the_zone_of_who_reads(stored: str, said: str) -> None:
    with timezone.override("Europe/Berlin"):
        assert local_time(stored) == said

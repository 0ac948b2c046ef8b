"""A name for each request, in its answer and in every line that is logged meanwhile."""

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Return the name of the request under way; "" outside of one."""
    return _current.get()


class RequestIdMiddleware:
    """Names each request, by what a proxy in front said in `X-Request-Id` if that is a plain name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        given = request.headers.get(HEADER, "")
        name = given if _GIVEN.match(given) else secrets.token_hex(8)
        _current.set(name)  # until the end of the request: Django logs a bad answer when this is over already
        response = self._get_response(request)
        response[HEADER] = name
        return response


@receiver(request_finished, dispatch_uid="name of the request")
def _forget(**_: object) -> None:
    _current.set("")


class RequestIdFilter(logging.Filter):
    """Gives log records `request`: " [request <id>]", empty outside of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the name; let everything pass."""
        name = current_request_id()
        record.request = f" [request {name}]" if name else ""
        return True

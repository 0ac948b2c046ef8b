"""Who may read figures without a login: this machine itself, and whoever knows the token."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


def may_read_figures(request: HttpRequest) -> bool:
    """Say whether details may be given. Behind a proxy on this machine every address looks local, so a forwarded one is not."""
    if settings.METRICS_TOKEN:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode()):
            return True
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and not any(name in request.META for name in _FORWARDED)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False

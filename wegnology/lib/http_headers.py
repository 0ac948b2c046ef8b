"""Headers of HTTP requests as people give them, made fit for a request. RFC 9110, 5."""

import re
from collections.abc import Mapping

MAX_BYTES = 64 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_OF_THE_LINE = frozenset(
    ["content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-connection"]
)
"""Headers that say how a request travels: whoever sends it knows."""
_SPELLED = {"host": "Host", "accept-encoding": "Accept-Encoding", "user-agent": "User-Agent"}


def fit_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers that may be sent, each name once: the last one given. Raises `ValueError` with a text for people.

    The text names a header and never repeats its value.
    """
    checked: dict[str, tuple[str, str]] = {}
    for name, text in given.items():
        value = text.strip()
        if not _TOKEN.match(name):
            raise ValueError(f"{name[:80]!r} cannot be the name of a header")
        if not value.isascii() or not value.replace("\t", " ").isprintable():
            raise ValueError(f"the header {name[:80]} must be one line of ASCII characters")
        if name.lower() not in _OF_THE_LINE:
            checked[name.lower()] = (_SPELLED.get(name.lower(), name), value)
    if sum(len(name) + len(value) for name, value in checked.values()) > MAX_BYTES:
        raise ValueError(f"the headers are longer than {MAX_BYTES} bytes")
    return dict(checked.values())

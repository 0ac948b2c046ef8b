"""Where services are that have one well-known address, for installations that have such a service of their own, and for tests."""

from collections.abc import Sequence
from urllib.parse import urlsplit

_urls: dict[str, str] = {}


def configure(entries: Sequence[str]) -> None:
    """Say which services are elsewhere, each by the public name of the integration type: `particle=https://cloud.example.com`.

    Raises `ValueError` naming the entry that is none.
    """
    urls = {}
    for entry in entries:
        name, _, url = entry.strip().partition("=")
        if not name or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"{entry!r} is not of the form name=https://host")
        urls[name] = url
    _urls.clear()
    _urls.update(urls)


def service_url(name: str, default: str) -> str:
    """Return the address of a service, without a slash at the end."""
    return _urls.get(name, default).rstrip("/")

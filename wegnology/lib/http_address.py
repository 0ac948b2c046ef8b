"""Addresses of HTTP requests as people write them, made fit for a request."""

from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from wegnology.lib.egress import canonical

_LEFT = "%/:=&?~+!$,;'@()*[]|"
"""What stays as it is in a path or a query; `%` because most are encoded already."""


class AddressInvalid(ValueError):
    """This is no address for a request; the text does not repeat it, since it may hold a login."""


class Address(NamedTuple):
    """An address taken apart. `login` is what stood before an @: (user, password)."""

    scheme: str
    host: str
    port: int
    target: str
    login: tuple[str, str] | None = None

    @property
    def place(self) -> tuple[str, str, int]:
        """Scheme, host and port: what a login belongs to."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The address in one spelling, without a login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.target}"


def parse_address(url: str) -> Address:
    """Take an http or https address apart. Raises `AddressInvalid`."""
    if not url.strip().lower().startswith(("http://", "https://")):
        raise AddressInvalid("the address must begin with http:// or https://")
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, canonical(parts.hostname or "")
    except (ValueError, OSError):
        raise AddressInvalid("the address is not one of a web server") from None
    target = quote(parts.path or "/", safe=_LEFT) + (f"?{quote(parts.query, safe=_LEFT)}" if parts.query else "")
    login = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    return Address(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target, login)


def redirected(address: Address, location: str) -> Address:
    """Return where a `Location` header leads. Raises `AddressInvalid`."""
    try:
        joined = urljoin(address.url, location.strip())
    except ValueError:
        raise AddressInvalid("the address is not one of a web server") from None
    return parse_address(joined)._replace(login=None)

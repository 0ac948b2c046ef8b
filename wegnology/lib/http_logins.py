"""Where a login for HTTP goes, and which addresses may have it."""

import base64
import re
from urllib.parse import quote, unquote, urlencode, urlsplit

from wegnology.lib.certificates import judge_pair
from wegnology.lib.marking import marked

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
"""A header's name: RFC 9110, 5.6.2."""
_NEEDED = {
    "header": marked("Give the header's name."),
    "queryParam": marked("Give the parameter's name."),
    "clientCertificate": marked("Give the certificate in PEM form."),
}
METHODS = {
    "header": "a header",
    "queryParam": "a query parameter",
    "basicAuth": "basic authentication",
    "clientCertificate": "a client certificate",
}
_SCHEMES = ("http://", "https://", "ws://", "wss://")


def check_beginning(text: str) -> None:
    """Raise `ValueError` when a text cannot be the beginning of addresses: scheme, host, and perhaps more."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(marked("This is not the beginning of an address.")) from None
    if not text.lower().startswith(_SCHEMES) or not parts.hostname:
        raise ValueError(marked("Begin with http://, https://, ws:// or wss:// and a host."))
    if _ordered(text) is None or any(c.isspace() for c in text):
        raise ValueError(marked("A login, white space or .. has no place in it."))


def judge_login(method: str, value: str | None, secret: str) -> None:
    """Check the public and the secret part of a login; raises `ValueError` as a schema takes it: `field: text`."""
    if value is None and method != "basicAuth":
        raise ValueError(f"publicValue: {_NEEDED[method]}")
    if method == "header" and not _TOKEN.match(value or ""):
        raise ValueError("publicValue: " + marked("A header's name consists of letters, digits and - without spaces."))
    if method == "header" and not secret.isprintable():
        raise ValueError("secretValue: " + marked("A header's value is one line."))
    if method == "basicAuth" and ":" in (value or ""):
        raise ValueError("publicValue: " + marked("A user's name in basic authentication has no colon."))
    if method == "clientCertificate":
        judge_pair(("publicValue", value or ""), ("secretValue", secret))


def basic_authorization(user: str, password: str) -> str:
    """Return the value of an Authorization header: RFC 7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def with_parameter(url: str, name: str, value: str) -> str:
    """Return an address with one query parameter more, in place of any of the same name."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and unquote(pair.partition("=")[0]) != name]
    return parts._replace(query="&".join([*kept, urlencode([(name, value)], quote_via=quote)])).geturl()


def address_begins(url: str, beginning: str) -> bool:
    """Say whether an address begins with another, as a whole host name at least. Scheme and host may be in any case.

    "https://example.com" is no beginning of "https://example.com.evil.test", nor "…/a/" of "…/a/../b".
    """
    wanted, given = _ordered(beginning), _ordered(url)
    if given is None or wanted is None or not given.startswith(wanted):
        return False
    ends_in_host = "/" not in wanted.partition("://")[2]
    return not ends_in_host or given[len(wanted) : len(wanted) + 1] in ("", "/", "?", "#", ":")


def _ordered(url: str) -> str | None:
    """Return an address with scheme and host in small letters; None for one that could lead elsewhere than it reads."""
    try:
        parts = urlsplit(url)
        path = unquote(parts.path)
    except ValueError:
        return None
    if "@" in parts.netloc or "\\" in url or any(part in (".", "..") for part in path.split("/")):
        return None
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{url[len(parts.scheme) + 3 + len(parts.netloc) :]}"

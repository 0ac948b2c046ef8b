"""Service credentials for WebSocket servers: which may be used, and where they go in the request that opens a connection."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wegnology.lib.credential_types import Credential, HttpCredential
from wegnology.lib.tls import Tls
from wegnology.lib.types import JSONValue

_ENTERED = ("username", "password", "privateKey", "certificate")
_ELSEWHERE = "The credential is for other addresses: the URL does not begin with its URI Match"


class LoginElsewhere(Exception):
    """A credential is not for this address."""


class OpeningRequest(NamedTuple):
    """The request that opens a connection, with the login in it."""

    url: str
    headers: list[str]
    tls: Tls | None

    def __repr__(self) -> str:
        return "<OpeningRequest>"


def opening_request(url: str, headers: Sequence[str], tls: Tls | None, credential: Credential | None) -> OpeningRequest:
    """Return the request for an address, with a credential where there is one. Raises `LoginElsewhere`."""
    if not isinstance(credential, HttpCredential):
        return OpeningRequest(url, list(headers), tls)
    if not credential.matches(url):
        raise LoginElsewhere(_ELSEWHERE)
    if credential.pair is not None:
        if tls is None:
            raise LoginElsewhere("A client certificate needs a URL with wss://")
        tls = tls._replace(certificate=credential.pair[0], private_key=credential.pair[1])
    lines = [f"{name}: {value}" for name, value in credential.header_lines()]
    return OpeningRequest(credential.address(url), [*headers, *lines], tls)


def login_faults(raw: Mapping[str, JSONValue], credential: Credential | None) -> dict[str, str]:
    """Return what stands against a credential in settings of a WebSocket, by JSON name; templates may be open."""
    if not isinstance(credential, HttpCredential):
        return {}
    faults = {name: "Leave this empty beside a service credential." for name in _ENTERED if raw.get(name)}
    faults["credentialName"] = _url_fault(credential, raw.get("url"))
    faults["headers"] = _header_fault(credential, raw.get("headers"))
    return {name: text for name, text in faults.items() if text}


def _url_fault(credential: HttpCredential, url: object) -> str:
    if not credential.uri_match.lower().startswith(("ws://", "wss://")):
        return "Only a credential whose URI Match begins with ws:// or wss:// can be used here."
    if not isinstance(url, str) or "{{" in url:
        return ""
    if not credential.matches(url):
        return f"{_ELSEWHERE}."
    return "A client certificate needs a URL with wss://." if credential.pair and not url.lower().startswith("wss:") else ""


def _header_fault(credential: HttpCredential, headers: object) -> str:
    given = {name.lower() for name, _ in credential.header_lines()}
    entered = [str(one.get("headerKey", "")) for one in headers if isinstance(one, dict)] if isinstance(headers, list) else []
    twice = [name for name in entered if name.lower() in given]
    return f"The service credential already gives: {', '.join(twice)}." if twice else ""

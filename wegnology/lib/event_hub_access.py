"""Where an Event Hubs namespace is and how to log in to it: connection strings and shared access signatures.

https://learn.microsoft.com/azure/event-hubs/authorize-access-shared-access-signature
"""

import base64
import hmac
import re
import time
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from wegnology.lib.fault_texts import Filled
from wegnology.lib.marking import marked

PORT, PLAIN_PORT = 5671, 5672
TOKEN_SECONDS = 3600.0
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
_ENDS = re.compile(r"(?:^|[ &])se=(\d+)(?:&|$)")
_KNOWN = {
    "endpoint": "Endpoint",
    "sharedaccesskeyname": "SharedAccessKeyName",
    "sharedaccesskey": "SharedAccessKey",
    "sharedaccesssignature": "SharedAccessSignature",
    "entitypath": "EntityPath",
    "usedevelopmentemulator": "UseDevelopmentEmulator",
}


class Token(NamedTuple):
    """What is shown to log in, and when it ends (seconds since 1970)."""

    text: str
    ends: float


@dataclass(frozen=True, slots=True)
class Access:
    """A namespace and a login: a policy with its key, or a signature that somebody made with one."""

    host: str
    port: int = PORT
    secured: bool = True
    policy: str = ""
    key: str = field(default="", repr=False)
    signature: str = field(default="", repr=False)
    hub: str = ""
    """The hub that a connection string is for; empty where it is for the namespace."""

    def audience(self, hub: str) -> str:
        """Return the name of a hub in tokens."""
        return f"sb://{self.host}/{hub}"

    def token(self, hub: str, seconds: float = TOKEN_SECONDS) -> Token:
        """Return a token for a hub; of a signature itself, which cannot be made anew."""
        if self.signature:
            return Token(self.signature, self.ends or time.time() + seconds)
        resource = quote(self.audience(hub), safe="")
        ends = int(time.time() + seconds)
        signed = base64.b64encode(hmac.digest(self.key.encode(), f"{resource}\n{ends}".encode(), "sha256"))
        text = f"SharedAccessSignature sr={resource}&sig={quote(signed, safe='')}&se={ends}&skn={quote(self.policy, safe='')}"
        return Token(text, float(ends))

    @property
    def ends(self) -> float:
        """When the signature ends (seconds since 1970); 0 without one."""
        found = _ENDS.search(self.signature)
        return float(found.group(1)) if found else 0.0


def parse_host(text: str) -> tuple[str, int]:
    """Return host and port of `host` or `host:port`; raises `ValueError` with a sentence for people."""
    host, _, port = text.strip().partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(
            marked("Enter the host alone, such as greenhouse.servicebus.windows.net, without sb:// and without a path.")
        )
    if port and not (port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError(marked("The port after the host is a number up to 65535."))
    return host.lower(), int(port) if port else PORT


def parse_connection_string(text: str) -> Access:
    """Take a connection string apart; raises `ValueError` with a sentence that holds nothing of it."""
    parts = _parts(text)
    endpoint = parts.get("endpoint", "")
    if not endpoint:
        raise ValueError(marked("There is no Endpoint in it. Copy the whole connection string from the Azure portal."))
    emulator = parts.get("usedevelopmentemulator", "").lower() == "true"
    host, port = _endpoint(endpoint, PLAIN_PORT if emulator else PORT)
    policy, key = parts.get("sharedaccesskeyname", ""), parts.get("sharedaccesskey", "")
    signature = parts.get("sharedaccesssignature", "")
    if signature:
        if policy or key:
            raise ValueError(marked("It holds a SharedAccessSignature and a key. Leave one of them out."))
        _check_signature(signature)
    elif not (policy and key):
        raise ValueError(
            marked("It needs SharedAccessKeyName and SharedAccessKey. Copy the whole connection string of a policy.")
        )
    return Access(host, port, not emulator, policy, key, signature, parts.get("entitypath", ""))


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in filter(None, (piece.strip() for piece in text.strip().split(";"))):
        name, equals, value = piece.partition("=")
        known = name.strip().lower()
        if not equals or not value.strip():
            raise ValueError(marked("It is not of the form Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=..."))
        if known in parts:
            raise ValueError(Filled(marked("{part} is in it twice."), {"part": _KNOWN.get(known, "A part")}))
        if known in _KNOWN:
            parts[known] = value.strip()
    return parts


def _endpoint(text: str, port: int) -> tuple[str, int]:
    try:
        url = urlsplit(text)
        found = url.port
    except ValueError:
        found, url = None, urlsplit("")
    if url.scheme not in ("sb", "amqps", "amqp") or not url.hostname or not _HOST.fullmatch(url.hostname):
        raise ValueError(marked("Its Endpoint is not of the form sb://<namespace>.servicebus.windows.net/."))
    return url.hostname, found or port


def _check_signature(text: str) -> None:
    fields = dict(part.partition("=")[::2] for part in text.partition(" ")[2].split("&"))
    if not text.startswith("SharedAccessSignature ") or not {"sr", "sig", "se", "skn"} <= fields.keys():
        raise ValueError(
            marked("Its SharedAccessSignature is not of the form SharedAccessSignature sr=...&sig=...&se=...&skn=...")
        )
    if not fields["se"].isdecimal():
        raise ValueError(marked("The end (se) of its SharedAccessSignature is not a number of seconds."))


def resource_of(signature: str) -> str:
    """Return the path that a signature is for: "" for the namespace, a hub's name, or more."""
    found = re.search(r"(?:^|[ &])sr=([^&]+)", signature)
    url = urlsplit(unquote(found.group(1))) if found else urlsplit("")
    return url.path.strip("/")

"""Key files of Google service accounts, judged property by property.

A key file says where its tokens come from and for which cloud it is. Both are held to Google's own: a key that somebody hands in
must not make this installation talk to an address of their choice.
"""

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from wegnology.lib.certificates import read_private_key
from wegnology.lib.marking import marked
from wegnology.lib.types import JSONObject

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
UNIVERSE = "googleapis.com"
_NAMED = ("project_id", "private_key_id", "client_email")
_token_uris: frozenset[str] = frozenset({TOKEN_URI})


class GoogleKey(NamedTuple):
    """What may be shown of a key file."""

    client_email: str
    project_id: str
    private_key_id: str


def configure(*, token_uris: Collection[str] = ()) -> None:
    """Allow other addresses to get tokens from, besides Google's."""
    global _token_uris
    _token_uris = frozenset({TOKEN_URI, *token_uris})


def read_key(text: str) -> GoogleKey:
    """Return what may be shown of a key file; raises `ValueError` that names every fault by property, never a value."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(marked("This is not JSON; paste the whole key file as it was downloaded.")) from None
    if not isinstance(found, dict):
        raise ValueError(marked("This is not a JSON object; paste the whole key file as it was downloaded."))
    faults = list(_faults(found))
    if faults:
        raise ValueError("; ".join(faults))
    return GoogleKey(str(found["client_email"]), str(found["project_id"]), str(found["private_key_id"]))


def _faults(key: JSONObject) -> Iterator[str]:
    if key.get("type") != "service_account":
        yield "type: must be service_account, as in a service account's key file"
    for name in _NAMED:
        value = key.get(name)
        if not isinstance(value, str) or not value.strip():
            yield f"{name}: is missing"
    email = key.get("client_email")
    if isinstance(email, str) and email.strip() and "@" not in email:
        yield "client_email: is not an email address"
    yield from _key_faults(key.get("private_key"))
    if key.get("token_uri") not in _token_uris:
        yield f"token_uri: must be {' or '.join(sorted(_token_uris))}"
    if key.get("universe_domain", UNIVERSE) != UNIVERSE:
        yield f"universe_domain: must be {UNIVERSE}"


def _key_faults(pem: object) -> Iterator[str]:
    if not isinstance(pem, str) or not pem.strip():
        yield "private_key: is missing"
        return
    try:
        if not isinstance(read_private_key(pem), RSAPrivateKey):
            yield "private_key: is not an RSA key, which Google's are"
    except ValueError as error:
        yield f"private_key: {str(error).removesuffix('.')}"

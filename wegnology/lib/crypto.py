"""Secrets at rest: AES-256-GCM with a key id, bound to the place where the value is stored.

A sealed value reads `sealed:<key id>:<base64 of nonce and ciphertext>`. The key id is the first eight hex digits of the
key's SHA-256, so that a missing key can be named without being known.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "sealed:"
_SEALED = re.compile(r"sealed:([0-9a-f]{8}):[A-Za-z0-9+/]+={0,2}\Z")
_NONCE_BYTES = 12


class KeyMissing(Exception):
    """A sealed value names a key that is not configured; the text says which."""


class SealBroken(Exception):
    """A sealed value was changed, or moved to another row or field."""


def new_key() -> str:
    """Return a new random key in the form that the settings take: URL-safe base64 of 32 bytes."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


class Keyring:
    """Keys by id; the first seals, all of them open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {key_id(key): AESGCM(_decode(key)) for key in keys}

    def seal(self, plain: str, place: str) -> str:
        """Encrypt `plain` for `place` (such as "integration:<id>:password")."""
        if not self._keys:
            raise KeyMissing("no key is configured: set WEGNOLOGY_SECRET_KEYS")
        identifier, cipher = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, plain.encode(), place.encode())
        return f"{_PREFIX}{identifier}:{base64.b64encode(sealed).decode()}"

    def unseal(self, sealed: str, place: str) -> str:
        """Decrypt what `seal` made for the same place; raises `KeyMissing` or `SealBroken`."""
        identifier = sealing_key(sealed)
        if not identifier:
            raise SealBroken("a stored secret is not in the form of one")
        cipher = self._keys.get(identifier)
        if cipher is None:
            raise KeyMissing(f"the key {identifier} is not among WEGNOLOGY_SECRET_KEYS")
        try:
            data = base64.b64decode(sealed.rpartition(":")[2], validate=True)
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("a stored secret does not belong to this place or was changed") from None

    @property
    def first(self) -> str:
        """The id of the key that seals; "" without keys."""
        return next(iter(self._keys), "")

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._keys)

    def __repr__(self) -> str:
        return f"<Keyring {' '.join(self._keys)}>"


def is_sealed(value: object) -> bool:
    """Say whether a stored value is a sealed one."""
    return isinstance(value, str) and value.startswith(_PREFIX)


def sealing_key(sealed: object) -> str:
    """Return the id of the key that a value was sealed with; "" when it is not in the form of a sealed one."""
    found = _SEALED.match(sealed) if isinstance(sealed, str) else None
    return found[1] if found else ""


def key_id(key: str) -> str:
    """Return the public id of a key."""
    return hashlib.sha256(_decode(key)).hexdigest()[:8]


def _decode(key: str) -> bytes:
    data = base64.urlsafe_b64decode(key)
    if len(data) != 32:
        raise ValueError("a key must be 32 bytes in URL-safe base64; `python -m wegnology.lib.crypto` makes one")
    return data


if __name__ == "__main__":
    print(new_key())  # noqa: T201  (a command: printing is its job)

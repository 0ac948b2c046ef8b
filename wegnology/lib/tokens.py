"""Random texts that open something to whoever holds them. Only their digest is stored."""

import hashlib
import secrets


def new_token(prefix: str = "") -> str:
    """Return a new token of 256 random bits, behind a prefix that says what it is."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return what a token is found by: of a random text of 256 bits a plain hash tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()

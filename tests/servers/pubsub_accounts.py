"""Service accounts of the Pub/Sub counterpart, and whose tokens it takes. https://google.aip.dev/auth/4111"""

import json
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import exceptions, jwt

PROJECT = "plant-7"
AUDIENCE = "https://pubsub.googleapis.com/"
SCOPES = ("https://www.googleapis.com/auth/pubsub", "https://www.googleapis.com/auth/cloud-platform")
EDITOR = ("topics.*", "subscriptions.*")
PUBLISHER = ("topics.publish",)
SUBSCRIBER = ("subscriptions.consume", "subscriptions.get", "topics.attachSubscription")


class Account(NamedTuple):
    """A service account: its key file, and what it may do."""

    key_json: str
    email: str
    public_key: str
    permissions: tuple[str, ...]

    def may(self, wanted: str) -> bool:
        """Say whether it has a permission such as `topics.publish`."""
        return wanted in self.permissions or f"{wanted.partition('.')[0]}.*" in self.permissions


class Accounts:
    """All service accounts, by the ids of their keys."""

    def __init__(self) -> None:
        self._by_key: dict[str, Account] = {}
        self._seen: set[str] = set()
        self.expired: set[str] = set()

    def expire(self) -> None:
        """Take no token any more that was shown so far."""
        self.expired |= self._seen

    def add(self, *permissions: str) -> Account:
        """Make a service account with a key of its own."""
        number = len(self._by_key) + 1
        key = rsa.generate_private_key(65537, 2048)
        email = f"hub{number}@{PROJECT}.iam.gserviceaccount.com"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        text = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": f"{number:040x}",
            "private_key": private,
            "client_email": email,
            "client_id": str(number),
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        }
        made = Account(json.dumps(text), email, public, permissions or EDITOR)
        self._by_key[f"{number:040x}"] = made
        return made

    def allow(self, account: Account, *permissions: str) -> None:
        """Let an account do these things, and no others."""
        for number, one in self._by_key.items():
            if one.email == account.email:
                self._by_key[number] = one._replace(permissions=permissions)

    def of(self, token: str) -> Account | None:
        """Return whose token this is; None for one that is not taken."""
        decode: Any = jwt.decode
        header_of: Any = jwt.decode_header
        certificates = {number: account.public_key for number, account in self._by_key.items()}
        try:
            claims = decode(token, certs=certificates)
            number = str(header_of(token)["kid"])
        except (ValueError, KeyError, exceptions.GoogleAuthError):
            return None
        account = self._by_key[number]
        meant = claims.get("aud") == AUDIENCE or any(scope in SCOPES for scope in str(claims.get("scope")).split())
        if not meant or claims["iss"] != account.email or token in self.expired:
            return None
        self._seen.add(token)
        return account

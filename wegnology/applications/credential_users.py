"""What uses service credentials. Packages above say what of theirs names them with `register_users`; nobody here knows them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class CredentialUse(NamedTuple):
    """Something that names a credential. `certain` is False where a template decides at run time which one it is."""

    kind: str
    """What it is, as people say it: "Integration"."""
    name: str
    address: str
    """Its page."""
    detail: str = ""
    certain: bool = True


Names = Mapping[str, Collection[str]]
"""Names of credentials by the id of their application."""


class CredentialUsers(ABC):
    """What one package knows of the use of credentials."""

    @abstractmethod
    def uses(self, names: Names) -> Iterable[tuple[str, str, CredentialUse]]:
        """Yield (application id, name, use) for all that name these credentials, in a number of queries that does not grow."""

    @abstractmethod
    def rename(self, application_id: str, before: str, after: str) -> None:
        """Follow a credential's new name, within the transaction that gives it."""


_users: list[CredentialUsers] = []


def register_users(users: CredentialUsers) -> None:
    """Make it known that something uses credentials."""
    _users.append(users)


def follow_name(application_id: str, before: str, after: str) -> None:
    """Let everything that names a credential follow its new name."""
    for users in _users:
        users.rename(application_id, before, after)


def places_of_use(names: Names) -> Iterable[tuple[tuple[str, str], CredentialUse]]:
    """Yield what says these names, each with (application id, name)."""
    for users in _users:
        for application_id, name, use in users.uses(names):
            yield (application_id, name), use

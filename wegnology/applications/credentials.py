"""Service credentials by name: opening the one that is meant, and knowing what uses it.

Packages above say what of theirs names credentials with `register_users`; this package does not know them.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from wegnology.lib import credential_types as kinds
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.schema import ConfigInvalid

if TYPE_CHECKING:
    from wegnology.applications.models import Credential

FIELD = "credentialName"
"""Name of the field, in JSON, by which everything refers to a credential."""


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


def uses_of(credentials: Iterable["Credential"]) -> dict[str, list[CredentialUse]]:
    """Return what uses each of these credentials, by its id."""
    by_place = {(row.application_id, row.name): row.pk for row in credentials}
    names: defaultdict[str, set[str]] = defaultdict(set)
    for application_id, name in by_place:
        names[application_id].add(name)
    found: dict[str, list[CredentialUse]] = {pk: [] for pk in by_place.values()}
    for place, use in _places_of_use(names):
        found[by_place[place]].append(use)
    return found


def named_uses(names: Names) -> list[CredentialUse]:
    """Return what says these names, whether there are such credentials or not."""
    return [use for _, use in _places_of_use(names)]


def _places_of_use(names: Names) -> Iterable[tuple[tuple[str, str], CredentialUse]]:
    for users in _users:
        for application_id, name, use in users.uses(names):
            yield (application_id, name), use


def follow_name(application_id: str, before: str, after: str) -> None:
    """Let everything that names a credential follow its new name."""
    for users in _users:
        users.rename(application_id, before, after)


def find_credential(
    name: str, wanted: Collection[str], credentials: Mapping[str, "Credential"], *, even_disabled: bool = False
) -> kinds.Credential:
    """Return the opened credential of a name, of one of the `wanted` kinds.

    `credentials` are those of the application by name. Raises `ConfigInvalid` at `credentialName` with the reason.
    """
    row = credentials.get(name)
    if row is None:
        raise ConfigInvalid({FIELD: f"There is no service credential “{name}” in this application."})
    if row.credential_type not in wanted:
        expected = " or ".join(kinds.CREDENTIAL_TYPES[kind].label for kind in wanted) or "none"
        raise ConfigInvalid({FIELD: f"The service credential “{name}” is of kind {row.kind_label}; needed is {expected}."})
    if not row.enabled and not even_disabled:
        raise ConfigInvalid({FIELD: f"The service credential “{name}” is disabled."})
    try:
        return row.opened()
    except (KeyMissing, SealBroken) as error:
        raise ConfigInvalid({FIELD: f"The service credential “{name}” cannot be opened: {error}."}) from error
    except ConfigInvalid as error:
        raise ConfigInvalid({FIELD: f"The service credential “{name}” cannot be used: {error}"}) from error

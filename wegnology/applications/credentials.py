"""Service credentials by name: opening the one that is meant, and saying what uses it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.utils.translation import gettext

from wegnology.applications.credential_users import CredentialUse, Names, places_of_use
from wegnology.applications.models import Credential
from wegnology.lib import credential_types as kinds
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.schema import ConfigInvalid

FIELD = "credentialName"
"""Name of the field, in JSON, by which everything refers to a credential."""


class LoginOpen(ConfigInvalid):
    """The templates of a service credential give nothing that can be used now. What they give is judged when it is used."""


def uses_of(credentials: Iterable[Credential]) -> dict[str, list[CredentialUse]]:
    """Return what uses each of these credentials, by its id."""
    by_place = {(row.application_id, row.name): row.pk for row in credentials}
    names: defaultdict[str, set[str]] = defaultdict(set)
    for application_id, name in by_place:
        names[application_id].add(name)
    found: dict[str, list[CredentialUse]] = {pk: [] for pk in by_place.values()}
    for place, use in places_of_use(names):
        found[by_place[place]].append(use)
    return found


def named_uses(names: Names) -> list[CredentialUse]:
    """Return what says these names, whether there are such credentials or not."""
    return [use for _, use in places_of_use(names)]


def find_credential(
    name: str,
    wanted: Collection[str],
    credentials: Mapping[str, Credential],
    known: KnownGlobals | None = None,
    *,
    even_disabled: bool = False,
) -> kinds.Credential:
    """Return the opened credential of a name, of one of the `wanted` kinds.

    `credentials` are those of the application by name, `known` its globals (None: they are read where a template needs them).
    Raises `ConfigInvalid` at `credentialName` with the reason, `LoginOpen` where the reason is in templates.
    """
    row = credentials.get(name)
    if row is None:
        raise ConfigInvalid({FIELD: gettext("There is no service credential “%(name)s” in this application.") % {"name": name}})
    if row.credential_type not in wanted:
        expected = " or ".join(kinds.CREDENTIAL_TYPES[kind].label for kind in wanted) or "none"
        raise ConfigInvalid(
            {
                FIELD: gettext("The service credential “%(name)s” is of kind %(kind_label)s; needed is %(expected)s.")
                % {"name": name, "kind_label": row.kind_label, "expected": expected}
            }
        )
    if not row.enabled and not even_disabled:
        raise ConfigInvalid({FIELD: gettext("The service credential “%(name)s” is disabled.") % {"name": name}})
    try:
        return row.opened(known)
    except (KeyMissing, SealBroken) as error:
        raise ConfigInvalid(
            {FIELD: gettext("The service credential “%(name)s” cannot be opened: %(error)s.") % {"name": name, "error": error}}
        ) from error
    except ConfigInvalid as error:
        kind = LoginOpen if row.kind.templates(row.raw_config()) else ConfigInvalid
        raise kind(
            {FIELD: gettext("The service credential “%(name)s” cannot be used: %(error)s") % {"name": name, "error": error}}
        ) from error

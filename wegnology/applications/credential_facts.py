"""What may be shown of a service credential: whose it is, when it ends, whether it can be opened; never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from wegnology.applications.credential_users import CredentialUse
from wegnology.applications.models import Credential
from wegnology.lib.badges import Badge
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.expiry import Expiry, expiries, expiry_badge
from wegnology.lib.forms import SchemaFields
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.revealing import reveal
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.speaking import counted, in_language


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """`facts` are (label, text) pairs; `fault` says why the credential is of no use as it stands."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    ends: list[Expiry] = field(default_factory=list)
    fault: str = ""

    def badge(self, now: datetime) -> Badge | None:
        """Return what matters most: that it cannot be used, or what ends first; None when nothing ends."""
        if self.fault:
            return Badge("error", _("Unusable"), "danger", self.fault)
        return expiry_badge(self.ends[0], now) if self.ends else None


def facts_of(row: Credential, known: KnownGlobals | None = None) -> CredentialFacts:
    """Open a credential and return what may be shown of it: what secret globals gave is masked.

    Whoever asks for many hands in the `known` globals of its application.
    """
    try:
        login = row.opened(known)
        facts = [(_(label), login.hide(text)) for label, text in login.shown()]
        return CredentialFacts(facts, expiries(reveal(login.model_dump(by_alias=True))))
    except KeyError:
        return CredentialFacts(
            fault=_("This release has no credentials of kind %(credential_type)s") % {"credential_type": row.credential_type}
        )
    except ConfigInvalid as error:
        shown = SchemaFields(row.kind)
        faults = [(name, in_language(text)) for name, text in error.errors.items()]
        said = [f"{shown.label(name)}: {text}" if name in row.kind.fields() else text for name, text in faults]
        return CredentialFacts(fault=" ".join(said))
    except (KeyMissing, SealBroken) as error:
        return CredentialFacts(fault=str(error))


def ending_lines(schema: type[Schema], ends: Sequence[Expiry], now: datetime) -> list[tuple[Expiry, Badge, str]]:
    """Return what pages show of endings (`pages/expiries.html`): entry, badge, and the label of the setting."""
    shown = SchemaFields(schema)
    return [(entry, expiry_badge(entry, now), shown.label(entry.field)) for entry in ends]


def use_words(uses: Sequence[CredentialUse]) -> str:
    """Count what uses a credential: "2 integrations, 1 workflow"; "" when nothing does."""
    counts: dict[str, int] = {}
    for use in uses:
        if use.certain:
            counts[use.kind] = counts.get(use.kind, 0) + 1
    parts = [counted(count, kind.lower(), f"{kind.lower()}s") for kind, count in counts.items()]
    perhaps = sum(not use.certain for use in uses)
    return ", ".join([*parts, *([_("perhaps %(perhaps)s more") % {"perhaps": f"{perhaps:,}"}] if perhaps else [])])

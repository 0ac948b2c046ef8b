"""What of an integration's own settings ends: certificates and signatures, with templates resolved where that is possible."""

from django.utils.translation import gettext as _

from integrations.models import Integration
from wegnology.lib.certificates import KEY_MARK, about_private_key
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.expiry import Expiry, expiries
from wegnology.lib.revealing import reveal
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


def endings_of(row: Integration) -> list[Expiry]:
    """Return what ends, the first to end first; nothing while the secrets cannot be opened."""
    return expiries(_resolved(row))


def contents_of(row: Integration) -> list[tuple[str, str]]:
    """Return what the keys and certificates of a row are, as (JSON name, sentence); no secret part of them is told."""
    raw = _resolved(row)
    found = [(entry.field, _about(entry)) for entry in expiries(raw)]
    for name, value in raw.items():
        if isinstance(value, str) and KEY_MARK in value:
            try:
                found.append((name, _("Holds a private key: %(what)s.") % {"what": about_private_key(value)}))
            except ValueError as error:
                found.append((name, str(error)))
    return found


def _about(entry: Expiry) -> str:
    text = _("Holds %(subject)s, good until %(end)s.")
    if entry.issuer:
        text = _("Holds the certificate of %(subject)s, issued by %(issuer)s, good until %(end)s.")
    return text % {"subject": entry.subject, "issuer": entry.issuer, "end": f"{entry.not_after:%d %b %Y}"}


def _resolved(row: Integration) -> JSONObject:
    """Return the settings, with secrets opened and templates rendered as far as that is possible."""
    try:
        raw = row.raw_config()
    except (KeyMissing, SealBroken):
        return {}
    try:
        context: JSONObject = {"globals": row.application.globals_for_connections()}
        return reveal(row.config_schema.resolve(raw, context).model_dump(by_alias=True))  # type: ignore[no-any-return]
    except ConfigInvalid:
        return raw

"""What of an integration's own settings ends: certificates and signatures, with templates resolved where that is possible."""

from integrations.models import Integration
from integrations.runtime.snapshot import reveal
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.expiry import Expiry, expiries
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


def endings_of(row: Integration) -> list[Expiry]:
    """Return what ends, the first to end first; nothing while the secrets cannot be opened."""
    try:
        raw = row.raw_config()
    except (KeyMissing, SealBroken):
        return []
    try:
        context: JSONObject = {"globals": row.application.globals_for_connections()}
        raw = reveal(row.config_schema.resolve(raw, context).model_dump(by_alias=True))
    except ConfigInvalid:
        pass
    return expiries(raw)

"""How an integration logs in: with values of its own or with a service credential, and whether that goes together."""

from collections.abc import Mapping

from integrations.models import Integration
from wegnology.applications.credentials import find_credential
from wegnology.applications.models import Credential
from wegnology.lib import credential_types as kinds
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


def credential_of(
    row: Integration, credentials: Mapping[str, Credential], *, even_disabled: bool = False
) -> kinds.Credential | None:
    """Return the opened credential that a row names, None when it names none; of `credentials` by name.

    Raises `ConfigInvalid` at `credentialName` with the reason.
    """
    if not row.credential_name:
        return None
    return find_credential(row.credential_name, row.connector.credential_types, credentials, even_disabled=even_disabled)


def check_login(row: Integration, raw: JSONObject) -> None:
    """Check, when a row is saved, that its settings (templates open) and its credential go together.

    A disabled credential is one to come back to, so it may be named. Raises `ConfigInvalid` by field.
    """
    named = Credential.objects.filter(application_id=row.application_id, name=row.credential_name)
    credential = credential_of(row, {one.name: one for one in named}, even_disabled=True)
    faults = row.connector.check_access(raw, credential)
    if faults:
        raise ConfigInvalid(faults)

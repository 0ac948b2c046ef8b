"""An application's own resources in files: its globals, integrations and service credentials, without any secret.

Where a secret stood, a setting is null: whoever imports enters it. A secret global has `secret: true` and no value.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from wegnology.applications.global_values import MAX_DESCRIPTION, MAX_GLOBALS, as_text, key_fault
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exchange.faults import inside
from workflows.exchange.fields import NAME_LENGTH, config, flag, json_value, objects, text
from workflows.exchange.parts import ApplicationPart, Bundle, CredentialPart, GlobalPart, IntegrationPart

MOST_TOPICS = 1_000


def read_application(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read an application with its globals. What files of elsewhere say beside that has no counterpart."""
    if into.application is not None:
        into.fault(place, _("There are two applications in what is imported; import one at a time."))
    name = text(raw, "name", place, into, most=NAME_LENGTH, needed=True)
    into.application = ApplicationPart(place, name, text(raw, "description", place, into))
    seen: set[str] = set()
    for at, each in enumerate(objects(raw, "globals", place, into, most=MAX_GLOBALS)):
        _global(each, inside(place, f"globals[{at}]"), into, seen)


def _global(raw: Mapping[str, Any], place: str, into: Bundle, seen: set[str]) -> None:
    key = text(raw, "key", place, into, needed=True)
    secret = flag(raw, "secret", place, into, otherwise=False)
    if key and (fault := key_fault(key) or (_("This global stands here twice.") if key in seen else "")):
        into.fault(inside(place, "key"), fault)
    seen.add(key)
    description = text(raw, "description", place, into, most=MAX_DESCRIPTION)
    value = None if secret else json_value(raw.get("json"), inside(place, "json"), into)
    into.globals.append(GlobalPart(place, key, value, secret, description))


def read_integration(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read an integration."""
    topics = raw.get("topics") or []
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics) or len(topics) > MOST_TOPICS:
        into.fault(
            inside(place, "topics"), _("This must be a list of at most %(most_topics)s texts.") % {"most_topics": MOST_TOPICS}
        )
        topics = []
    into.integrations.append(
        IntegrationPart(
            place,
            source_id=text(raw, "id", place, into, most=1024),
            name=text(raw, "name", place, into, most=NAME_LENGTH, needed=True),
            integration_type=text(raw, "integrationType", place, into, most=NAME_LENGTH, needed=True),
            topics=topics,
            config=config(raw, "config", place, into),
            credential_name=text(raw, "credentialName", place, into, most=NAME_LENGTH),
        )
    )


def read_credential(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read a service credential."""
    into.credentials.append(
        CredentialPart(
            place,
            name=text(raw, "name", place, into, most=NAME_LENGTH, needed=True),
            credential_type=text(raw, "type", place, into, most=NAME_LENGTH, needed=True),
            description=text(raw, "description", place, into),
            config=config(raw, "config", place, into),
        )
    )


def write_application(part: ApplicationPart, source_id: str, entries: list[GlobalPart]) -> JSONObject:
    """Return an application with its globals."""
    return {"id": source_id, "name": part.name, "description": part.description, "globals": [_written(each) for each in entries]}


def _written(entry: GlobalPart) -> JSONValue:
    value: JSONObject = {"secret": True} if entry.secret else {"json": as_text(entry.value)}
    return {"key": entry.key, "description": entry.description, "cloudOnly": True, **value}


def write_integration(part: IntegrationPart) -> JSONObject:
    """Return an integration."""
    return {
        "id": part.source_id,
        "name": part.name,
        "integrationType": part.integration_type,
        "topics": [*part.topics],
        "config": part.config,
        "credentialName": part.credential_name or None,
    }


def write_credential(part: CredentialPart) -> JSONObject:
    """Return a service credential."""
    return {"name": part.name, "type": part.credential_type, "description": part.description, "config": part.config}

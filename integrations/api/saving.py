"""Checking what was sent of an integration, all at once, and saving it."""

from collections.abc import Mapping
from typing import Any

from integrations.models import Integration
from wegnology.applications.credentials import FIELD
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.masks import unmasked
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.typed import config_name, placed
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject

_NAMES = ("name", "enabled", "topics")


def save(row: Integration, values: Any, config: JSONObject | None, faults: Mapping[str, str]) -> None:
    """Check a row with what was sent, and save it; raises `Invalid` with every fault."""
    found = dict(faults)
    name = config_name(row.integration_type)
    if values is not None:
        for field in values.model_fields_set & set(_NAMES):
            setattr(row, field, getattr(values, field))
        if "credential_name" in values.model_fields_set:
            row.credential_name = values.credential_name or ""
        topic_faults = row.connector.check_topics(row.topics)
        found |= {f"topics.{at}": text for at, text in topic_faults.items()}
        if not row.connector.topics_label and row.topics:
            found["topics"] = f"{row.connector.label} has no topics."
    found |= placed(_judge(row, config), name, (FIELD,))
    if found:
        raise Invalid(found)
    row.save()


def _judge(row: Integration, config: JSONObject | None) -> dict[str, str]:
    """Check the settings, new or stored, and how they go together with the login; returns faults by setting."""
    try:
        stored = {} if row._state.adding else row.raw_config()
    except (KeyMissing, SealBroken) as error:
        return (
            {"": f"The stored secrets cannot be opened: {error}. Send all settings anew with `enabled`."}
            if config is None
            else {}
        )
    try:
        raw = stored
        if config is not None:
            raw = {name: value for name, value in unmasked(row.config_schema, config, stored).items() if value is not None}
            raw = row.connector.prepare(raw)
            row.connector.Config.check(raw)
        row.check_login(raw)
    except ConfigInvalid as error:
        return error.errors
    if config is not None:
        row.set_config(raw)
    return {}

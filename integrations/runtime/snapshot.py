"""What the database says should be connected, in the form a listener works with.

Loaded in a thread. Revisions of the applications are compared, and only what changed is loaded and resolved again; while the
database is away the last known state stays in force.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import orjson
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from integrations.connectors.base import AnyConnector, Connector, Source
from integrations.models import Integration
from wegnology.applications.models import Application, Credential
from wegnology.lib import credential_types as kinds
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.known_globals import known_globals
from wegnology.lib.registry import UnknownName
from wegnology.lib.revealing import reveal
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)
NO_CREDENTIALS: Mapping[str, Credential] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Desired:
    """One integration as it should be. `digest` changes exactly when its connection must be made anew.

    `config` is None when there is nothing to connect: disabled, or `errors` says by field what is wrong.
    """

    integration_id: str
    application_id: str
    name: str
    connector: type[AnyConnector] | None
    config: Schema | None
    source: Source
    digest: str
    enabled: bool = True
    errors: dict[str, str] = field(default_factory=dict)
    resting: "Desired | None" = None
    """Of one that is disabled, and may have left something at its source: how it would be if it were not."""


class Snapshot:
    """The desired state, kept up to date by `refresh` in one thread; a reader in another sees whole states only."""

    def __init__(self) -> None:
        self.desired: dict[str, Desired] = {}
        self.stopped: frozenset[str] = frozenset()
        """Applications that take nothing in because their payload limit is reached."""
        self._revisions: dict[str, int] = {}
        self._members: dict[str, list[str]] = {}

    def refresh(self) -> bool:
        """Load what changed; say whether anything did. Raises `DatabaseError` while the database is away."""
        close_old_connections()
        rows = list(Application.objects.values_list("pk", "revision", "stopped_until"))
        now = timezone.now()
        self.stopped = frozenset(pk for pk, _, until in rows if until is not None and until > now)
        current = {pk: revision for pk, revision, _ in rows}
        changed = {pk for pk, revision in current.items() if self._revisions.get(pk) != revision}
        gone = self._revisions.keys() - current.keys()
        if not changed and not gone:
            return False
        desired, members = dict(self.desired), dict(self._members)
        for pk in gone | changed:
            for integration_id in members.pop(pk, []):
                desired.pop(integration_id, None)
            entries = _load(pk) if pk in current else []
            desired.update({entry.integration_id: entry for entry in entries})
            members[pk] = [entry.integration_id for entry in entries]
        self.desired, self._members, self._revisions = desired, members, current
        return True


def _load(application_id: str) -> list[Desired]:
    application = Application.objects.prefetch_related("globals", "credentials").filter(pk=application_id).first()
    if application is None:
        return []
    context: JSONObject = {"globals": application.globals_for_connections()}
    credentials = {row.name: row for row in application.credentials.all()}
    return [desire(row, context, credentials) for row in Integration.objects.filter(application_id=application_id)]


def desire(row: Integration, context: JSONObject, credentials: Mapping[str, Credential] = NO_CREDENTIALS) -> Desired:
    """Resolve one row over its application's globals and its service credentials, which are given by name."""
    connector: type[AnyConnector] | None = None
    config: Schema | None = None
    login: kinds.Credential | None = None
    errors: dict[str, str] = {}
    try:
        connector = row.connector
        if row.enabled:
            config, login = _resolve(row, connector, context, credentials)
    except ConfigInvalid as error:
        errors = error.errors
    except (UnknownName, KeyMissing, SealBroken) as error:
        errors = {"": str(error)}
    topics = tuple(str(topic) for topic in row.topics)
    settings = [reveal(part.model_dump()) if part else None for part in (config, login)]
    digest = _digest([row.integration_type, row.enabled, topics, errors, row.reconnects, *settings])
    source = Source(row.pk, topics, login)
    desired = Desired(row.pk, row.application_id, row.name, connector, config, source, digest, row.enabled, errors)
    if connector is not None and not row.enabled and connector.purge is not Connector.purge:
        return replace(desired, resting=_resting(desired, row, connector, context, credentials))
    return desired


def _resting(
    desired: Desired,
    row: Integration,
    connector: type[AnyConnector],
    context: JSONObject,
    credentials: Mapping[str, Credential],
) -> Desired | None:
    """Resolve a disabled row for tidying up at its source; None where its settings no longer work."""
    try:
        config, login = _resolve(row, connector, context, credentials)
    except (ConfigInvalid, KeyMissing, SealBroken):
        return None
    return replace(desired, config=config, source=desired.source._replace(credential=login))


def _resolve(
    row: Integration, connector: type[AnyConnector], context: JSONObject, credentials: Mapping[str, Credential]
) -> tuple[Schema, kinds.Credential | None]:
    """Return settings and login; raises `ConfigInvalid` naming the faults of both."""
    raw = row.raw_config()
    login, errors = None, {}
    try:
        login = row.login(credentials, known_globals(context))
    except ConfigInvalid as error:
        errors = error.errors
    try:
        config = connector.Config.resolve(raw, context)
    except ConfigInvalid as error:
        raise ConfigInvalid({**error.errors, **errors}) from None
    if login is not None:
        config.hide_with(login)
    if not errors:
        values = reveal(config.model_dump(by_alias=True))
        faults = connector.check_access({name: values[name] for name in raw if name in values}, login)
        errors = {name: config.scrub(text) for name, text in faults.items()}
    if errors:
        raise ConfigInvalid(errors)
    return config, login


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()


__all__ = ["DatabaseError", "Desired", "Snapshot", "desire"]

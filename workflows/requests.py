"""What runs send by request: which sender a message goes through, and with which login."""

import hashlib
from functools import partial
from typing import Any

import orjson
from pydantic import ValidationError

from integrations.connectors.base import AnyConnector, Source, connectors
from integrations.exceptions import SendFailed
from integrations.runtime.send_faults import SendFaults
from wegnology.lib.revealing import reveal
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
from workflows.catalog import Catalog, Known
from workflows.nodes.base import Login, NodeFailed
from workflows.senders import Senders


class Requests:
    """Sends by request, for all runs of a worker. `NodeFailed`: something here must be corrected; `SendFailed`: the service."""

    def __init__(self, catalog: Catalog, senders: Senders, faults: SendFaults) -> None:
        self._catalog = catalog
        self.senders = senders
        self.faults = faults

    async def through(self, known: Known, message: JSONObject, identity: str) -> JSONObject:
        """Send through an integration that is enabled."""
        desired = known.desired
        if desired is None or desired.connector is None or desired.config is None:
            faults = "; ".join(f"{name}: {text}" if name else text for name, text in (desired.errors if desired else {}).items())
            raise NodeFailed(f"the integration {known.name!r} cannot be used: {faults}", "IntegrationNotConfigured")
        outgoing = _outgoing(desired.connector, message)
        make = partial(desired.connector.sender, desired.config, desired.source)
        try:
            answer = await self.senders.send(known.integration_id, desired.digest, make, outgoing, identity)
        except SendFailed as error:
            _hide_secrets(error, desired.config)
            self.faults.failed(known.integration_id, str(error))
            raise
        self.faults.succeeded(known.integration_id)
        return answer

    async def directly(self, application_id: str, login: Login, message: JSONObject, identity: str) -> JSONObject:
        """Send with a login of the node's own."""
        connector = connectors.get(login.connector)
        outgoing = _outgoing(connector, message)
        raw = connector.direct_config(dict(login.settings))
        try:
            credential = None
            if login.credential_name:
                credential = self._catalog.credential(application_id, login.credential_name, connector.credential_types)
            faults = connector.check_access(raw, credential)
            faults = {name: credential.scrub(text) if credential else text for name, text in faults.items()}
        except ConfigInvalid as error:
            faults = error.errors
        if faults:
            raise NodeFailed("; ".join(faults.values()), "LoginInvalid")
        config = _validated(connector.Config, raw, "LoginInvalid")
        if credential is not None:
            config.hide_with(credential)
        parts: list[Any] = [login.connector, raw, reveal(credential.model_dump()) if credential else None]
        digest = hashlib.sha256(orjson.dumps(parts)).hexdigest()
        make = partial(connector.sender, config, Source("", credential=credential))
        try:
            return await self.senders.send(f"login {digest}", digest, make, outgoing, identity)
        except SendFailed as error:
            _hide_secrets(error, config)
            raise


def _hide_secrets(error: SendFailed, config: Schema) -> None:
    """Take out of an error what is secret in settings or login: a service may repeat it, and workflows see the error."""
    error.args = tuple(config.scrub(part) if isinstance(part, str) else part for part in error.args)


def _outgoing(connector: type[AnyConnector], message: JSONObject) -> Schema:
    if connector.Outgoing is None:
        raise NodeFailed(f"{connector.label} cannot send messages", "SendNotSupported")
    return _validated(connector.Outgoing, message, "MessageInvalid")


def _validated(schema: type[Schema], values: JSONObject, name: str) -> Schema:
    """Validate rendered values; what they hold is never taken for a template again."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        faults = [
            (".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise NodeFailed("; ".join(f"{place}: {text}" if place else text for place, text in faults), name) from None

"""Rows for tests: an application, an integration, a workflow in one call each."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from integrations.models import Integration
from wegnology.applications.models import Application, Credential, Global, Member, Role
from wegnology.lib.types import JSONObject, JSONValue
from workflows.models import DEVELOP, Workflow, WorkflowVersion

MQTT: JSONObject = {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883}
"""The least that an MQTT integration needs."""


def application(name: str = "Plant", **entries: JSONValue) -> Application:
    """Create an application with globals by key."""
    row = Application.objects.create(name=name)
    for key, value in entries.items():
        Global.objects.create(application=row, key=key, value=value)
    return row


def person(name: str, of: Application | None = None, role: Role = Role.VIEWER, **fields: Any) -> User:
    """Create somebody who may log in, a member of an application with a role."""
    user = User.objects.create_user(name, **{"is_staff": True, **fields})
    if of is not None:
        Member.objects.create(application=of, user=user, role=role)
    return user


def integration(
    of: Application | None = None,
    *,
    name: str = "Broker",
    integration_type: str = "mqtt",
    config: JSONObject | None = None,
    topics: Sequence[str] = ("demo/in/#",),
    **fields: Any,
) -> Integration:
    """Create an integration; without an application, in one of its own."""
    row = Integration(
        application=of or application(), name=name, integration_type=integration_type, topics=list(topics), **fields
    )
    row.set_config(dict(MQTT if config is None else config))
    row.save()
    return row


HTTP: JSONObject = {
    "uriMatch": "ws://127.0.0.1",
    "authMethod": "header",
    "publicValue": "X-Key",
    "secretValue": "hunter2",
}
"""A service credential for WebSocket servers on loopback."""


def credential(
    of: Application, *, name: str = "Feed login", credential_type: str = "http", config: JSONObject | None = None, **fields: Any
) -> Credential:
    """Create a service credential."""
    row = Credential(application=of, name=name, credential_type=credential_type, **fields)
    row.set_config(dict(HTTP if config is None else config))
    row.save()
    return row


def trigger(of: Integration, to: Sequence[str] = (), **flags: bool) -> JSONObject:
    """Return the trigger of an integration as it stands in a version; `to` are node ids, `flags` its event kinds."""
    config: JSONObject = dict(flags)
    meta: JSONObject = {"category": "trigger", "name": of.integration_type, "label": "In"}
    return {"type": "integration", "key": of.pk, "config": config, "meta": meta, "outputIds": [list(to)]}


def workflow(
    of: Application | Integration,
    *,
    name: str = "Alert",
    triggers: Sequence[JSONObject] | None = None,
    nodes: Sequence[JSONObject] = (),
    **fields: Any,
) -> Workflow:
    """Create a workflow with its develop version. Made of an integration, it is triggered by its messages."""
    owner = of.application if isinstance(of, Integration) else of
    if triggers is None:
        first = [str(node["id"]) for node in nodes[:1]]
        triggers = [trigger(of, first)] if isinstance(of, Integration) else []
    row = Workflow.objects.create(application=owner, name=name, **fields)
    version(row, name=DEVELOP, triggers=triggers, nodes=nodes)
    return row


def version(
    of: Workflow, *, name: str, triggers: Sequence[JSONObject] = (), nodes: Sequence[JSONObject] = (), **fields: Any
) -> WorkflowVersion:
    """Create a version of a workflow."""
    return WorkflowVersion.objects.create(workflow=of, name=name, triggers=list(triggers), nodes=list(nodes), **fields)

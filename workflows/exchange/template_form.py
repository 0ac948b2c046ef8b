"""The form of template repositories and of whole applications: YAML files of one kind of resource each.

    resourceType: Flow                 # Flow, FlowVersion, Application, Integration, Credential
    version: 1
    resources:
      - id: ~exportplaceholderid-flow-pumpAlerts~
        name: Pump alerts
        ...

Ids are placeholders, so that files of two exports can be compared. An application keeps its globals in
`resourceType: Application`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import Fault
from workflows.exchange.application_form import (
    read_application,
    read_credential,
    read_integration,
)
from workflows.exchange.faults import inside
from workflows.exchange.fields import objects, said, write_globals
from workflows.exchange.flow_form import read_hints, read_version, read_workflow
from workflows.exchange.parts import DEVELOP, Bundle, VersionPart, WorkflowPart

FLOW, FLOW_VERSION, APPLICATION, INTEGRATION, CREDENTIAL = "Flow", "FlowVersion", "Application", "Integration", "Credential"


def is_template(raw: object) -> bool:
    """Say whether a document is a file of resources."""
    return isinstance(raw, dict) and "resourceType" in raw


def read_template(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read one document. Kinds that there are none of here are left out and said."""
    kind = raw.get("resourceType")
    read = _READERS.get(str(kind))
    if raw.get("version", 1) != 1:
        into.fault(inside(place, "version"), _("Only version 1 of this form is known."))
    elif read is None:
        count = len(raw["resources"]) if isinstance(raw.get("resources"), list) else 0
        into.left_out.append(
            Fault(
                place, _("%(count)s of the kind %(kind)s: there is nothing like it here.") % {"count": count, "kind": said(kind)}
            )
        )
    else:
        read_hints(raw, into)
        resources = objects(raw, "resources", place, into)
        for at, each in enumerate(resources):
            read(each, inside(place, f"resources[{at}]") if len(resources) > 1 else place, into)


def _workflow(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    into.workflows.append(read_workflow(raw, place, into))


def _version(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    into.loose_versions.append(read_version(raw, place, into))


_READERS: dict[str, Callable[[Mapping[str, Any], str, Bundle], None]] = {
    FLOW: _workflow,
    FLOW_VERSION: _version,
    APPLICATION: read_application,
    INTEGRATION: read_integration,
    CREDENTIAL: read_credential,
}


def document(kind: str, resources: list[JSONObject]) -> JSONObject:
    """Return a document of resources."""
    return {"resourceType": kind, "version": 1, "resources": [*resources]}


def write_workflow(part: WorkflowPart) -> JSONObject:
    """Return a workflow with its develop version."""
    develop = part.version(DEVELOP) or VersionPart(part.place, DEVELOP, [], [], {})
    live: JSONObject = {} if part.default is None else {"defaultVersion": part.default or None}
    about: JSONObject = {"id": part.source_id, "name": part.name, "description": part.description, "flowClass": part.flow_class}
    return {**about, **live, **_content(develop)}


def write_version(part: WorkflowPart, version: VersionPart) -> JSONObject:
    """Return a named version."""
    about: JSONObject = {"flowId": part.source_id, "version": version.name, "notes": version.notes, "enabled": version.enabled}
    return {**about, **_content(version)}


def _content(version: VersionPart) -> dict[str, JSONValue]:
    return {"triggers": [*version.triggers], "nodes": [*version.nodes], "globals": write_globals(version.globals)}

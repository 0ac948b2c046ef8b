"""The `.flow` form: a workflow or a version as one JSON object, or many as `{"flows": [...], "flowVersions": [...]}`.

A single object has `_type`, `name`, `triggers`, `nodes`, `globals` and, but for the oldest, `id` and `flowClass`; one with
`version` (and `flowId`) is a named version. The form of many is also what the REST API takes and gives.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.fields import NAME_LENGTH, flag, objects, read_globals, text, write_globals
from workflows.exchange.parts import CLOUD, DEVELOP, Bundle, IntegrationHint, VersionPart, WorkflowPart

MOST_WORKFLOWS = 1_000
MOST_VERSIONS = 1_000
_KEPT = {"id", "flowId", "name", "description", "flowClass", "triggers", "nodes", "globals", "enabled", "version", "notes"}
_KEPT |= {"defaultVersionId", "applicationId", "defaultVersion"}
_OF_ELSEWHERE = {"exportHash", "minimumAgentVersion", "creationDate", "lastUpdated", "stats", "deletedInDevelop", "isCloudOnly"}
_OF_ELSEWHERE |= {"createdById", "createdByType", "lastUpdatedById", "lastUpdatedByType", "category", "flow"}
_CUSTOM = ("customNodes", "customNodeVersions")
_BUTTON_KEY = re.compile(r"(?P<flow>[0-9a-f]{24}|~[^~\s]+~)-")


def is_many(raw: Mapping[str, Any]) -> bool:
    """Say whether an object is the form of many."""
    return "flows" in raw or "flowVersions" in raw


def is_single(raw: Mapping[str, Any]) -> bool:
    """Say whether an object is one workflow or version."""
    return raw.get("_type", "flow") in ("flow", "flowVersion") and ("triggers" in raw or "nodes" in raw)


def read_many(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read the form of many."""
    read_hints(raw, into)
    for at, each in enumerate(objects(raw, "flows", place, into, most=MOST_WORKFLOWS)):
        into.workflows.append(read_workflow(each, inside(place, f"flows[{at}]"), into))
    for at, each in enumerate(objects(raw, "flowVersions", place, into, most=MOST_VERSIONS)):
        into.loose_versions.append(read_version(each, inside(place, f"flowVersions[{at}]"), into))


def read_single(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    """Read one workflow or version."""
    read_hints(raw, into)
    if raw.get("version") in (None, "", DEVELOP):
        into.workflows.append(read_workflow(raw, place, into))
        return
    into.loose_versions.append(read_version(raw, place, into))


def read_workflow(raw: Mapping[str, Any], place: str, into: Bundle) -> WorkflowPart:
    """Read a workflow with its develop version."""
    _note_what_is_lost(raw, place, into)
    develop = _content(raw, place, DEVELOP, into)
    default = raw.get("defaultVersionId", raw.get("defaultVersion", ...))
    return WorkflowPart(
        place,
        source_id=text(raw, "id", place, into, most=1024) or text(raw, "flowId", place, into, most=1024) or _id_in_keys(develop),
        name=text(raw, "name", place, into, most=NAME_LENGTH, needed=True),
        description=text(raw, "description", place, into),
        flow_class=text(raw, "flowClass", place, into, most=64) or CLOUD,
        versions=[develop],
        default=None if default is ... else str(default or ""),
    )


def read_version(raw: Mapping[str, Any], place: str, into: Bundle) -> VersionPart:
    """Read a named version."""
    version = _content(raw, place, text(raw, "version", place, into, most=NAME_LENGTH, needed=True), into)
    version.notes = text(raw, "notes", place, into)
    version.enabled = flag(raw, "enabled", place, into, otherwise=True)
    version.source_id = text(raw, "id", place, into, most=1024)
    version.workflow_id = text(raw, "flowId", place, into, most=1024)
    version.workflow_name = text(raw, "name", place, into, most=NAME_LENGTH)
    return version


def _content(raw: Mapping[str, Any], place: str, name: str, into: Bundle) -> VersionPart:
    triggers, nodes = objects(raw, "triggers", place, into), objects(raw, "nodes", place, into)
    return VersionPart(place, name, triggers, nodes, read_globals(raw, place, into))


def _id_in_keys(version: VersionPart) -> str:
    """Return the id by which the oldest files know themselves: it begins the keys of their buttons."""
    found = {match["flow"] for match in map(_BUTTON_KEY.match, _keys(version)) if match}
    return found.pop() if len(found) == 1 else ""


def _keys(version: VersionPart) -> Iterator[str]:
    for trigger in version.triggers:
        if trigger.get("type") in ("virtualButton", "timer") and isinstance(trigger.get("key"), str):
            yield str(trigger["key"])


def _note_what_is_lost(raw: Mapping[str, Any], place: str, into: Bundle) -> None:
    understood = _KEPT | _OF_ELSEWHERE | {*_CUSTOM}
    lost = [key for key, value in raw.items() if value and key not in understood and not key.startswith("_")]
    if lost:
        into.changed.append(
            Fault(place, _("Not kept, there is nothing like it here: %(lost)s.") % {"lost": ", ".join(sorted(lost))[:200]})
        )
    if any(raw.get(key) for key in _CUSTOM):
        into.left_out.append(Fault(place, _("The custom nodes in the file: there are none here.")))


def read_hints(raw: Mapping[str, Any], into: Bundle) -> None:
    """Read what a file says of the integrations that it refers to. What is not in order there is no fault."""
    hints = raw.get("_integrations")
    for each in hints if isinstance(hints, list) else ():
        if isinstance(each, dict) and all(isinstance(each.get(key), str) for key in ("id", "name", "integrationType")):
            into.hints[str(each["id"])] = IntegrationHint(str(each["name"]), str(each["integrationType"]))


def write_single(part: WorkflowPart, version: VersionPart, heading: JSONObject) -> JSONObject:
    """Return one version of a workflow as an object of its own. `heading` is what stands for all: where it is from, and when."""
    which: JSONObject = {} if version.name == DEVELOP else {"flowId": part.source_id, **_named(version)}
    return {**_written(part, version), "customNodes": [], "customNodeVersions": [], **heading, "_type": "flow", **which}


def write_many(parts: Sequence[WorkflowPart], heading: JSONObject) -> JSONObject:
    """Return workflows with all their versions."""
    flows: list[JSONValue] = [_whole(part) for part in parts]
    versions = [(part, each) for part in parts for each in part.versions if each.name != DEVELOP]
    return {**heading, "_type": "flows", "flows": flows, "flowVersions": [_version(*each) for each in versions]}


def _version(part: WorkflowPart, version: VersionPart) -> JSONObject:
    return {"flowId": part.source_id, **_named(version), **_parts(version)}


def _whole(part: WorkflowPart) -> JSONObject:
    develop = part.version(DEVELOP) or VersionPart(part.place, DEVELOP, [], [], {})
    default = part.version(part.default) if part.default else None
    return {**_written(part, develop), "defaultVersionId": default.source_id if default else None}


def _written(part: WorkflowPart, version: VersionPart) -> JSONObject:
    return {
        "id": part.source_id,
        "name": part.name,
        "description": part.description,
        "enabled": False,
        "flowClass": part.flow_class,
        **_parts(version),
    }


def _parts(version: VersionPart) -> JSONObject:
    return {"globals": write_globals(version.globals), "triggers": [*version.triggers], "nodes": [*version.nodes]}


def _named(version: VersionPart) -> JSONObject:
    return {"id": version.source_id, "version": version.name, "notes": version.notes, "enabled": version.enabled}

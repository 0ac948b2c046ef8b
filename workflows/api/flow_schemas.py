"""Schemas of workflows ("flows") and their versions in the API."""

from typing import Any, Literal

import orjson
from pydantic import Field

from wegnology.applications.global_values import MAX_GLOBALS, MAX_VALUE, as_text
from wegnology.lib.rest.answers import ID_PATTERN, Answer, iso
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.paging import collection_model
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.exceptions import Fault
from workflows.models import Workflow, WorkflowVersion
from workflows.version_content import Content

KEY = r"^[0-9a-zA-Z_-]{1,255}$"
COMPATIBLE = "Taken for compatibility and not kept."
FlowClass = Literal["cloud"]


class FlowGlobal(Schema):
    """A global of a workflow; it goes before the application's of the same key."""

    key: str = Field(pattern=KEY)
    json_text: str = Field(alias="json", min_length=1, max_length=MAX_VALUE, description="The value as JSON text.")


class FlowAnswer(Answer):
    """A workflow with what its develop version holds."""

    id: str = Field(pattern=ID_PATTERN)
    flow_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    name: str
    description: str
    enabled: bool
    flow_class: FlowClass
    default_version_id: str = Field("", description="The version that triggers fire; not there while that is develop.")
    triggers: list[Any]
    nodes: list[Any]
    globals: list[FlowGlobal]


class _Compatible(Schema):
    """What the original knows and this does not."""

    short_description: str = Field("", max_length=32767, description=COMPATIBLE)
    icon_data: str = Field("", max_length=32767, description=COMPATIBLE)
    docs_url: str = Field("", max_length=1024, description=COMPATIBLE)
    category: str = Field("", max_length=255, description=COMPATIBLE)
    minimum_agent_version: str = Field("", max_length=255, description=COMPATIBLE)
    custom_node_config: dict[str, Any] = Field({}, description=COMPATIBLE)


_PARTS: dict[str, Any] = {
    "triggers": Field([], max_length=500, description="What starts it: `{type, key, config, meta, outputIds}`."),
    "nodes": Field([], max_length=2_000, description="What it does: `{id, type, config, meta, outputIds}`."),
    "globals": Field([], max_length=MAX_GLOBALS),
}


class FlowPost(_Compatible):
    """A new workflow."""

    name: str = Field(min_length=1, max_length=255, examples=["Alert"])
    description: str = Field("", max_length=32767)
    enabled: bool = True
    flow_class: FlowClass = "cloud"
    triggers: list[dict[str, Any]] = _PARTS["triggers"]
    nodes: list[dict[str, Any]] = _PARTS["nodes"]
    globals: list[FlowGlobal] = _PARTS["globals"]


class FlowPatch(_Compatible):
    """Changes of a workflow. Triggers, nodes and globals replace those of the develop version as a whole."""

    name: str = Field("", min_length=1, max_length=255)
    description: str = Field("", max_length=32767)
    enabled: bool = True
    flow_class: FlowClass = "cloud"
    default_version_id: str | None = Field(None, max_length=24, description="The version that triggers fire; null: develop.")
    triggers: list[dict[str, Any]] = _PARTS["triggers"]
    nodes: list[dict[str, Any]] = _PARTS["nodes"]
    globals: list[FlowGlobal] = _PARTS["globals"]


class FlowVersionAnswer(Answer):
    """A version of a workflow."""

    id: str = Field(pattern=ID_PATTERN)
    flow_version_id: str = Field(pattern=ID_PATTERN)
    flow_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    version: str
    notes: str
    enabled: bool
    flow_class: FlowClass
    triggers: list[Any]
    nodes: list[Any]
    globals: list[FlowGlobal]


class FlowVersionPost(Schema):
    """A new version; parts that are not sent are empty, develop is not copied."""

    version: str = Field(min_length=1, max_length=255, examples=["1.4.0"])
    notes: str = Field("", max_length=32767)
    enabled: bool = True
    triggers: list[dict[str, Any]] = _PARTS["triggers"]
    nodes: list[dict[str, Any]] = _PARTS["nodes"]
    globals: list[FlowGlobal] = _PARTS["globals"]


class FlowVersionPatch(Schema):
    """Changes of a version: nothing else of it ever changes."""

    notes: str = Field("", max_length=32767)
    enabled: bool = True


_OF = {"applicationId": (str, ...)}
FlowCollection = collection_model("FlowCollection", FlowAnswer, **_OF)
FlowVersionCollection = collection_model("FlowVersionCollection", FlowVersionAnswer, flowId=(str, ""), **_OF)


def shown_parts(version: WorkflowVersion | None) -> dict[str, Any]:
    """Return what a version holds."""
    if version is None:
        return {"triggers": [], "nodes": [], "globals": []}
    values = [{"key": key, "json": as_text(value)} for key, value in version.globals.items()]
    return {"triggers": version.triggers, "nodes": version.nodes, "globals": values}


def flow_answer(row: Workflow, develop: WorkflowVersion | None) -> dict[str, Any]:
    """Return a workflow as it is answered, without links."""
    answer = {
        "id": row.pk,
        "flowId": row.pk,
        "applicationId": row.application_id,
        "creationDate": iso(row.created_at),
        "lastUpdated": iso(row.updated_at),
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "flowClass": "cloud",
        **shown_parts(develop),
    }
    return answer | ({"defaultVersionId": row.default_version_id} if row.default_version_id else {})


def version_answer(row: WorkflowVersion, application_id: str) -> dict[str, Any]:
    """Return a version as it is answered, without links."""
    return {
        "id": row.pk,
        "flowVersionId": row.pk,
        "flowId": row.workflow_id,
        "applicationId": application_id,
        "creationDate": iso(row.created_at),
        "lastUpdated": iso(row.created_at),
        "version": row.name,
        "notes": row.notes,
        "enabled": row.enabled,
        "flowClass": "cloud",
        **shown_parts(row),
    }


def read_globals(entries: list[FlowGlobal]) -> JSONObject:
    """Return the values by key; raises `Invalid` with every fault."""
    values: JSONObject = {}
    faults: dict[str, str] = {}
    for at, entry in enumerate(entries):
        if entry.key in values:
            faults[f"globals.{at}.key"] = f"There is another global {entry.key}."
        try:
            values[entry.key] = orjson.loads(entry.json_text)
        except orjson.JSONDecodeError:
            faults[f"globals.{at}.json"] = "This is not JSON. Text stands in quotes."
    if faults:
        raise Invalid(faults)
    return values


def read_content(sent: Any, before: Content) -> Content:
    """Return what a version shall hold: the parts that were sent, the others as before."""
    named = sent.model_fields_set
    triggers: list[JSONObject] = sent.triggers if "triggers" in named else before.triggers
    nodes: list[JSONObject] = sent.nodes if "nodes" in named else before.nodes
    return Content(triggers, nodes, read_globals(sent.globals) if "globals" in named else before.globals)


def invalid(faults: list[Fault]) -> Invalid:
    """Return faults of a workflow as an error."""
    errors: dict[str, str] = {}
    for fault in faults:
        errors[fault.place] = f"{errors[fault.place]} {fault.message}" if fault.place in errors else fault.message
    return Invalid(errors)

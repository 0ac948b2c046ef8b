"""The door for exports: workflows, or a whole application, as the bytes of a file. No secret is ever in one."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeVar

from django.utils.translation import gettext

from wegnology.applications.models import Application
from wegnology.lib.safe_yaml import dump
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exchange.application_form import write_application, write_credential, write_integration
from workflows.exchange.flow_form import write_many, write_single
from workflows.exchange.packing import file_name, packed
from workflows.exchange.parts import DEVELOP, ApplicationPart, WorkflowPart
from workflows.exchange.references import label_of, webhook_keys
from workflows.exchange.remapping import Placeholders, Remap
from workflows.exchange.stored import credential_parts, global_parts, integration_parts, integrations_of, workflow_parts
from workflows.exchange.template_form import (
    APPLICATION,
    CREDENTIAL,
    FLOW,
    FLOW_VERSION,
    INTEGRATION,
    document,
    write_version,
    write_workflow,
)
from workflows.models import Workflow

MOST_ATTEMPTS = 3
T = TypeVar("T")


class Form(StrEnum):
    """How workflows are written."""

    FLOW = "flow"
    """One version of each, a `.flow` file for each; several in an archive."""
    JSON = "json"
    """All versions of all workflows in one file, as the REST API takes them."""
    YAML = "yaml"
    """All versions, a file of a template repository for each; several in an archive."""


class Exported(NamedTuple):
    """A file to hand out."""

    name: str
    content_type: str
    data: bytes


class NothingToExport(Exception):
    """There is no such version; the text says which."""


def export_workflows(application: Application, rows: Sequence[Workflow], form: Form, version: str = DEVELOP) -> Exported:
    """Export workflows of one application; `version` is the one that `Form.FLOW` writes. Raises `NothingToExport`."""
    parts = _unchanged(application, lambda: workflow_parts(rows))
    hints = integrations_of(application, parts)
    heading: JSONObject = {"_exportDate": _now(), "applicationId": application.pk, "_integrations": [*hints.values()]}
    name = parts[0].name if len(parts) == 1 else gettext("%(name)s workflows") % {"name": application.name}
    if form is Form.JSON:
        return _one(f"{file_name(name)}.json", write_many(parts, heading))
    if form is Form.FLOW:
        return _flows(parts, version, heading, name)
    files = _templates(parts, hints)
    if len(files) == 1:
        return Exported(f"{file_name(name)}.yaml", "application/yaml", next(iter(files.values())))
    return Exported(f"{file_name(name)}.zip", "application/zip", packed(files))


def export_application(application: Application) -> Exported:
    """Export an application with its globals, service credentials, integrations and workflows, none with its secrets."""

    def files() -> dict[str, bytes]:
        row = Application.objects.get(pk=application.pk)
        parts, integrations = workflow_parts(list(row.workflows.all())), integration_parts(row)
        marks = Placeholders()
        about = ApplicationPart("", row.name, row.description)
        found = {
            "application.yaml": _yaml(
                APPLICATION, [write_application(about, marks.add("application", row.pk, row.name), global_parts(row))]
            )
        }
        for part in integrations:
            part.source_id = marks.add("integration", part.source_id, part.name)
        found["integrations.yaml"] = _yaml(INTEGRATION, [write_integration(part) for part in integrations])
        found["credentials.yaml"] = _yaml(CREDENTIAL, [write_credential(part) for part in credential_parts(row)])
        return found | _workflow_files(parts, marks, {})

    return Exported(f"{file_name(application.name)}.zip", "application/zip", packed(_unchanged(application, files)))


def _unchanged(application: Application, read: Callable[[], T]) -> T:
    """Return what is read while nothing of the application changes; as it comes where changes never end."""
    for _ in range(MOST_ATTEMPTS):
        before = _revision(application)
        found = read()
        if _revision(application) == before:
            break
    return found


def _revision(application: Application) -> int | None:
    return Application.objects.filter(pk=application.pk).values_list("revision", flat=True).first()


def _flows(parts: Sequence[WorkflowPart], version: str, heading: JSONObject, name: str) -> Exported:
    files: dict[str, bytes] = {}
    for part in parts:
        found = part.version(version)
        if found is None:
            raise NothingToExport(
                gettext("The workflow %(name)s has no version %(version)s.")
                % {"name": f"{part.name!r}", "version": f"{version!r}"}
            )
        single = write_single(part, found, heading)
        files[file_name(f"{part.name}-{version}", files, ".flow")] = _json(single)
    if len(files) == 1:
        return Exported(next(iter(files)), "application/json", next(iter(files.values())))
    return Exported(f"{file_name(name)}.zip", "application/zip", packed(files))


def _templates(parts: Sequence[WorkflowPart], hints: Mapping[str, JSONObject]) -> dict[str, bytes]:
    marks = Placeholders()
    said = [{**hint, "id": marks.add("integration", key, str(hint["name"]))} for key, hint in hints.items()]
    return _workflow_files(parts, marks, {"_integrations": [*said]} if said else {})


def _workflow_files(parts: Sequence[WorkflowPart], marks: Placeholders, heading: JSONObject) -> dict[str, bytes]:
    """Return a file for each workflow and each named version, ids exchanged for placeholders."""
    files: dict[str, bytes] = {}
    for part in parts:
        marks.add("flow", part.source_id, part.name)
        for version in part.versions:
            for key, trigger in webhook_keys(version):
                if key:
                    marks.add("webhook", key, label_of(trigger) or part.name)
    remap = Remap(marks.ids)
    for part in map(remap.workflow, parts):
        name = file_name(part.name, {path.rpartition("/")[2] for path in files}, ".yaml")
        files[f"workflows/cloud/{name}"] = _yaml(FLOW, [write_workflow(part)], heading)
        taken: set[str] = set()
        for version in part.versions:
            if version.name != DEVELOP:
                inner = file_name(version.name, taken, ".yaml")
                taken.add(inner)
                path = f"workflows/cloud/versions/{name.removesuffix('.yaml')}/{inner}"
                files[path] = _yaml(FLOW_VERSION, [write_version(part, version)], heading)
    return files


def _yaml(kind: str, resources: list[JSONObject], heading: Mapping[str, JSONValue] | None = None) -> bytes:
    return dump({**document(kind, resources), **(heading or {})}).encode()


def _json(value: JSONObject) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def _one(name: str, value: JSONObject) -> Exported:
    return Exported(name, "application/json", _json(value))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

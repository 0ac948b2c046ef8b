"""Bringing workflows in by the API, and what nodes there are."""

from typing import Any

import orjson
from django.conf import settings
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.models import Role
from wegnology.lib.rest.errors import TooLarge
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema
from workflows.api.flow_schemas import FlowAnswer, FlowVersionAnswer, invalid, version_answer
from workflows.api.flow_views import FlowViews, developing
from workflows.exchange.faults import ImportRefused
from workflows.exchange.flow_form import MOST_VERSIONS, MOST_WORKFLOWS
from workflows.exchange.importing import import_files
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Options
from workflows.models import Workflow, WorkflowVersion
from workflows.nodes.base import nodes
from workflows.triggers import TRIGGERS

_FILE = "importData"


class FlowsImport(Schema):
    """Workflows and versions as an export in JSON holds them."""

    flows: list[dict[str, Any]] = Field([], max_length=MOST_WORKFLOWS)
    flow_versions: list[dict[str, Any]] = Field([], max_length=MOST_VERSIONS)


class FlowsImported(Schema):
    """What arrived, disabled, and the ids here by the ids in what was sent."""

    flows: list[FlowAnswer]
    flow_versions: list[FlowVersionAnswer]
    imported_flow_id_map: dict[str, str]
    imported_version_id_map: dict[str, str]
    report: dict[str, Any] = Field(description="What has to be filled in or put right before it can run.")


class PaletteNode(Schema):
    """A type of node."""

    type: str
    label: str
    category: str
    outputs: list[str]


class PaletteTrigger(Schema):
    """A type of trigger."""

    type: str


class Palette(Schema):
    """What workflows are made of. There are no custom nodes."""

    custom_nodes: list[Any]
    nodes: list[PaletteNode]
    triggers: list[PaletteTrigger]


class FlowsImportView(FlowViews):
    """/applications/{applicationId}/flows/import."""

    @operation(
        "Import workflows",
        scope="flows.import",
        role=Role.EDITOR,
        answer=FlowsImported,
        status=201,
        body=FlowsImport,
        description="All or nothing. They arrive disabled; what belonged to another application is cleared.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Import them."""
        sent = self.body(FlowsImport)
        data = orjson.dumps({"flows": sent.flows, "flowVersions": sent.flow_versions})
        if len(data) > settings.IMPORT_BYTES:
            raise TooLarge(f"An import may have {settings.IMPORT_BYTES:,} bytes.")
        try:
            report = import_files(self.application, [ImportFile(_FILE, data)], Options(conflict=Conflict.CREATE))
        except ImportRefused as error:
            raise invalid(error.faults) from None
        rows = list(Workflow.objects.filter(pk__in=report.flow_ids.values(), application=self.application))
        develops = developing(rows)
        versions = WorkflowVersion.objects.filter(pk__in=report.version_ids.values(), workflow__in=rows)
        answer = {
            "flows": [self.flow_shown(row, develops.get(row.pk)) for row in rows],
            "flowVersions": [version_answer(row, self.application.pk) for row in versions],
            "importedFlowIdMap": report.flow_ids,
            "importedVersionIdMap": report.version_ids,
            "report": report.as_json(),
        }
        return Response(answer, status=201)


class PaletteView(FlowViews):
    """/applications/{applicationId}/flows/palette."""

    @operation("Read which nodes there are", scope="flows.palette", role=Role.VIEWER, answer=Palette)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        known = [
            {"type": node.name, "label": node.label, "category": node.category.value, "outputs": list(node.outputs)}
            for node in nodes
        ]
        triggers = [{"type": "integration"}, *({"type": name} for name in TRIGGERS)]
        return Response({"customNodes": [], "nodes": known, "triggers": triggers})

"""What uses a service credential, in the API."""

from typing import Any

from drf_spectacular.plumbing import ComponentRegistry
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.schemas import integrations_schema
from integrations.api.views import IntegrationViews
from integrations.live import read_live
from integrations.models import Integration
from wegnology.applications.api.base import found_or_404
from wegnology.applications.models import Credential, Role
from wegnology.lib.rest.openapi import schema_of
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import ListQuery, collection
from wegnology.lib.schema import Schema
from workflows.api.flow_schemas import FlowCollection
from workflows.api.flow_views import FlowViews, developing
from workflows.credential_use import naming_workflows
from workflows.models import Workflow

MOST = 1_000


class LinkedQuery(Schema):
    """How they are told."""

    include_custom_nodes: bool = Field(False, description="Taken for compatibility: there are none.")


def linked_schema(registry: ComponentRegistry) -> dict[str, Any]:
    """Return the schema of the answer."""
    parts = {"integrations": integrations_schema(registry), "flows": schema_of(FlowCollection, registry)}
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


class LinkedResourcesView(FlowViews, IntegrationViews):
    """/applications/{applicationId}/credentials/{credentialId}/linkedResources."""

    @operation(
        "Read what uses a service credential",
        scope="credential.linkedResources",
        role=Role.VIEWER,
        answer=linked_schema,
        query=LinkedQuery,
        description=f"Integrations that name it, and workflows of which a node in any version does; {MOST:,} of each at most.",
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return both."""
        row = found_or_404(Credential.objects.filter(application=self.application), ids["credentialId"], "Credential")
        query = ListQuery(per_page=MOST, sort_field="name", sort_direction="asc")
        sources = list(Integration.objects.filter(application=self.application, credential_name=row.name)[:MOST])
        live = read_live([source.pk for source in sources])
        keys = naming_workflows(self.application.pk, row.name)
        flows = list(Workflow.objects.filter(application=self.application, pk__in=keys)[:MOST])
        develops = developing(flows)
        of = {"applicationId": self.application.pk}
        integrations = [self.shown(source, live) for source in sources]
        workflows = [self.flow_shown(flow, develops.get(flow.pk)) for flow in flows]
        answer = {
            "integrations": collection(integrations, len(integrations), query, **of),
            "flows": collection(workflows, len(workflows), query, **of),
        }
        return Response(answer)

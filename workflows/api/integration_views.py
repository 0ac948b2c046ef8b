"""What the API says of integrations that only workflows know: which of them go along when one is deleted."""

from typing import Literal

from django.db import transaction
from pydantic import Field, field_validator
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.views import IntegrationView
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, Success
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema
from workflows.deletion import Take, delete

_TAKES = {"false": Take.NONE, "true": Take.ONLY, "all": Take.ALL}


class DeleteQuery(Schema):
    """Which workflows go along."""

    include_workflows: Literal["false", "true", "all"] = Field(
        "false",
        description="true: delete the workflows whose every trigger, in every version, is this integration. "
        "all: delete every workflow with a trigger of it.",
    )

    @field_validator("include_workflows", mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        word = str(value).lower()
        return {"1": "true", "0": "false"}.get(word, word)


class Deleted(Success):
    """What was deleted."""

    workflows: list[str] = Field(description="Names of the workflows that were deleted along.")


class IntegrationWithWorkflowsView(IntegrationView):
    """/applications/{applicationId}/integrations/{integrationId}."""

    @operation(
        "Delete an integration",
        scope="integration.delete",
        role=Role.ADMINISTRATOR,
        answer=Deleted,
        query=DeleteQuery,
        headers=("If-Match",),
        description="An administrator can restore it from the trash for a time; what waits in its inbox is dropped.",
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        take = _TAKES[self.query(DeleteQuery).include_workflows]
        with transaction.atomic():
            deletion = delete([self.row(ids, request)], take)
        return Response({**DONE, "workflows": deletion.workflows})

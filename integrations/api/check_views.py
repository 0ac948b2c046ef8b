"""Checks of integrations in the API: asked for, then read until they are over."""

from contextlib import closing
from typing import Any, Literal

from django.db import transaction
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import check_records
from integrations.api.views import IntegrationViews
from integrations.check_records import CheckRecord, TooManyChecks
from integrations.connectors.base import connectors
from integrations.models import Integration
from integrations.tasks import enqueue_check
from wegnology.applications.audit import record
from wegnology.applications.models import Role
from wegnology.lib.redis import sync_client
from wegnology.lib.rest.answers import ID_PATTERN, Answer, with_links
from wegnology.lib.rest.errors import Conflict, NotFound, TooMany
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema


class CheckStepAnswer(Schema):
    """One step of a check."""

    name: str
    state: Literal["waiting", "running", "ok", "warning", "failed", "skipped"]
    seconds: float
    detail: str
    advice: str


class CheckAnswer(Answer):
    """A check. Times are milliseconds since 1970."""

    id: str = Field(pattern=ID_PATTERN)
    integration_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    state: Literal["waiting", "running", "done", "lost"] = Field(description="lost: the process that ran it is gone.")
    over: bool = Field(description="Nothing more will come.")
    worked: bool
    asked: int
    began: int | None
    ended: int | None
    steps: list[CheckStepAnswer]


class _Views(IntegrationViews):
    def told(self, found: CheckRecord, status: int = 200) -> Response:
        """Return a check as it is answered."""
        home = f"/applications/{found.application_id}/integrations/{found.integration_id}"
        answer: dict[str, Any] = {
            "id": found.id,
            "integrationId": found.integration_id,
            "applicationId": found.application_id,
            "state": found.state,
            "over": found.over,
            "worked": found.worked,
            "asked": found.asked_ms,
            "began": found.began_ms or None,
            "ended": found.ended_ms or None,
            "steps": [step._asdict() for step in found.steps],
        }
        return Response(with_links(answer, self.flags, {"self": f"{home}/checks/{found.id}", "integration": home}), status=status)


class CheckView(_Views):
    """/applications/{applicationId}/integrations/{integrationId}/check."""

    @operation(
        "Check an integration",
        scope="integration.check",
        role=Role.EDITOR,
        answer=CheckAnswer,
        status=202,
        errors=(409,),
        description="A tasks process tries a connection of its own, step by step. Read the check until it is over.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Ask for it."""
        row = self.row(ids)
        actor = self.caller.actor
        asked = CheckRecord(row.application_id, row.pk, row.name, _label(row), actor.id, actor.name)
        wanted = ("id", "application_id", "name", "integration_type", "topics", "config", "credential_name")
        try:
            check_records.ask(asked, {name: getattr(row, name) for name in wanted})
        except TooManyChecks as error:
            raise TooMany(str(error), 5) from None
        enqueue_check(asked.id)
        with transaction.atomic():
            record(None, "checked", row, {"settings": "as saved"}, application_id=row.application_id)
        return self.told(asked, 202)


class CheckedView(_Views):
    """/applications/{applicationId}/integrations/{integrationId}/checks/{checkId}."""

    @operation("Read a check", scope="integration.check", role=Role.EDITOR, answer=CheckAnswer, description="For a day.")
    def get(self, request: Request, **ids: str) -> Response:
        """Return how it stands."""
        row = self.row(ids)
        with closing(sync_client()) as client:
            found = check_records.read(client, ids["checkId"])
        if found is None or (found.application_id, found.integration_id) != (row.application_id, row.pk):
            raise NotFound("Check was not found")
        return self.told(found)


def _label(row: Integration) -> str:
    if row.integration_type not in connectors:
        raise Conflict(f"This release has no integrations of type {row.integration_type}.")
    return row.connector.label

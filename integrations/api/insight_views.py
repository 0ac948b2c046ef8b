"""What came of the messages of an integration, in the API: the ledger by the hour, and the last messages one by one."""

from contextlib import closing
from typing import Any, Literal

from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.views import IntegrationViews
from integrations.inspection import Message, Sent, find_message, is_kept, matching, read_inspection
from integrations.runtime.ledger import LedgerLine, SentLine, read_books
from wegnology.applications.models import Role
from wegnology.lib.redis import sync_client
from wegnology.lib.rest.answers import ID_PATTERN
from wegnology.lib.rest.errors import NotFound
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema

MOST_HOURS = 48


class LedgerQuery(Schema):
    """How far back."""

    hours: int = Field(24, ge=1, le=MOST_HOURS)


class ReceivedHour(Schema):
    """What was received in an hour, and what became of it: received = finished + unmatched + parked + dropped + waiting."""

    hour: int = Field(description="Its begin, milliseconds since 1970.")
    received: int
    messages: int = Field(description="Of these, what came from the source; the rest are connection events and replays.")
    finished: int
    unmatched: int
    parked: dict[str, int] = Field(description="By reason.")
    dropped: dict[str, int]
    waiting: int
    balanced: bool


class SentHour(Schema):
    """What workflows sent in an hour: queued = sent + failed + dropped + waiting."""

    hour: int
    queued: int
    sent: int
    failed: int
    dropped: dict[str, int]
    waiting: int
    balanced: bool


class Ledger(Schema):
    """The hours in which there was anything, the newest first."""

    application_id: str = Field(pattern=ID_PATTERN)
    integration_id: str = Field(pattern=ID_PATTERN)
    received: list[ReceivedHour]
    sent: list[SentHour]


class MessagesQuery(Schema):
    """Which of the last messages."""

    limit: int = Field(25, ge=1, le=1_000)
    text: str = Field("", max_length=1_024, description="What its data must hold; case is ignored.")
    outcome: Literal["", "waiting", "ended", "finished", "unmatched", "parked", "dropped"] = ""


class MessageRun(Schema):
    """A workflow that ran for the message."""

    flow_id: str
    flow_version_id: str
    error: str


class MessageSend(Schema):
    """What a run sent."""

    integration_id: str
    outcome: str
    milliseconds: int


class MessageAnswer(Schema):
    """A message. Times are milliseconds since 1970, durations milliseconds."""

    event_id: str
    accepted: int
    received: int
    kind: str
    topic: str
    size: int
    data: dict[str, Any]
    cut: bool = Field(description="The data is longer than what is kept to look at.")
    outcome: str
    throttle_time: int | None
    queue_time: int | None
    run_time: int | None
    runs: list[MessageRun]
    sends: list[MessageSend]


class Messages(Schema):
    """The last messages, the newest first."""

    application_id: str = Field(pattern=ID_PATTERN)
    integration_id: str = Field(pattern=ID_PATTERN)
    kept: bool = Field(description="Whether the installation keeps messages to look at.")
    place: str = Field(description="Another one says that there is something new.")
    items: list[MessageAnswer]
    count: int


class LedgerView(IntegrationViews):
    """/applications/{applicationId}/integrations/{integrationId}/ledger."""

    @operation(
        "Read the ledger of an integration", scope="integration.ledger", role=Role.VIEWER, answer=Ledger, query=LedgerQuery
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return the last hours."""
        row = self.row(ids)
        query = self.query(LedgerQuery)
        with closing(sync_client()) as client:
            books = read_books(client, [row.pk], query.hours)[row.pk]
        answer = {
            "applicationId": row.application_id,
            "integrationId": row.pk,
            "received": [_received(line) for line in books.received],
            "sent": [_sent(line) for line in books.sent],
        }
        return Response(answer)


class MessagesView(IntegrationViews):
    """/applications/{applicationId}/integrations/{integrationId}/messages."""

    @operation(
        "Read the last messages of an integration",
        scope="integration.inspect",
        role=Role.VIEWER,
        answer=Messages,
        query=MessagesQuery,
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        row = self.row(ids)
        query = self.query(MessagesQuery)
        found = read_inspection(row.pk)
        items = [message_answer(message) for message in matching(found.messages, query.text, query.outcome)[: query.limit]]
        about = {"applicationId": row.application_id, "integrationId": row.pk, "kept": is_kept(), "place": found.place}
        return Response({**about, "items": items, "count": len(items)})


class MessageView(IntegrationViews):
    """/applications/{applicationId}/integrations/{integrationId}/messages/{eventId}."""

    @operation("Read one of the last messages", scope="integration.inspect", role=Role.VIEWER, answer=MessageAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        row = self.row(ids)
        found = find_message(read_inspection(row.pk), ids["eventId"])
        if found is None:
            raise NotFound("Message was not found; only the last ones are kept")
        return Response(message_answer(found))


def message_answer(message: Message) -> dict[str, Any]:
    """Return a message as it is answered."""
    return {
        "eventId": message.event_id,
        "accepted": message.accepted_ms,
        "received": message.received_ms,
        "kind": message.kind,
        "topic": message.topic,
        "size": message.size,
        "data": message.data,
        "cut": message.cut,
        "outcome": message.outcome,
        "throttleTime": message.throttle_ms,
        "queueTime": message.queue_ms,
        "runTime": message.run_ms,
        "runs": [{"flowId": run.workflow_id, "flowVersionId": run.version_id, "error": run.error} for run in message.runs],
        "sends": [_send(sent) for sent in message.sends],
    }


def _send(sent: Sent) -> dict[str, Any]:
    return {"integrationId": sent.integration_id, "outcome": sent.outcome, "milliseconds": sent.milliseconds}


def _received(line: LedgerLine) -> dict[str, Any]:
    names = ("received", "messages", "finished", "unmatched", "parked", "dropped", "waiting", "balanced")
    return {"hour": line.hour_ms, **{name: getattr(line, name) for name in names}}


def _sent(line: SentLine) -> dict[str, Any]:
    names = ("queued", "sent", "failed", "dropped", "waiting", "balanced")
    return {"hour": line.hour_ms, **{name: getattr(line, name) for name in names}}

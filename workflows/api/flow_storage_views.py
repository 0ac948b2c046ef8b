"""The storage of workflows and their buttons in the API."""

from contextlib import closing
from typing import Any

import orjson
import redis.exceptions
from django.db import transaction
from pydantic import Field, RootModel
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.runtime.keys import key, prefix
from wegnology.applications.audit import record
from wegnology.applications.models import Role
from wegnology.lib.paths import MAX_DEPTH, is_deeper
from wegnology.lib.redis import sync_client
from wegnology.lib.rest.answers import DONE, Success
from wegnology.lib.rest.errors import ApiError, Conflict, Invalid, TooLarge, TooMany
from wegnology.lib.rest.operations import operation
from wegnology.lib.schema import Schema
from workflows import scripts
from workflows.api.flow_views import FlowViews
from workflows.firing import NoRoom, NotFired, Stopped, press
from workflows.firing import TooLarge as EventTooLarge
from workflows.storage import MAX_KEY, MAX_KEYS, MAX_VALUE_BYTES


class StorageEntry(Schema):
    """A stored value. Without one, or with null, the key is removed."""

    key: str = Field(min_length=1, max_length=MAX_KEY)
    value: Any = None


class StorageEntries(RootModel[dict[str, Any]]):
    """Everything stored, by key."""


class StorageMetadata(Schema):
    """How much is stored."""

    keys_count: int
    memory_used: int = Field(description="Bytes.")


class ButtonPress(Schema):
    """A press of a virtual button."""

    key: str = Field(max_length=1024, description="The trigger's key.")
    payload: Any = Field(None, description="An object; it becomes the payload's `data`.")
    meta: Any = Field(None, description="Taken for compatibility.")
    flow_version: str = Field("", max_length=255, description="The version to run; without, the live one.")
    device_id: str = Field("", max_length=255, description="Taken for compatibility.")
    deployment_id: str = Field("", max_length=255, description="Taken for compatibility.")


class Pressed(Success):
    """The event is on its way."""

    event_id: str


class StorageView(FlowViews):
    """/applications/{applicationId}/flows/{flowId}/storage."""

    @operation("Read what a workflow stores", scope="flow.getStorageEntries", role=Role.VIEWER, answer=StorageEntries)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it by key."""
        flow = self.flow(ids)
        with closing(sync_client()) as client:
            stored: Any = client.hgetall(key("storage", flow.pk))
        return Response({name.decode(): orjson.loads(value) for name, value in sorted(stored.items())})

    @operation("Store a value", scope="flow.setStorageEntry", role=Role.EDITOR, answer=Success, body=StorageEntry, errors=(409,))
    def patch(self, request: Request, **ids: str) -> Response:
        """Store it."""
        flow = self.flow(ids)
        entry = self.body(StorageEntry)
        value = orjson.dumps(entry.value)
        if len(value) > MAX_VALUE_BYTES:
            raise Invalid({"value": f"A stored value may have {MAX_VALUE_BYTES:,} bytes as JSON, this one has {len(value):,}."})
        if is_deeper(entry.value, MAX_DEPTH):
            raise Invalid({"value": f"This is nested more than {MAX_DEPTH} deep."})
        do = ["remove", entry.key] if entry.value is None else ["set", entry.key, value]
        with closing(sync_client()) as client:
            try:
                scripts.storage.call_sync(client, [prefix(), flow.pk, MAX_KEYS, *do])
            except redis.exceptions.ResponseError:
                raise Conflict(f"The workflow stores {MAX_KEYS:,} keys already: remove some that are not needed.") from None
        return Response(DONE)

    @operation("Remove what a workflow stores", scope="flow.clearStorageEntries", role=Role.EDITOR, answer=StorageEntries)
    def delete(self, request: Request, **ids: str) -> Response:
        """Remove it all; returns what is left: nothing."""
        flow = self.flow(ids)
        with closing(sync_client()) as client:
            client.delete(key("storage", flow.pk))
        with transaction.atomic():
            record(None, "storage cleared", flow)
        return Response({})


class StorageMetadataView(FlowViews):
    """/applications/{applicationId}/flows/{flowId}/storage-metadata."""

    @operation(
        "Read how much a workflow stores", scope="flow.getStorageEntriesMetadata", role=Role.VIEWER, answer=StorageMetadata
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        flow = self.flow(ids)
        with closing(sync_client()) as client, client.pipeline(transaction=False) as pipe:
            pipe.hlen(key("storage", flow.pk))
            pipe.memory_usage(key("storage", flow.pk))
            count, used = pipe.execute()
        return Response({"keysCount": count, "memoryUsed": used or 0})


class VirtualButtonView(FlowViews):
    """/applications/{applicationId}/flows/{flowId}/virtualButton."""

    @operation(
        "Press a virtual button",
        scope="flow.pressVirtualButton",
        role=Role.EDITOR,
        answer=Pressed,
        body=ButtonPress,
        errors=(409, 413),
        examples={"press": {"key": "575ec8687ae143cd83dc4a97-Abc123", "payload": {"level": 3}}},
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Press it; the event is durable when this answers."""
        flow = self.flow(ids)
        wanted = self.body(ButtonPress)
        kind, actor_id, _ = self.caller.actor
        relay = ("apiToken" if kind == "token" else "user", actor_id)
        try:
            event_id = press(flow, wanted.key, wanted.payload, wanted.flow_version, relay)
        except NotFired as error:
            raise _refused(error) from None
        with transaction.atomic():
            record(None, "pressed", flow, {"event": event_id})
        return Response({**DONE, "eventId": event_id})


def _refused(error: NotFired) -> ApiError:
    text = f"{str(error)[:1].upper()}{str(error)[1:]}."
    if isinstance(error, NoRoom):
        return TooMany(text, 5)
    if isinstance(error, Stopped):
        return Conflict(text)
    if isinstance(error, EventTooLarge):
        return TooLarge(text)
    return Invalid({"payload" if "payload" in text else "key": text})

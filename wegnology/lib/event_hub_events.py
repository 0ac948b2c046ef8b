"""Events of Azure Event Hubs as workflows see them, and as they are sent.

Names and texts of AMQP come as bytes; what is not text becomes base64.
"""

import base64
import datetime
import math
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from azure.eventhub._pyamqp.message import Message, Properties
from azure.eventhub._pyamqp.utils import amqp_long_value

from wegnology.lib.outgoing import Scalar
from wegnology.lib.types import JSONObject, JSONValue

_KEY = b"x-opt-partition-key"
_WHOLE = range(-(2**63), 2**63)


class Received(NamedTuple):
    """An event. `event` is what stands under `data.event`; `last_sequence` is that of the newest event of its hub partition."""

    event: JSONObject
    key: str | None
    offset: str
    sequence: int
    size: int
    last_sequence: int | None


def received(message: Any) -> Received:
    """Read a message of a hub partition."""
    annotations = message.message_annotations or {}
    key = _plain(annotations.get(_KEY))
    offset = _plain(annotations.get(b"x-opt-offset"))
    sequence = annotations.get(b"x-opt-sequence-number")
    body = _body(message)
    event: JSONObject = {
        **_readable(body),
        "enqueuedTimeUtc": _moment(annotations.get(b"x-opt-enqueued-time")),
        "offset": None if offset is None else str(offset),
        "partitionKey": None if key is None else str(key),
        "properties": {str(_plain(name)): _plain(value) for name, value in (message.application_properties or {}).items()},
        "sequenceNumber": sequence if isinstance(sequence, int) else None,
    }
    last = (message.delivery_annotations or {}).get(b"last_enqueued_sequence_number")
    number = sequence if isinstance(sequence, int) else -1
    named = None if key is None else str(key)
    return Received(event, named, str(offset), number, len(body), last if isinstance(last, int) else None)


def _body(message: Any) -> bytes:
    """Return the bytes of a body; values that are neither bytes nor text become JSON."""
    if message.data is not None:
        return b"".join(bytes(part) for part in message.data)
    if message.sequence is not None:
        return orjson.dumps(_plain([item for part in message.sequence for item in part]))
    value = message.value
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return b"" if value is None else value.encode() if isinstance(value, str) else orjson.dumps(_plain(value))


def _readable(body: bytes) -> JSONObject:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "encoding": "base64"}


def _plain(value: Any) -> JSONValue:
    """Return a value of AMQP as JSON can hold it."""
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return base64.b64encode(data).decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _moment(milliseconds: Any) -> str | None:
    if not isinstance(milliseconds, int):
        return None
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def outgoing(data: str, properties: Mapping[str, Scalar], key: str | None, identity: str) -> Message:
    """Return an event to send. `identity` becomes its message id: a repeated send is recognised by whoever looks at it."""
    fields: dict[Any, Any] = {name: _sent(value) for name, value in properties.items() if value is not None}
    annotations: dict[Any, Any] | None = {_KEY: key} if key else None
    named = Properties(message_id=identity or str(uuid.uuid4()))
    return Message(data=[data.encode()], properties=named, message_annotations=annotations, application_properties=fields or None)


def _sent(value: Scalar) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return amqp_long_value(value) if value in _WHOLE else str(value)  # type: ignore[no-untyped-call]
    return value

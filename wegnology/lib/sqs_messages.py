"""Messages of Amazon SQS between boto3's form and ours: attributes typed in JSON, requests with what a queue needs."""

import base64
import hashlib
import math
from collections.abc import Mapping
from typing import Any

from wegnology.lib.outgoing import Scalar
from wegnology.lib.types import JSONObject


def attribute_of(attribute: Mapping[str, Any]) -> JSONObject:
    """Return a received message attribute: a number as a number, bytes as base64."""
    kind = str(attribute["DataType"])
    if kind.startswith("Binary"):
        return {"value": base64.b64encode(attribute["BinaryValue"]).decode(), "dataType": kind}
    text = str(attribute["StringValue"])
    return {"value": _number(text) if kind.startswith("Number") else text, "dataType": kind}


def _number(text: str) -> int | float | str:
    """Return the number that a text says; what JSON cannot hold stays text."""
    try:
        whole = int(text)
    except ValueError:
        pass
    else:
        if -(2**63) <= whole < 2**63:
            return whole
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def request_of(
    body: str, attributes: Mapping[str, Scalar], group: str | None, deduplication: str | None, *, fifo: bool, identity: str
) -> dict[str, Any]:
    """Return a message as boto3's `send_message` takes it.

    A FIFO queue gets a deduplication id made of `identity` where none is given: what a run sends again, because it was
    repeated after a crash, the queue then leaves out.
    """
    request: dict[str, Any] = {"MessageBody": body}
    values = {name: _typed(value) for name, value in attributes.items() if value is not None}
    if values:
        request["MessageAttributes"] = values
    if group:
        request["MessageGroupId"] = group
    if deduplication:
        request["MessageDeduplicationId"] = deduplication
    elif fifo:
        request["MessageDeduplicationId"] = hashlib.sha256(identity.encode()).hexdigest()
    return request


def _typed(value: Scalar) -> dict[str, str]:
    if isinstance(value, bool):
        return {"DataType": "String", "StringValue": "true" if value else "false"}
    if isinstance(value, int | float):
        return {"DataType": "Number", "StringValue": repr(value)}
    return {"DataType": "String", "StringValue": str(value)}

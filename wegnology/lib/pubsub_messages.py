"""Messages of Google Pub/Sub between its form and ours; nothing here needs its client library."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import orjson

from wegnology.lib.outgoing import Scalar
from wegnology.lib.types import JSONValue


def text_of(data: bytes) -> dict[str, JSONValue]:
    """Return data as text, or as base64 with a word that says so."""
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data": base64.b64encode(data).decode(), "encoding": "base64"}


def texts_of(attributes: Mapping[str, Scalar]) -> dict[str, str]:
    """Return attributes as the service takes them: texts; nothing stands for none."""
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in attributes.items()
        if value is not None
    }


def moment_of(stamp: Any) -> str:
    """Return a time of protobuf as ISO 8601, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp.seconds))
    return f"{whole}.{stamp.nanos // 1_000_000:03d}Z"

"""What a webhook call becomes: the payload of its workflow, and how many calls a webhook takes."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from integrations.runtime.keys import key
from wegnology.lib.redis import SyncRedis
from wegnology.lib.types import JSONObject, JSONValue

MOST_CALLS = 100
WINDOW_SECONDS = 10
"""A webhook takes so many calls in so many seconds (product page "Message throttling")."""
MOST_BODY_BYTES = 1024 * 1024
LEFT_OUT = ("cookie", "proxy-authorization")
MASK = "********"


def wait_for_turn(client: SyncRedis, webhook_id: str) -> int:
    """Count a call; return 0, or how many seconds must pass before the next one is taken."""
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    name = key("hooked", webhook_id, window)
    with client.pipeline(transaction=True) as pipe:
        pipe.incr(name)
        pipe.expire(name, 2 * WINDOW_SECONDS)
        count: Any = pipe.execute()[0]
    return max(1, int((window + 1) * WINDOW_SECONDS - now) + 1) if count > MOST_CALLS else 0


def data_of(
    method: str, path: str, query: QueryDict, headers: Mapping[str, str], body: bytes, *, address: str, pass_authorization: bool
) -> JSONObject:
    """Return what the workflow finds under `data`; `address` is where the call came from."""
    kept: JSONObject = {name.lower(): value for name, value in headers.items() if name.lower() not in LEFT_OUT}
    if "authorization" in kept and not pass_authorization:
        kept["authorization"] = MASK
    kept.setdefault("x-forwarded-for", address)
    data: JSONObject = {"method": method.lower(), "path": path or "/", "query": _flat(query), "headers": kept}
    data["body"] = _body(body, str(kept.get("content-type", ""))) if body else None
    if isinstance(data["body"], bytes):
        data["body"], data["encoding"] = base64.b64encode(body).decode(), "base64"
    return data


def _body(body: bytes, content_type: str) -> Any:
    """Return the body as JSON, as form fields or as text; as it is when it is not UTF-8."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError):
            return text
    if kind == "application/x-www-form-urlencoded":
        try:
            return _flat(QueryDict(body))
        except ValueError:
            return text
    return text


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _flat(fields: QueryDict) -> JSONObject:
    """Return fields as an object; what comes more than once as a list."""
    found: dict[str, JSONValue] = {}
    for name, values in fields.lists():
        found[name] = values[0] if len(values) == 1 else list(values)
    return found

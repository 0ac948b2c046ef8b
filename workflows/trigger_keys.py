"""Keys that the server gives to triggers when a version is saved: a button, a timer, an error trigger and a webhook need one.

The first three get `<workflow id>-<10 random characters>`, a webhook the id of a row of its own, which holds its address.
"""

import re
import secrets
import string
from collections.abc import Callable, Sequence

from workflows.triggers import TRIGGERS, WEBHOOK

ALPHABET = string.ascii_letters + string.digits
KEY_CHARACTERS = 10
ROW_ID = re.compile(r"[0-9a-f]{24}\Z")
WebhookOf = Callable[[str, str], str]
"""Returns the id of a webhook of a workflow: the one that a key names, or a new one."""


def new_key(workflow_id: str) -> str:
    """Return a new key of a trigger of that workflow."""
    return f"{workflow_id}-{''.join(secrets.choice(ALPHABET) for _ in range(KEY_CHARACTERS))}"


def completed(workflow_id: str, triggers: object, webhook_of: WebhookOf) -> object:
    """Return triggers with the keys that were missing, or stood there twice; webhooks that are new get their row."""
    if not isinstance(triggers, Sequence):
        return triggers
    seen: set[tuple[str, str]] = set()
    return [_with_key(workflow_id, raw, seen, webhook_of) if isinstance(raw, dict) else raw for raw in triggers]


def _with_key(workflow_id: str, raw: dict[str, object], seen: set[tuple[str, str]], webhook_of: WebhookOf) -> dict[str, object]:
    kind, key = raw.get("type"), raw.get("key") or ""
    if not isinstance(kind, str) or kind not in TRIGGERS or not isinstance(key, str):
        return raw
    if (kind, key) in seen:
        key = ""
    if kind == WEBHOOK:
        key = webhook_of(workflow_id, key)
    elif not key:
        key = new_key(workflow_id)
    seen.add((kind, key))
    return raw if raw.get("key") == key else {**raw, "key": key}

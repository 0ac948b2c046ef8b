"""Keys that the server gives to triggers when a version is saved: a button, a timer, an error trigger and a webhook need one.

The first three get `<workflow id>-<10 random characters>`, a webhook the id of a row of its own, which holds its address.
"""

import re
import secrets
import string
from collections.abc import Sequence

from workflows.triggers import TRIGGERS, WEBHOOK

ALPHABET = string.ascii_letters + string.digits
KEY_CHARACTERS = 10
_ID = re.compile(r"[0-9a-f]{24}\Z")


def new_key(workflow_id: str) -> str:
    """Return a new key of a trigger of that workflow."""
    return f"{workflow_id}-{''.join(secrets.choice(ALPHABET) for _ in range(KEY_CHARACTERS))}"


def completed(workflow_id: str, triggers: object) -> object:
    """Return triggers with the keys that were missing, or stood there twice; webhooks that are new get their row."""
    if not isinstance(triggers, Sequence):
        return triggers
    seen: set[tuple[str, str]] = set()
    return [_with_key(workflow_id, raw, seen) if isinstance(raw, dict) else raw for raw in triggers]


def _with_key(workflow_id: str, raw: dict[str, object], seen: set[tuple[str, str]]) -> dict[str, object]:
    kind, key = raw.get("type"), raw.get("key") or ""
    if not isinstance(kind, str) or kind not in TRIGGERS or not isinstance(key, str):
        return raw
    if (kind, key) in seen:
        key = ""
    if kind == WEBHOOK:
        key = _webhook(workflow_id, key)
    elif not key:
        key = new_key(workflow_id)
    seen.add((kind, key))
    return raw if raw.get("key") == key else {**raw, "key": key}


def _webhook(workflow_id: str, key: str) -> str:
    """Return the id of a webhook of this workflow: the one that the key names, or a new one."""
    from workflows.models import Webhook

    known = Webhook.objects.filter(pk=key).values_list("workflow_id", flat=True).first()
    if known == workflow_id:
        return key
    webhook = Webhook(workflow_id=workflow_id)
    if known is None and _ID.match(key):
        webhook.pk = key  # brought from elsewhere, where workflows may know it by this id
    webhook.rotate()
    return str(webhook.pk)

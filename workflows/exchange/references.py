"""What a workflow refers to outside of itself: integrations, workflows and their buttons, service credentials, webhooks."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from wegnology.lib.types import JSONObject
from workflows.exchange.parts import VersionPart
from workflows.graph import INTEGRATION
from workflows.triggers import BUTTON, WEBHOOK

WORKFLOW = "workflow"
BUTTON_KEY = "triggerVirtualButtonId"
WORKFLOW_KEY = "triggerWorkflowId"
INTEGRATION_KEY = "integrationId"
OWN_BROKERS = frozenset({"losant", "local", "external"})
"""What files of elsewhere call brokers that are no integrations."""


class Reference(NamedTuple):
    """One reference: where it stands in its version, to what kind of thing, and the object and key that hold the id."""

    place: str
    kind: str
    identifier: str
    holder: dict[str, Any]
    key: str


def references(version: VersionPart) -> Iterator[Reference]:
    """Yield what triggers and nodes refer to by a plain id; what a template makes of one is only known when it runs."""
    for at, trigger in enumerate(version.triggers):
        if trigger.get("type") == INTEGRATION and isinstance(key := trigger.get("key"), str) and key:
            yield Reference(f"triggers[{at}].key", INTEGRATION, key, trigger, "key")
    for at, node in enumerate(version.nodes):
        for key, kind in ((INTEGRATION_KEY, INTEGRATION), (WORKFLOW_KEY, WORKFLOW)):
            settings: Any = node.get("config")
            value = settings.get(key) if isinstance(settings, dict) else None
            if isinstance(value, str) and value and "{{" not in value and value not in OWN_BROKERS:
                yield Reference(f"nodes[{at}].config.{key}", kind, value, settings, key)


def button_references(version: VersionPart) -> Iterator[Reference]:
    """Yield the buttons of workflows that nodes press."""
    for at, node in enumerate(version.nodes):
        settings: Any = node.get("config")
        value = settings.get(BUTTON_KEY) if isinstance(settings, dict) else None
        if isinstance(value, str) and value and "{{" not in value:
            yield Reference(f"nodes[{at}].config.{BUTTON_KEY}", BUTTON, value, settings, BUTTON_KEY)


def triggers_of(version: VersionPart, kind: str) -> Iterator[JSONObject]:
    """Yield the triggers of a type."""
    return (trigger for trigger in version.triggers if trigger.get("type") == kind)


def buttons(version: VersionPart) -> Mapping[str, str]:
    """Return the keys of a version's buttons by what nodes may call them: their key, and in old files the id of their picture."""
    found: dict[str, str] = {}
    for trigger in triggers_of(version, BUTTON):
        key = str(trigger.get("key") or "")
        for name in (mark_of(trigger), key):
            if name and key:
                found[name] = key
    return found


def webhook_keys(version: VersionPart) -> Iterator[tuple[str, JSONObject]]:
    """Yield the keys of a version's webhooks with their triggers."""
    for trigger in triggers_of(version, WEBHOOK):
        yield str(trigger.get("key") or ""), trigger


def webhook_mark(trigger: JSONObject) -> tuple[str, str]:
    """Return what tells a webhook from others in all versions of its workflow: its key, else what it is called."""
    key = str(trigger.get("key") or "")
    return (key, "") if key else ("", mark_of(trigger) or label_of(trigger))


def mark_of(trigger: JSONObject) -> str:
    """Return the id that a trigger has on the canvas."""
    meta = trigger.get("meta")
    mark = meta.get("uiId") if isinstance(meta, dict) else None
    return mark if isinstance(mark, str) else ""


def label_of(raw: JSONObject) -> str:
    """Return what people call a trigger or a node; "" when it has no name of its own."""
    meta = raw.get("meta")
    label = meta.get("label") if isinstance(meta, dict) else None
    return label if isinstance(label, str) else ""

"""Firing a workflow from outside of a run: by a person, the API, a webhook.

An event is accepted when `fire` returns: it is durable in the workflow's own inbox then, and runs like any other.
"""

import time
from contextlib import closing
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime.depositing import Deposit, deposit
from integrations.runtime.limits import Limits
from wegnology.lib.ids import new_id
from wegnology.lib.redis import sync_client
from wegnology.lib.types import JSONObject, JSONValue
from workflows.models import Workflow, WorkflowVersion
from workflows.triggers import BUTTON


class NotFired(Exception):
    """Nothing was fired; the text says why and what to do."""


class NothingToFire(NotFired):
    """The workflow is disabled, or there is no such version or trigger."""


class NoRoom(NotFired):
    """The workflow's inbox is full: try again later."""


class TooLarge(NotFired):
    """The event is larger than a payload may be."""


class Stopped(NotFired):
    """The application has reached its payload limit; `until` is when it goes on."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(
            _("the application has reached its payload limit: nothing is taken in until %(until)s UTC")
            % {"until": f"{until:%d %B %Y %H:%M}"}
        )


def live_version(workflow: Workflow, name: str = "") -> WorkflowVersion:
    """Return the version that triggers fire, or the one of that name; raises `NothingToFire`."""
    if not workflow.enabled:
        raise NothingToFire(_("the workflow is disabled"))
    version = workflow.live() if name in ("", "default") else workflow.versions.filter(name=name).first()
    if version is None:
        raise NothingToFire(
            _("there is no version %(name)s of this workflow") % {"name": f"{name!r}"}
            if name
            else _("the workflow has no version yet")
        )
    if not version.enabled:
        raise NothingToFire(_("the version %(name)s is disabled") % {"name": f"{version.name!r}"})
    return version


def trigger_of(version: WorkflowVersion, kind: str, key: str) -> JSONObject | None:
    """Return the trigger of that type and key in its JSON form."""
    triggers = (raw for raw in version.triggers if isinstance(raw, dict))
    return next((raw for raw in triggers if raw.get("type") == kind and raw.get("key") == key), None)


def press(workflow: Workflow, key: str, payload: JSONValue = None, version: str = "", relay: tuple[str, str] = ("", "")) -> str:
    """Press a virtual button; returns the event's id. Raises `NotFired`, or what `RedisAway` names.

    `payload` is an object, or None for an empty one. `version` names the version to run in place of the live one. `relay` is who
    presses: ("user", id) or ("apiToken", id).
    """
    if trigger_of(live_version(workflow, version), BUTTON, key) is None:
        raise NothingToFire(_("there is no virtual button %(key)s in this version of the workflow") % {"key": f"{key!r}"})
    if payload is not None and not isinstance(payload, dict):
        raise NotFired(_('the payload of a virtual button must be a JSON object: { "name": value }'))
    return fire(workflow, Origin(BUTTON, key, *relay), {} if payload is None else payload, version)


def fire(workflow: Workflow, origin: Origin, data: JSONObject, version: str = "") -> str:
    """Put an event into a workflow's inbox; returns its id. Raises `NotFired`, or what `RedisAway` names."""
    stopped = workflow.application.stopped_until
    if stopped is not None and stopped > timezone.now():
        raise Stopped(stopped)
    limits = Limits.from_settings()
    chosen = "" if version == "default" else version
    event = TriggerEvent(new_id(), EventKind.MESSAGE, int(time.time() * 1000), data, version=chosen, origin=origin)
    stored = event.to_json()
    if len(stored) > limits.payload_bytes:
        raise TooLarge(
            _("a payload may have %(payload_bytes)s bytes, this one has %(count)s")
            % {"payload_bytes": f"{limits.payload_bytes:,}", "count": f"{len(stored):,}"}
        )
    with closing(sync_client(timeout=5.0)) as client:
        if not deposit(client, Deposit(workflow.pk, stored), limits):
            raise NoRoom(_("the workflow has so much waiting that there is no room for more: try again later"))
    return event.id

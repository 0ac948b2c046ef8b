"""What a workflow's page shows of its triggers other than integrations, and what can be done there: press, rotate."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.applications.audit import record
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.types import JSONObject
from workflows.firing import NotFired, press
from workflows.models import Webhook, Workflow, WorkflowVersion
from workflows.timers import next_times
from workflows.triggers import ALARM, BUTTON, FLOW_ERROR, TIMER, WEBHOOK


@dataclass(frozen=True, slots=True)
class Shown:
    """One trigger of the live version. `address`, `payload` and `due` where its type has one."""

    label: str
    kind: str
    key: str
    detail: str = ""
    address: str = ""
    payload: str = ""
    due: datetime | None = None


def shown_triggers(
    request: HttpRequest, workflow: Workflow, may_change: bool, version: WorkflowVersion | None = None
) -> list[Shown]:
    """Return the triggers of a version, else the live one, that are no integration's.

    Addresses of webhooks are for who may change the workflow.
    """
    version = version or workflow.live()
    triggers = [raw for raw in (version.triggers if version else []) if isinstance(raw, dict) and raw.get("type") in _SHOW]
    times = _times(workflow, version)
    return [_SHOW[str(raw["type"])](request, workflow, raw, may_change, times) for raw in triggers]


def _times(workflow: Workflow, version: WorkflowVersion | None) -> dict[str, datetime]:
    try:
        with closing(sync_client()) as client:
            return next_times(client, workflow, version)
    except RedisAway:
        return {}


def _label(raw: JSONObject, otherwise: str) -> str:
    meta = raw.get("meta")
    return str((isinstance(meta, dict) and meta.get("label")) or otherwise)


def _button(_r: HttpRequest, _w: Workflow, raw: JSONObject, _may: bool, _t: dict[str, datetime]) -> Shown:
    meta = raw.get("meta")
    payload = str((isinstance(meta, dict) and meta.get("payload")) or "{}")
    return Shown(_label(raw, _("Virtual Button")), BUTTON, str(raw.get("key")), payload=payload)


def _timer(_r: HttpRequest, _w: Workflow, raw: JSONObject, _may: bool, times: dict[str, datetime]) -> Shown:
    config: Any = raw.get("config") or {}
    cron = f"{config.get('cron')} ({config.get('tz') or 'UTC'})"
    detail = _("every %(seconds)s s") % {"seconds": config["seconds"]} if config.get("seconds") else cron
    return Shown(_label(raw, _("Timer")), TIMER, str(raw.get("key")), detail, due=times.get(str(raw.get("key"))))


def _error(_r: HttpRequest, _w: Workflow, raw: JSONObject, _may: bool, _t: dict[str, datetime]) -> Shown:
    config: Any = raw.get("config") or {}
    return Shown(
        _label(raw, _("Workflow Error")), FLOW_ERROR, str(raw.get("key")), _(_SCOPES.get(config.get("scope", "local"), ""))
    )


def _alarm(_r: HttpRequest, _w: Workflow, raw: JSONObject, _may: bool, _t: dict[str, datetime]) -> Shown:
    config: Any = raw.get("config") or {}
    kinds = config.get("kinds") or []
    detail = ", ".join(str(kind) for kind in kinds) if isinstance(kinds, list) and kinds else _("alarms of every kind")
    return Shown(_label(raw, _("Alarm")), ALARM, str(raw.get("key")), detail)


def _webhook(request: HttpRequest, workflow: Workflow, raw: JSONObject, may: bool, _t: dict[str, datetime]) -> Shown:
    config: Any = raw.get("config") or {}
    detail = _("waits for a reply") if config.get("waitForReply") else _("answers 202 at once")
    found = workflow.webhooks.filter(pk=str(raw.get("key"))).first() if may else None
    return Shown(_label(raw, _("Webhook")), WEBHOOK, str(raw.get("key")), detail, _address(request, found) if found else "")


def _address(request: HttpRequest, found: Webhook) -> str:
    try:
        return request.build_absolute_uri(reverse("webhook", kwargs={"token": found.token()}))
    except (KeyMissing, SealBroken) as error:
        return _("cannot be shown: %(error)s") % {"error": error}


_SHOW: dict[str, Callable[[HttpRequest, Workflow, JSONObject, bool, dict[str, datetime]], Shown]] = {
    BUTTON: _button,
    TIMER: _timer,
    FLOW_ERROR: _error,
    WEBHOOK: _webhook,
    ALARM: _alarm,
}
_SCOPES = {
    "local": gettext_noop("errors of this workflow"),
    "global": gettext_noop("errors of all workflows of the application"),
    "cloud": gettext_noop("errors of all workflows of the application"),
    "experience": gettext_noop("never: there are no experience workflows here"),
}


class TriggerActions:
    """The addresses below a workflow's page that act on its triggers. Mixed into its admin."""

    def press_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Press a virtual button with the payload that was entered."""
        return self._act(request, object_id, _press)

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give a webhook a new address."""
        return self._act(request, object_id, _rotate)

    def _act(self: Any, request: HttpRequest, object_id: str, act: Callable[[HttpRequest, Workflow], str]) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        event_id = act(request, row)
        page, more = ("pressed", [event_id]) if event_id else ("change", [])
        return HttpResponseRedirect(reverse(f"admin:workflows_workflow_{page}", args=[row.pk, *more]))


def _press(request: HttpRequest, row: Workflow) -> str:
    """Press a button; returns the id of the event, "" where nothing was pressed."""
    text = request.POST.get("payload", "").strip()
    try:
        payload = json.loads(text) if text else None
    except ValueError as error:
        messages.error(request, _("Not pressed: the payload is no JSON: %(error)s.") % {"error": error})
        return ""
    try:
        version = request.POST.get("version", "")
        event_id = press(row, request.POST.get("key", ""), payload, version, relay=("user", str(request.user.pk)))
    except NotFired as error:
        messages.error(request, _("Not pressed: %(error)s.") % {"error": error})
    except RedisAway as error:
        messages.error(
            request, _("Not pressed: Redis cannot be reached (%(error)s). Try again when it is back.") % {"error": error}
        )
    else:
        with transaction.atomic():
            record(None, "pressed", row, {"event": event_id})
        return event_id
    return ""


def _rotate(request: HttpRequest, row: Workflow) -> str:
    found = row.webhooks.filter(pk=request.POST.get("key", "")).first()
    if found is None:
        messages.error(request, _("There is no such webhook of this workflow."))
        return ""
    found.rotate()
    messages.success(request, _("The webhook has a new address. The old one is not known any more: tell who calls it."))
    return ""

"""Runs parked events again: only the workflow that failed, with the event's own id."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from integrations.events import EventUnreadable, TriggerEvent
from integrations.models import Integration
from integrations.runtime.depositing import append_replays
from integrations.runtime.limits import Limits
from wegnology.applications.audit import record
from wegnology.lib.ids import new_id
from wegnology.lib.redis import sync_client
from wegnology.lib.types import JSONObject
from workflows.models import DEVELOP, ParkedRun, Workflow

logger = logging.getLogger(__name__)

EVENTS_NAMED = 10
VERSIONS = ("", DEVELOP)
"""What a replay can run: the version that triggers fire, or develop."""


@dataclass(slots=True)
class Replayed:
    """What became of parked runs that were to be replayed, by their keys. All but `done` stay parked."""

    done: list[str] = field(default_factory=list)
    no_room: list[str] = field(default_factory=list)
    """The inbox is full; there will be room."""
    refused: dict[str, str] = field(default_factory=dict)
    """Cannot be replayed as it is, with the reason and the next step."""


def replay(parked_ids: Sequence[str], version: str = "") -> int:
    """As `send_back`, of runs by their keys; return how many went."""
    return len(send_back(list(ParkedRun.objects.filter(pk__in=parked_ids).order_by("created_at", "id")), version).done)


def send_back(runs: Sequence[ParkedRun], version: str = "") -> Replayed:
    """Put parked runs back into their inboxes, in the order given; `version` is one of `VERSIONS`.

    A row is deleted only after its event is durable in the inbox, and not if the run was parked again meanwhile: after a crash in
    between it may be replayed twice, never lost. Raises what `wegnology.lib.redis.RedisAway` names; then nothing was deleted.
    """
    if version not in VERSIONS:
        raise ValueError(
            "version: "
            + _("a replay runs the default version or %(develop)s, not %(version)s")
            % {"develop": DEVELOP, "version": f"{version!r}"}
        )
    result = Replayed()
    rows, events = [], []
    workflows = Workflow.objects.select_related("default_version").in_bulk({row.workflow_id for row in runs if row.workflow_id})
    for row in runs:
        try:
            event = TriggerEvent.from_json(row.event.encode())
        except EventUnreadable as error:
            logger.warning("the parked event %s cannot be replayed: %s", row.event_id, error)
            result.refused[row.pk] = _("The event cannot be read (%(error)s). Correct it, or discard the run.") % {"error": error}
            continue
        if why := _why_not(row, workflows):
            result.refused[row.pk] = why
            continue
        event = event._replace(replay_of=row.workflow_id, version=version or event.version)
        rows.append(row)
        events.append((row.integration_id, event))
    if events:
        _put_back(rows, events, result)
    return result


def _why_not(row: ParkedRun, workflows: Mapping[str, Workflow]) -> str:
    """Say why a run cannot be replayed now; "" when it can."""
    if not row.workflow_id:
        return ""
    workflow = workflows.get(row.workflow_id)
    if workflow is None:
        return _("Its workflow is deleted. Restore the workflow from the trash, or discard the run.")
    return "" if workflow.enabled else _("The workflow %(name)s is disabled. Enable it first.") % {"name": workflow.name}


def _put_back(rows: Sequence[ParkedRun], events: Sequence[tuple[str, TriggerEvent]], result: Replayed) -> None:
    mark = new_id()
    ParkedRun.objects.filter(pk__in=[row.pk for row in rows]).update(replaying=mark)
    accepted = append_replays(sync_client(timeout=5.0), events, Limits.from_settings())
    went = [row for row, fits in zip(rows, accepted, strict=True) if fits]
    result.done += [row.pk for row in went]
    result.no_room += [row.pk for row, fits in zip(rows, accepted, strict=True) if not fits]
    with transaction.atomic():
        _record(went)
        ParkedRun.objects.filter(pk__in=result.done, replaying=mark).delete()
    logger.info("replayed %d parked runs, %d stay for want of room in their inbox", len(went), len(result.no_room))


class EditRefused(ValueError):
    """An event cannot get this data; the text says why and what to do."""


def edit_text(row: ParkedRun, text: str) -> None:
    """As `edit`, with JSON text as people write it. Raises `EditRefused`."""
    try:
        data = orjson.loads(text)
    except ValueError as error:
        raise EditRefused(_("this is no JSON (%(error)s)") % {"error": error}) from None
    if not isinstance(data, dict):
        raise EditRefused(_("give a JSON object, in braces"))
    edit(row, data)


def edit(row: ParkedRun, data: JSONObject) -> None:
    """Give the event of a parked run other data; its id stays. Raises `EditRefused`."""
    try:
        event = TriggerEvent.from_json(row.event.encode())
    except EventUnreadable as error:
        raise EditRefused(_("the event cannot be edited: %(error)s") % {"error": error}) from None
    stored = event._replace(data=data).to_json()
    if len(stored) > settings.PAYLOAD_BYTES:
        raise EditRefused(
            _("%(count)s bytes are more than a message may have (%(payload_bytes)s)")
            % {"count": f"{len(stored):,}", "payload_bytes": f"{settings.PAYLOAD_BYTES:,}"}
        )
    if data == event.data:
        return
    row.size += len(stored) - len(row.event.encode())
    row.event = stored.decode()
    with transaction.atomic():
        row.save(update_fields=["event", "size"])
        record(None, "edited", row, {"event": row.event_id}, application_id=row.application_id)


def data_of(row: ParkedRun) -> str:
    """Return the data of a parked event as it can be edited; "" when the event cannot be read."""
    try:
        return json.dumps(TriggerEvent.from_json(row.event.encode()).data, indent=2, ensure_ascii=False)
    except EventUnreadable:
        return ""


def _record(rows: Sequence[ParkedRun]) -> None:
    """Write one audit entry for each workflow, or integration where the event itself was parked, however many its runs."""
    events: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = ("workflow", row.workflow_id) if row.workflow_id else ("integration", row.integration_id)
        events.setdefault(key, []).append(row.event_id)
    workflows = Workflow.objects.in_bulk([pk for kind, pk in events if kind == "workflow"])
    integrations = Integration.objects.in_bulk([pk for kind, pk in events if kind == "integration"])
    for (kind, pk), ids in events.items():
        of = workflows.get(pk) if kind == "workflow" else integrations.get(pk)
        if of is not None:
            more = _(" and %(count)s more") % {"count": len(ids) - EVENTS_NAMED} if len(ids) > EVENTS_NAMED else ""
            record(None, "replayed", of, {"runs": str(len(ids)), "events": ", ".join(ids[:EVENTS_NAMED]) + more})

"""What asks for a version by its name, and what is on its way to it: what has to wait when the version goes or is disabled."""

import contextlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from integrations.runtime.keys import key
from wegnology.lib.redis import RedisAway, SyncRedis, sync_client
from workflows.models import ParkedRun, Workflow, WorkflowVersion

MOST_LOOKED_AT = 1_000
"""Waiting events, and scheduled runs, that are looked at."""
_STARTS = "WorkflowTriggerNode"


class OnTheWay(NamedTuple):
    """What names a version and has not run yet. `more`: not all was looked at. `away`: Redis cannot be reached."""

    waiting: int = 0
    scheduled: int = 0
    more: bool = False
    away: bool = False


class Uses(NamedTuple):
    """All that concerns one version: workflows whose nodes name it, what is on its way, runs of it that are parked."""

    callers: list[str]
    on_the_way: OnTheWay
    parked: int


def uses_of(version: WorkflowVersion) -> Uses:
    """Return what depends on a version. Messages of integrations name theirs as they come: nobody knows them before."""
    parked = ParkedRun.objects.filter(workflow_id=version.workflow_id, version_id=version.pk).count()
    return Uses(list(callers(version)), on_the_way(version), parked)


def callers(version: WorkflowVersion) -> Iterator[str]:
    """Yield "workflow (version)" for each version of the application with a node that starts this one by its name."""
    rows = WorkflowVersion.objects.filter(workflow__application=version.workflow.application_id)
    naming = (
        rows.annotate(text=Cast("nodes", TextField()))
        .filter(text__contains=f'"{version.workflow_id}"')
        .select_related("workflow")
    )
    for row in naming.order_by("workflow__name", "name").iterator():
        if any(_names(node, version) for node in row.nodes):
            yield f"{row.workflow.name} ({row.name})"


def _names(node: Any, version: WorkflowVersion) -> bool:
    config = node.get("config") if isinstance(node, dict) and node.get("type") == _STARTS else None
    if not isinstance(config, dict) or config.get("triggerWorkflowId") != version.workflow_id:
        return False
    return str(config.get("flowVersionTemplate", "")).strip() == version.name


def on_the_way(version: WorkflowVersion) -> OnTheWay:
    """Count the events that wait in the workflow's own inbox for this version, and the runs that are scheduled with it."""
    try:
        with closing(sync_client()) as client:
            waiting: Any = client.xrange(key("inbox", version.workflow_id), count=MOST_LOOKED_AT)
            scheduled = list(_scheduled(client, version.workflow))
    except RedisAway:
        return OnTheWay(away=True)
    stored = [fields.get(b"e", b"") for _, fields in waiting]
    return OnTheWay(
        sum(_is_for(event, version) for event in stored),
        sum(_is_for(event, version) for event in scheduled),
        len(stored) == MOST_LOOKED_AT or len(scheduled) == MOST_LOOKED_AT,
    )


def _scheduled(client: SyncRedis, workflow: Workflow) -> Iterator[bytes]:
    """Yield what is scheduled for a workflow, a thousand runs at most."""
    mark = workflow.pk.encode() + b"\n"
    left = MOST_LOOKED_AT
    for _, stored in client.hscan_iter(key("scheduled", workflow.application_id), count=500):
        if stored.startswith(mark):
            yield stored.removeprefix(mark)
            left -= 1
            if not left:
                return


def _is_for(stored: bytes, version: WorkflowVersion) -> bool:
    with contextlib.suppress(ValueError, AttributeError):
        return bool(orjson.loads(stored).get("w") == version.name)
    return False

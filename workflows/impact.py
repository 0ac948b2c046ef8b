"""What an edit, a switching off or a deletion touches, said before it is saved: for pages, the API and commands.

One function for integrations, one for workflows. Both read in a fixed number of queries, however many rows are meant.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from integrations.models import Integration
from integrations.runtime.keys import key
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.speaking import counted
from workflows.graph import INTEGRATION
from workflows.models import DEVELOP, ParkedRun, Workflow, WorkflowVersion
from workflows.trigger_words import OWN_WORDS
from workflows.version_search import holding


@dataclass(frozen=True, slots=True)
class Touched:
    """A workflow that has to do with what is changed. `live`: its version that triggers fire does, and it is enabled."""

    id: str
    name: str
    live: bool
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is there at the moment; None where Redis cannot be asked."""

    events: int | None
    messages: int | None
    parked: int

    @property
    def something(self) -> bool:
        """Say whether anything is known to wait in an inbox or outbox."""
        return bool(self.events or self.messages)


@dataclass(frozen=True, slots=True)
class Impact:
    """What integrations have to do with."""

    triggers: list[Touched] = field(default_factory=list)
    """Workflows that start when something comes."""
    only: list[str] = field(default_factory=list)
    """Ids of those that nothing else starts, in any version."""
    senders: list[Touched] = field(default_factory=list)
    """Workflows that send through them."""
    topics: list[str] = field(default_factory=list)
    waiting: Waiting = field(default_factory=lambda: Waiting(0, 0, 0))

    @property
    def serious(self) -> bool:
        """Say whether a person should have read this before: something waits, or a live workflow depends on it."""
        return self.waiting.something or any(one.live for one in (*self.triggers, *self.senders))


def impact(integrations: Collection[Integration]) -> Impact:
    """Return what these integrations have to do with; they may be of several applications."""
    ids = {row.pk for row in integrations}
    versions = _versions({row.application_id for row in integrations}, ids)
    triggers = _touched(versions, lambda version: any(is_trigger_of(raw, ids) for raw in version.triggers))
    senders = _touched(versions, lambda version: _names(version.nodes, ids))
    return Impact(
        triggers,
        _only(triggers, ids),
        senders,
        sorted({topic for row in integrations for topic in row.topics}),
        _waiting(ids, ParkedRun.objects.filter(integration_id__in=ids).count()),
    )


@dataclass(frozen=True, slots=True)
class WorkflowImpact:
    """What workflows have to do with."""

    sources: list[str] = field(default_factory=list)
    """Names of the integrations whose messages start them."""
    own: list[str] = field(default_factory=list)
    """What else starts them: "2 timers"."""
    callers: list[Touched] = field(default_factory=list)
    """Workflows whose nodes name them."""
    waiting: Waiting = field(default_factory=lambda: Waiting(0, 0, 0))

    @property
    def serious(self) -> bool:
        """As for integrations."""
        return bool(self.sources or self.own or self.callers or self.waiting.something)


def workflow_impact(workflows: Collection[Workflow]) -> WorkflowImpact:
    """Return what these workflows have to do with, by the version that triggers fire."""
    ids = {row.pk for row in workflows}
    fired = [raw for triggers in _fired(workflows) for raw in triggers if isinstance(raw, dict)]
    keys = {str(raw.get("key")) for raw in fired if raw.get("type") == INTEGRATION}
    sources = Integration.objects.filter(pk__in=keys, application__in={row.application_id for row in workflows})
    versions = _versions({row.application_id for row in workflows}, ids)
    callers = _touched(versions, lambda version: version.workflow_id not in ids and _names(version.nodes, ids))
    parked = ParkedRun.objects.filter(workflow_id__in=ids).count()
    return WorkflowImpact(sorted(row.name for row in sources), _counted(fired), callers, _waiting(ids, parked))


def _fired(workflows: Collection[Workflow]) -> Iterable[list[Any]]:
    """Return the triggers of the version of each that triggers fire; one query."""
    of = {"workflow__in": [row.pk for row in workflows if not row.default_version_id], "name": DEVELOP}
    chosen = [row.default_version_id for row in workflows if row.default_version_id]
    return WorkflowVersion.objects.filter(Q(**of) | Q(pk__in=chosen)).values_list("triggers", flat=True)


def is_trigger_of(raw: Any, ids: Collection[str]) -> bool:
    """Say whether a trigger is one of these integrations'."""
    return isinstance(raw, dict) and raw.get("type") == INTEGRATION and raw.get("key") in ids


def _versions(applications: Collection[str], ids: Collection[str]) -> list[WorkflowVersion]:
    """Return the versions of some applications whose triggers or nodes may hold one of the ids."""
    rows = holding(WorkflowVersion.objects.filter(workflow__application__in=applications), ids, "triggers", "nodes")
    return list(rows.select_related("workflow").order_by("workflow__name", "workflow_id", "name"))


def _touched(versions: Iterable[WorkflowVersion], wanted: Any) -> list[Touched]:
    found: dict[str, tuple[Workflow, list[WorkflowVersion]]] = {}
    for version in versions:
        if wanted(version):
            found.setdefault(version.workflow_id, (version.workflow, []))[1].append(version)
    return [
        Touched(row.pk, row.name, row.enabled and any(_is_live(row, one) for one in own), tuple(one.name for one in own))
        for row, own in found.values()
    ]


def _is_live(row: Workflow, version: WorkflowVersion) -> bool:
    default = row.default_version_id
    return version.enabled and (version.pk == default if default else version.name == "develop")


def _only(triggers: Collection[Touched], ids: Collection[str]) -> list[str]:
    """Return which of the workflows have, in every version, no trigger but those of these integrations."""
    rows = WorkflowVersion.objects.filter(workflow__in=[one.id for one in triggers]).values_list("workflow_id", "triggers")
    others = {workflow_id for workflow_id, found in rows if not all(is_trigger_of(raw, ids) for raw in found)}
    return [one.id for one in triggers if one.id not in others]


def _names(value: Any, ids: Collection[str]) -> bool:
    """Say whether one of the ids is a value anywhere in JSON."""
    if isinstance(value, str):
        return value in ids
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(_names(item, ids) for item in items)


def _counted(triggers: Iterable[dict[str, Any]]) -> list[str]:
    kinds = [OWN_WORDS[raw["type"]] for raw in triggers if raw.get("type") in OWN_WORDS]
    return [counted(kinds.count(kind), kind, f"{kind}s") for kind in dict.fromkeys(kinds)]


def _waiting(ids: Collection[str], parked: int) -> Waiting:
    try:
        with closing(sync_client()) as client, client.pipeline(transaction=False) as pipe:
            for name in ("inbox", "outbox"):
                for identifier in ids:
                    pipe.xlen(key(name, identifier))
            found = pipe.execute()
    except RedisAway:
        return Waiting(None, None, parked)
    return Waiting(sum(found[: len(ids)]), sum(found[len(ids) :]), parked)

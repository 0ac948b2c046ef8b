"""Versions of workflows compiled once, and kept for as long as they may run.

Of develop the triggers and nodes are compared whenever its application is loaded. A named version never changes, so it is read
and compiled once: an application with hundreds of them is loaded anew as quickly as one with none.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from workflows.exceptions import GraphInvalid
from workflows.graph import Graph
from workflows.models import DEVELOP, PARTS, WorkflowVersion
from workflows.triggers import BUTTON, WEBHOOK
from workflows.unsupported import EVERY_TYPE

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What compiling gave: a graph, or the faults that keep the version from running."""

    graph: Graph | None
    faults: str = ""


class Compiler:
    """Compiles, and remembers. Used by one thread."""

    def __init__(self) -> None:
        self._outcomes: dict[str, tuple[str, Outcome]] = {}
        self._read: dict[str, dict[str, Any]] = {}

    def compile(self, version: WorkflowVersion) -> Outcome:
        """Compile a version, or return what became of the same triggers and nodes before."""
        known = self._outcomes.get(version.pk)
        source = "" if version.name != DEVELOP else repr((version.triggers, version.nodes))
        if known is None or known[0] != source:
            known = self._outcomes[version.pk] = (source, _compiled(version))
        return known[1]

    def choosable(self, application_id: str, naming: Collection[str]) -> Sequence[WorkflowVersion]:
        """Return the enabled versions of enabled workflows that something may name; others cost nothing.

        A press of a button and a call of a webhook may name one, and messages of the integrations in `naming`. Of those compiled
        before, `nodes` is empty.
        """
        rows = WorkflowVersion.objects.filter(workflow__application=application_id, workflow__enabled=True, enabled=True)
        found = Q(text__contains=f'"{BUTTON}"') | Q(text__contains=f'"{WEBHOOK}"')
        for integration_id in naming:
            found |= Q(text__contains=f'"{integration_id}"')
        chosen = rows.annotate(text=Cast("triggers", TextField())).filter(found).defer(*PARTS)
        versions = list(chosen.select_related("workflow").order_by("workflow_id", "pk"))
        self._fill(versions)
        return versions

    def _fill(self, versions: Collection[WorkflowVersion]) -> None:
        """Give versions what they hold; of named ones it is read once."""
        unread = [version.pk for version in versions if version.name == DEVELOP or version.pk not in self._read]
        held = {row.pk: {part: getattr(row, part) for part in PARTS} for row in _rows(unread)}
        self._read |= {version.pk: held[version.pk] for version in versions if version.name != DEVELOP and version.pk in held}
        for version_id in self._read.keys() & self._outcomes.keys():
            self._read[version_id]["nodes"] = []
        for version in versions:
            parts = held.get(version.pk) or self._read.get(version.pk) or {"triggers": [], "nodes": [], "globals": {}}
            for part, value in parts.items():
                setattr(version, part, value)

    def forget(self, versions: Iterable[str]) -> None:
        """Let go of versions that cannot run any more."""
        for version_id in versions:
            self._outcomes.pop(version_id, None)
            self._read.pop(version_id, None)


def _rows(ids: Sequence[str]) -> Iterable[WorkflowVersion]:
    return WorkflowVersion.objects.only(*PARTS).in_bulk(ids).values() if ids else ()


def _compiled(version: WorkflowVersion) -> Outcome:
    try:
        return Outcome(Graph.parse(version.triggers, version.nodes, EVERY_TYPE))
    except GraphInvalid as error:
        logger.warning("version %s of workflow %s cannot run: %s", version.name, version.workflow_id, error)
        return Outcome(None, str(error))

"""What a worker knows of integrations and workflows: compiled once, kept until something changes.

Loaded in a thread like the listener's snapshot: revisions of the applications are compared once a second. While the database
is away the last known state stays in force.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import close_old_connections
from django.db.models import Prefetch

from integrations.connectors.base import AnyConnector
from integrations.events import EventKind
from integrations.models import Integration
from integrations.runtime.keys import partition_of
from integrations.runtime.snapshot import Desired, desire
from wegnology.applications.credentials import find_credential
from wegnology.applications.models import Application, Credential
from wegnology.lib import credential_types as kinds
from wegnology.lib.registry import UnknownName
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import GraphInvalid
from workflows.graph import Graph, Trigger
from workflows.models import DEVELOP, Workflow, WorkflowVersion

logger = logging.getLogger(__name__)

INTEGRATION_TRIGGER = "integration"


@dataclass(frozen=True, slots=True)
class Plan:
    """One workflow version, ready to run. `faults` says why it cannot; then `graph` is None."""

    application_id: str
    workflow_id: str
    version_id: str
    graph: Graph | None
    envelope: JSONObject
    """The part of the payload that is the same for every run."""
    globals: JSONObject
    flat_globals: bool
    faults: str = ""


class Match(NamedTuple):
    """A workflow to run for an event, and the trigger that asks for it; None when the workflow cannot be compiled."""

    plan: Plan
    trigger: Trigger | None


@dataclass(frozen=True, slots=True)
class Known:
    """What runs need to know of an integration. `rate` is None for the installation's default."""

    integration_id: str
    application_id: str
    partition: int
    enabled: bool
    connector: type[AnyConnector] | None
    rate: float | None
    name: str
    desired: Desired | None = None
    """Settings and login, for types that send by request."""


@dataclass(slots=True)
class _Application:
    integrations: list[str] = field(default_factory=list)
    credentials: dict[str, Credential] = field(default_factory=dict)
    matches: dict[tuple[str, EventKind], list[Match]] = field(default_factory=dict)


class Catalog:
    """Integrations and compiled workflows. `refresh` runs in one thread; readers see whole states only."""

    def __init__(self) -> None:
        self.integrations: dict[str, Known] = {}
        self._applications: dict[str, _Application] = {}
        self._revisions: dict[str, int] = {}
        self._compiled: dict[str, tuple[str, Graph]] = {}

    def match(self, known: Known, kind: EventKind, only_workflow: str = "") -> list[Match]:
        """Return the workflows to run for an event of an integration; for a replay the one it is for."""
        application = self._applications.get(known.application_id)
        if application is None:
            return []
        matches = application.matches.get((known.integration_id, kind), [])
        if only_workflow:
            return [match for match in matches if match.plan.workflow_id == only_workflow]
        return matches

    def credential(self, application_id: str, name: str, wanted: Sequence[str]) -> kinds.Credential:
        """Return an application's service credential, opened; raises `ConfigInvalid` with the reason."""
        application = self._applications.get(application_id)
        return find_credential(name, wanted, application.credentials if application else {})

    def refresh(self) -> bool:
        """Load what changed. Raises `DatabaseError` while the database is away."""
        close_old_connections()
        current = dict(Application.objects.values_list("pk", "revision"))
        changed = [pk for pk, revision in current.items() if self._revisions.get(pk) != revision]
        for pk in self._revisions.keys() - current.keys():
            self._forget(pk)
            del self._revisions[pk]
        for pk in changed:
            self._load(pk)
            self._revisions[pk] = current[pk]
        return bool(changed)

    def _forget(self, application_id: str) -> None:
        known = self._applications.pop(application_id, None)
        for integration_id in known.integrations if known else []:
            self.integrations.pop(integration_id, None)

    def _load(self, application_id: str) -> None:
        application = Application.objects.prefetch_related("globals", "credentials").filter(pk=application_id).first()
        if application is None:
            self._forget(application_id)
            return
        fresh = _Application(credentials={row.name: row for row in application.credentials.all()})
        context: JSONObject = {"globals": application.globals_for_connections()}
        integrations = Integration.objects.filter(application_id=application_id)
        rows = {row.pk: _known(row, context, fresh.credentials) for row in integrations}
        fresh.integrations = list(rows)
        shared = application.globals_for_runs()
        for workflow in _running(application_id):
            version = _default_version(workflow)
            if version is not None and version.enabled:
                self._add(fresh, application, shared, workflow, version)
        previous = self._applications.get(application_id)
        self.integrations.update(rows)
        self._applications[application_id] = fresh
        for integration_id in set(previous.integrations if previous else []) - rows.keys():
            self.integrations.pop(integration_id, None)

    def _add(
        self, fresh: _Application, application: Application, shared: JSONObject, workflow: Workflow, version: WorkflowVersion
    ) -> None:
        values: JSONObject = {**shared, **version.globals}
        envelope = _envelope(application, workflow, version)
        flat = not any(isinstance(value, dict | list) for value in values.values())
        try:
            graph: Graph | None = self._compile(version)
            faults = ""
        except GraphInvalid as error:
            graph, faults = None, str(error)
            logger.warning("workflow %s cannot run: %s", workflow.pk, error)
        plan = Plan(application.pk, workflow.pk, version.pk, graph, envelope, values, flat, faults)
        for integration_id in _trigger_keys(version.triggers):
            for kind in EventKind:
                for match in _matches(plan, integration_id, kind, version.triggers):
                    fresh.matches.setdefault((integration_id, kind), []).append(match)

    def _compile(self, version: WorkflowVersion) -> Graph:
        """Compile a version, or take the graph compiled from the same triggers and nodes before."""
        source = repr((version.triggers, version.nodes))
        known = self._compiled.get(version.pk)
        if known is None or known[0] != source:
            known = (source, Graph.parse(version.triggers, version.nodes))
            self._compiled[version.pk] = known
        return known[1]


def _running(application_id: str) -> list[Workflow]:
    develop = Prefetch("versions", WorkflowVersion.objects.filter(name=DEVELOP), to_attr="develop")
    rows = Workflow.objects.filter(application_id=application_id, enabled=True)
    return list(rows.select_related("default_version").prefetch_related(develop).order_by("pk"))


def _default_version(workflow: Workflow) -> WorkflowVersion | None:
    if workflow.default_version is not None:
        return workflow.default_version
    develop: list[WorkflowVersion] = workflow.develop  # type: ignore[attr-defined]
    return develop[0] if develop else None


def _envelope(application: Application, workflow: Workflow, version: WorkflowVersion) -> JSONObject:
    return {
        "applicationId": application.pk,
        "applicationName": application.name,
        "flowId": workflow.pk,
        "flowName": workflow.name,
        "flowVersion": version.name,
    }


def _trigger_keys(triggers: list[JSONValue]) -> list[str]:
    """Return the integrations that a version's triggers name, each once, in order."""
    named = [t for t in triggers if isinstance(t, dict) and t.get("type") == INTEGRATION_TRIGGER]
    return list(dict.fromkeys(str(trigger.get("key")) for trigger in named))


def _matches(plan: Plan, integration_id: str, kind: EventKind, triggers: list[JSONValue]) -> list[Match]:
    if plan.graph is None:
        wanted = kind is EventKind.MESSAGE  # what cannot be compiled is parked for messages, with its faults
        return [Match(plan, None)] if wanted and triggers else []
    found = plan.graph.triggers(INTEGRATION_TRIGGER, integration_id)
    return [Match(plan, trigger) for trigger in found if trigger.wants(kind)]


def _known(row: Integration, context: JSONObject, credentials: Mapping[str, Credential]) -> Known:
    try:
        connector: type[AnyConnector] | None = row.connector
    except UnknownName:
        connector = None
    by_request = connector is not None and connector.Outgoing is not None and not connector.sends_live
    desired = desire(row, context, credentials) if by_request else None
    partition = partition_of(row.pk)
    return Known(row.pk, row.application_id, partition, row.enabled, connector, row.throttle_per_second, row.name, desired)

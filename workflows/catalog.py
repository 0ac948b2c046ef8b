"""What a worker knows of integrations and workflows: compiled once, kept until something changes.

Loaded in a thread like the listener's snapshot: revisions of the applications are compared once a second. While the database
is away the last known state stays in force.
"""

import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from django.db import close_old_connections
from django.db.models import Prefetch

from integrations.connectors.base import AnyConnector
from integrations.events import EventKind, TriggerEvent
from integrations.models import Integration
from integrations.runtime.keys import partition_of
from integrations.runtime.snapshot import desire
from wegnology.applications.credentials import find_credential
from wegnology.applications.models import Application, Credential
from wegnology.lib import credential_types as kinds
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.registry import UnknownName
from wegnology.lib.types import JSONObject, JSONValue
from workflows.compiling import Compiler
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.plans import Known as Known
from workflows.plans import Match as Match
from workflows.plans import OwnSources
from workflows.plans import Plan as Plan

logger = logging.getLogger(__name__)

INTEGRATION_TRIGGER = "integration"
DEFAULT = "default"
"""As the name of a version: the one that is live."""
_NONE: list[Match] = []


@dataclass(slots=True)
class _Application:
    integrations: list[str] = field(default_factory=list)
    credentials: dict[str, Credential] = field(default_factory=dict)
    known: KnownGlobals = field(default_factory=lambda: KnownGlobals({}))
    """What templates of credentials may name, secrets too; never seen by a workflow."""
    matches: dict[tuple[str, EventKind], list[Match]] = field(default_factory=dict)
    messages: dict[str, list[Match]] = field(default_factory=dict)
    """Those for messages once more, by integration: the hash of an `EventKind` costs more than the rest of a lookup."""
    named: dict[tuple[str, EventKind, str], list[Match]] = field(default_factory=dict)
    """By the name of a version, for integrations whose messages name one."""
    workflows: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    """Those that may run."""
    own: OwnSources = field(default_factory=OwnSources)


class Catalog:
    """Integrations and compiled workflows. `refresh` runs in one thread; readers see whole states only."""

    def __init__(self) -> None:
        self.integrations: dict[str, Known] = {}
        self.workflows: dict[str, Known] = {}
        self.loaded_ms = 0
        """When the last loading that ended began, in ms since 1970: what was saved before is known, or the database is away."""
        self._applications: dict[str, _Application] = {}
        self._revisions: dict[str, int] = {}
        self._compiler = Compiler()

    def match(self, known: Known, kind: EventKind, only_workflow: str = "", version: str = "") -> list[Match]:
        """Return the workflows to run for an event of an integration; for a replay the one it is for.

        `version` names the version to run of each; a workflow without such a version does not run.
        """
        application = self._applications.get(known.application_id)
        if application is None:
            return []
        if kind is EventKind.MESSAGE and not (version or only_workflow):
            return application.messages.get(known.integration_id, _NONE)
        if only_workflow and version == DEVELOP:
            plan = application.own.developed(only_workflow)
            return _matches(plan, known.integration_id, kind, [INTEGRATION_TRIGGER]) if plan else []
        if version and version != DEFAULT:
            matches = application.named.get((known.integration_id, kind, version), [])
        else:
            matches = application.matches.get((known.integration_id, kind), [])
        if only_workflow:
            return [match for match in matches if match.plan.workflow_id == only_workflow]
        return matches

    def source(self, source_id: str) -> Known | None:
        """Return what is known of an integration, or of a workflow that is a source of events itself."""
        return self.integrations.get(source_id) or self.workflows.get(source_id)

    def fired(self, known: Known, event: TriggerEvent) -> list[Match]:
        """Return the runs to start for an event of a workflow's own."""
        return self.own(known.application_id).matches(known.integration_id, event)

    def own(self, application_id: str) -> OwnSources:
        """Return an application's workflows by what else than integrations fires them."""
        application = self._applications.get(application_id)
        return application.own if application else OwnSources()

    def credential(self, application_id: str, name: str, wanted: Sequence[str]) -> kinds.Credential:
        """Return an application's service credential, opened; raises `ConfigInvalid` with the reason."""
        application = self._applications.get(application_id)
        if application is None:
            return find_credential(name, wanted, {})
        return find_credential(name, wanted, application.credentials, application.known)

    def refresh(self) -> bool:
        """Load what changed. Raises `DatabaseError` while the database is away."""
        began = time.time_ns() // 1_000_000
        try:
            return self._refresh()
        finally:
            self.loaded_ms = began

    def _refresh(self) -> bool:
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
        self._compiler.forget(known.versions if known else ())
        for integration_id in known.integrations if known else []:
            self.integrations.pop(integration_id, None)
        for workflow_id in known.workflows if known else []:
            self.workflows.pop(workflow_id, None)

    def _load(self, application_id: str) -> None:
        application = Application.objects.prefetch_related("globals", "credentials").filter(pk=application_id).first()
        if application is None:
            self._forget(application_id)
            return
        known = application.globals_for_connections()
        fresh = _Application(credentials={row.name: row for row in application.credentials.all()}, known=known)
        context: JSONObject = {"globals": known}
        integrations = Integration.objects.filter(application_id=application_id)
        rows = {row.pk: _known(row, context, fresh.credentials) for row in integrations}
        fresh.integrations = list(rows)
        shared = application.globals_for_runs()
        for workflow in _running(application_id):
            version = _default_version(workflow)
            if version is not None and version.enabled:
                self._add(fresh, application, shared, workflow, version)
            self._add_develop(fresh, application, shared, workflow)
        self._add_choosable(fresh, application, shared, rows)
        flows = {row.pk: _source(row) for row in Workflow.objects.filter(application_id=application_id)}
        fresh.workflows = list(flows)
        previous = self._applications.get(application_id)
        self.integrations.update(rows)
        self.workflows.update(flows)
        self._applications[application_id] = fresh
        self._compiler.forget(previous.versions - fresh.versions if previous else ())
        for integration_id in set(previous.integrations if previous else []) - rows.keys():
            self.integrations.pop(integration_id, None)
        for workflow_id in set(previous.workflows if previous else []) - flows.keys():
            self.workflows.pop(workflow_id, None)

    def _add(
        self, fresh: _Application, application: Application, shared: JSONObject, workflow: Workflow, version: WorkflowVersion
    ) -> None:
        plan = fresh.own.live[workflow.pk] = self._plan(application, shared, workflow, version)
        fresh.versions.add(version.pk)
        for integration_id in _trigger_keys(version.triggers):
            for kind in EventKind:
                for match in _matches(plan, integration_id, kind, version.triggers):
                    fresh.matches.setdefault((integration_id, kind), []).append(match)
            fresh.messages[integration_id] = fresh.matches.get((integration_id, EventKind.MESSAGE), _NONE)

    def _add_develop(self, fresh: _Application, application: Application, shared: JSONObject, workflow: Workflow) -> None:
        """Remember how to make the develop version where triggers fire another one: a replay may want it."""
        develop: list[WorkflowVersion] = workflow.develop  # type: ignore[attr-defined]
        if workflow.default_version is not None and develop and develop[0].enabled:
            fresh.own.develop[workflow.pk] = lru_cache(1)(partial(self._plan, application, shared, workflow, develop[0]))

    def _add_choosable(
        self, fresh: _Application, application: Application, shared: JSONObject, rows: Mapping[str, Known]
    ) -> None:
        """Add the versions that may be named: by messages of integrations whose type does so, by buttons and webhooks."""
        naming = {pk for pk, known in rows.items() if known.connector is not None and known.connector.names_versions}
        for version in self._compiler.choosable(application.pk, naming):
            plan = self._plan(application, shared, version.workflow, version)
            fresh.versions.add(version.pk)
            fresh.own.named[version.workflow_id, version.name] = plan
            keys = [one for one in _trigger_keys(version.triggers) if one in naming]
            for integration_id, kind in itertools.product(keys, EventKind):
                for match in _matches(plan, integration_id, kind, version.triggers):
                    fresh.named.setdefault((integration_id, kind, version.name), []).append(match)

    def _plan(self, application: Application, shared: JSONObject, workflow: Workflow, version: WorkflowVersion) -> Plan:
        values: JSONObject = {**shared, **version.globals}
        envelope = _envelope(application, workflow, version)
        flat = not any(isinstance(value, dict | list) for value in values.values())
        graph, faults = self._compiler.compile(version)
        return Plan(application.pk, workflow.pk, version.pk, graph, envelope, values, flat, faults)


def _source(row: Workflow) -> Known:
    """Return a workflow as a source: what fires it is limited at its door, so it has no throttle."""
    return Known(row.pk, row.application_id, partition_of(row.pk), row.enabled, None, 0.0, row.name)


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

"""What is stored, as parts to write into files."""

from collections.abc import Iterable, Sequence

from integrations.models import Integration
from wegnology.applications.models import Application, Credential
from wegnology.lib.registry import UnknownName
from wegnology.lib.types import JSONObject
from workflows.exchange.parts import DEVELOP, CredentialPart, GlobalPart, IntegrationPart, VersionPart, WorkflowPart
from workflows.exchange.references import references
from workflows.exchange.settings_form import public_config
from workflows.graph import INTEGRATION
from workflows.models import Workflow, WorkflowVersion


def workflow_parts(rows: Sequence[Workflow]) -> list[WorkflowPart]:
    """Return workflows with all their versions, in two queries."""
    stored = (
        Workflow.objects.filter(pk__in=[row.pk for row in rows]).select_related("default_version").prefetch_related("versions")
    )
    found = {row.pk: _workflow(row) for row in stored}
    return [found[row.pk] for row in rows if row.pk in found]


def _workflow(row: Workflow) -> WorkflowPart:
    versions = sorted(row.versions.all(), key=lambda each: (each.name != DEVELOP, each.created_at, each.pk))
    parts = [_version(each) for each in versions]
    if not any(each.name == DEVELOP for each in versions):
        parts.insert(0, VersionPart("", DEVELOP, [], [], {}))
    default = row.default_version.name if row.default_version else ""
    return WorkflowPart("", row.pk, row.name, row.description, versions=parts, default=default)


def _version(row: WorkflowVersion) -> VersionPart:
    place = f"{row.workflow_id}/{row.name}"
    return VersionPart(
        place, row.name, _objects(row.triggers), _objects(row.nodes), row.globals, row.notes, row.enabled, row.pk, row.workflow_id
    )


def _objects(raw: Iterable[object]) -> list[JSONObject]:
    return [each for each in raw if isinstance(each, dict)]


def integrations_of(application: Application, parts: Iterable[WorkflowPart]) -> dict[str, JSONObject]:
    """Return what files say of the integrations that workflows refer to, by id."""
    named = {
        found.identifier
        for part in parts
        for version in part.versions
        for found in references(version)
        if found.kind == INTEGRATION
    }
    rows = application.integrations.filter(pk__in=named).order_by("name", "pk")
    return {row.pk: {"id": row.pk, "name": row.name, "integrationType": row.integration_type} for row in rows}


def integration_parts(application: Application) -> list[IntegrationPart]:
    """Return the integrations of an application, without secrets and without what was assigned to each alone."""
    rows = application.integrations.order_by("name", "pk")
    return [
        IntegrationPart("", row.pk, row.name, row.integration_type, row.topics, _settings(row), row.credential_name)
        for row in rows
    ]


def _settings(row: Integration) -> JSONObject:
    try:
        return row.connector.unassigned(public_config(row))
    except UnknownName:
        return {}  # what no release knows any more: nobody could say which of it is secret


def credential_parts(application: Application) -> list[CredentialPart]:
    """Return the service credentials of an application, without secrets."""
    rows = application.credentials.order_by("name", "pk")
    return [CredentialPart("", row.name, row.credential_type, row.description, _login(row)) for row in rows]


def _login(row: Credential) -> JSONObject:
    try:
        return public_config(row)
    except KeyError:
        return {}


def global_parts(application: Application) -> list[GlobalPart]:
    """Return the globals of an application; of secret ones all but the value."""
    rows = application.globals.order_by("key")
    return [GlobalPart("", row.key, None if row.secret else row.value, row.secret, row.description) for row in rows]

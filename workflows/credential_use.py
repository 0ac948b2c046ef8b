"""Workflow nodes as users of service credentials: some name one directly instead of an integration."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import TextField
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.applications.credential_users import CredentialUse, CredentialUsers, Names
from workflows.models import WorkflowVersion

_KEYS = ("credentialName", "credentialNameTemplate")


class NodeUsers(CredentialUsers):
    """Nodes name a credential in their settings. A name that is a template may turn out to be any of the application's."""

    def uses(self, names: Names) -> Iterator[tuple[str, str, CredentialUse]]:
        """Yield the workflows whose nodes name these credentials, each once with its versions."""
        found: defaultdict[tuple[str, str, str, str, bool], set[str]] = defaultdict(set)
        for version in _versions(names):
            workflow = version.workflow
            for given in credential_names(version.nodes):
                certain = "{{" not in given
                for name in [given] if certain else names[workflow.application_id]:
                    if name in names[workflow.application_id]:
                        found[workflow.application_id, name, workflow.name, workflow.pk, certain].add(version.name)
        for (application_id, name, workflow_name, pk, certain), versions in sorted(found.items()):
            address = reverse("admin:workflows_workflow_change", args=[pk])
            where = f"in {', '.join(sorted(versions))}"
            detail = where if certain else _("%(where)s: chosen by a template") % {"where": where}
            yield application_id, name, CredentialUse(gettext_noop("Workflow"), workflow_name, address, detail, certain)

    def rename(self, application_id: str, before: str, after: str) -> None:
        """Leave nodes as they are: versions never change, so pages name those that keep the old name."""


def naming_workflows(application_id: str, name: str) -> set[str]:
    """Return the ids of the workflows with a node that names a credential for certain, in any version."""
    versions = _versions({application_id: [name]})
    return {version.workflow_id for version in versions if name in credential_names(version.nodes)}


def _versions(names: Names) -> Iterator[WorkflowVersion]:
    """Yield the versions with a node that names any credential: what does not hold the word is not loaded."""
    rows = WorkflowVersion.objects.filter(workflow__application_id__in=list(names))
    holding = rows.annotate(text=Cast("nodes", TextField())).filter(text__contains='"credentialName')
    return holding.select_related("workflow").iterator()


def credential_names(value: object) -> Iterator[str]:
    """Yield the credentials' names and templates in nodes, at any depth."""
    if isinstance(value, list):
        for part in value:
            yield from credential_names(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in _KEYS and isinstance(part, str) and part:
                yield part
            else:
                yield from credential_names(part)

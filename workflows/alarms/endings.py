"""What ends in applications: certificates, keys and signatures. Opened again only when an application changed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from integrations.endings import endings_of
from integrations.models import Integration
from wegnology.applications.credential_facts import facts_of
from wegnology.applications.models import Application
from wegnology.lib.forms import SchemaFields
from workflows.alarms.facts import Ending, Subject


class Endings:
    """What was found, by application and revision."""

    def __init__(self) -> None:
        self._revisions: dict[str, int] = {}
        self._found: dict[str, list[Ending]] = {}

    def read(self, applications: Sequence[Application], now: datetime) -> Mapping[str, Sequence[Ending]]:
        """Return what ends, by application; a fixed number of queries, and none while nothing changed."""
        changed = [row for row in applications if self._revisions.get(row.pk) != row.revision]
        if changed:
            integrations = Prefetch("integrations", Integration.objects.filter(enabled=True))
            prefetch_related_objects(changed, "globals", "credentials", integrations)
        for row in changed:
            self._found[row.pk] = list(_endings(row))
            self._revisions[row.pk] = row.revision
        return self._found


def _endings(application: Application) -> Iterator[Ending]:
    """Yield all that ends of what is switched on."""
    known = application.globals_for_connections()
    for credential in application.credentials.all():
        if credential.enabled:
            subject = Subject("credential", credential.pk, credential.name)
            yield from (Ending(subject, entry.subject, entry.not_after) for entry in facts_of(credential, known).ends)
    for integration in application.integrations.all():
        integration.application = application  # with its globals, read once for all
        label = SchemaFields(integration.config_schema).label
        subject = Subject("integration", integration.pk, integration.name)
        for entry in endings_of(integration):
            yield Ending(subject, f"{label(entry.field)} ({entry.subject})", entry.not_after)

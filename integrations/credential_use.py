"""Integrations as users of service credentials."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.models import Integration
from wegnology.applications.credential_users import CredentialUse, CredentialUsers, Names
from wegnology.lib.registry import UnknownName


class IntegrationUsers(CredentialUsers):
    """Integrations name a credential in `credential_name`."""

    def uses(self, names: Names) -> Iterator[tuple[str, str, CredentialUse]]:
        """Yield the integrations that name these credentials."""
        every = {name for some in names.values() for name in some}
        rows = Integration.objects.filter(application_id__in=list(names), credential_name__in=every).order_by("name", "id")
        for row in rows:
            if row.credential_name in names[row.application_id]:
                address = reverse("admin:integrations_integration_change", args=[row.pk])
                detail = _type_label(row) if row.enabled else _("%(type_label)s, disabled") % {"type_label": _type_label(row)}
                yield (
                    row.application_id,
                    row.credential_name,
                    CredentialUse(gettext_noop("Integration"), row.name, address, detail),
                )

    def rename(self, application_id: str, before: str, after: str) -> None:
        """Let integrations refer to the credential by its new name."""
        for row in Integration.objects.filter(application_id=application_id, credential_name=before):
            row.credential_name = after
            row.save(update_fields=["credential_name", "updated_at"])


def _type_label(row: Integration) -> str:
    try:
        return _(row.connector.label)
    except UnknownName:
        return row.integration_type

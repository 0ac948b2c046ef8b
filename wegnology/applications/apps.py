"""Applications: the tenants, and what belongs to them alone."""

from django.apps import AppConfig
from django.conf import settings


class ApplicationsConfig(AppConfig):
    """The lowest Django app."""

    name = "wegnology.applications"
    label = "applications"
    verbose_name = "Applications"

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers."""
        from wegnology.applications.models import Application, Credential, Global
        from wegnology.applications.revisions import touch_on_change
        from wegnology.lib import google_keys

        touch_on_change(Application, lambda row: str(row.pk))
        touch_on_change(Global, lambda row: str(row.application_id))
        touch_on_change(Credential, lambda row: str(row.application_id))
        google_keys.configure(token_uris=settings.GOOGLE_TOKEN_URIS)

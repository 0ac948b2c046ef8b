"""Applications: the tenants, and what belongs to them alone."""

from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    """The lowest Django app."""

    name = "wegnology.applications"
    label = "applications"
    verbose_name = "Applications"

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers."""
        from wegnology.applications.models import Application, Global
        from wegnology.applications.revisions import touch_on_change

        touch_on_change(Application, lambda row: str(row.pk))
        touch_on_change(Global, lambda row: str(row.application_id))

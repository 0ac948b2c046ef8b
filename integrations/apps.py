"""Integrations: connections to brokers, queues and sockets."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Knows connections, nothing of workflows."""

    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers."""
        from integrations.models import Integration
        from wegnology.applications.revisions import touch_on_change

        touch_on_change(Integration, lambda row: str(row.application_id))

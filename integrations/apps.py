"""Integrations: connections to brokers, queues and sockets."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Knows connections, nothing of workflows."""

    name = "integrations"
    verbose_name = "Integrations"

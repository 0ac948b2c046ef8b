"""Workflows: what happens with what arrived."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """Knows integrations through events, models and the runtime's doors."""

    name = "workflows"
    verbose_name = "Workflows"

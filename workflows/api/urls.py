"""Addresses below /api of workflows, and of what cannot be told without them."""

from django.urls import path

from workflows.api import integration_views as integrations

_APPLICATION = "applications/<str:applicationId>"

urlpatterns = [
    path(
        f"{_APPLICATION}/integrations/<str:integrationId>",
        integrations.IntegrationWithWorkflowsView.as_view(),
        name="integration",
    ),
]

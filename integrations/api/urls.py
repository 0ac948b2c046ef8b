"""Addresses below /api of what belongs to integrations alone. One integration by itself is in `workflows.api.urls`."""

from django.urls import path

from integrations.api import check_views as checks
from integrations.api import insight_views as insight
from integrations.api import views

_INTEGRATIONS = "applications/<str:applicationId>/integrations"
_ONE = f"{_INTEGRATIONS}/<str:integrationId>"

urlpatterns = [
    path(_INTEGRATIONS, views.IntegrationsView.as_view(), name="integrations"),
    path(f"{_INTEGRATIONS}/status", views.StatusView.as_view(), name="integrations_status"),
    path(f"{_ONE}/ledger", insight.LedgerView.as_view(), name="integration_ledger"),
    path(f"{_ONE}/messages", insight.MessagesView.as_view(), name="integration_messages"),
    path(f"{_ONE}/messages/<str:eventId>", insight.MessageView.as_view(), name="integration_message"),
    path(f"{_ONE}/reconnect", views.ReconnectView.as_view(), name="integration_reconnect"),
    path(f"{_ONE}/check", checks.CheckView.as_view(), name="integration_check"),
    path(f"{_ONE}/checks/<str:checkId>", checks.CheckedView.as_view(), name="integration_checked"),
]

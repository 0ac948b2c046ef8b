"""Addresses below /api of workflows, and of what cannot be told without them."""

from django.urls import path

from workflows.api import application_transfer_views as whole
from workflows.api import event_views as events
from workflows.api import flow_insight_views as insight
from workflows.api import flow_storage_views as storage
from workflows.api import flow_transfer_views as transfer
from workflows.api import flow_version_views as versions
from workflows.api import flow_views as flows
from workflows.api import integration_views as integrations
from workflows.api import linked_views as linked
from workflows.api import parked_views as parked
from workflows.api import replay_views as replays

_APPLICATION = "applications/<str:applicationId>"
_FLOWS = f"{_APPLICATION}/flows"
_FLOW = f"{_FLOWS}/<str:flowId>"
_VERSION = f"{_FLOW}/versions/<str:flowVersionId>"
_PARKED = f"{_APPLICATION}/parkedRuns"

urlpatterns = [
    path(f"{_APPLICATION}/export", whole.ExportView.as_view(), name="export"),
    path(f"{_APPLICATION}/import", whole.ImportView.as_view(), name="import"),
    path("exports/<str:mark>", whole.ExportFileView.as_view(), name="export_file"),
    path(
        f"{_APPLICATION}/integrations/<str:integrationId>",
        integrations.IntegrationWithWorkflowsView.as_view(),
        name="integration",
    ),
    path(
        f"{_APPLICATION}/credentials/<str:credentialId>/linkedResources",
        linked.LinkedResourcesView.as_view(),
        name="linked_resources",
    ),
    path(f"{_APPLICATION}/events", events.EventsView.as_view(), name="events"),
    path(f"{_APPLICATION}/events/<str:eventId>", events.EventView.as_view(), name="event"),
    path(_FLOWS, flows.FlowsView.as_view(), name="flows"),
    path(f"{_FLOWS}/version", versions.FlowsByVersionView.as_view(), name="flows_by_version"),
    path(f"{_FLOWS}/import", transfer.FlowsImportView.as_view(), name="flows_import"),
    path(f"{_FLOWS}/palette", transfer.PaletteView.as_view(), name="flows_palette"),
    path(_FLOW, flows.FlowView.as_view(), name="flow"),
    path(f"{_FLOW}/errors", insight.FlowErrorsView.as_view(), name="flow_errors"),
    path(f"{_FLOW}/stats", insight.FlowStatsView.as_view(), name="flow_stats"),
    path(f"{_FLOW}/logs", insight.FlowLogView.as_view(), name="flow_logs"),
    path(f"{_FLOW}/storage", storage.StorageView.as_view(), name="flow_storage"),
    path(f"{_FLOW}/storage-metadata", storage.StorageMetadataView.as_view(), name="flow_storage_metadata"),
    path(f"{_FLOW}/virtualButton", storage.VirtualButtonView.as_view(), name="flow_button"),
    path(f"{_FLOW}/versions", versions.FlowVersionsView.as_view(), name="flow_versions"),
    path(f"{_FLOW}/versions/delete", versions.FlowVersionsDeleteView.as_view(), name="flow_versions_delete"),
    path(_VERSION, versions.FlowVersionView.as_view(), name="flow_version"),
    path(f"{_VERSION}/errors", insight.FlowVersionErrorsView.as_view(), name="flow_version_errors"),
    path(f"{_VERSION}/stats", insight.FlowVersionStatsView.as_view(), name="flow_version_stats"),
    path(f"{_VERSION}/logs", insight.FlowVersionLogView.as_view(), name="flow_version_logs"),
    path(_PARKED, parked.ParkedRunsView.as_view(), name="parked_runs"),
    path(f"{_PARKED}/replay", replays.ReplayView.as_view(), name="parked_runs_replay"),
    path(f"{_PARKED}/<str:parkedRunId>", parked.ParkedRunView.as_view(), name="parked_run"),
    path(f"{_PARKED}/<str:parkedRunId>/replay", replays.ReplayOneView.as_view(), name="parked_run_replay"),
    path(f"{_APPLICATION}/replayJobs", replays.ReplayJobsView.as_view(), name="replay_jobs"),
    path(f"{_APPLICATION}/replayJobs/<str:replayJobId>", replays.ReplayJobView.as_view(), name="replay_job"),
]

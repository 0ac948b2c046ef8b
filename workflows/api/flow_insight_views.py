"""What workflows did, in the API: errors, statistics, logs; of a workflow and of one of its versions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.models import Role
from wegnology.lib.rest.answers import iso
from wegnology.lib.rest.errors import NotFound
from wegnology.lib.rest.operations import operation
from workflows.api.flow_insight_schemas import (
    LONGEST_MS,
    ErrorsQuery,
    FlowErrors,
    FlowLog,
    FlowStats,
    LogQuery,
    StatsQuery,
)
from workflows.api.flow_version_views import VersionViews
from workflows.exceptions import VersionMissing
from workflows.insight import reading
from workflows.models import Workflow, WorkflowVersion
from workflows.versions import find_version


def _iso(found: Any) -> Any:
    """Return what is for programs with times as answers have them."""
    if isinstance(found, list):
        return [_iso(part) for part in found]
    if not isinstance(found, dict):
        return found
    return {
        name: iso(datetime.fromisoformat(part)) if name in ("time", "firstTime") else _iso(part) for name, part in found.items()
    }


class _Views(VersionViews):
    def about(self, ids: Mapping[str, str], named: str = "") -> tuple[Workflow, WorkflowVersion | None]:
        """Return the workflow, and the version of the address or of the query."""
        if "flowVersionId" in ids:
            version = self.version(ids)
            return version.workflow, version
        flow = self.flow(ids)
        try:
            return flow, find_version(flow, named) if named else None
        except VersionMissing:
            raise NotFound("Workflow version was not found") from None

    def window(self, flow: Workflow, version: WorkflowVersion | None, start: datetime, end: datetime) -> dict[str, Any]:
        """Return what answers say of what they are about."""
        return {
            "applicationId": self.application.pk,
            "flowId": flow.pk,
            "flowVersion": version.name if version else None,
            "flowVersionId": version.pk if version else None,
            "start": iso(start),
            "end": iso(end),
        }

    def errors(self, ids: Mapping[str, str]) -> Response:
        """Return errors."""
        query = self.query(ErrorsQuery)
        flow, version = self.about(ids, query.flow_version)
        start, end = query.window()
        found = reading.errors(flow.pk, start, end, version.pk if version else "", query.limit)
        lines = [_iso(line.as_json()) for line in (found if query.sort_direction == "desc" else reversed(found))]
        about = {"limit": query.limit, "sortDirection": query.sort_direction, "errors": lines}
        return Response({**self.window(flow, version, start, end), **about})

    def stats(self, ids: Mapping[str, str]) -> Response:
        """Return statistics."""
        query = self.query(StatsQuery)
        flow, version = self.about(ids, query.flow_version)
        start, end = query.window()
        step = timedelta(milliseconds=query.resolution)
        lines = reading.stats(flow.pk, start, end, version.pk if version else "", step)
        metrics = [_iso(line.as_json()) for line in lines]
        return Response({**self.window(flow, version, start, end), "resolution": query.resolution, "metrics": metrics})

    def log(self, ids: Mapping[str, str]) -> Response:
        """Return the log."""
        query = self.query(LogQuery)
        flow, version = self.about(ids)
        now = timezone.now()
        start = datetime.fromtimestamp(query.since / 1000, UTC) if query.since else now - timedelta(milliseconds=LONGEST_MS)
        lines = reading.log(flow.pk, start, now, query.limit, version.pk if version else "")
        return Response([_iso(line.as_json()) for line in lines])


_LOOK: dict[str, Any] = {"role": Role.VIEWER}
_ERRORS: dict[str, Any] = {**_LOOK, "answer": FlowErrors, "query": ErrorsQuery}
_STATS: dict[str, Any] = {**_LOOK, "answer": FlowStats, "query": StatsQuery}
_LOG: dict[str, Any] = {**_LOOK, "answer": FlowLog, "query": LogQuery}


class FlowErrorsView(_Views):
    """/applications/{applicationId}/flows/{flowId}/errors."""

    @operation("Read errors of a workflow", scope="flow.errors", **_ERRORS)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        return self.errors(ids)


class FlowVersionErrorsView(_Views):
    """/applications/{applicationId}/flows/{flowId}/versions/{flowVersionId}/errors."""

    @operation("Read errors of a version", scope="flowVersion.errors", **_ERRORS)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        return self.errors(ids)


class FlowStatsView(_Views):
    """/applications/{applicationId}/flows/{flowId}/stats."""

    @operation("Read statistics of a workflow", scope="flow.stats", **_STATS)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        return self.stats(ids)


class FlowVersionStatsView(_Views):
    """/applications/{applicationId}/flows/{flowId}/versions/{flowVersionId}/stats."""

    @operation("Read statistics of a version", scope="flowVersion.stats", **_STATS)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them."""
        return self.stats(ids)


class FlowLogView(_Views):
    """/applications/{applicationId}/flows/{flowId}/logs."""

    @operation("Read the log of a workflow", scope="flow.log", **_LOG)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return self.log(ids)


class FlowVersionLogView(_Views):
    """/applications/{applicationId}/flows/{flowId}/versions/{flowVersionId}/logs."""

    @operation("Read the log of a version", scope="flowVersion.log", **_LOG)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return self.log(ids)

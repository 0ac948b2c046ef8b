"""Schemas of what workflows did, in the API."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from django.utils import timezone
from pydantic import Field, RootModel, field_validator

from wegnology.lib.rest.answers import ID_PATTERN
from wegnology.lib.schema import Schema

HOUR_MS = 3_600_000
SHORTEST_MS, LONGEST_MS = 900_000, 2_678_400_000
LATEST_MS = 4_102_444_800_000
MOST = 25
MOST_LOGGED = 1_000
_VERSION = Field("", max_length=255, description="Name or id of a version; without, all of them.")


class WindowQuery(Schema):
    """Which time is asked about."""

    duration: int = Field(86_400_000, ge=0, le=10**14, description="Milliseconds; 15 minutes to 31 days.")
    end: int = Field(0, ge=0, le=LATEST_MS, description="Milliseconds since 1970; 0 is now.")
    flow_version: str = _VERSION
    device_id: str = Field("", max_length=255, description="Taken for compatibility: there are no devices here.")

    def window(self) -> tuple[datetime, datetime]:
        """Return begin and end."""
        end = datetime.fromtimestamp(self.end / 1000, UTC) if self.end else timezone.now()
        return end - timedelta(milliseconds=min(max(self.duration, SHORTEST_MS), LONGEST_MS)), end


class ErrorsQuery(WindowQuery):
    """Which errors."""

    limit: int = Field(MOST, ge=1, le=MOST)
    sort_direction: Literal["asc", "desc"] = "desc"

    @field_validator("sort_direction", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class StatsQuery(WindowQuery):
    """Which statistics."""

    resolution: int = Field(HOUR_MS, ge=1, le=LONGEST_MS, description="Milliseconds of a line; full hours.")


class LogQuery(Schema):
    """Which log."""

    limit: int = Field(1, ge=1, le=MOST_LOGGED)
    since: int = Field(0, ge=0, le=LATEST_MS, description="From this time, in ms since 1970; 0 is 31 days ago.")


class ErrorInfo(Schema):
    """What went wrong."""

    name: str
    message: str


class FlowError(Schema):
    """Errors of one kind at one node."""

    time: str = Field(description="The last.")
    first_time: str
    count: int
    flow_version_id: str | None
    node_id: str
    node_label: str
    error: ErrorInfo
    event_id: str = Field(description="The event of the last.")


class _Told(Schema):
    application_id: str = Field(pattern=ID_PATTERN)
    flow_id: str = Field(pattern=ID_PATTERN)
    flow_version: str | None = None
    flow_version_id: str | None = None
    start: str
    end: str


class FlowErrors(_Told):
    """Errors of a time, of each kind the last, with how many there were."""

    limit: int
    sort_direction: str
    errors: list[FlowError]


class FlowMetric(Schema):
    """Runs of an hour, or of a longer step. A run counts as one path."""

    time: str
    run_count: int
    paths_failed: int
    paths_completed: int
    wall_time: float = Field(description="Milliseconds of all runs together.")


class FlowStats(_Told):
    """Runs of a time."""

    resolution: int
    metrics: list[FlowMetric]


class FlowLogEntry(FlowMetric):
    """Runs of an hour of one version, with its errors."""

    flow_version_id: str
    errors: list[FlowError]


class FlowLog(RootModel[list[FlowLogEntry]]):
    """Hours, the newest first."""

"""How much is kept of what workflows did. See `docs/operations.md`."""

from dataclasses import dataclass

from django.conf import settings

HITS = 100
"""Debug values kept of a workflow."""
HITS_A_SECOND = 50
"""Debug values of a workflow that a worker records within a second."""
BYTES_A_SECOND = 4 * 1024 * 1024
"""JSON of debug values that a worker makes within a second, for all workflows."""
HITS_LIFE = 3_600
RUNS_LIFE = 7 * 24 * 3_600
WATCHED = 20
"""Workflows that may be watched at a time, in the whole installation."""
GROUPS = 50
"""Kinds of errors that a worker tells apart, for a workflow within an hour."""


@dataclass(frozen=True, slots=True)
class InsightLimits:
    """`kept`: runs of each outcome for a workflow. `samples`: successful runs a minute that are kept of it by each worker."""

    on: bool = True
    kept: int = 50
    samples: int = 6

    @classmethod
    def from_settings(cls) -> "InsightLimits":
        """Read the limits that are settings."""
        return cls(settings.INSIGHT, settings.RUNS_KEPT, settings.RUN_SAMPLES)

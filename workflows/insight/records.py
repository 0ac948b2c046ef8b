"""What is kept in the database of what workflows did: counts and errors by the hour.

Rows without foreign keys: they outlive what they tell about, and go when they are old. All counts are absolute: writing an hour
twice changes nothing.
"""

from typing import ClassVar

from django.db import models


class RunHour(models.Model):
    """The runs of one version that ended within an hour. `micros` is their wall time together, in microseconds."""

    workflow_id = models.CharField(max_length=24)
    version_id = models.CharField(max_length=24)
    hour = models.DateTimeField()
    runs = models.PositiveBigIntegerField(default=0, db_default=0)
    failed = models.PositiveBigIntegerField(default=0, db_default=0)
    micros = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workflow_id", "hour", "version_id"], name="unique_run_hour"),
        ]
        indexes: ClassVar = [models.Index(fields=["hour"], name="run_hours_by_age")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.hour:%Y-%m-%d %H}h"


class RunError(models.Model):
    """Errors of one kind within an hour: the same node and name, and the same text but for the numbers in it.

    The text, the event and `last_at` are those of the latest.
    """

    workflow_id = models.CharField(max_length=24)
    version_id = models.CharField(max_length=24, blank=True)
    hour = models.DateTimeField()
    digest = models.CharField(max_length=16)
    node_id = models.CharField(max_length=64, blank=True)
    node_label = models.CharField(max_length=64, blank=True)
    error_name = models.CharField(max_length=64)
    message = models.TextField()
    event_id = models.CharField(max_length=24, blank=True)
    count = models.PositiveBigIntegerField(default=0, db_default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workflow_id", "hour", "digest"], name="unique_run_error")]
        indexes: ClassVar = [models.Index(fields=["hour"], name="run_errors_by_age")]

    def __str__(self) -> str:
        return f"{self.error_name}: {self.message[:60]}"

"""Workflows, their versions, and runs that could not be finished."""

from typing import ClassVar

from django.db import models

from wegnology.applications.models import Application, SavedWhole
from wegnology.lib.ids import new_id

DEVELOP = "develop"


class Workflow(SavedWhole):
    """What a user built. The version that triggers fire is `default_version`, else develop."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="workflows")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=32767)
    enabled = models.BooleanField(default=True)
    default_version = models.ForeignKey("WorkflowVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class WorkflowVersion(SavedWhole):
    """Triggers, nodes and globals of one version: `develop` may change, named ones never do."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    name = models.CharField(max_length=255, default=DEVELOP)
    enabled = models.BooleanField(default=True)
    notes = models.TextField(blank=True)
    triggers = models.JSONField(default=list, blank=True)
    nodes = models.JSONField(default=list, blank=True)
    globals = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workflow", "name"], name="unique_version_name")]

    def __str__(self) -> str:
        return f"{self.workflow_id}/{self.name}"


class ParkedRun(models.Model):
    """A run that failed, kept with its event for replay. One row an event, workflow and version."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    integration_id = models.CharField(max_length=24)
    workflow_id = models.CharField(max_length=24, blank=True)
    version_id = models.CharField(max_length=24, blank=True)
    event_id = models.CharField(max_length=24)
    event = models.TextField(help_text="The stored form of the event (`integrations.events`).")
    reason = models.CharField(max_length=64)
    error_name = models.CharField(max_length=255)
    error_message = models.TextField()
    node_id = models.CharField(max_length=1024, blank=True)
    node_label = models.CharField(max_length=255, blank=True)
    payload = models.TextField(blank=True, help_text="The payload as it was at the failing node, JSON, cut to size.")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event_id", "workflow_id", "version_id"], name="unique_parked_run")
        ]
        indexes: ClassVar = [models.Index(fields=["integration_id", "-created_at"], name="parked_by_integration")]

    def __str__(self) -> str:
        return f"{self.event_id}: {self.error_message[:60]}"

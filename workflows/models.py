"""Workflows, their versions, the addresses of their webhooks, and runs that could not be finished."""

import hashlib
import secrets
from typing import Any, ClassVar

from django.db import models, transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.models import Application, SavedWhole
from wegnology.applications.sealing import SealedConfig
from wegnology.lib.ids import new_id
from wegnology.lib.schema import Field, Schema, SecretStr
from workflows.alarms.records import Alarm as Alarm
from workflows.alarms.records import AlarmNotice as AlarmNotice
from workflows.alarms.records import AlarmRule as AlarmRule
from workflows.alarms.records import AlarmWatch as AlarmWatch
from workflows.exceptions import VersionFixed
from workflows.insight.records import RunError as RunError
from workflows.insight.records import RunHour as RunHour
from workflows.trigger_keys import ROW_ID, completed

DEVELOP = "develop"
PARTS = ("triggers", "nodes", "globals")
"""What makes up a version; of a named one they never change."""
FIXED = ("workflow_id", "name", *PARTS)


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

    def live(self) -> "WorkflowVersion | None":
        """Return the version that triggers fire, enabled or not: the default one, else develop."""
        return self.default_version or self.versions.filter(name=DEVELOP).first()


class WorkflowVersion(SavedWhole):
    """Triggers, nodes and globals of one version: `develop` may change, named ones never do.

    Of a named version only `enabled` and `notes` can be saved; `version_guards` makes the database refuse anything else, too.
    """

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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; triggers that need a key get one. Raises `VersionFixed` for a change of what is fixed."""
        with transaction.atomic():
            if self._is_fixed():
                kwargs.setdefault("update_fields", ["enabled", "notes"])
            else:
                self.triggers = completed(self.workflow_id, self.triggers, webhook_of)
            super().save(*args, **kwargs)

    def _is_fixed(self) -> bool:
        """Say whether the row is there already and has a name of its own; refuse what such a row never does."""
        stored = None if self._state.adding else WorkflowVersion.objects.filter(pk=self.pk).values(*FIXED).first()
        if stored is None:
            return False
        fixed: bool = stored["name"] != DEVELOP
        changed = [name for name in (FIXED if fixed else FIXED[:2]) if stored[name] != getattr(self, name)]
        if changed:
            raise VersionFixed(stored["name"], changed)
        return fixed


class WebhookAddress(Schema):
    """What makes the address of a webhook: who knows it may call it."""

    token: SecretStr = Field(description="Part of the address that cannot be guessed.")


class Webhook(SealedConfig, SavedWhole):
    """The address of a webhook trigger. The trigger's key is its id; all versions of the workflow share it.

    The token is kept sealed, to be shown to who may change the workflow; calls find the row by its digest.
    """

    sealed_label: ClassVar[str] = "webhook"
    in_trash = False

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="webhooks")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    @property
    def config_schema(self) -> type[Schema]:
        """Return the one secret that it holds."""
        return WebhookAddress

    def rotate(self) -> None:
        """Give it a new address, and save; the old one is not known any more."""
        token = secrets.token_urlsafe(32)
        self.digest = digest_of(token)
        self.set_config({"token": token})
        self.save()

    def token(self) -> str:
        """Return the token; raises `KeyMissing` or `SealBroken`."""
        return str(self.raw_config()["token"])


def digest_of(token: str) -> str:
    """Return what a token is found by: of a random text of 256 bits a plain hash tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def webhook_of(workflow_id: str, key: str) -> str:
    """Return the id of a webhook of this workflow: the one that the key names, or a new one."""
    known = Webhook.objects.filter(pk=key).values_list("workflow_id", flat=True).first()
    if known == workflow_id:
        return key
    webhook = Webhook(workflow_id=workflow_id)
    if known is None and ROW_ID.match(key):
        webhook.pk = key  # brought from elsewhere, where workflows may know it by this id
    webhook.rotate()
    return str(webhook.pk)


class ParkedRun(models.Model):
    """A run that failed, kept with its event for replay. One row an event, workflow and version."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    integration_id = models.CharField(max_length=24)
    workflow_id = models.CharField(max_length=24, blank=True)
    version_id = models.CharField(max_length=24, blank=True)
    event_id = models.CharField(max_length=24)
    event = models.TextField(help_text=gettext_lazy("The stored form of the event (`integrations.events`)."))
    reason = models.CharField(max_length=64)
    error_name = models.CharField(max_length=255)
    error_message = models.TextField()
    node_id = models.CharField(max_length=1024, blank=True)
    node_label = models.CharField(max_length=255, blank=True)
    path = models.JSONField(
        default=list, db_default=[], help_text=gettext_lazy("Ids of the nodes that the run visited, the first thousand.")
    )
    payload = models.TextField(
        blank=True, help_text=gettext_lazy("The payload as it was at the failing node, JSON, cut to size.")
    )
    created_at = models.DateTimeField()
    received_at = models.DateTimeField(
        null=True, help_text=gettext_lazy("When its event was accepted: the hour in which the ledger has it.")
    )
    size = models.IntegerField(default=0, db_default=0, help_text=gettext_lazy("Bytes of event and payload."))
    replaying = models.CharField(
        max_length=24, default="", db_default="", help_text=gettext_lazy("Who is putting it back at the moment.")
    )

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event_id", "workflow_id", "version_id"], name="unique_parked_run")
        ]
        indexes: ClassVar = [
            models.Index(fields=["integration_id", "-created_at"], name="parked_by_integration"),
            models.Index(fields=["application", "created_at"], name="parked_by_application"),
        ]

    def __str__(self) -> str:
        return Truncator(self.error_message or self.error_name).chars(80) or self.event_id


class ReplayState(models.TextChoices):
    """How a replay of many runs stands."""

    RUNNING = "running", gettext_lazy("running")
    PAUSED = "paused", gettext_lazy("paused")
    DONE = "done", gettext_lazy("done")
    CANCELLED = "cancelled", gettext_lazy("cancelled")


class ReplayJob(models.Model):
    """A replay of many parked runs at a rate. The sweeper goes on with it second by second; a restart costs nothing.

    `place` is the last run that was put back or passed over: `created_at` in ISO 8601 and id. Runs parked after `created_at` of
    the job are not its own, so what fails again is not replayed again.
    """

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    chosen = models.JSONField(default=dict, help_text=gettext_lazy("Which runs: see workflows.parked.Chosen."))
    version = models.CharField(
        max_length=255, blank=True, help_text=gettext_lazy("Empty for the version that triggers fire, or develop.")
    )
    rate = models.FloatField(help_text=gettext_lazy("Runs a second."))
    state = models.CharField(max_length=16, choices=ReplayState, default=ReplayState.RUNNING)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    refused = models.IntegerField(default=0, help_text=gettext_lazy("Runs that cannot be replayed and stay parked."))
    note = models.TextField(blank=True)
    place = models.JSONField(default=list)
    asker = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    advanced_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return _("replay of %(total)s runs") % {"total": f"{self.total:,}"}

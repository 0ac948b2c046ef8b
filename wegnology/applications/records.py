"""What is kept about applications beside their configuration: who changed what, what was deleted, what was used.

None of these rows points to others with a foreign key: they outlive what they tell about.
"""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy
from pydantic import SecretStr

from wegnology.applications.sealing import SealedConfig
from wegnology.lib.ids import new_id
from wegnology.lib.schema import Schema


class AuditEntry(models.Model):
    """One change by one actor, written in the transaction of the change (see `audit`). Never holds a secret."""

    time = models.DateTimeField()
    application_id = models.CharField(max_length=24, blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=255)
    action = models.CharField(max_length=32)
    kind = models.CharField(max_length=100)
    """The label of the object's model: "integrations.integration"."""
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255)
    page = models.CharField(max_length=165)
    """On whose page the entry is shown: "workflows.workflow:<id>", also for a version of the workflow."""
    changes = models.JSONField(default=dict)
    """Field -> [old, new], or a text such as "changed" where values are not for showing."""

    class Meta:
        ordering: ClassVar = ["-time", "-id"]
        verbose_name = gettext_lazy("audit entry")
        verbose_name_plural = gettext_lazy("audit entries")
        indexes: ClassVar = [
            models.Index(fields=["application_id", "-time", "-id"], name="audit_by_application"),
            models.Index(fields=["page", "-time", "-id"], name="audit_by_page"),
            models.Index(fields=["-time", "-id"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_name}"


class TrashContent(Schema):
    """What a trash entry holds, as it is sealed."""

    rows: SecretStr


class TrashEntry(SealedConfig):
    """One deletion, from which everything that it took can be brought back (see `trash`)."""

    sealed_label = "trash"

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application_id = models.CharField(max_length=24)
    application_name = models.CharField(max_length=255)
    kind = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    contents = models.JSONField(default=list)
    """[label, name] of everything in it."""
    deleted_by = models.CharField(max_length=255)
    deleted_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-deleted_at", "-id"]
        verbose_name = gettext_lazy("deleted item")
        verbose_name_plural = gettext_lazy("deleted items")
        indexes: ClassVar = [
            models.Index(fields=["application_id", "-deleted_at"], name="trash_by_application"),
            models.Index(fields=["expires_at"], name="trash_by_expiry"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def config_schema(self) -> type[Schema]:
        """Return the one secret that it holds."""
        return TrashContent


class UsageDay(models.Model):
    """How many payloads an application got on a day (UTC) from a kind of source, and how many the limit turned away."""

    application_id = models.CharField(max_length=24)
    day = models.DateField()
    source = models.CharField(max_length=32)
    """"integration"; other kinds of trigger add their own."""
    payloads = models.PositiveBigIntegerField(default=0)
    dropped = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["application_id", "day", "source"], name="unique_usage_day")]

    def __str__(self) -> str:
        return f"{self.application_id} {self.day} {self.source}"

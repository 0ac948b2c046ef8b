"""What the database holds of alarms beside their rules (`workflows.models`): what is still to be told, and who watches."""

from typing import ClassVar

from django.db import models

from wegnology.lib.ids import new_id
from wegnology.lib.schema import Field, Schema, SecretStr
from workflows.alarms.kinds import KINDS

USUAL_REPEAT = 60
MOST_REPEAT = 7 * 24 * 60
KEPT_BY_RUNTIME = ("mail_failure", "webhook_failure", "told_at")


class Receiver(Schema):
    """Where an alarm is called out to. The address is a secret: those of chat services are all it takes to write there."""

    url: SecretStr | None = Field(default=None, description="Address that is called with POST.")
    key: SecretStr | None = Field(default=None, description="Key of the signatures.")


class Alarm(models.Model):
    """Something that was found wrong with one subject, and how it went on. Open while `cleared_at` is empty.

    `gone_at`: since when it is not found any more, while that is too short to call it over. `told_at`: when people were told
    last.
    """

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey("applications.Application", on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey("workflows.AlarmRule", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=32)
    subject_kind = models.CharField(max_length=16)
    subject_id = models.CharField(max_length=64)
    subject_name = models.CharField(max_length=255)
    first_cause = models.TextField()
    cause = models.TextField()
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=255, blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often it came back before it was over for long.")

    class Meta:
        ordering: ClassVar = ["-opened_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "subject_id"], condition=models.Q(cleared_at__isnull=True), name="one_open_alarm_a_subject"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["application", "-opened_at"], name="alarms_by_application"),
            models.Index(fields=["cleared_at"], name="alarms_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.subject_name}"

    @property
    def label(self) -> str:
        """Return what it is, as people read it."""
        return KINDS[self.kind].label if self.kind in KINDS else self.kind

    @property
    def advice(self) -> str:
        """Return what to do next."""
        return KINDS[self.kind].advice if self.kind in KINDS else ""


class AlarmNotice(models.Model):
    """Something still to be told: deleted once it was, or given up after days. `taken_by` marks who is telling it."""

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notices")
    rule = models.ForeignKey("workflows.AlarmRule", on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16)
    occasion = models.CharField(max_length=16)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    taken_by = models.CharField(max_length=24, blank=True, default="")
    taken_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due_at"], name="alarm_notices_due")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.occasion}"


class AlarmWatch(models.Model):
    """Who watches at the moment: a lease in the database, since alarms have to work without Redis, too. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    holder = models.CharField(max_length=255, blank=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.holder

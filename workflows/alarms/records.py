"""What the database holds of alarms: rules, alarms, what is still to be told, and who watches."""

import secrets
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext, gettext_lazy

from wegnology.applications.saved_whole import SavedWhole
from wegnology.applications.sealing import SealedConfig
from wegnology.lib.ids import new_id
from wegnology.lib.schema import Field, Schema, SecretStr
from workflows.alarms.kinds import KINDS, kind_choices

USUAL_REPEAT = 60
MOST_REPEAT = 7 * 24 * 60
KEPT_BY_RUNTIME = ("mail_failure", "webhook_failure", "told_at")


class Receiver(Schema):
    """Where an alarm is called out to. The address is a secret: those of chat services are all it takes to write there."""

    url: SecretStr | None = Field(default=None, description="Address that is called with POST.")
    key: SecretStr | None = Field(default=None, description="Key of the signatures.")


class AlarmRule(SealedConfig, SavedWhole):
    """What counts as an alarm in an application, who is told, and how often. `config` holds the webhook (`Receiver`)."""

    sealed_label: ClassVar[str] = "alarm"

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey("applications.Application", on_delete=models.CASCADE, related_name="alarm_rules")
    kind = models.CharField(max_length=32, choices=kind_choices)
    enabled = models.BooleanField(default=True)
    threshold = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Empty: the default of the kind."))
    integration = models.ForeignKey(
        "integrations.Integration",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=gettext_lazy("Empty: all of the application."),
    )
    emails = models.JSONField(default=list, blank=True)
    repeat_minutes = models.PositiveIntegerField(
        default=USUAL_REPEAT,
        validators=[MaxValueValidator(MOST_REPEAT)],
        help_text=gettext_lazy("Minutes until an alarm that nobody acknowledged is told again; 0: never."),
    )
    tell_over = models.BooleanField(default=True, help_text=gettext_lazy("Also say when it is over."))
    mail_failure = models.TextField(blank=True, default="", db_default="", editable=False)
    webhook_failure = models.TextField(blank=True, default="", db_default="", editable=False)
    told_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["kind", "created_at", "id"]
        verbose_name = gettext_lazy("alarm rule")

    def __str__(self) -> str:
        return gettext(KINDS[self.kind].label) if self.kind in KINDS else self.kind

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save all but what telling writes down."""
        if not self._state.adding:
            names = [f.name for f in self._meta.concrete_fields if f.name not in ("id", *KEPT_BY_RUNTIME)]
            kwargs.setdefault("update_fields", names)
        super().save(*args, **kwargs)

    @property
    def config_schema(self) -> type[Schema]:
        """Return what describes the webhook."""
        return Receiver

    @property
    def calls(self) -> bool:
        """Say whether there is a webhook."""
        return bool(self.config.get("url"))

    @property
    def limit(self) -> float:
        """Return the threshold in force; 0 for kinds without one."""
        known = KINDS.get(self.kind)
        return self.threshold if self.threshold is not None else (known.usual if known else 0.0)

    def receiver(self) -> tuple[str, str]:
        """Return address and key of the webhook, each "" without; raises `KeyMissing` or `SealBroken`."""
        raw = self.raw_config()
        return str(raw.get("url") or ""), str(raw.get("key") or "")

    def call_at(self, url: str, key: str = "") -> None:
        """Set the webhook's address, "" for none; without a key it gets a new one. Not saved."""
        self.set_config({"url": url, "key": key or secrets.token_urlsafe(32)} if url else {})


class Alarm(models.Model):
    """Something that was found wrong with one subject, and how it went on. Open while `cleared_at` is empty.

    `gone_at`: since when it is not found any more, while that is too short to call it over. `told_at`: when people were told
    last.
    """

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey("applications.Application", on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AlarmRule, null=True, on_delete=models.SET_NULL, related_name="+")
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
    times = models.PositiveIntegerField(default=1, help_text=gettext_lazy("How often it came back before it was over for long."))

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
        return gettext(KINDS[self.kind].label) if self.kind in KINDS else self.kind

    @property
    def advice(self) -> str:
        """Return what to do next."""
        return gettext(KINDS[self.kind].advice) if self.kind in KINDS else ""


class AlarmNotice(models.Model):
    """Something still to be told: deleted once it was, or given up after days. `taken_by` marks who is telling it."""

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notices")
    rule = models.ForeignKey(AlarmRule, on_delete=models.CASCADE, related_name="+")
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

"""What a user configured, and what the runtime keeps about it in the database."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from integrations.connectors.base import AnyConnector, connector_choices, connectors
from wegnology.applications.models import Application, SavedWhole
from wegnology.lib.crypto import Keyring, is_sealed
from wegnology.lib.ids import new_id
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


def keyring() -> Keyring:
    """Return the configured keys."""
    return Keyring(settings.SECRET_KEYS)


class Integration(SavedWhole):
    """One configured connection. `config` holds raw settings; secret ones are sealed (see `set_config`)."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=255)
    integration_type = models.CharField(max_length=32, choices=connector_choices)
    enabled = models.BooleanField(default=True)
    topics = models.JSONField(default=list, blank=True)
    config = models.JSONField(default=dict)
    throttle_per_second = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text="Messages a second; empty means the installation's default. Set by operators.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def connector(self) -> type[AnyConnector]:
        """Return the class that speaks the integration's protocol."""
        return connectors.get(self.integration_type)

    def _place(self, field: str) -> str:
        return f"integration:{self.pk}:{field}"

    def set_config(self, raw: JSONObject) -> None:
        """Store raw settings: assign what is assigned once, seal what is secret."""
        secret = self.connector.Config.secret_fields()
        ring = keyring()
        self.config = {
            name: ring.seal(value, self._place(name)) if name in secret and isinstance(value, str) else value
            for name, value in self.connector.prepare(dict(raw)).items()
        }

    def raw_config(self) -> JSONObject:
        """Return the raw settings with secrets opened; raises `KeyMissing` or `SealBroken`."""
        ring = keyring()
        return {name: ring.unseal(value, self._place(name)) if is_sealed(value) else value for name, value in self.config.items()}

    def clean(self) -> None:
        """Check topics and settings by the connector's rules."""
        faults = self.connector.check_topics(self.topics)
        if faults:
            raise ValidationError({"topics": [f"{self.topics[at]}: {text}" for at, text in faults.items()]})
        try:
            self.connector.Config.check(self.raw_config())
        except ConfigInvalid as error:
            raise ValidationError(str(error)) from error


class LedgerHour(models.Model):
    """One hour of an integration's ledger: absolute counts, written again until the hour is at rest."""

    integration_id = models.CharField(max_length=24)
    hour = models.DateTimeField()
    counts = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["integration_id", "hour"], name="unique_ledger_hour")]

    def __str__(self) -> str:
        return f"{self.integration_id} {self.hour:%Y-%m-%d %H}h"


class StatusChange(models.Model):
    """One transition of an integration's connection."""

    integration_id = models.CharField(max_length=24)
    time = models.DateTimeField()
    state = models.CharField(max_length=32)
    cause = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-time"]
        indexes: ClassVar = [models.Index(fields=["integration_id", "-time"], name="status_by_integration")]

    def __str__(self) -> str:
        return f"{self.integration_id} {self.state}"

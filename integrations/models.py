"""What a user configured, and what the runtime keeps about it in the database."""

from collections.abc import Mapping
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy

from integrations.connectors.base import AnyConnector, connector_choices, connectors
from wegnology.applications.credentials import LoginOpen, find_credential
from wegnology.applications.models import Application, Credential, SavedWhole
from wegnology.applications.sealing import SealedConfig
from wegnology.lib import credential_types as kinds
from wegnology.lib.ids import new_id
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject


class Integration(SealedConfig, SavedWhole):
    """One configured connection. `config` holds raw settings; secret ones are sealed (see `SealedConfig`)."""

    sealed_label: ClassVar[str] = "integration"

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=255)
    integration_type = models.CharField(max_length=32, choices=connector_choices)
    enabled = models.BooleanField(default=True)
    topics = models.JSONField(default=list, blank=True)
    credential_name = models.CharField(max_length=255, blank=True, default="", db_default="")
    throttle_per_second = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text=gettext_lazy("Messages a second; empty means the installation's default. Set by operators."),
    )
    reconnects = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        indexes: ClassVar = [models.Index(fields=["application", "name", "id"], name="integration_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def connector(self) -> type[AnyConnector]:
        """Return the class that speaks the integration's protocol."""
        return connectors.get(self.integration_type)

    @property
    def config_schema(self) -> type[Schema]:
        """Return the settings of the type."""
        return self.connector.Config

    def set_config(self, raw: JSONObject) -> None:
        """Store raw settings: assign what is assigned once, seal what is secret."""
        super().set_config(self.connector.prepare(dict(raw)))

    def login(
        self, credentials: Mapping[str, Credential], known: KnownGlobals | None = None, *, even_disabled: bool = False
    ) -> kinds.Credential | None:
        """Return the opened service credential that the row names, of `credentials` by name; None when it names none.

        `known` are the globals of the application. Raises `ConfigInvalid` at `credentialName` with the reason.
        """
        if not self.credential_name:
            return None
        wanted = self.connector.credential_types
        return find_credential(self.credential_name, wanted, credentials, known, even_disabled=even_disabled)

    def check_login(self, raw: JSONObject) -> None:
        """Check that raw settings (templates open) and the named credential go together.

        A disabled credential is one to come back to, so it may be named, as may one with templates that give nothing yet.
        Raises `ConfigInvalid` by field.
        """
        named = Credential.objects.filter(application_id=self.application_id, name=self.credential_name)
        try:
            login = self.login({row.name: row for row in named.select_related("application")}, even_disabled=True)
        except LoginOpen:
            return
        faults = self.connector.check_access(raw, login)
        if faults:
            raise ConfigInvalid({name: login.scrub(text) if login else text for name, text in faults.items()})

    def clean(self) -> None:
        """Check topics, settings and login by the connector's rules."""
        faults = self.connector.check_topics(self.topics)
        if faults:
            raise ValidationError({"topics": [f"{self.topics[at]}: {text}" for at, text in faults.items()]})
        try:
            raw = self.raw_config()
            self.connector.Config.check(raw)
            self.check_login(raw)
        except ConfigInvalid as error:
            raise ValidationError(str(error)) from error


class LedgerHour(models.Model):
    """One hour of an integration's ledger: absolute counts, written again until the hour is at rest."""

    integration_id = models.CharField(max_length=24)
    hour = models.DateTimeField()
    counts = models.JSONField(default=dict)
    application_id = models.CharField(max_length=24, blank=True, default="", db_default="")
    unended = models.IntegerField(
        default=0, db_default=0, help_text=gettext_lazy("Received and not ended, when this was written.")
    )
    unsent = models.IntegerField(
        default=0, db_default=0, help_text=gettext_lazy("Given to be sent and neither sent nor failed nor dropped.")
    )

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["integration_id", "hour"], name="unique_ledger_hour")]
        indexes: ClassVar = [
            models.Index(fields=["hour"], name="ledger_hours_open", condition=~models.Q(unended=0) | ~models.Q(unsent=0))
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} {self.hour:%Y-%m-%d %H}h"


class LedgerMove(models.Model):
    """A correction that the ledger owes: so many events of an hour ended otherwise than was counted.

    Written in the transaction that makes it so (a parked run is dropped), carried out in Redis by the sweeper, and then deleted;
    the key is what keeps it from happening twice.
    """

    integration_id = models.CharField(max_length=24)
    hour = models.DateTimeField()
    source = models.CharField(max_length=80, help_text=gettext_lazy("As the ledger counted it: parked:failed."))
    target = models.CharField(max_length=80, help_text=gettext_lazy("As it is to be counted: dropped:parked too long."))
    number = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.integration_id} {self.hour:%Y-%m-%d %H}h: {self.number} from {self.source} to {self.target}"


class StatusChange(models.Model):
    """One transition of an integration's connection."""

    integration_id = models.CharField(max_length=24)
    time = models.DateTimeField()
    state = models.CharField(max_length=32)
    cause = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-time"]
        verbose_name = gettext_lazy("state change")
        verbose_name_plural = gettext_lazy("state changes")
        indexes: ClassVar = [models.Index(fields=["integration_id", "-time"], name="status_by_integration")]

    def __str__(self) -> str:
        return f"{self.integration_id} {self.state}"

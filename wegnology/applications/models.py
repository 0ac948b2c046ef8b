"""Applications, their members, their globals and their service credentials."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.credential_users import follow_name
from wegnology.applications.global_values import KEY, KEY_SAID, MAX_DESCRIPTION, as_text, value_fault
from wegnology.applications.records import AuditEntry, TrashEntry, UsageDay  # noqa: F401  (models of this app, in a file of their own)
from wegnology.applications.saved_whole import SavedWhole as SavedWhole
from wegnology.applications.sealing import SealedConfig, keyring
from wegnology.applications.tokens import ApiToken as ApiToken
from wegnology.applications.tokens import UserToken as UserToken
from wegnology.lib.credential_types import CREDENTIAL_TYPES, credential_type_choices
from wegnology.lib.credential_types import Credential as CredentialKind
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.ids import new_id
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject, JSONValue


class Application(SavedWhole):
    """A tenant. `revision` grows in the transaction of every change to anything that belongs to it.

    Listeners and workers compare revisions once a second and load what changed; so an edit takes effect within two seconds
    with no message that could be lost.
    """

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=32767)
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    payload_limit = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text=gettext_lazy(
            "Payloads a calendar month (UTC). Empty means no limit. What goes beyond still runs, counted and shown."
        ),
    )
    stop_at_limit = models.BooleanField(
        default=False,
        db_default=False,
        help_text=gettext_lazy(
            "At the limit, take nothing more in until the month ends. Sources that can wait do; what others send is "
            "dropped and counted."
        ),
    )
    stopped_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save all but what the runtime counts: a value read earlier must never be written over a newer one."""
        if not self._state.adding:
            counted = ("id", "revision", "stopped_until")
            kwargs.setdefault("update_fields", [f.name for f in self._meta.concrete_fields if f.name not in counted])
        super().save(*args, **kwargs)

    def globals_for_runs(self) -> JSONObject:
        """Return what workflows see of the globals: those that are not secret."""
        return {entry.key: entry.value for entry in self.globals.all() if not entry.secret}

    def globals_for_connections(self) -> KnownGlobals:
        """Return all globals, opened, for the settings of integrations and credentials; never for a payload."""
        values = self.globals_for_runs()
        secret: set[str] = set()
        faults: dict[str, str] = {}
        for entry in self.globals.all():
            if entry.secret:
                secret.add(entry.key)
                try:
                    values[entry.key] = entry.opened()
                except (KeyMissing, SealBroken) as error:
                    faults[entry.key] = str(error)
        return KnownGlobals(values, frozenset(secret), faults)


def touch(application_id: str) -> None:
    """Tell listeners and workers, in the current transaction, that something of the application changed."""
    Application.objects.filter(pk=application_id).update(revision=F("revision") + 1)


class Role(models.TextChoices):
    """What a member may do; each role may also do what those before it may."""

    VIEWER = "viewer", gettext_lazy("Viewer")
    """Looks at everything."""
    EDITOR = "editor", gettext_lazy("Editor")
    """Changes integrations, workflows and globals, replays parked runs."""
    ADMINISTRATOR = "administrator", gettext_lazy("Administrator")
    """Manages members and tokens, and deletes."""

    def covers(self, other: "Role") -> bool:
        """Say whether this role is the other one or a greater one."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Member(SavedWhole):
    """A person in an application. Whoever becomes a member may log in. `access` says what follows from the role."""

    in_trash = False

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["application", "user"], name="unique_member")]

    def __str__(self) -> str:
        return f"{self.user.get_username()} ({self.get_role_display()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new member may log in from now on."""
        joins = self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            if joins:
                get_user_model()._default_manager.filter(pk=self.user_id, is_staff=False).update(is_staff=True)


class Global(SavedWhole):
    """A named JSON value that templates of the application read as `{{globals.key}}`."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="globals")
    key = models.CharField(
        max_length=255,
        validators=[RegexValidator(KEY, KEY_SAID)],
    )
    value = models.JSONField(help_text=gettext_lazy('A JSON value: 30, "text", true, [1, 2] or {"a": 1}.'))
    secret = models.BooleanField(
        default=False,
        db_default=False,
        help_text=gettext_lazy(
            "Sealed, never shown again, and only for the settings of integrations and credentials: no workflow sees it."
        ),
    )
    description = models.CharField(max_length=MAX_DESCRIPTION, blank=True)

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["application", "key"], name="unique_global_key")]

    def __str__(self) -> str:
        return self.key

    @property
    def sealed_place(self) -> str:
        """Return the place that a sealed value is bound to. It names the key: whoever renames a secret one seals it anew."""
        return f"global:{self.application_id}:{self.key}"

    def set_value(self, value: JSONValue, *, secret: bool) -> None:
        """Set the value; a secret one is sealed as JSON text."""
        self.secret = secret
        self.value = keyring().seal(as_text(value), self.sealed_place) if secret else value

    def opened(self) -> JSONValue:
        """Return the value; a secret one opened. Raises `KeyMissing` or `SealBroken`."""
        if not self.secret:
            return self.value  # type: ignore[no-any-return]
        value: JSONValue = json.loads(keyring().unseal(self.value, self.sealed_place))
        return value

    def clean(self) -> None:
        """Refuse what cannot be stored or used."""
        if not self.secret and (fault := value_fault(self.value)):
            raise ValidationError({"value": fault})


class Credential(SealedConfig, SavedWhole):
    """A login kept once, which integrations and nodes of its application use by name.

    `enabled` off means that whatever uses it does not connect. Type and application are fixed.
    """

    sealed_label: ClassVar[str] = "credential"

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=255)
    credential_type = models.CharField(max_length=32, choices=credential_type_choices)
    description = models.TextField(blank=True, max_length=32767)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        verbose_name = gettext_lazy("service credential")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "name"],
                name="unique_credential_name",
                violation_error_message=gettext_lazy("The application has a service credential of this name already."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; what names the credential follows a new name, in the same transaction."""
        with transaction.atomic():
            before = None if self._state.adding else Credential.objects.filter(pk=self.pk).values_list("name", flat=True).first()
            super().save(*args, **kwargs)
            if before is not None and before != self.name:
                follow_name(self.application_id, before, self.name)

    @property
    def kind(self) -> type[CredentialKind]:
        """Return the class that describes its settings; raises `KeyError` for a kind that this release does not have."""
        return CREDENTIAL_TYPES[self.credential_type]

    @property
    def kind_label(self) -> str:
        """Return the kind as people read it."""
        return _(self.kind.label) if self.credential_type in CREDENTIAL_TYPES else self.credential_type

    @property
    def config_schema(self) -> type[Schema]:
        """Return the settings of the kind."""
        return self.kind

    def opened(self, known: KnownGlobals | None = None) -> CredentialKind:
        """Return the login itself, its templates rendered over the globals of its application.

        Whoever opens many hands in the `known` globals. Raises `ConfigInvalid`, `KeyMissing` or `SealBroken`.
        """
        raw = self.raw_config()
        if known is None and self.kind.templates(raw):
            known = self.application.globals_for_connections()
        return self.kind.resolve(raw, {"globals": known if known is not None else {}})

    def clean(self) -> None:
        """Check that what is fixed stays, and the settings by the rules of the kind."""
        before = None if self._state.adding else Credential.objects.filter(pk=self.pk).first()
        if before is not None and before.credential_type != self.credential_type:
            raise ValidationError({"credential_type": _("The type of a service credential cannot be changed; add another one.")})
        if before is not None and before.application_id != self.application_id:
            raise ValidationError({"application": _("A service credential stays in its application.")})
        try:
            self.kind.check(self.raw_config())
        except ConfigInvalid as error:
            raise ValidationError(str(error)) from error

"""Tokens of the API. Stored is only a digest: who did not keep the token when it was made needs another one."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.saved_whole import SavedWhole
from wegnology.lib.ids import new_id
from wegnology.lib.tokens import digest_of, new_token

APPLICATION_PREFIX = "wga_"
USER_PREFIX = "wgu_"
MAX_TOKENS_OF_A_USER = 100
MAX_TOKENS_OF_AN_APPLICATION = 500
USED_EVERY = timedelta(minutes=1)
"""How exact the time of the last use is: noting each would be a write for each request."""


class ApiToken(SavedWhole):
    """A token of an application: does there what its scopes allow, and nothing elsewhere."""

    in_trash: ClassVar[bool] = False

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    application = models.ForeignKey("applications.Application", on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=32767)
    scope = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    creator_kind = models.CharField(max_length=16, blank=True, editable=False)
    creator_id = models.CharField(max_length=64, blank=True, editable=False)
    creator_name = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        verbose_name = gettext_lazy("API token")

    def __str__(self) -> str:
        return self.name

    def issue(self) -> str:
        """Give it a new token, which is returned and never known again; save it then."""
        token = new_token(APPLICATION_PREFIX)
        self.digest = digest_of(token)
        return token

    @property
    def usable(self) -> bool:
        """Say whether it opens anything now."""
        return self.active and (self.expires_at is None or self.expires_at > timezone.now())


class UserToken(models.Model):
    """A login of a person. Ends by time, by logging out, and with the password it was made with."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    scope = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    password_mark = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    logged_in_at = models.DateTimeField(
        null=True, help_text=gettext_lazy("When the password was given; a token that replaces another keeps it.")
    )
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["user", "created_at"], name="user_token_by_user")]

    def __str__(self) -> str:
        return _("login of %(user_id)s") % {"user_id": self.user_id}

    @property
    def begun_at(self) -> datetime:
        """Return when the password was given."""
        return self.logged_in_at or self.created_at


class LoginOver(Exception):
    """The password was given too long ago: the person must log in again."""


def issue_user_token(user: AbstractBaseUser, scope: list[str], lifetime: timedelta) -> str:
    """Log a person in; returns the token. What is over is removed, and beyond a number the oldest logins."""
    return _issue(user, scope, lifetime, timezone.now())


def replace_user_token(old: UserToken) -> str:
    """Return another token for as long as the old one got, but not beyond the end of the login; raises `LoginOver`."""
    left = old.begun_at + timedelta(days=settings.USER_LOGIN_DAYS) - timezone.now()
    if left <= timedelta(0):
        raise LoginOver
    return _issue(old.user, old.scope, min(old.expires_at - old.created_at, left), old.begun_at)


def _issue(user: AbstractBaseUser, scope: list[str], lifetime: timedelta, begun_at: datetime) -> str:
    token = new_token(USER_PREFIX)
    now = timezone.now()
    own = UserToken.objects.filter(user_id=user.pk)
    own.filter(expires_at__lte=now).delete()
    about = {"scope": scope, "digest": digest_of(token), "password_mark": password_mark(user)}
    UserToken.objects.create(user_id=user.pk, **about, logged_in_at=begun_at, expires_at=now + lifetime)
    surplus = list(own.values_list("pk", flat=True)[MAX_TOKENS_OF_A_USER:])
    if surplus:
        own.filter(pk__in=surplus).delete()
    return token


def password_mark(user: AbstractBaseUser) -> str:
    """Return what changes with a person's password."""
    return hashlib.sha256(user.password.encode()).hexdigest()


def note_use(row: Any, now: datetime) -> None:
    """Note that a token was used, at most once a minute; not by `save`, which is a change of configuration."""
    if row.last_used_at is None or now - row.last_used_at > USED_EVERY:
        type(row).objects.filter(pk=row.pk).update(last_used_at=now)

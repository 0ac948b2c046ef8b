"""`auth` and `me`: logging in, and the account that is logged in."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import transaction
from pydantic import AwareDatetime, Field, SecretStr
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.accounts import check_password, log_in
from wegnology.applications.api.base import CalledView
from wegnology.applications.models import UserToken
from wegnology.applications.tokens import LoginOver, issue_user_token, password_mark, replace_user_token
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, user_id_text, with_links
from wegnology.lib.rest.errors import Invalid, Unauthorized
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.scopes import user_scopes
from wegnology.lib.rest.views import ApiView
from wegnology.lib.schema import Schema


class UserCredentials(Schema):
    """How a person logs in."""

    email: str = Field(min_length=1, max_length=1024, description="E-mail address or user name.", examples=["ann@example.com"])
    password: SecretStr = Field(max_length=2048, examples=["correct horse battery staple"])
    two_factor_code: str = Field("", max_length=2048, description="Taken for compatibility; there is no second factor here.")
    requested_scopes: list[str] = Field([], max_length=200, description="What the token may do; without, everything.")
    token_ttl: int = Field(0, ge=0, le=10**10, alias="tokenTTL", description="Life in seconds; 0 is the longest that is given.")


class AuthedUser(Answer):
    """A person who is logged in."""

    user_id: str = Field(pattern=ID_PATTERN)
    token: str = Field(min_length=1, description="To be sent with every request: `Authorization: Bearer <token>`.")


class Summary(Schema):
    """How much an account has."""

    app_count: int


class Me(Answer):
    """The account that is logged in."""

    id: str = Field(pattern=ID_PATTERN)
    user_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    email: str
    email_verified: bool = True
    first_name: str
    last_name: str
    full_name: str
    user_name: str = Field(description="The name to log in with.")
    two_factor_auth_enabled: bool = False
    is_operator: bool = Field(description="Runs the installation: sees every application.")
    summary: Summary


class MePatch(Schema):
    """What may be changed of the own account. E-mail address and password need the present password."""

    email: str = Field("", max_length=254)
    first_name: str = Field("", max_length=150)
    last_name: str = Field("", max_length=150)
    password: SecretStr | None = Field(None, max_length=2048, description="The present password.")
    token_cutoff: AwareDatetime | None = Field(None, description="Every login before this time ends.")


class ChangePassword(Schema):
    """A new password."""

    password: SecretStr = Field(max_length=2048, description="The present password.")
    new_password: SecretStr = Field(max_length=2048)
    two_factor_code: str = Field("", max_length=2048)
    invalidate_existing_tokens: bool = Field(True, description="End every other login.")


def _lifetime(seconds: int) -> timedelta:
    longest = timedelta(days=settings.USER_TOKEN_DAYS)
    return min(timedelta(seconds=seconds), longest) if seconds else longest


def _authed(user: Any, token: str) -> dict[str, Any]:
    return {"userId": user_id_text(user.pk), "token": token}


class LoginView(ApiView):
    """POST /auth/user."""

    @operation(
        "Log in with e-mail address or user name and password",
        answer=AuthedUser,
        body=UserCredentials,
        errors=(401,),
        examples={"log in": {"email": "ann@example.com", "password": "correct horse battery staple"}},
    )
    def post(self, request: Request) -> Response:
        """Return a token."""
        asked = self.body(UserCredentials)
        unknown = [scope for scope in asked.requested_scopes if scope not in user_scopes()]
        if unknown:
            raise Invalid({"requestedScopes": f"There is no scope {', '.join(unknown[:5])}."})
        user = log_in(request._request, asked.email, asked.password.get_secret_value())
        token = issue_user_token(user, asked.requested_scopes or ["all.User"], _lifetime(asked.token_ttl))
        return Response(with_links(_authed(user, token), self.flags, {"me": "/me"}))


class SsoDomain(ApiView):
    """GET /auth/ssoDomain."""

    @operation("Ask for single sign-on of an e-mail address", status=204, description="There is none here.")
    def get(self, request: Request) -> Response:
        """Say that there is none."""
        return Response(status=204)


class MeView(CalledView):
    """/me."""

    @operation("Read the own account", scope="me.get", answer=Me)
    def get(self, request: Request) -> Response:
        """Return it."""
        return Response(self._answer())

    @operation("Change the own account", scope="me.patch", answer=Me, body=MePatch, errors=(401,))
    def patch(self, request: Request) -> Response:
        """Change what is named."""
        change = self.body(MePatch)
        user: Any = self.caller.user
        named = change.model_fields_set
        if "email" in named and change.email != user.email:
            self._check(request, change)
            _checked_email(change.email)
        with transaction.atomic():
            for name in ("email", "first_name", "last_name"):
                if name in named:
                    setattr(user, name, getattr(change, name))
            user.save()
            if change.token_cutoff is not None:
                UserToken.objects.filter(user=user, created_at__lt=change.token_cutoff).delete()
        return Response(self._answer())

    def _check(self, request: Request, change: MePatch) -> None:
        if change.password is None:
            raise Invalid({"password": "To change the e-mail address, send the present password, too."})
        check_password(request._request, self.caller.user, change.password.get_secret_value())  # type: ignore[arg-type]

    def _answer(self) -> dict[str, Any]:
        user: Any = self.caller.user
        answer = {
            "id": user_id_text(user.pk),
            "userId": user_id_text(user.pk),
            "creationDate": iso(user.date_joined),
            "email": user.email,
            "emailVerified": True,
            "firstName": user.first_name,
            "lastName": user.last_name,
            "fullName": user.get_full_name(),
            "userName": user.get_username(),
            "twoFactorAuthEnabled": False,
            "isOperator": bool(user.is_superuser),
            "summary": {"appCount": self.caller.applications().count()},
        }
        return with_links(answer, self.flags, {"self": "/me", "applications": "/applications"}, self, ("PATCH",))


def _checked_email(text: str) -> None:
    try:
        EmailValidator()(text)
    except ValidationError:
        raise Invalid({"email": "This is no e-mail address."}) from None


class PasswordView(CalledView):
    """PATCH /me/changePassword."""

    @operation("Change the own password", scope="me.changePassword", answer=AuthedUser, body=ChangePassword, errors=(401,))
    def patch(self, request: Request) -> Response:
        """Change it; returns a new token, since those of the old password end."""
        asked = self.body(ChangePassword)
        user: Any = self.caller.user
        check_password(request._request, user, asked.password.get_secret_value())
        new = asked.new_password.get_secret_value()
        try:
            validate_password(new, user)
        except ValidationError as error:
            raise Invalid({"newPassword": " ".join(error.messages)}) from None
        with transaction.atomic():
            user.set_password(new)
            user.save()
            own = UserToken.objects.filter(user=user)
            if asked.invalidate_existing_tokens:
                own.delete()
            else:
                own.update(password_mark=password_mark(user))
            token = issue_user_token(user, self.caller.token.scope, _lifetime(0))
        return Response(with_links(_authed(user, token), self.flags, {"me": "/me"}))


class RefreshView(CalledView):
    """GET /me/refreshToken."""

    @operation(
        "Get a new token in place of the one that is used",
        scope="me.refreshToken",
        answer=AuthedUser,
        description="It lasts as long as the one that is used did, at most until the login ends: some time after the password "
        "was given (`WEGNOLOGY_USER_LOGIN_DAYS`).",
    )
    def get(self, request: Request) -> Response:
        """Return it; the old one goes on until its time is over."""
        try:
            token = replace_user_token(self.caller.token)  # type: ignore[arg-type]
        except LoginOver:
            raise Unauthorized(f"You logged in more than {settings.USER_LOGIN_DAYS} days ago. Log in again.") from None
        return Response(with_links(_authed(self.caller.user, token), self.flags, {"me": "/me"}))


class LogOutView(CalledView):
    """DELETE /me/token."""

    @operation("Log out: revoke the token that is used", scope="me.logOut", answer=Success)
    def delete(self, request: Request) -> Response:
        """Revoke it."""
        self.caller.token.delete()
        return Response(DONE)

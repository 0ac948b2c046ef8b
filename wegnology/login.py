"""Who gives a password on a page: the API's way of logging in, with its limits on wrong tries."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from wegnology.applications.api.accounts import check_password, log_in
from wegnology.lib.rest.errors import TooMany, Unauthorized

LENGTHS = {"username": 254, "password": 2048}
"""Most characters of each field: e-mail addresses are longer than user names."""

_TOO_MANY = gettext_lazy("Too many wrong tries. Try again in %(seconds)s s; until then the right password is refused, too.")


def _bound(form: Any, name: str, most: int) -> None:
    """Refuse a text that is longer: checking a password takes the longer the longer it is."""
    form.fields[name].max_length = most
    form.fields[name].validators.append(MaxLengthValidator(most))
    form.fields[name].widget.attrs["maxlength"] = most


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """User name or e-mail address, and password. Wrong tries here and by the API are counted together."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy("The user name or e-mail address, or the password, is wrong."),
        "too_many": _TOO_MANY,
        "no_pages": gettext_lazy("This account may not use these pages. An operator of this installation can allow it."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("User name or e-mail address")
        for name, most in LENGTHS.items():
            _bound(self, name, most)

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Find who logs in; says the same of a name that nobody has and of a wrong password."""
        entered: dict[str, Any] = self.cleaned_data
        if not entered.keys() >= LENGTHS.keys():
            return entered  # the fields say what is wrong
        try:
            self.user_cache = log_in(self.request, entered["username"], entered["password"])
        except Unauthorized:
            raise self._error("invalid_login") from None
        except TooMany as error:
            raise self._error("too_many", seconds=error.headers["Retry-After"]) from None
        self.confirm_login_allowed(self.user_cache)
        return entered

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse who may log in by the API only: they gave their password, so they may know."""
        if not user.is_active or not user.is_staff:
            raise self._error("no_pages")

    def _error(self, code: str, **params: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params=params)


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """A new password for who is logged in. Wrong tries at the old one count as those at the log-in page do.

    Else a page that somebody left open, or a session that was stolen, could be used to guess.
    """

    error_messages = {**AdminOwnPasswordChangeForm.error_messages, "too_many": _TOO_MANY}

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        for name in self.fields:
            _bound(self, name, LENGTHS["password"])

    @sensitive_variables()
    def clean_old_password(self) -> str:
        """Ask for the password; after too many wrong ones the right one is refused, too."""
        entered: str = self.cleaned_data["old_password"]
        try:
            check_password(self._request, self.user, entered)
        except Unauthorized:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect") from None
        except TooMany as error:
            params = {"seconds": error.headers["Retry-After"]}
            raise ValidationError(self.error_messages["too_many"], code="too_many", params=params) from None
        return entered


def change_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """Answer the page where people change their own password; takes the place of the admin site's."""
    view = PasswordChangeView.as_view(
        form_class=partial(OwnPasswordForm, request),
        success_url=reverse_lazy("admin:password_change_done"),
        extra_context={**admin.site.each_context(request), **(extra_context or {})},
    )
    return view(request)

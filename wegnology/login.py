"""The log-in page's form: the API's way of logging in, with its limits on wrong tries."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from unfold.forms import AuthenticationForm

from wegnology.applications.api.accounts import log_in
from wegnology.lib.rest.errors import TooMany, Unauthorized

LENGTHS = {"username": 254, "password": 2048}
"""Most characters of each field: e-mail addresses are longer than user names."""


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """User name or e-mail address, and password. Wrong tries here and by the API are counted together."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy("The user name or e-mail address, or the password, is wrong."),
        "too_many": gettext_lazy(
            "Too many wrong tries. Try again in %(seconds)s s; until then the right password is refused, too."
        ),
        "no_pages": gettext_lazy("This account may not use these pages. An operator of this installation can allow it."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("User name or e-mail address")
        for name, most in LENGTHS.items():
            self.fields[name].max_length = most
            self.fields[name].validators.append(MaxLengthValidator(most))
            self.fields[name].widget.attrs["maxlength"] = most

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

"""Logging in by the API: by e-mail address or user name and password, slowed for who guesses.

Wrong tries are counted for each account and for each address; an account that does not exist costs the same time as a wrong
password, and is answered in the same words.
"""

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from wegnology.lib.rest.errors import TooMany, Unauthorized
from wegnology.lib.rest.limits import Limit, address_of, forgive, left_to_wait, spend

_WRONG = "Invalid credentials: the e-mail address or user name, or the password, is wrong."


def log_in(request: HttpRequest, name: str, password: str) -> AbstractBaseUser:
    """Return the person; raises `Unauthorized`, or `TooMany` for who tried too often."""
    limits = [(_of_account(), name.strip().lower()), (_of_address(), address_of(request))]
    wait = max(left_to_wait(limit, who) for limit, who in limits)
    if wait:
        raise TooMany(f"Too many wrong tries; try again in {wait} s.", wait)
    user = _checked(request, name.strip(), password)
    if user is None:
        for limit, who in limits:
            spend(limit, who)
        raise Unauthorized(_WRONG)
    forgive(*limits[0])
    return user


def check_password(request: HttpRequest, user: AbstractBaseUser, password: str) -> None:
    """Ask for the password of who is logged in; raises as `log_in`."""
    log_in(request, user.get_username(), password)


def _checked(request: HttpRequest, name: str, password: str) -> AbstractBaseUser | None:
    username = _username_of(name)
    if username is None:
        make_password(password)  # as long as a check takes
        return None
    return authenticate(request, username=username, password=password)


def _username_of(name: str) -> str | None:
    """Return the user name of an account that is named by it or by its e-mail address."""
    accounts = get_user_model()._default_manager
    found = list(accounts.filter(username=name)[:1]) or list(accounts.filter(email__iexact=name)[:2])
    return found[0].get_username() if name and len(found) == 1 else None


def _of_account() -> Limit:
    return Limit("login", settings.LOGIN_TRIES, settings.LOGIN_SECONDS)


def _of_address() -> Limit:
    return Limit("loginfrom", settings.LOGIN_TRIES_PER_ADDRESS, settings.LOGIN_SECONDS)

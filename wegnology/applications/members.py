"""Managing the members of an application: who is meant by a name, and that somebody stays who can manage."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.models import Application, Member, Role

UNKNOWN = gettext_lazy(
    "There is no account of this user name or e-mail address. Check the spelling, or have an operator create it."
)


def find_account(text: str) -> AbstractBaseUser:
    """Return the account that a person names exactly, by user name or else by e-mail address; raises `ValidationError`.

    There is no list to choose from: who else has an account is nobody's business but the operators'.
    """
    accounts = get_user_model()._default_manager
    found = list(accounts.filter(username=text)[:1]) or list(accounts.filter(email__iexact=text)[:2])
    if not text or not found:
        raise ValidationError(UNKNOWN)
    if len(found) > 1:
        raise ValidationError(_("Several accounts have this e-mail address. Enter the user name instead."))
    if not found[0].is_active:
        raise ValidationError(_("This account is switched off. An operator can switch it on again under Users."))
    return found[0]


def lock_members(application_id: str) -> dict[int, Role]:
    """Return the role of each member by user id, and let nobody else change members until the transaction ends."""
    Application.objects.select_for_update().filter(pk=application_id).first()
    rows = Member.objects.filter(application=application_id)
    return {user_id: Role(role) for user_id, role in rows.values_list("user_id", "role")}


def keep_an_administrator(members: Mapping[int, Role], changes: Mapping[int, Role | None]) -> None:
    """Raise `ValidationError` if after the changes (by user id; None: leaves) nobody could manage members any more."""
    after: dict[int, Any] = {**members, **changes}
    administrators = [user_id for user_id, role in after.items() if role is Role.ADMINISTRATOR]
    if not get_user_model()._default_manager.filter(pk__in=administrators, is_active=True).exists():
        raise ValidationError(_("At least one administrator must stay. Make somebody else an administrator first."))

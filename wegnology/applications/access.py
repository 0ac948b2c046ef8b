"""Who may do what with an application. The one place that decides, for pages and API alike.

    role_of(user, application_id)            the role of a user, None for an outsider
    may(user, application_id, Role.EDITOR)   has the user this role or a greater one?
    may_anywhere(user, Role.EDITOR)          the same for any application: what menus and empty forms ask
    applications_of(user, Role.EDITOR)       the applications where that is so, as a query: for lists and choices

Roles follow from membership alone; Django's permissions of single models mean nothing here. A superuser is an administrator
of everything, who is not active is an outsider. The memberships of a user are read once for each user object, that is once a
request; whoever changes them calls `forget`.

Admin pages need none of this directly: they inherit `wegnology.applications.owned_admin.OwnedAdmin`.
"""

from collections.abc import Mapping
from typing import TypeAlias

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from wegnology.applications.models import Application, Member, Role

AnyUser: TypeAlias = AbstractBaseUser | AnonymousUser

_KEPT = "_roles_by_application"


def role_of(user: AnyUser, application_id: str) -> Role | None:
    """Return the role of a user in an application; None for an outsider, and for an application that does not exist."""
    if is_operator(user):
        return Role.ADMINISTRATOR
    return _roles(user).get(application_id)


def may(user: AnyUser, application_id: str | None, needed: Role) -> bool:
    """Say whether a user has a role or a greater one. What belongs to no application is for operators only."""
    if application_id is None:
        return is_operator(user)
    role = role_of(user, application_id)
    return role is not None and role.covers(needed)


def may_anywhere(user: AnyUser, needed: Role) -> bool:
    """Say whether a user has a role or a greater one in any application."""
    return is_operator(user) or any(role.covers(needed) for role in _roles(user).values())


def may_add_applications(user: AnyUser) -> bool:
    """Say whether a user may create applications: who runs the installation, and whom they gave the right."""
    return is_operator(user) or (isinstance(user, PermissionsMixin) and user.has_perm("applications.add_application"))


def applications_of(user: AnyUser, at_least: Role = Role.VIEWER) -> QuerySet[Application]:
    """Return the applications in which a user has a role or a greater one. No query is made before it is used."""
    if is_operator(user):
        return Application.objects.all()
    if not user.is_active or user.pk is None:
        return Application.objects.none()
    roles = [role.value for role in Role if role.covers(at_least)]
    return Application.objects.filter(pk__in=Member.objects.filter(user=user.pk, role__in=roles).values("application"))


def is_operator(user: AnyUser) -> bool:
    """Say whether a user runs the installation: sees every application, the processes and the accounts."""
    return bool(user.is_active and getattr(user, "is_superuser", False))


def forget(user: AnyUser) -> None:
    """Read the memberships of a user anew when they are next asked for."""
    if hasattr(user, _KEPT):
        delattr(user, _KEPT)


def _roles(user: AnyUser) -> Mapping[str, Role]:
    """Return the roles of a user by application, read once for each user object."""
    if not user.is_active or user.pk is None:
        return {}
    kept: Mapping[str, Role] | None = getattr(user, _KEPT, None)
    if kept is None:
        kept = {pk: Role(role) for pk, role in Member.objects.filter(user=user.pk).values_list("application_id", "role")}
        setattr(user, _KEPT, kept)
    return kept

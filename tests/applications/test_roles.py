"""Who may do what with an application: the one place that decides."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError

from tests import factories
from wegnology.applications.access import applications_of, forget, may, may_anywhere, role_of
from wegnology.applications.models import Application, Member, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def test_a_role_covers_those_before_it() -> None:
    covered = {role: [other for other in Role if role.covers(other)] for role in Role}
    assert covered == {
        Role.VIEWER: [Role.VIEWER],
        Role.EDITOR: [Role.VIEWER, Role.EDITOR],
        Role.ADMINISTRATOR: [Role.VIEWER, Role.EDITOR, Role.ADMINISTRATOR],
    }


@pytest.mark.parametrize("role", Role)
def test_a_member_has_the_role_there_and_nowhere_else(plant: Application, role: Role) -> None:
    other = factories.application("Other")
    user = factories.person("ann", plant, role)
    assert (role_of(user, plant.pk), role_of(user, other.pk), role_of(user, "f" * 24)) == (role, None, None)
    for needed in Role:
        assert may(user, plant.pk, needed) == may_anywhere(user, needed) == role.covers(needed)
        assert list(applications_of(user, needed)) == ([plant] if role.covers(needed) else [])
        assert not may(user, other.pk, needed)
        assert not may(user, None, needed)


def test_an_operator_is_administrator_of_everything(plant: Application) -> None:
    user = User.objects.create_superuser("root")
    assert role_of(user, plant.pk) is Role.ADMINISTRATOR
    assert may(user, None, Role.ADMINISTRATOR)
    assert list(applications_of(user, Role.ADMINISTRATOR)) == [plant]


@pytest.mark.parametrize("superuser", [True, False])
def test_who_is_not_active_is_an_outsider(plant: Application, superuser: bool) -> None:
    user = factories.person("ann", plant, Role.ADMINISTRATOR, is_active=False, is_superuser=superuser)
    assert role_of(user, plant.pk) is None
    assert not may_anywhere(user, Role.VIEWER)
    assert not applications_of(user).exists()


def test_a_stranger_is_an_outsider(plant: Application) -> None:
    assert role_of(AnonymousUser(), plant.pk) is None
    assert not may_anywhere(AnonymousUser(), Role.VIEWER)
    assert not applications_of(AnonymousUser()).exists()


def test_memberships_are_read_once(plant: Application, django_assert_num_queries: Any) -> None:
    user = factories.person("ann", plant, Role.VIEWER)
    with django_assert_num_queries(1):
        assert not may(user, "f" * 24, Role.VIEWER)
        assert may(user, plant.pk, Role.VIEWER)
        assert may_anywhere(user, Role.VIEWER)
    Member.objects.update(role=Role.EDITOR)
    assert role_of(user, plant.pk) is Role.VIEWER
    forget(user)
    assert role_of(user, plant.pk) is Role.EDITOR


def test_a_new_member_may_log_in(plant: Application) -> None:
    user = User.objects.create_user("ann")
    Member.objects.create(application=plant, user=user)
    user.refresh_from_db()
    assert user.is_staff
    assert not user.is_superuser


def test_a_person_is_a_member_once(plant: Application) -> None:
    user = factories.person("ann", plant, Role.VIEWER)
    with pytest.raises(IntegrityError):
        Member.objects.create(application=plant, user=user)

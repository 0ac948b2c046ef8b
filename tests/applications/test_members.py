"""Members on the application's page: adding by name, roles, and that an administrator stays. Accounts, for operators."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests import factories
from wegnology.applications.access import role_of
from wegnology.applications.members import UNKNOWN
from wegnology.applications.models import Application, Member, Role

pytestmark = pytest.mark.django_db

ADD = reverse("admin:applications_application_add")
USERS = reverse("admin:auth_user_changelist")


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


@pytest.fixture
def ann(plant: Application) -> User:
    """The only administrator."""
    return factories.person("ann", plant, Role.ADMINISTRATOR)


@pytest.fixture
def by_ann(client: Client, ann: User) -> Client:
    """Ann's browser."""
    client.force_login(ann)
    return client


def page(of: Application) -> str:
    """Return the address of an application's page."""
    return reverse("admin:applications_application_change", args=[of.pk])


def typed(of: Application, *new: tuple[str, str], **roles: str) -> dict[str, str]:
    """Return the filled form: stored members with their role ("" removes), by user name, and new ones as (who, role)."""
    stored = list(of.members.select_related("user"))
    form = {"name": of.name, "globals-TOTAL_FORMS": "0", "globals-INITIAL_FORMS": "0"}
    form |= {"members-TOTAL_FORMS": str(len(stored) + len(new)), "members-INITIAL_FORMS": str(len(stored))}
    for at, row in enumerate(stored):
        role = roles.get(row.user.get_username(), row.role)
        form |= {f"members-{at}-id": str(row.pk), f"members-{at}-role": role or row.role}
        form |= {} if role else {f"members-{at}-DELETE": "on"}
    for at, (who, role) in enumerate(new, len(stored)):
        form |= {f"members-{at}-who": who, f"members-{at}-role": role}
    return form


def faults(response: Any) -> list[str]:
    """Return all faults among the members."""
    formset = response.context["inline_admin_formsets"][1].formset
    return [text for form in formset.errors for texts in form.values() for text in texts] + list(formset.non_form_errors())


def members(of: Application) -> dict[str, str]:
    """Return the roles by user name."""
    return dict(of.members.values_list("user__username", "role"))


class TestAdding:
    @pytest.mark.parametrize("who", ["bob", " bob ", "bob@example.com", "BOB@Example.com"])
    def test_by_user_name_or_address(self, by_ann: Client, plant: Application, who: str) -> None:
        bob = User.objects.create_user("bob", "bob@example.com")
        response = by_ann.post(page(plant), typed(plant, (who, "editor")))
        assert response.status_code == 302, faults(response)
        assert members(plant) == {"ann": "administrator", "bob": "editor"}
        bob.refresh_from_db()
        assert bob.is_staff

    def test_a_user_name_goes_before_an_address(self, by_ann: Client, plant: Application) -> None:
        User.objects.create_user("bob@example.com")
        User.objects.create_user("other", "bob@example.com")
        by_ann.post(page(plant), typed(plant, ("bob@example.com", "viewer")))
        assert "bob@example.com" in members(plant)

    @pytest.mark.parametrize(
        ("who", "text"),
        [
            ("nobody", UNKNOWN),
            ("bo", UNKNOWN),
            ("twin@example.com", "Several accounts have this e-mail address. Enter the user name instead."),
            ("gone", "This account is switched off. An operator can switch it on again under Users."),
            ("ann", "ann is a member already."),
            ("", "This field is required."),
        ],
    )
    def test_faults_say_what_to_do(self, by_ann: Client, plant: Application, who: str, text: str) -> None:
        for name in ("bob", "twin1", "twin2"):
            User.objects.create_user(name, "twin@example.com")
        User.objects.create_user("gone", is_active=False)
        response = by_ann.post(page(plant), typed(plant, (who, "editor")))
        assert faults(response) == [text]
        assert members(plant) == {"ann": "administrator"}

    def test_the_same_person_twice(self, by_ann: Client, plant: Application) -> None:
        User.objects.create_user("bob", "bob@example.com")
        response = by_ann.post(page(plant), typed(plant, ("bob", "viewer"), ("bob@example.com", "editor")))
        assert faults(response) == ["bob is a member already."]

    def test_nobody_is_listed(self, by_ann: Client, plant: Application) -> None:
        User.objects.create_user("somebody-else", "somebody@example.com")
        assert "somebody" not in by_ann.get(page(plant)).content.decode()


class TestAdministrators:
    @pytest.mark.parametrize("role", ["viewer", "editor", ""])
    def test_the_last_one_stays(self, by_ann: Client, plant: Application, role: str) -> None:
        factories.person("bob", plant, Role.EDITOR)
        factories.person("off", plant, Role.ADMINISTRATOR, is_active=False)
        response = by_ann.post(page(plant), typed(plant, ann=role))
        assert faults(response) == ["At least one administrator must stay. Make somebody else an administrator first."]
        assert "At least one administrator must stay" in response.content.decode()
        assert members(plant)["ann"] == "administrator"

    def test_one_hands_over(self, by_ann: Client, plant: Application) -> None:
        factories.person("bob", plant, Role.EDITOR)
        response = by_ann.post(page(plant), typed(plant, ann="", bob="administrator"))
        assert response.status_code == 302, faults(response)
        assert members(plant) == {"bob": "administrator"}
        assert by_ann.get(page(plant)).status_code == 403

    def test_an_operator_may_remove_the_last_one(self, admin_client: Client, plant: Application, ann: User) -> None:
        assert admin_client.post(page(plant), typed(plant, ann="")).status_code == 302
        assert members(plant) == {}
        assert "Nobody yet: only operators see this application." in admin_client.get(page(plant)).content.decode()


class TestCreating:
    FORM = {"name": "New", "globals-TOTAL_FORMS": "0", "globals-INITIAL_FORMS": "0"}

    def test_who_creates_is_administrator(self, client: Client) -> None:
        user = factories.person("ann")
        user.user_permissions.add(Permission.objects.get(codename="add_application"))
        client.force_login(user)
        globals_ = {"globals-TOTAL_FORMS": "1", "globals-0-key": "limit", "globals-0-value": "3"}
        response = client.post(ADD, {**self.FORM, **globals_}, follow=True)
        row = Application.objects.get()
        assert "New" in response.content.decode()
        assert role_of(User.objects.get(username="ann"), row.pk) is Role.ADMINISTRATOR
        assert list(row.globals.values_list("key", "value")) == [("limit", 3)]
        assert "Only you." in client.get(page(row)).content.decode()

    def test_the_right_is_given_on_the_account(self, client: Client, admin_client: Client) -> None:
        user = factories.person("ann")
        client.force_login(user)
        assert client.post(ADD, self.FORM).status_code == 403
        address = reverse("admin:auth_user_change", args=[user.pk])
        form = {"username": "ann", "is_active": "on", "is_staff": "on"}
        for given, status in (({"creates_applications": "on"}, 302), ({}, 403)):
            response = admin_client.post(address, {**form, **given})
            assert response.status_code == 302, response.context["adminform"].form.errors
            assert client.post(ADD, self.FORM).status_code == status


class TestLooking:
    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_members_see_each_other(self, client: Client, plant: Application, ann: User, role: Role) -> None:
        client.force_login(factories.person("bob", plant, role, first_name="Robert", last_name="Byrd"))
        html = client.get(page(plant)).content.decode()
        assert "bob (Robert Byrd)" in html
        assert "ann" in html
        assert "members-0-role" not in html

    @pytest.mark.parametrize(("role", "parts"), [(Role.VIEWER, ()), (Role.EDITOR, ("globals",))])
    def test_a_part_that_may_only_be_looked_at_has_no_button(
        self, client: Client, plant: Application, role: Role, parts: tuple[str, ...]
    ) -> None:
        client.force_login(factories.person("vic", plant, role))
        for part in ("globals", "members"):
            html = client.get(reverse(f"admin:applications_application_{part}", args=[plant.pk])).content.decode()
            assert ('name="_save"' in html) == (part in parts)

    def test_an_application_page_costs_the_same_for_any_number_of_members(
        self, by_ann: Client, plant: Application, django_assert_num_queries: Any
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        factories.person("bob", plant)
        by_ann.get(page(plant))
        with CaptureQueriesContext(connection) as few:
            by_ann.get(page(plant))
        for number in range(20):
            factories.person(f"person{number}", plant)
        with django_assert_num_queries(len(few)):
            by_ann.get(page(plant))


class TestAccounts:
    def test_an_operator_makes_one(self, admin_client: Client) -> None:
        form = {"username": "bob", "email": "bob@example.com", "usable_password": "true"}
        form |= {"password1": "correct horse battery", "password2": "correct horse battery"}
        response = admin_client.post(reverse("admin:auth_user_add"), form)
        assert response.status_code == 302, response.context["adminform"].form.errors
        bob = User.objects.get(username="bob")
        assert (bob.email, bob.is_staff, bob.is_superuser) == ("bob@example.com", False, False)
        html = admin_client.get(reverse("admin:auth_user_change", args=[bob.pk])).content.decode()
        assert "May create applications" in html
        assert "user_permissions" not in html

    def test_groups_are_not_offered(self, admin_client: Client) -> None:
        assert admin_client.get("/admin/auth/group/").status_code == 404
        assert "Groups" not in admin_client.get(USERS).content.decode()

    def test_members_do_not_see_the_menu_of_operators(self, by_ann: Client) -> None:
        html = by_ann.get("/admin/").content.decode()
        assert USERS not in html
        assert reverse("admin:integrations_integration_changelist") in html

    def test_an_account_takes_its_memberships_along(self, admin_client: Client, plant: Application, ann: User) -> None:
        admin_client.post(reverse("admin:auth_user_delete", args=[ann.pk]), {"post": "yes"})
        assert not Member.objects.exists()
        assert Application.objects.exists()

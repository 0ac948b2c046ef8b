"""The log-in page and that of one's own password: who comes in, and who is slowed."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.servers.processes import free_port
from wegnology.applications.models import Application, Role
from wegnology.lib.rest import limits
from wegnology.login import LENGTHS

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.usefixtures("redis_here")]

PASSWORD = "tulips in the Rain 7"
WRONG = "or the password, is wrong."
WAIT = "Too many wrong tries. Try again in "


@pytest.fixture(autouse=True)
def _nothing_before() -> None:
    """Forget what earlier tests counted in this process."""
    limits._windows.clear()
    limits._away_until = 0.0


@pytest.fixture
def plant() -> Application:
    """One application, and Ann in it."""
    plant = factories.application("Plant")
    factories.person("ann", plant, Role.EDITOR, password=PASSWORD, email="ann@example.com")
    return plant


def log_in(client: Client, password: str = PASSWORD, name: str = "ann", **extra: Any) -> str:
    """Return what the page says, "" to who comes in."""
    response = client.post(reverse("admin:login"), {"username": name, "password": password}, **extra)
    return "" if response.status_code == 302 else response.content.decode()


@pytest.mark.usefixtures("plant")
class TestWhoComesIn:
    @pytest.mark.parametrize("name", ["ann", " ann ", "ann@example.com", "Ann@Example.com"])
    def test_by_user_name_and_by_mail_address(self, client: Client, name: str) -> None:
        assert log_in(client, name=name) == ""
        assert client.get(reverse("admin:index")).status_code == 200

    def test_nobody_learns_who_has_an_account(self, client: Client) -> None:
        known, unknown = log_in(client, "no"), log_in(client, "no", name="bob")
        assert WRONG in known
        assert WRONG in unknown

    def test_who_may_not_use_the_pages_is_told(self, client: Client) -> None:
        factories.person("eve", password=PASSWORD, is_staff=False)
        assert "may not use these pages" in log_in(client, name="eve")
        assert WRONG in log_in(client, "no", name="eve")

    @pytest.mark.parametrize("field", sorted(LENGTHS))
    def test_fields_have_a_length(self, client: Client, field: str) -> None:
        entered = {"username": "ann", "password": PASSWORD, field: "x" * (LENGTHS[field] + 1)}
        response = client.post(reverse("admin:login"), entered)
        assert f"at most {LENGTHS[field]} characters" in response.content.decode()

    def test_what_is_missing_is_named(self, client: Client) -> None:
        page = log_in(client, "")
        assert "This field is required." in page
        assert "Correct what is marked below." in page

    def test_what_is_wrong_is_said_once(self, client: Client) -> None:
        page = log_in(client, "no")
        assert page.count("errornote") == 1
        assert WRONG in page


@pytest.mark.usefixtures("plant")
class TestGuessing:
    def test_an_account_is_closed_for_a_while(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES, settings.LOGIN_SECONDS = 2, 300
        for _ in range(2):
            assert WRONG in log_in(client, "no")
        assert WAIT in log_in(client)
        assert WAIT in log_in(client, name="ANN ")
        assert reverse("admin:login") in client.get(reverse("admin:index"))["Location"]

    def test_a_name_that_nobody_has_is_answered_the_same(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES = 1
        assert WRONG in log_in(client, "no", name="bob")
        assert WAIT in log_in(client, "no", name="bob")

    def test_tries_by_the_api_count_too(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES = 2
        assert WRONG in log_in(client, "no")
        asked = {"email": "ann", "password": "no"}
        assert client.post("/api/auth/user", asked, content_type="application/json").status_code == 401
        assert WAIT in log_in(client)

    def test_one_who_knows_the_password_is_forgiven(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES = 2
        for _ in range(3):
            assert WRONG in log_in(client, "no")
            assert log_in(client) == ""
            client.logout()

    def test_an_address_that_tries_many_accounts_is_closed_too(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES_PER_ADDRESS = 2
        for number in range(2):
            assert WRONG in log_in(client, "no", name=f"nobody{number}")
        assert WAIT in log_in(client)
        assert log_in(client, REMOTE_ADDR="203.0.113.9") == ""

    def test_it_holds_without_redis(self, client: Client, settings: Settings) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        settings.LOGIN_TRIES = 1
        assert WRONG in log_in(client, "no")
        assert WAIT in log_in(client)


NEW = "crocuses under Snow 8"


def change(client: Client, old: str = PASSWORD, new: str = NEW, **extra: Any) -> str:
    """Enter a new password; return what the page says, "" when it was changed."""
    entered = {"old_password": old, "new_password1": new, "new_password2": new}
    response = client.post(reverse("admin:password_change"), entered, **extra)
    return "" if response.status_code == 302 else response.content.decode()


@pytest.mark.usefixtures("plant")
class TestOwnPassword:
    @pytest.fixture(autouse=True)
    def _ann(self, client: Client, plant: Application) -> None:
        assert log_in(client) == ""

    def test_is_changed(self, client: Client) -> None:
        assert change(client) == ""
        assert client.get(reverse("admin:password_change_done")).status_code == 200
        client.logout()
        assert WRONG in log_in(client)
        assert log_in(client, NEW) == ""

    def test_guesses_are_slowed(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES = 2
        for _ in range(2):
            assert "Your old password was entered incorrectly" in change(client, "no")
        assert WAIT in change(client)

    def test_guesses_count_with_those_at_the_log_in_page(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES = 1
        assert "entered incorrectly" in change(client, "no")
        client.logout()
        assert WAIT in log_in(client)

    def test_passwords_have_a_length(self, client: Client) -> None:
        most = LENGTHS["password"]
        assert f"at most {most} characters" in change(client, "x" * (most + 1))
        assert f"at most {most} characters" in change(client, new="Tulip 7" + "x" * most)

"""The pages of API tokens."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.api.tokens import a_token
from wegnology.applications.models import ApiToken, Application, Role
from wegnology.applications.records import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]

ADD = reverse("admin:applications_apitoken_add")
LIST = reverse("admin:applications_apitoken_changelist")


@pytest.fixture
def plant() -> Application:
    return factories.application("Plant")


@pytest.fixture
def boss(client: Client, plant: Application) -> Client:
    """Somebody who administers the plant."""
    client.force_login(factories.person("boss", plant, Role.ADMINISTRATOR))
    return client


def filled(of: Application, **changes: str) -> dict[str, str]:
    """Return a filled form."""
    return {"application": of.pk, "name": "export", "access": "all.Application.read", "scopes": "", **changes}


def test_a_new_token_is_shown_once_and_works(boss: Client, plant: Application) -> None:
    response = boss.post(ADD, filled(plant))
    (token,) = re.findall(r"<code class=\"wg-code\">(wga_[\w-]+)</code>", response.content.decode())
    assert "no-store" in response["Cache-Control"]
    row = ApiToken.objects.get()
    assert (row.scope, row.creator_name, row.usable) == (["all.Application.read"], "boss", True)
    headers = {"Authorization": f"Bearer {token}"}
    assert boss.get(f"/api/applications/{plant.pk}", headers=headers).status_code == 200
    pages = [LIST, reverse("admin:applications_apitoken_change", args=[row.pk])]
    pages.append(reverse("admin:applications_apitoken_history", args=[row.pk]))
    assert all(token not in boss.get(page).content.decode() for page in pages)
    assert token not in str(list(AuditEntry.objects.values()))


def test_the_script_of_the_page_knows_when_scopes_are_asked_for(boss: Client) -> None:
    html = boss.get(ADD).content.decode()
    assert "wegnology/schema-form.js" in html
    assert 'data-when="{&quot;access&quot;: [&quot;chosen&quot;]}"' in html


def test_scopes_can_be_chosen(boss: Client, plant: Application) -> None:
    boss.post(ADD, filled(plant, access="chosen", scopes="integrations.get\nintegration.*\nintegrations.get"))
    assert ApiToken.objects.get().scope == ["integrations.get", "integration.*"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"access": "chosen"}, "Name at least one scope."),
        ({"access": "chosen", "scopes": "all.User"}, "There is no scope all.User."),
        ({"scopes": "integrations.get"}, "leave this empty"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "This time is over."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_cannot_be(boss: Client, plant: Application, changes: dict[str, str], said: str) -> None:
    assert said in boss.post(ADD, filled(plant, **changes)).content.decode()
    assert not ApiToken.objects.exists()


def test_it_can_be_paused_and_revoked(boss: Client, plant: Application) -> None:
    row, token = a_token(plant, "application.get")
    headers = {"Authorization": f"Bearer {token}"}
    page = reverse("admin:applications_apitoken_change", args=[row.pk])
    assert boss.post(page, {"name": "renamed", "description": "", "scope": "all.Application"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.active, row.scope) == ("renamed", False, ["application.get"])
    assert boss.get(f"/api/applications/{plant.pk}", headers=headers).status_code == 401
    boss.post(reverse("admin:applications_apitoken_delete", args=[row.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()


def test_states_are_told_apart(boss: Client, plant: Application) -> None:
    a_token(plant, name="one")
    a_token(plant, name="two", active=False)
    a_token(plant, name="three", expires_at=timezone.now())
    html = boss.get(LIST).content.decode()
    assert [html.count(f">{word}<") > 0 or word in html for word in ("Active", "Inactive", "Ended")] == [True] * 3


def test_an_administrator_elsewhere_sees_none(boss: Client) -> None:
    other = factories.application("Zanzibar")
    a_token(other, name="Zanzibar token")
    other.members.create(user=User.objects.get(username="boss"), role=Role.VIEWER)
    assert "Zanzibar token" not in boss.get(LIST).content.decode()

"""The application that a person works in: chosen in the menu, it narrows lists and gives no rights."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.live import outage
from integrations.models import LedgerHour
from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from wegnology.applications.models import Application, Global, Member, Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

LIST = reverse("admin:integrations_integration_changelist")


@pytest.fixture
def plant() -> Application:
    """An application with an integration."""
    outage.over()
    row = factories.application("Plant")
    factories.integration(row, name="Plant broker")
    return row


@pytest.fixture
def depot() -> Application:
    """Another one."""
    row = factories.application("Depot")
    factories.integration(row, name="Depot broker")
    return row


@pytest.fixture
def ann(client: Client, plant: Application, depot: Application) -> User:
    """A person who edits both, logged in."""
    user = factories.person("ann", plant, Role.EDITOR)
    Member.objects.create(application=depot, user=user, role=Role.EDITOR)
    client.force_login(user)
    return user


def html_of(client: Client, address: str) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == 200, address
    return response.content.decode()


def chosen(client: Client) -> str:
    return str(client.session.get("application", ""))


@pytest.mark.usefixtures("ann")
class TestChoice:
    def test_narrows_lists_until_all_are_chosen(self, client: Client, plant: Application) -> None:
        response = client.post(reverse("switch"), {"application": plant.pk})
        assert response.headers["Location"] == reverse("overview", args=[plant.pk])
        html = html_of(client, LIST)
        assert "Plant broker" in html
        assert "Depot broker" not in html
        client.post(reverse("switch"), {"application": ""})
        html = html_of(client, LIST)
        assert "Plant broker" in html
        assert "Depot broker" in html

    def test_gives_no_right_to_another_application(self, client: Client) -> None:
        hidden = factories.application("Hidden")
        html = client.post(reverse("switch"), {"application": hidden.pk}, follow=True).content.decode()
        assert "you are not a member of it any more" in html
        assert chosen(client) == ""
        assert "Hidden" not in html

    def test_of_an_application_that_was_left_is_forgotten(self, client: Client, ann: User, plant: Application) -> None:
        client.post(reverse("switch"), {"application": plant.pk})
        Member.objects.filter(application=plant, user=ann).delete()
        html = html_of(client, LIST)
        assert "Plant broker" not in html
        assert "Depot broker" in html

    def test_is_what_a_new_row_begins_with(self, client: Client, depot: Application) -> None:
        client.post(reverse("switch"), {"application": depot.pk})
        html = html_of(client, reverse("admin:workflows_workflow_add"))
        assert f'<option value="{depot.pk}" selected>' in html

    def test_goes_along_to_the_row_that_is_looked_at(self, client: Client, plant: Application, depot: Application) -> None:
        client.post(reverse("switch"), {"application": plant.pk})
        html_of(client, reverse("admin:integrations_integration_change", args=[depot.integrations.get().pk]))
        assert chosen(client) == depot.pk

    def test_a_filter_by_application_goes_before(self, client: Client, plant: Application, depot: Application) -> None:
        client.post(reverse("switch"), {"application": plant.pk})
        assert "Depot broker" in html_of(client, f"{LIST}?application__id__exact={depot.pk}")


class TestOverview:
    def test_shows_what_arrived_what_failed_and_who_needs_attention(self, client: Client, ann: User, plant: Application) -> None:
        row = plant.integrations.get()
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(integration_id=row.pk, hour=now, counts={"messages": 7, "finished": 4, "parked:failed": 1})
        html = html_of(client, reverse("overview", args=[plant.pk]))
        assert "<strong>7</strong>Received in 24 hours" in html
        assert "<strong>2</strong>Waiting for workflows" in html
        assert f'href="{reverse("admin:integrations_integration_change", args=[row.pk])}">Plant broker</a>' in html
        assert "Depot broker" not in html

    def test_of_a_new_application_says_what_to_do_next(self, client: Client) -> None:
        empty = factories.application("Empty")
        client.force_login(factories.person("eve", empty, Role.EDITOR))
        html = html_of(client, reverse("home"))
        assert "First steps" in html
        assert reverse("admin:integrations_integration_add") in html

    def test_of_a_viewer_shows_no_steps(self, client: Client) -> None:
        empty = factories.application("Empty")
        client.force_login(factories.person("vic", empty, Role.VIEWER))
        assert "First steps" not in html_of(client, reverse("home"))


class TestParts:
    def test_globals_are_saved_on_their_own_page(self, client: Client, ann: User, plant: Application) -> None:
        address = reverse("admin:applications_application_globals", args=[plant.pk])
        assert "Payloads in" not in html_of(client, address)
        rows = {"globals-TOTAL_FORMS": "1", "globals-INITIAL_FORMS": "0", "globals-0-key": "limit", "globals-0-value": "30"}
        response = client.post(address, rows)
        assert response.headers["Location"] == address
        assert Global.objects.get(application=plant).value == 30
        plant.refresh_from_db()
        assert plant.name == "Plant"

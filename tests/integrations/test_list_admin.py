"""The list of integrations."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.connectors.base import connectors
from integrations.list_page import spark_html
from integrations.live import outage
from integrations.models import Integration, LedgerHour
from integrations.runtime.keys import key
from integrations.runtime.status import ConnectionState, Status
from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

LIST = reverse("admin:integrations_integration_changelist")
LIVE = reverse("admin:integrations_integration_live")


@pytest.fixture
def plant() -> Application:
    """An application."""
    outage.over()
    return factories.application("Plant")


@pytest.fixture
def editor(client: Client, plant: Application) -> User:
    """An editor, logged in."""
    user = factories.person("ann", plant, Role.EDITOR)
    client.force_login(user)
    return user


def tell(redis: RedisServer, row: Integration, state: ConnectionState, **more: Any) -> None:
    """Write what a listener would."""
    with redis.client() as client:
        client.set(key("status", row.pk), Status(state, since_ms=int(time.time() * 1000), **more).to_json())


def act(client: Client, action: str, *rows: Integration) -> str:
    """Choose rows and an action."""
    sent = {"action": action, "_selected_action": [row.pk for row in rows], "select_across": "0", "index": "0"}
    return client.post(LIST, sent, follow=True).content.decode()


@pytest.mark.usefixtures("editor")
class TestColumns:
    def test_a_row_names_its_topics_and_workflows(self, client: Client, plant: Application) -> None:
        row = factories.integration(plant, name="Press", topics=["a/<b>", "b", "c", "d"])
        workflow = factories.workflow(row, name="Alert me")
        html = client.get(LIST).content.decode()
        assert "<code>a/&lt;b&gt;</code>" in html
        assert "and 1 more" in html
        assert f'href="{reverse("admin:workflows_workflow_change", args=[workflow.pk])}">Alert me</a>' in html

    def test_the_last_hours_are_drawn(self, client: Client, plant: Application) -> None:
        row = factories.integration(plant)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        for back, count in ((0, 5), (2, 10), (50, 1000)):
            LedgerHour.objects.create(integration_id=row.pk, hour=hour - timedelta(hours=back), counts={"messages": count})
        html = client.get(LIST).content.decode()
        assert "15 messages in 12 hours" in html
        assert html.count("<rect") == 2

    def test_the_number_of_queries_does_not_grow(self, client: Client, plant: Application) -> None:
        counts = []
        for number in (1, 15):
            for at in range(number):
                factories.workflow(factories.integration(plant, name=f"{number}-{at}"), name=f"{number}-{at}")
            with CaptureQueriesContext(
                connection,
            ) as seen:
                assert client.get(LIST).status_code == 200
            counts.append(len(seen))
        assert counts[0] == counts[1]

    def test_headers_are_worked_out_once_and_checkboxes_are_named(self, client: Client, plant: Application) -> None:
        for name in ("One", "Two", "Three"):
            factories.integration(plant, name=name)
        from unfold.templatetags import unfold_list

        client.get(LIST)
        asked: list[object] = []
        page = client.get(LIST)
        listed = (page.context_data or {})["cl"]
        listed.get_query_string = lambda *given, **more: asked.append(given)
        assert list(unfold_list.result_headers(listed)) == list(unfold_list.result_headers(listed))
        assert asked == []
        html = page.content.decode()
        assert html.count('aria-label="Select Two"') == 1
        assert html.count('name="_selected_action"') == 3


@pytest.mark.usefixtures("editor")
class TestLive:
    def test_an_open_list_asks_for_what_changed(self, client: Client, plant: Application, redis_here: RedisServer) -> None:
        row = factories.integration(plant)
        tell(redis_here, row, ConnectionState.DISABLED)
        found = client.get(LIVE, {"id": [row.pk, "nonsense"]}).json()["rows"]
        assert found.keys() == {row.pk}
        assert found[row.pk].keys() == {"status", "last", "rate", "hours"}
        assert "Disabled" in found[row.pk]["status"]

    def test_rows_of_others_are_not_told(self, client: Client) -> None:
        hidden = factories.integration(factories.application("Elsewhere"))
        assert client.get(LIVE, {"id": [hidden.pk]}).json() == {"rows": {}}


@pytest.mark.usefixtures("editor")
class TestFilter:
    def test_rows_in_one_state_are_found(self, client: Client, plant: Application) -> None:
        factories.integration(plant, name="On")
        factories.integration(plant, name="Off", enabled=False)
        html = client.get(LIST, {"state": "disabled"}).content.decode()
        assert "Off</a>" in html
        assert "On</a>" not in html
        html = client.get(LIST, {"state": "unknown"}).content.decode()
        assert "On</a>" in html
        assert "Off</a>" not in html


@pytest.mark.usefixtures("editor")
class TestActions:
    def test_many_are_switched_off_and_on(self, client: Client, plant: Application) -> None:
        rows = [factories.integration(plant, name=name) for name in ("One", "Two")]
        assert "2 integrations were disabled." in act(client, "disable", *rows)
        assert not Integration.objects.filter(enabled=True).exists()
        assert "1 integration was enabled." in act(client, "enable", rows[0])
        assert Integration.objects.get(enabled=True) == rows[0]

    def test_many_are_connected_anew(self, client: Client, plant: Application) -> None:
        row = factories.integration(plant)
        assert "1 connection is made anew." in act(client, "reconnect", row)
        row.refresh_from_db()
        assert row.reconnects == 1

    def test_a_viewer_does_neither(self, client: Client, plant: Application) -> None:
        row = factories.integration(plant)
        client.force_login(factories.person("vic", plant, Role.VIEWER))
        act(client, "disable", row)
        act(client, "reconnect", row)
        row.refresh_from_db()
        assert (row.enabled, row.reconnects) == (True, 0)


def test_a_chart_of_nothing_says_so() -> None:
    assert "0 messages in 3 hours" in spark_html([0, 0, 0])


def test_each_type_is_chosen_by_what_it_can_do_and_explained(admin_client: Client) -> None:
    html = admin_client.get(reverse("admin:integrations_integration_add")).content.decode()
    for connector in connectors:
        card = html.partition(f"type={connector.name}")[2].partition("</li>")[0]
        assert connector.label in card
        assert connector.icon in card
        assert ("Sends" in card) is (connector.Outgoing is not None)
        page, _, chapter = card.partition('wg-card-more" href="')[2].partition('"')[0].partition("#")
        assert connector.name == "lamp" or f'id="{chapter}"' in admin_client.get(page).content.decode()

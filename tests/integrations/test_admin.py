"""The pages of integrations: type, form, secrets, live status, deletion; with Redis and without."""

import json
import re
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from integrations.live import outage
from integrations.models import Integration, StatusChange
from integrations.runtime.keys import key, partition_of
from integrations.runtime.status import ConnectionState, Status
from tests import factories
from tests.lamp import CONFIG, LampConnector, lamp  # noqa: F401  (a fixture)
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Role
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]

ADD = reverse("admin:integrations_integration_add")
LIST = reverse("admin:integrations_integration_changelist")


@pytest.fixture
def redis_away(settings: Settings) -> None:
    """Settings that name a port where no Redis listens."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture(autouse=True)
def _no_outage() -> None:
    """Forget what an earlier test saw of Redis."""
    outage.over()


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def a_lamp(plant: Application, **fields: Any) -> Integration:
    """Create a lamp."""
    return factories.integration(plant, **{"integration_type": "lamp", "config": CONFIG, "topics": ("one",), **fields})


def page_of(row: Integration, name: str = "change") -> str:
    """Return the address of one of an integration's pages."""
    return reverse(f"admin:integrations_integration_{name}", args=[row.pk])


def typed(plant: Application, **changes: str) -> dict[str, str]:
    """Return a filled form."""
    filled = {"application": plant.pk, "name": "Hall", "enabled": "on", "topics": "one\ntwo"}
    filled |= {"config_host": "lamp.local", "config_port": "7", "config_mode": "plain"}
    return filled | changes


def faults(response: Any) -> dict[str, list[str]]:
    """Return the faults that a page shows, by field."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def write_status(server: RedisServer, integration_id: str, status: Status, proof_ms: int = 0) -> None:
    """Write a status as a listener does that holds the partition."""
    with server.client() as client:
        client.set(key("status", integration_id), status.to_json())
        client.hset(key("proof"), integration_id, str(proof_ms))
        client.set(key("listen", partition_of(integration_id)), f"{status.listener}/abc")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


class TestAdding:
    def test_first_the_type_is_chosen(self, admin_client: Client) -> None:
        html = admin_client.get(ADD).content.decode()
        assert "Lamp" in html
        assert "An integration type that only tests know" in html
        assert "?type=lamp" in html
        assert "WebSocket servers, as a client." in html
        assert "https://www.rfc-editor.org" not in html
        assert LampConnector.notice in html
        assert 'name="name"' not in html

    def test_the_form_is_made_from_the_schema(self, admin_client: Client) -> None:
        html = admin_client.get(f"{ADD}?type=lamp").content.decode()
        assert "Host Template" in html
        assert "Name or address of the lamp." in html
        assert LampConnector.notice in html
        assert "Switches" in html
        assert "One switch a line." in html
        assert 'type="password"' in html

    def test_a_filled_form_makes_an_integration(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(f"{ADD}?type=lamp", typed(plant, config_password="hunter2"))
        assert response.status_code == 302, faults(response)
        row = Integration.objects.get()
        assert row.integration_type == "lamp"
        assert row.topics == ["one", "two"]
        assert row.raw_config() == {
            "host": "lamp.local",
            "port": 7,
            "mode": "plain",
            "password": "hunter2",
            "serial": "lamp-1",
        }
        assert "hunter2" not in str(row.config)

    def test_a_template_stays_text(self, admin_client: Client, plant: Application) -> None:
        admin_client.post(f"{ADD}?type=lamp", typed(plant, config_port="{{globals.port}}"))
        assert Integration.objects.get().config["port"] == "{{globals.port}}"

    def test_faults_stand_beside_their_fields(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(f"{ADD}?type=lamp", typed(plant, topics="one\nnot this", config_port="many", name=""))
        assert faults(response)["topics"] == ["not this: A switch has no space."]
        assert faults(response)["name"] == ["This field is required."]
        response = admin_client.post(f"{ADD}?type=lamp", typed(plant, config_port="70000"))
        assert list(faults(response)) == ["config_port"]
        assert not Integration.objects.exists()

    def test_what_does_not_apply_is_left_out_and_said(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(f"{ADD}?type=lamp", typed(plant, config_certificate="PEM"), follow=True)
        assert "Not kept, because they do not apply with these settings: Certificate Template." in response.content.decode()
        assert "certificate" not in Integration.objects.get().config

    def test_an_unknown_type_leads_back_to_the_choice(self, admin_client: Client) -> None:
        assert "?type=lamp" in admin_client.get(f"{ADD}?type=toaster").content.decode()


class TestChanging:
    def test_the_page_never_holds_a_secret(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant, config={**CONFIG, "password": "hunter2"})
        html = admin_client.get(page_of(row)).content.decode()
        assert "hunter2" not in html
        assert "sealed:" not in html
        assert "A value is stored and not shown" in html

    def test_an_empty_secret_keeps_the_stored_one(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant, config={**CONFIG, "password": "hunter2"})
        response = admin_client.post(page_of(row), typed(plant, name="New"))
        assert response.status_code == 302, faults(response)
        row.refresh_from_db()
        assert row.name == "New"
        assert row.raw_config()["password"] == "hunter2"

    def test_the_box_removes_a_secret(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant, config={**CONFIG, "password": "hunter2"})
        admin_client.post(page_of(row), typed(plant, **{"config_password-clear": "1"}))
        row.refresh_from_db()
        assert "password" not in row.raw_config()

    def test_a_lost_key_is_told_and_a_new_secret_heals(
        self, admin_client: Client, plant: Application, settings: Settings, redis_away: None
    ) -> None:
        row = a_lamp(plant, config={**CONFIG, "password": "hunter2"})
        from wegnology.lib.crypto import new_key

        settings.SECRET_KEYS = [new_key()]
        response = admin_client.post(page_of(row), typed(plant))
        assert "cannot be opened" in faults(response)["__all__"][0]
        assert admin_client.post(page_of(row), typed(plant, config_password="new")).status_code == 302
        row.refresh_from_db()
        assert row.raw_config()["password"] == "new"

    def test_type_and_application_cannot_be_changed(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant)
        other = factories.application("Other")
        admin_client.post(f"{page_of(row)}?type=mqtt", typed(other, integration_type="mqtt"))
        row.refresh_from_db()
        assert (row.integration_type, row.application_id) == ("lamp", plant.pk)

    def test_every_save_raises_the_revision(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant)
        before = Application.objects.get(pk=plant.pk).revision
        admin_client.post(page_of(row), typed(plant))
        assert Application.objects.get(pk=plant.pk).revision > before

    def test_who_may_only_look_sees_settings_without_secrets(self, client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant, config={**CONFIG, "password": "hunter2"})
        client.force_login(factories.person("viewer", plant, Role.VIEWER))
        html = client.get(page_of(row)).content.decode()
        assert "lamp.local" in html
        assert "stored, not shown" in html
        assert "hunter2" not in html
        assert "sealed:" not in html
        assert client.post(page_of(row), typed(plant)).status_code == 403

    def test_who_may_only_look_reads_values_in_words(self, client: Client, plant: Application, redis_away: None) -> None:
        config = {**factories.MQTT, "clean": False}
        row = factories.integration(plant, config=config, topics=("one", "two", "three", "four", "<five>"))
        client.force_login(factories.person("viewer", plant, Role.VIEWER))
        html = client.get(page_of(row)).content.decode()
        assert "<code>one</code> <code>two</code> <code>three</code> <code>four</code> <code>&lt;five&gt;</code>" in html
        assert "<dt>Clean Session</dt><dd>no</dd>" in html

    def test_a_row_of_a_missing_type_is_told(
        self, admin_client: Client, plant: Application, monkeypatch: pytest.MonkeyPatch, redis_away: None
    ) -> None:
        row = a_lamp(plant)
        Integration.objects.filter(pk=row.pk).update(integration_type="toaster")
        response = admin_client.get(page_of(row), follow=True)
        assert "knows no integrations of type toaster" in response.content.decode()


class TestLive:
    def test_the_list_shows_states_in_words(self, admin_client: Client, plant: Application, redis_here: RedisServer) -> None:
        good, bad = a_lamp(plant, name="Good"), a_lamp(plant, name="Bad")
        off = a_lamp(plant, name="Off", enabled=False)
        now = now_ms()
        write_status(redis_here, good.pk, Status(ConnectionState.CONNECTED, since_ms=now, listener="l1"), proof_ms=now)
        write_status(redis_here, bad.pk, Status(ConnectionState.REFUSED, latest_cause="Bad password.", listener="l1"))
        html = admin_client.get(LIST).content.decode()
        words = {name: _row_text(html, name) for name in ("Good", "Bad", "Off")}
        assert "Connected" in words["Good"]
        assert "Proof of life" in words["Good"]
        assert "Refused" in words["Bad"]
        assert "Bad password." in words["Bad"]
        assert "Disabled" in words["Off"]
        assert off.pk

    def test_without_redis_the_list_says_so(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        row = a_lamp(plant, name="Good")
        StatusChange.objects.create(integration_id=row.pk, time="2026-01-02T03:04:05Z", state="connected")
        html = admin_client.get(LIST).content.decode()
        assert "Redis cannot be reached since" in html
        assert "Unknown" in _row_text(html, "Good")
        assert "Last known: connected" in _row_text(html, "Good")

    def test_the_page_shows_status_ledger_and_history(
        self, admin_client: Client, plant: Application, redis_here: RedisServer
    ) -> None:
        row = a_lamp(plant)
        now = now_ms()
        topics: list[Any] = [{"topic": "one", "granted": True, "detail": ""}, {"topic": "two", "granted": False, "detail": "no"}]
        with redis_here.client() as client:
            rates = {"t": now, "in": 30.5, "out": 20.0, "limit": 20.0, "throttled": now - 30_000}
            client.hset(key("rates"), row.pk, json.dumps(rates))
            client.xadd(key("inbox", row.pk), {"e": "x"}, id=f"{now}-0")
            client.hset(key("ledger", row.pk, now - now % 3_600_000 - 3_600_000), mapping={"messages": 2, "dropped:full": 2})
        status = Status(ConnectionState.CONNECTED, since_ms=now - 90_000, listener="l1", subscriptions=topics)
        write_status(redis_here, row.pk, status, proof_ms=now)
        StatusChange.objects.create(integration_id=row.pk, time="2026-01-02T03:04:05Z", state="failing", cause="No route.")
        with redis_here.client() as client:
            hour = now - now % 3_600_000
            client.hset(key("ledger", row.pk, hour), mapping={"messages": 6, "finished": 4, "parked:error": 1})
        assert "1 of 2 topics refused" in admin_client.get(page_of(row)).content.decode()
        html = admin_client.get(page_of(row, "ledger")).content.decode()
        assert all(text in html for text in ("20 messages a second start", "30.5 a second", "1, the oldest for", "2 full"))
        assert "4 finished, 1 waiting, 1 parked" in html
        assert "No route." in admin_client.get(page_of(row, "states")).content.decode()
        assert "No workflow is triggered by this integration yet" in admin_client.get(page_of(row, "workflows")).content.decode()

    def test_each_page_shows_the_connection_and_the_state_is_asked_for_again(
        self, admin_client: Client, plant: Application, redis_here: RedisServer
    ) -> None:
        row, now = a_lamp(plant), now_ms()
        write_status(redis_here, row.pk, Status(ConnectionState.CONNECTED, since_ms=now - 90_000, listener="l1"), proof_ms=now)
        for name in ("change", "messages", "workflows", "ledger", "states", "history"):
            html = admin_client.get(page_of(row, name)).content.decode()
            assert html.count('aria-current="page"') >= 1, name
            assert "Last proof of life" in html, name
            assert page_of(row, "reconnect") in html, name
        lost = Status(ConnectionState.DISCONNECTED, since_ms=now, listener="l1", latest_cause="The <lamp> is dark.")
        write_status(redis_here, row.pk, lost)
        found = admin_client.get(page_of(row, "state")).json()
        assert found["words"] == "Disconnected"
        assert "The &lt;lamp&gt; is dark." in found["html"]

    def test_a_person_has_the_connection_made_anew(self, admin_client: Client, plant: Application) -> None:
        row = a_lamp(plant)
        assert admin_client.get(page_of(row, "reconnect")).status_code == 405
        answer = admin_client.post(page_of(row, "reconnect"), follow=True)
        assert "is made anew" in answer.content.decode()
        row.refresh_from_db()
        assert row.reconnects == 1
        row.enabled = False
        row.save()
        assert "enable it first" in admin_client.post(page_of(row, "reconnect"), follow=True).content.decode()

    def test_without_redis_the_page_says_so(self, admin_client: Client, plant: Application, redis_away: None) -> None:
        html = admin_client.get(page_of(a_lamp(plant))).content.decode()
        assert "Redis cannot be reached since" in html
        assert 'name="config_host"' in html

    def test_the_list_costs_the_same_for_any_number(
        self, admin_client: Client, plant: Application, redis_here: RedisServer
    ) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert admin_client.get(LIST).status_code == 200
            return len(captured)

        for number in range(10):
            a_lamp(plant, name=f"Lamp {number}")
        few = queries()
        for number in range(190):
            a_lamp(plant, name=f"More {number}")
        assert queries() == few


class TestDeleting:
    def test_the_question_names_the_workflows(self, admin_client: Client, plant: Application) -> None:
        row, other = a_lamp(plant), a_lamp(plant, name="Other")
        factories.workflow(row, name="Only by it")
        factories.workflow(row, name="By both", triggers=[factories.trigger(row), factories.trigger(other)])
        factories.workflow(other, name="By another")
        html = admin_client.get(reverse("admin:integrations_integration_delete", args=[row.pk])).content.decode()
        only, _, every = html.partition('value="all"')
        assert "Only by it" in only
        assert "By both" in every
        assert "By another" not in html
        assert Integration.objects.count() == 2

    @pytest.mark.parametrize(
        ("take", "left"),
        [
            ({}, ["Both", "None of it", "Only"]),
            ({"take": "none"}, ["Both", "None of it", "Only"]),
            ({"take": "only"}, ["Both", "None of it"]),
            ({"take": "all"}, ["None of it"]),
            ({"take": "nonsense"}, ["Both", "None of it", "Only"]),
        ],
    )
    @pytest.mark.parametrize("way", ["page", "bulk"])
    def test_the_answer_decides_what_goes(
        self, admin_client: Client, plant: Application, take: dict[str, str], left: list[str], way: str
    ) -> None:
        row, other = a_lamp(plant), a_lamp(plant, name="Other")
        factories.workflow(row, name="Only")
        factories.workflow(row, name="Both", triggers=[factories.trigger(row), factories.trigger(other)])
        factories.workflow(other, name="None of it")
        data = {"confirmed": "yes", "action": "delete_selected", "_selected_action": row.pk, **take}
        address = LIST if way == "bulk" else reverse("admin:integrations_integration_delete", args=[row.pk])
        response = admin_client.post(address, data, follow=True)
        assert "Deleted: Broker." in response.content.decode()
        assert list(Integration.objects.values_list("name", flat=True)) == ["Other"]
        assert list(Workflow.objects.values_list("name", flat=True)) == left

    def test_bulk_asks_first(self, admin_client: Client, plant: Application) -> None:
        rows = [a_lamp(plant, name=f"Lamp {number}") for number in range(3)]
        data = {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
        html = admin_client.post(LIST, data).content.decode()
        assert "Delete these 3 integrations?" in html
        assert Integration.objects.count() == 3

    def test_who_may_not_delete_is_refused(self, client: Client, plant: Application) -> None:
        row = a_lamp(plant)
        client.force_login(factories.person("editor", plant, Role.EDITOR))
        address = reverse("admin:integrations_integration_delete", args=[row.pk])
        assert client.post(address, {"confirmed": "yes"}).status_code == 403

    @pytest.mark.django_db(transaction=True)
    def test_waiting_events_are_dropped_with_a_reason(
        self, admin_client: Client, plant: Application, redis_here: RedisServer
    ) -> None:
        row = a_lamp(plant)
        with redis_here.client() as client:
            client.xadd(key("inbox", row.pk), {"e": b"{}"})
            client.sadd(key("ready", partition_of(row.pk)), row.pk)
        Application.objects.get(pk=plant.pk).delete()
        with redis_here.client() as client:
            assert client.xlen(key("inbox", row.pk)) == 0
            (ledger,) = client.keys(key("ledger", row.pk, "*"))
            assert client.hget(ledger, "dropped:deleted") == b"1"


def _row_text(html: str, name: str) -> str:
    """Return the text of the row of that name in a list."""
    rows = re.findall(r"<tr class=\"data-row.*?</tr>", html, flags=re.DOTALL)
    found = [re.sub(r"<[^>]+>|\s+", " ", row) for row in rows]
    return next(text for text in found if f" {name} " in text)

"""The pages of checks: with a script and without, saved and not, and who may."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations import check_records
from integrations.check_records import CheckRecord
from integrations.checking import check_in_thread
from integrations.models import Integration
from integrations.runtime.keys import key
from integrations.tasks import perform
from tests import factories
from tests.fakes import fake_types
from tests.lamp import CONFIG, LampConnector, lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Member, Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.check_steps import CheckStep

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

NEW = reverse("admin:integrations_integration_check_new")
SCRIPT = {"X-Requested-With": "fetch"}


@pytest.fixture
def plant() -> Application:
    return factories.application("Plant")


@pytest.fixture
def hall(plant: Application) -> Integration:
    row = factories.integration(plant, name="Hall", integration_type="lamp", config=CONFIG, topics=("one",))
    row.set_config({**CONFIG, "password": "hunter2"})
    row.save()
    return row


def typed(plant: Application, **changes: str) -> dict[str, str]:
    """Return a filled form."""
    filled = {"application": plant.pk, "name": "Hall", "enabled": "on", "topics": "one", "config_serial": "lamp-1"}
    return filled | {"config_host": "lamp.local", "config_port": "7", "config_mode": "plain"} | changes


def check_of(row: Integration) -> str:
    return reverse("admin:integrations_integration_check", args=[row.pk])


def asked(server: RedisServer) -> list[str]:
    """Return the ids of checks that wait."""
    with server.client() as client:
        names = client.keys(key("check", "*"))
    return [name.decode().rpartition(":")[2] for name in names]


def taken(server: RedisServer) -> tuple[CheckRecord, Any]:
    """Take the one check that waits, as a tasks process does."""
    [check_id] = asked(server)
    with server.client() as client:
        return check_records.take(client, check_id)


def note(server: RedisServer, record: CheckRecord, *steps: CheckStep, over: bool = True) -> None:
    for step in steps:
        record = record.with_step(step)
    with server.client() as client:
        check_records.write(client, record.ended() if over else record)


class TestAsking:
    def test_what_is_typed_is_checked_before_it_is_saved(
        self, admin_client: Client, plant: Application, redis_here: RedisServer
    ) -> None:
        response = admin_client.post(f"{NEW}?type=lamp", typed(plant, name="", config_password="s3cret"), headers=SCRIPT)
        assert response.status_code == 202
        record, wanted = taken(redis_here)
        assert not Integration.objects.exists()
        assert (record.application_id, record.saved, record.asker) == (plant.pk, False, "admin")
        assert Integration(**wanted).raw_config()["password"] == "s3cret"

    def test_stored_secrets_are_kept_where_none_is_typed(
        self, admin_client: Client, hall: Integration, redis_here: RedisServer
    ) -> None:
        admin_client.post(check_of(hall), typed(hall.application, config_host="other.local"), headers=SCRIPT)
        record, wanted = taken(redis_here)
        assert Integration(**wanted).raw_config() == {**hall.raw_config(), "host": "other.local"}
        assert not record.saved
        hall.refresh_from_db()
        assert hall.raw_config()["host"] == "lamp.local"

    def test_an_untouched_form_is_the_saved_one(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        hall.set_config({name: value for name, value in hall.raw_config().items() if name != "mode"})  # its default
        hall.save()
        admin_client.post(check_of(hall), typed(hall.application), headers=SCRIPT)
        record, _ = taken(redis_here)
        assert record.saved

    def test_faults_are_named_and_nothing_is_asked(
        self, admin_client: Client, hall: Integration, redis_here: RedisServer
    ) -> None:
        response = admin_client.post(check_of(hall), typed(hall.application, config_port="high"), headers=SCRIPT)
        assert response.status_code == 422
        assert "Nothing was checked" in response.json()["html"]
        assert "Port Template" in response.json()["html"]
        assert asked(redis_here) == []

    def test_it_is_audited(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        admin_client.post(check_of(hall), typed(hall.application), headers=SCRIPT)
        entry = AuditEntry.objects.get(action="checked")
        assert (entry.object_id, entry.actor_name, entry.changes) == (hall.pk, "admin", {"settings": "as saved"})

    def test_from_any_page_the_saved_one_is_checked(
        self, admin_client: Client, hall: Integration, redis_here: RedisServer
    ) -> None:
        address = reverse("admin:integrations_integration_check_saved", args=[hall.pk])
        assert address in admin_client.get(reverse("admin:integrations_integration_states", args=[hall.pk])).content.decode()
        assert admin_client.post(address, headers=SCRIPT).status_code == 202
        record, wanted = taken(redis_here)
        assert record.saved
        assert Integration(**wanted).raw_config() == hall.raw_config()

    def test_few_at_once(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        answers = [admin_client.post(check_of(hall), typed(hall.application), headers=SCRIPT) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 422]
        assert "3 checks" in answers[-1].json()["html"]


class TestFollowing:
    def test_without_a_script_a_page_looks_again(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        response = admin_client.post(check_of(hall), typed(hall.application))
        assert response.status_code == 302
        html = admin_client.get(response["Location"]).content.decode()
        assert 'http-equiv="refresh"' in html
        assert "No tasks process is alive" in html
        record, _ = taken(redis_here)
        note(redis_here, record, CheckStep("Connect", "failed", 0.2, "lamp.local refused", "Check the port."))
        html = admin_client.get(response["Location"]).content.decode()
        assert 'http-equiv="refresh"' not in html
        assert "It does not work" in html
        assert "Check the port." in html

    def test_steps_come_as_they_end(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        address = admin_client.post(check_of(hall), typed(hall.application), headers=SCRIPT).json()["steps"]
        assert admin_client.get(address).json()["state"] == "waiting"
        record, _ = taken(redis_here)
        note(redis_here, record, CheckStep("Connect", "running"), CheckStep("Log in", "waiting"), over=False)
        found = admin_client.get(address).json()
        assert ([step["state"] for step in found["steps"]], found["over"]) == (["running", "waiting"], False)
        assert "wg-spins" in found["html"]
        note(redis_here, record, CheckStep("Connect", "ok", 0.02, "<b>lamp.local</b> answered"))
        found = admin_client.get(address).json()
        assert found["over"]
        assert "&lt;b&gt;lamp.local" in found["html"]
        assert "It works" in found["html"]

    def test_the_page_of_the_row_shows_the_last_one(
        self, admin_client: Client, hall: Integration, redis_here: RedisServer
    ) -> None:
        admin_client.post(check_of(hall), typed(hall.application), headers=SCRIPT)
        record, _ = taken(redis_here)
        note(redis_here, record, CheckStep("Connect", "warning", 0.02, "answered", "Renew its certificate."))
        page = reverse("admin:integrations_integration_change", args=[hall.pk])
        html = admin_client.get(page).content.decode()
        assert "Renew its certificate." in html
        assert "Asked for by admin" in html

    def test_what_is_gone_is_gone(self, admin_client: Client, redis_here: RedisServer) -> None:
        assert admin_client.get(reverse("admin:integrations_integration_checked", args=["f" * 24])).status_code == 404

    def test_from_the_form_to_what_was_found(self, admin_client: Client, plant: Application, redis_here: RedisServer) -> None:
        with fake_types():
            form = {"application": plant.pk, "name": "Far", "config_host": "far.example", "config_port": "7"}
            address = admin_client.post(f"{NEW}?type=fake", form, headers=SCRIPT).json()["steps"]
            [check_id] = asked(redis_here)
            with redis_here.client() as client:
                perform(client, check_id, check_in_thread)
            assert "It works" in admin_client.get(address).json()["html"]


class TestWhoMay:
    @pytest.mark.parametrize(("role", "asks", "sees"), [(Role.VIEWER, 403, 404), (Role.EDITOR, 202, 200), (None, 302, 404)])
    def test_editors_of_the_application(
        self, client: Client, hall: Integration, redis_here: RedisServer, role: Role | None, asks: int, sees: int
    ) -> None:
        user = User.objects.create_user("anna", password="x", is_staff=True)
        Member.objects.create(user=user, application=factories.application("Elsewhere"), role=Role.EDITOR)
        if role is not None:
            Member.objects.create(user=user, application=hall.application, role=role)
        client.force_login(user)
        assert client.post(check_of(hall), typed(hall.application), headers=SCRIPT).status_code == asks
        record = CheckRecord(hall.application_id, hall.pk, "Hall", "Lamp", "1", "somebody")
        note(redis_here, record, CheckStep("Connect", "ok"))
        for name in ("checked", "check_steps"):
            assert client.get(reverse(f"admin:integrations_integration_{name}", args=[record.id])).status_code == sees

    def test_nobody_checks_for_another_application(self, client: Client, plant: Application, redis_here: RedisServer) -> None:
        user = User.objects.create_user("anna", password="x", is_staff=True)
        Member.objects.create(user=user, application=factories.application("Elsewhere"), role=Role.EDITOR)
        client.force_login(user)
        assert client.post(f"{NEW}?type=lamp", typed(plant), headers=SCRIPT).status_code == 422
        assert asked(redis_here) == []

    def test_a_look_does_not_check(self, admin_client: Client, hall: Integration, redis_here: RedisServer) -> None:
        assert admin_client.get(check_of(hall)).status_code == 405
        assert admin_client.get(f"{NEW}?type=lamp").status_code == 405

"""The pages of service credentials: kind, form, secrets, what is shown, and the questions before disabling and deleting."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from integrations.models import Integration
from tests import factories
from tests.lib.test_credential_types import KEY
from wegnology.applications.models import Application, Credential, Member, Role
from wegnology.lib.crypto import new_key
from wegnology.lib.types import JSONObject
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

ADD = reverse("admin:applications_credential_add")
LIST = reverse("admin:applications_credential_changelist")


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def page_of(row: Credential, name: str = "change") -> str:
    """Return the address of a credential's page."""
    return reverse(f"admin:applications_credential_{name}", args=[row.pk])


def typed(plant: Application, **changes: str) -> dict[str, str]:
    """Return a filled form of an HTTP credential."""
    filled = {"application": plant.pk, "name": "Feed login", "enabled": "on", "description": ""}
    filled |= {"config_uriMatch": "ws://127.0.0.1", "config_authMethod": "header", "config_publicValue": "X-Key"}
    return filled | changes


def faults(response: Any) -> dict[str, list[str]]:
    """Return the faults that a page shows, by field."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def a_feed(of: Application, name: str = "Feed", **fields: Any) -> Integration:
    """Create an integration that names the credential."""
    config: JSONObject = {"url": "ws://127.0.0.1:1/feed"}
    return factories.integration(
        of, name=name, integration_type="websocket", config=config, topics=(), credential_name="Feed login", **fields
    )


def row_text(html: str, name: str) -> str:
    """Return the text of the row of that name in the list."""
    rows = re.findall(r"<tr class=\"data-row.*?</tr>", html, flags=re.DOTALL)
    found = [re.sub(r"<[^>]+>|\s+", " ", row) for row in rows]
    return re.sub(" +", " ", next(text for text in found if f" {name} " in text))


class TestAdding:
    def test_first_the_kind_is_chosen(self, admin_client: Client) -> None:
        html = admin_client.get(ADD).content.decode()
        for kind in ("aws", "azure", "gcp", "http", "certificateKeyPair"):
            assert f"?type={kind}" in html
        assert "Access keys of an AWS user." in html
        assert 'name="name"' not in html

    def test_a_filled_form_makes_a_credential(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(f"{ADD}?type=http", typed(plant, config_secretValue="hunter2"))
        assert response.status_code == 302, faults(response)
        row = Credential.objects.get()
        assert (row.credential_type, row.application, row.enabled) == ("http", plant, True)
        assert row.raw_config() == factories.HTTP
        assert "hunter2" not in json.dumps(row.config)

    def test_faults_stand_beside_their_fields_and_repeat_no_secret(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(f"{ADD}?type=http", typed(plant, name=""))
        assert sorted(faults(response)) == ["config_secretValue", "name"]
        response = admin_client.post(f"{ADD}?type=http", typed(plant, config_uriMatch="ftp://a.b/", config_secretValue="hunter2"))
        assert list(faults(response)) == ["config_uriMatch"]
        assert "hunter2" not in response.content.decode()
        response = admin_client.post(f"{ADD}?type=http", typed(plant, config_publicValue="", config_secretValue="hunter2"))
        assert faults(response) == {"config_publicValue": ["Give the header's name."]}

    def test_the_faults_of_a_key_file_are_named(self, admin_client: Client, plant: Application) -> None:
        filled = {"application": plant.pk, "name": "Pub", "enabled": "on"}
        text = json.dumps({**KEY, "type": "other", "universe_domain": "evil.test"})
        response = admin_client.post(f"{ADD}?type=gcp", {**filled, "config_keyJson": text})
        (fault,) = faults(response)["config_keyJson"]
        assert "type: must be service_account" in fault
        assert "universe_domain: must be googleapis.com" in fault
        assert "PRIVATE KEY" not in response.content.decode()
        response = admin_client.post(f"{ADD}?type=gcp", {**filled, "config_keyJson": json.dumps(KEY)})
        assert response.status_code == 302, faults(response)

    def test_a_name_is_there_once_in_an_application(self, admin_client: Client, plant: Application) -> None:
        factories.credential(plant)
        response = admin_client.post(f"{ADD}?type=http", typed(plant, config_secretValue="x"))
        assert "of this name already" in str(faults(response))
        other = factories.application("Other")
        assert admin_client.post(f"{ADD}?type=http", typed(other, config_secretValue="x")).status_code == 302


class TestChanging:
    def test_the_page_never_holds_a_secret(self, admin_client: Client, plant: Application) -> None:
        html = admin_client.get(page_of(factories.credential(plant))).content.decode()
        assert "hunter2" not in html
        assert "sealed:" not in html
        assert "A value is stored and not shown" in html
        assert "Remove the stored value" not in html

    def test_an_empty_secret_keeps_the_stored_one_and_a_new_one_replaces_it(
        self, admin_client: Client, plant: Application
    ) -> None:
        row = factories.credential(plant)
        assert admin_client.post(page_of(row), typed(plant, config_publicValue="X-New")).status_code == 302
        row.refresh_from_db()
        assert (row.raw_config()["publicValue"], row.raw_config()["secretValue"]) == ("X-New", "hunter2")
        admin_client.post(page_of(row), typed(plant, config_secretValue="new"))
        row.refresh_from_db()
        assert row.raw_config()["secretValue"] == "new"

    def test_a_lost_key_is_told_and_a_new_secret_heals(
        self, admin_client: Client, plant: Application, settings: Settings
    ) -> None:
        row = factories.credential(plant)
        settings.SECRET_KEYS = [new_key()]
        assert "It cannot be used: the key" in admin_client.get(page_of(row)).content.decode()
        assert "Unusable" in row_text(admin_client.get(LIST).content.decode(), "Feed login")
        assert "cannot be opened" in faults(admin_client.post(page_of(row), typed(plant)))["__all__"][0]
        assert admin_client.post(page_of(row), typed(plant, config_secretValue="new")).status_code == 302

    def test_kind_and_application_cannot_be_changed(self, admin_client: Client, plant: Application) -> None:
        row, other = factories.credential(plant), factories.application("Other")
        admin_client.post(f"{page_of(row)}?type=aws", typed(other, credential_type="aws"))
        row.refresh_from_db()
        assert (row.credential_type, row.application_id) == ("http", plant.pk)

    def test_a_new_name_is_followed_and_who_keeps_the_old_one_is_told(self, admin_client: Client, plant: Application) -> None:
        row, feed = factories.credential(plant), a_feed(plant)
        node: JSONObject = {"id": "a", "type": "SqsSendNode", "config": {"credentialName": "Feed login"}, "outputIds": [[]]}
        factories.workflow(plant, name="Export", nodes=[node])
        html = admin_client.post(page_of(row), typed(plant, name="New login"), follow=True).content.decode()
        assert "These still say “Feed login” and have to be changed: workflow Export (in develop)." in html
        feed.refresh_from_db()
        assert feed.credential_name == "New login"


class TestShown:
    def test_a_service_account(self, admin_client: Client, plant: Application) -> None:
        row = factories.credential(plant, credential_type="gcp", config={"keyJson": json.dumps(KEY)})
        html = admin_client.get(page_of(row)).content.decode()
        for text in ("hub@plant-7.iam.gserviceaccount.com", "plant-7", "0a1b2c"):
            assert text in html
        assert "PRIVATE KEY" not in html

    @pytest.mark.parametrize(
        ("days", "words", "tone"), [(90.5, "90 days left", "success"), (9.5, "9 days left", "warning"), (-2, "Expired", "danger")]
    )
    def test_a_certificate_and_its_end(
        self, admin_client: Client, plant: Application, days: float, words: str, tone: str
    ) -> None:
        leaf = trustme.CA().issue_cert("lamp", common_name="lamp-7", not_after=datetime.now(UTC) + timedelta(days=days))
        pair = {"certificate": leaf.cert_chain_pems[0].bytes().decode(), "privateKey": leaf.private_key_pem.bytes().decode()}
        row = factories.credential(plant, credential_type="certificateKeyPair", config={**pair})
        html = admin_client.get(page_of(row)).content.decode()
        assert "lamp-7" in html
        assert "issued by" in html
        assert re.search(rf'wg-badge wg-{tone}"><span[^>]*>\w+</span>{words}', html)
        assert words in row_text(admin_client.get(LIST).content.decode(), "Feed login")

    def test_the_list_counts_who_uses_it_in_the_same_number_of_queries(self, admin_client: Client, plant: Application) -> None:
        factories.credential(plant)
        a_feed(plant)
        a_feed(plant, "Second")

        def page() -> tuple[str, int]:
            with CaptureQueriesContext(connection) as captured:
                html = admin_client.get(LIST).content.decode()
            return html, len(captured)

        html, few = page()
        assert "2 integrations" in row_text(html, "Feed login")
        for number in range(20):
            factories.credential(plant, name=f"Login {number}")
        assert page()[1] == few

    def test_who_may_only_look_sees_no_form_and_no_secret(self, client: Client, plant: Application) -> None:
        row = factories.credential(plant)
        user = User.objects.create_user("viewer", password="x")
        Member.objects.create(application=plant, user=user, role=Role.VIEWER)
        client.force_login(User.objects.get(pk=user.pk))
        html = client.get(page_of(row)).content.decode()
        assert "stored, not shown" in html
        assert "X-Key" in html
        assert "hunter2" not in html
        assert "sealed:" not in html
        assert client.post(page_of(row), typed(plant)).status_code == 403
        assert client.post(page_of(row, "disable")).status_code == 403
        assert client.post(page_of(row, "delete"), {"confirmed": "yes"}).status_code == 403

    def test_others_are_not_there(self, client: Client, plant: Application) -> None:
        row = factories.credential(plant, name="Private login")
        user = User.objects.create_user("neighbour", password="x")
        Member.objects.create(application=factories.application("Other"), user=user, role=Role.ADMINISTRATOR)
        client.force_login(User.objects.get(pk=user.pk))
        assert "Private login" not in client.get(LIST).content.decode()
        for name in ("change", "disable", "delete"):
            assert client.get(page_of(row, name)).status_code == 302
            assert client.post(page_of(row, name), {"confirmed": "yes"}).status_code == 302
        row.refresh_from_db()
        assert row.enabled


class TestQuestions:
    def off(self, plant: Application, **changes: str) -> dict[str, str]:
        return {name: text for name, text in typed(plant, **changes).items() if name != "enabled"}

    def test_what_nothing_uses_is_disabled_at_once(self, admin_client: Client, plant: Application) -> None:
        row = factories.credential(plant)
        admin_client.post(page_of(row), self.off(plant))
        row.refresh_from_db()
        assert not row.enabled

    def test_what_is_in_use_is_disabled_after_the_question(self, admin_client: Client, plant: Application) -> None:
        row, _ = factories.credential(plant), a_feed(plant)
        response = admin_client.post(page_of(row), self.off(plant, description="old"), follow=True)
        assert response.redirect_chain[-1][0] == page_of(row, "disable")
        html = response.content.decode()
        assert "Disable the service credential “Feed login”?" in html
        assert "Not configured" in html
        assert ">Feed</a>" in html
        row.refresh_from_db()
        assert (row.enabled, row.description) == (True, "old")
        assert admin_client.post(page_of(row, "disable"), {"confirmed": "yes"}).status_code == 302
        row.refresh_from_db()
        assert not row.enabled

    def test_enabling_asks_nothing(self, admin_client: Client, plant: Application) -> None:
        row, _ = factories.credential(plant, enabled=False), a_feed(plant)
        assert admin_client.post(page_of(row), typed(plant)).headers["Location"] == LIST
        row.refresh_from_db()
        assert row.enabled

    @pytest.mark.parametrize("way", ["page", "bulk"])
    def test_deleting_names_what_uses_it(self, admin_client: Client, plant: Application, way: str) -> None:
        row, feed = factories.credential(plant), a_feed(plant)
        address = page_of(row, "delete") if way == "page" else LIST
        data = {"action": "delete_selected", "_selected_action": row.pk} if way == "bulk" else {}
        html = admin_client.post(address, data).content.decode()
        assert "Delete the service credential “Feed login”?" in html
        assert reverse("admin:integrations_integration_change", args=[feed.pk]) in html
        assert Credential.objects.exists()
        html = admin_client.post(address, {**data, "confirmed": "yes"}, follow=True).content.decode()
        assert "Deleted: Feed login." in html
        assert not Credential.objects.exists()
        assert Integration.objects.get().credential_name == "Feed login"

    def test_a_workflow_that_names_it_is_named(self, admin_client: Client, plant: Application) -> None:
        row = factories.credential(plant)
        node: JSONObject = {"id": "a", "type": "S", "config": {"credentialNameTemplate": "{{data.which}}"}, "outputIds": []}
        factories.workflow(plant, name="Export", nodes=[node])
        html = admin_client.get(page_of(row, "delete")).content.decode()
        assert reverse("admin:workflows_workflow_change", args=[Workflow.objects.get().pk]) in html
        assert "chosen by a template" in html

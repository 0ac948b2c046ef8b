"""Choosing a service credential in the form of an integration."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations.live import outage
from integrations.models import Integration
from tests import factories
from tests.servers.processes import free_port
from wegnology.applications.models import Application, Credential, Member, Role
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.django_db

ADD = reverse("admin:integrations_integration_add") + "?type=websocket"
FEED: JSONObject = {"url": "ws://127.0.0.1:1/feed"}
FIELD = "config_credentialName"


@pytest.fixture(autouse=True)
def _redis_away(settings: Settings) -> None:
    """Settings that name a port where no Redis listens: these pages do not need it."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    outage.over()


@pytest.fixture
def plant() -> Application:
    """An application with a service credential."""
    row = factories.application("Plant")
    factories.credential(row)
    return row


def a_feed(of: Application, **fields: Any) -> Integration:
    """Create a WebSocket integration that names the credential."""
    usual = {"integration_type": "websocket", "config": FEED, "topics": (), "credential_name": "Feed login"}
    return factories.integration(of, **{"name": "Feed", **usual, **fields})


def page_of(row: Integration) -> str:
    """Return the address of an integration's page."""
    return reverse("admin:integrations_integration_change", args=[row.pk])


def the(name: str = "Feed login") -> str:
    """Return the id of a credential."""
    return Credential.objects.get(name=name).pk


def typed(plant: Application, **changes: str) -> dict[str, str]:
    """Return a filled form of a WebSocket."""
    filled = {"application": plant.pk, "name": "Feed", "enabled": "on", "config_url": "ws://127.0.0.1:1/feed", FIELD: ""}
    filled |= {"config_headers-TOTAL_FORMS": "0", "config_headers-INITIAL_FORMS": "0"}
    return filled | changes


def faults(response: Any) -> dict[str, list[str]]:
    """Return the faults that a page shows, by field."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def offered(html: str) -> list[str]:
    """Return the texts of the choices, a group's name with a colon."""
    select = re.search(rf'<select name="{FIELD}".*?</select>', html, flags=re.DOTALL)
    assert select is not None
    found = re.findall(r'<optgroup label="([^"]*)"|<option[^>]*>([^<]*)<', select[0])
    return [f"{group}:" if group else text.strip() for group, text in found]


class TestChoice:
    def test_only_types_that_take_credentials_offer_them(self, admin_client: Client, plant: Application) -> None:
        html = admin_client.get(ADD).content.decode()
        assert FIELD in html
        assert FIELD not in admin_client.get(ADD.replace("websocket", "mqtt")).content.decode()

    def test_a_new_one_offers_those_of_every_application_by_its_name(self, admin_client: Client, plant: Application) -> None:
        other = factories.application("Other")
        factories.credential(other, name="Theirs", enabled=False)
        factories.credential(
            other,
            name="Amazon",
            credential_type="aws",
            config={"accessKeyId": "A" * 16, "secretAccessKey": "sssss", "region": "eu"},
        )
        assert offered(admin_client.get(ADD).content.decode()) == [
            "Enter connection info",
            "Other:",
            "Theirs (HTTP, disabled)",
            "Plant:",
            "Feed login (HTTP)",
        ]

    def test_a_member_is_offered_own_ones_only(self, client: Client, plant: Application) -> None:
        factories.credential(factories.application("Other"), name="Theirs")
        user = User.objects.create_user("editor", password="x")
        Member.objects.create(application=plant, user=user, role=Role.EDITOR)
        client.force_login(User.objects.get(pk=user.pk))
        assert offered(client.get(ADD).content.decode()) == ["Enter connection info", "Plant:", "Feed login (HTTP)"]
        response = client.post(ADD, typed(plant, **{FIELD: the("Theirs")}))
        assert list(faults(response)) == [FIELD]

    def test_an_existing_one_offers_those_of_its_application(self, admin_client: Client, plant: Application) -> None:
        factories.credential(factories.application("Other"), name="Theirs")
        html = admin_client.get(page_of(a_feed(plant))).content.decode()
        assert offered(html) == ["Enter connection info", "Feed login (HTTP)"]
        assert re.search(rf'<option value="{the()}"\s+selected', html)

    def test_it_is_kept_by_name(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(ADD, typed(plant, **{FIELD: the()}))
        assert response.status_code == 302, faults(response)
        assert Integration.objects.get().credential_name == "Feed login"
        admin_client.post(page_of(Integration.objects.get()), typed(plant))
        assert Integration.objects.get().credential_name == ""

    def test_it_must_belong_to_the_chosen_application(self, admin_client: Client, plant: Application) -> None:
        other = factories.application("Other")
        response = admin_client.post(ADD, typed(other, **{FIELD: the()}))
        (text, *_) = faults(response)[FIELD]
        assert "“Feed login” belongs to Plant, not to Other." in text
        assert not Integration.objects.exists()

    def test_one_that_is_gone_is_shown_and_has_to_be_replaced(self, admin_client: Client, plant: Application) -> None:
        row = a_feed(plant, credential_name="Old login")
        html = admin_client.get(page_of(row)).content.decode()
        assert "Old login (missing)" in offered(html)
        assert re.search(r'<option value="lost"\s+selected', html)
        response = admin_client.post(page_of(row), typed(plant, **{FIELD: "lost"}))
        assert "There is no service credential “Old login”" in faults(response)[FIELD][0]
        assert admin_client.post(page_of(row), typed(plant, **{FIELD: the()})).status_code == 302

    def test_a_disabled_one_may_be_chosen(self, admin_client: Client, plant: Application) -> None:
        Credential.objects.update(enabled=False)
        assert admin_client.post(ADD, typed(plant, **{FIELD: the()})).status_code == 302


class TestTogether:
    def test_an_entered_login_goes_when_a_credential_comes(self, admin_client: Client, plant: Application) -> None:
        row = a_feed(plant, credential_name="", config={**FEED, "username": "bob", "password": "hunter3"})
        form = typed(plant, config_username="bob", **{FIELD: the()})
        html = admin_client.post(page_of(row), form, follow=True).content.decode()
        assert "Not kept, because they do not apply with these settings: Username Template, Password Template." in html
        row.refresh_from_db()
        assert row.raw_config()["url"] == FEED["url"]
        assert not {"username", "password"} & row.config.keys()

    def test_an_entered_login_stays_without_one(self, admin_client: Client, plant: Application) -> None:
        row = a_feed(plant, credential_name="", config={**FEED, "username": "bob", "password": "hunter3"})
        assert admin_client.post(page_of(row), typed(plant, config_username="bob")).status_code == 302
        row.refresh_from_db()
        assert row.raw_config()["password"] == "hunter3"

    def test_faults_of_the_login_stand_beside_the_choice(self, admin_client: Client, plant: Application) -> None:
        response = admin_client.post(ADD, typed(plant, config_url="ws://127.0.0.2/", **{FIELD: the()}))
        assert "The credential is for other addresses" in faults(response)[FIELD][0]

    def test_what_only_a_credential_needs_goes_with_it(self, admin_client: Client, plant: Application) -> None:
        page, key = ADD.replace("websocket", "azureEventHub"), "SharedAccessKeyName=a;SharedAccessKey=a2V5"
        html = admin_client.get(page).content.decode()
        (host,) = re.findall(r'<input[^>]*name="config_hostName"[^>]*>', html)
        assert "{&quot;config_credentialName&quot;: {&quot;not&quot;: [&quot;&quot;, &quot;None&quot;]}}" in host
        form = typed(plant, config_hubName="readings", config_consumerGroup="$Default", config_hostName="green.example.net")
        form["config_connectionString"] = f"Endpoint=sb://blue.example.net/;{key}"
        html = admin_client.post(page, form, follow=True).content.decode()
        assert "Not kept, because they do not apply with these settings: Host Name Template." in html
        assert "hostName" not in Integration.objects.get().config

    def test_a_row_saved_elsewhere_is_judged_too(self, plant: Application) -> None:
        row = a_feed(plant, config={**FEED, "password": "hunter3"})
        with pytest.raises(ValidationError, match="password: Leave this empty beside a service credential"):
            row.full_clean()
        row = a_feed(plant, credential_name="Nothing")
        with pytest.raises(ValidationError, match="There is no service credential"):
            row.full_clean()

    def test_who_may_only_look_sees_its_name(self, client: Client, plant: Application) -> None:
        user = User.objects.create_user("viewer", password="x")
        Member.objects.create(application=plant, user=user, role=Role.VIEWER)
        client.force_login(User.objects.get(pk=user.pk))
        html = client.get(page_of(a_feed(plant))).content.decode()
        assert "Feed login" in html
        assert FIELD not in html


def test_the_page_says_when_certificates_end(admin_client: Client, plant: Application) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("lamp", common_name="lamp-7", not_after=datetime.now(UTC) + timedelta(days=9.5))
    config: JSONObject = {
        "url": "wss://127.0.0.1:1/feed",
        "certificate": leaf.cert_chain_pems[0].bytes().decode(),
        "privateKey": leaf.private_key_pem.bytes().decode(),
        "caCertificate": authority.cert_pem.bytes().decode(),
    }
    html = admin_client.get(page_of(a_feed(plant, credential_name="", config=config))).content.decode()
    assert "9 days left" in html
    assert "Certificate Template: lamp-7" in html
    assert "CA Certificate Template: " in html

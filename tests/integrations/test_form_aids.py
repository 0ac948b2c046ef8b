"""Helps with the form of an integration: rows of topics, their faults while typing, globals, what certificates hold."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from tests import factories
from tests.servers.certificates import Certificates
from wegnology.applications.models import Application, Global, Role
from wegnology.lib.topic_fields import MOST_SHOWN, TextRowsField
from wegnology.lib.types import JSONObject

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]

ADD = reverse("admin:integrations_integration_add") + "?type=mqtt"
TOPICS = reverse("admin:integrations_integration_topics")
GLOBALS = reverse("admin:integrations_integration_globals")


@pytest.fixture
def plant() -> Application:
    of = factories.application("Plant", broker={"host": "b.example", "port": 7}, site="north")
    secret = Global(application=of, key="password")
    secret.set_value("hunter2", secret=True)
    secret.save()
    return of


def typed(of: Application, *topics: str) -> dict[str, str]:
    """Return a filled form with topics in rows, as a page sends them."""
    filled = {"application": of.pk, "name": "Broker", "enabled": "on", "config_protocol": "mqtt", "config_host": "b.example"}
    filled |= {"config_protocolVersion": "3.1.1", "config_clean": "on"}
    return filled | {f"topics-{at}": text for at, text in enumerate(topics)}


def test_rows_are_topics_and_empty_ones_are_left_out(admin_client: Client, plant: Application) -> None:
    assert admin_client.post(ADD, typed(plant, "a/#", "", " b ", "")).status_code == 302
    row = Integration.objects.get()
    assert row.topics == ["a/#", "b"]
    html = admin_client.get(reverse("admin:integrations_integration_change", args=[row.pk])).content.decode()
    assert re.findall(r'name="topics-\d" value="([^"]+)"', html) == ["a/#", "b"]
    assert 'name="topics-3"' in html


def test_a_fault_stands_at_its_row(admin_client: Client, plant: Application) -> None:
    html = admin_client.post(ADD, typed(plant, "a", "", "b+")).content.decode()
    assert 'id="id_topics-1-fault" aria-live="polite">+ stands alone in its level' in html
    assert html.count('aria-invalid="true"') == 1
    assert not Integration.objects.exists()


def test_many_are_lines() -> None:
    field = TextRowsField(label="Topics", required=False)
    html = field.widget.render("topics", field.prepare_value([str(number) for number in range(MOST_SHOWN + 1)]), {"id": "id_t"})
    assert "<textarea" in html
    assert field.clean("a\n\n b ") == field.clean(["a", "", " b "]) == ["a", "b"]


def test_topics_are_judged_while_they_are_typed(admin_client: Client) -> None:
    found = admin_client.get(TOPICS, {"type": "mqtt", "topic": ["a/#/b", "a", "a"]}).json()["faults"]
    assert set(found) == {"0", "2"}
    assert admin_client.get(TOPICS, {"type": "toaster"}).status_code == 404


def test_globals_are_offered_to_who_configures(client: Client, plant: Application) -> None:
    client.force_login(factories.person("ed", plant, Role.EDITOR))
    answer = client.get(GLOBALS, {"application": plant.pk})
    offered = {one["name"]: one["value"] for one in answer.json()["globals"]}
    assert offered["globals.broker.host"] == "b.example"
    assert offered["globals.site"] == "north"
    assert "globals.password" in offered
    assert "hunter2" not in answer.content.decode()
    for name, of in (("vera", plant), ("otto", factories.application("Other"))):
        client.force_login(factories.person(name, of, Role.VIEWER))
        assert client.get(GLOBALS, {"application": plant.pk}).status_code == 404


def test_the_form_says_what_to_ask_and_what_follows(admin_client: Client, plant: Application) -> None:
    html = admin_client.get(ADD).content.decode()
    assert f'data-globals="{GLOBALS}"' in html
    assert f'data-judge="{TOPICS}?type=mqtt"' in html
    assert "data-upload" in html
    follows = re.search(r'data-follows="([^"]+)"', html)
    assert follows
    assert "&quot;mqtts&quot;: &quot;8883&quot;" in follows.group(1)
    assert 'data-when="{&quot;config_protocol&quot;: [&quot;mqtts&quot;, &quot;wss&quot;], &quot;config_disableSSL' in html


def test_what_a_certificate_holds_is_said(admin_client: Client, plant: Application, tmp_path: Path) -> None:
    made = Certificates(tmp_path).client
    config: JSONObject = {"protocol": "mqtts", "host": "b.example", "port": 8883}
    row = factories.integration(plant, config={**config, "certificate": made.certificate, "privateKey": made.private_key})
    html = admin_client.get(reverse("admin:integrations_integration_change", args=[row.pk])).content.decode()
    assert "Holds the certificate of client, issued by " in html
    assert "Holds a private key: " in html
    assert "PRIVATE KEY-----" not in html

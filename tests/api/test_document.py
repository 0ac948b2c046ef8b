"""docs/api.md does what it says, and the page of the API shows what there is."""

import re
from typing import Any

import losant_rest
import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api.conftest import Api
from tests.standards import ROOT
from wegnology.applications.models import Application
from wegnology.lib.rest.scopes import SCOPES

TEXT = (ROOT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

pytestmark = pytest.mark.django_db


def test_the_session_runs(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.create_superuser("ann", "ann@example.com", "correct horse battery staple")
    assert len(BLOCKS) >= 8
    session: dict[str, Any] = {}
    before = set(Application.objects.values_list("pk", flat=True))
    for block in BLOCKS:
        exec(block.replace("https://hub.example.com/api", api.url), session)
    assert capsys.readouterr().out.splitlines() == ["unknown", "['Too hot']", "1", "1", "['Too hot']"]
    assert isinstance(session["client"], losant_rest.Client)
    assert set(Application.objects.values_list("pk", flat=True)) == before


@pytest.mark.one_database
def test_the_page_shows_every_operation(client: Client) -> None:
    described = client.get("/api/openapi.json").json()
    html = client.get("/api/docs").content.decode()
    operations = [what["operationId"] for methods in described["paths"].values() for what in methods.values()]
    assert len(operations) == len(set(operations)) > 60
    for name in operations:
        assert f'id="{name}"' in html
    assert "<script" not in html
    assert "style=" not in html
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)


@pytest.mark.one_database
def test_every_scope_is_asked_for_somewhere(client: Client) -> None:
    described = client.get("/api/openapi.json").json()
    texts = [what.get("description", "") for methods in described["paths"].values() for what in methods.values()]
    asked = {match for text in texts for match in re.findall(r"Scope: `([\w.]+)`", text)}
    assert asked == SCOPES.keys()


@pytest.mark.one_database
def test_it_is_a_description_of_each_type(client: Client) -> None:
    described = client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    post = described["components"]["schemas"]["IntegrationPost"]
    types = post["discriminator"]["mapping"]
    assert {"mqtt", "websocket", "sqs", "particle", "googlePubSub", "azureEventHub"} <= types.keys()
    mqtt = described["components"]["schemas"][types["mqtt"].rpartition("/")[2]]
    assert mqtt["additionalProperties"] is False
    assert {"name", "integrationType", "mqttConfig"} == set(mqtt["required"])
    config = described["components"]["schemas"]["MqttConfig"]
    assert set(config["required"]) == {"protocol", "host"}
    assert config["properties"]["password"].get("writeOnly") is None

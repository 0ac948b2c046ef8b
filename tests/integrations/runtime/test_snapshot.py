"""What listeners are told to connect: settings and login resolved, or by field what is wrong."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from integrations.models import Integration
from integrations.runtime.snapshot import Desired, Snapshot
from tests import factories
from wegnology.applications.models import Application, Credential, Global
from wegnology.lib.credential_types import HttpCredential
from wegnology.lib.crypto import new_key
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.django_db(transaction=True)
FEED: JSONObject = {"url": "ws://127.0.0.1:1/feed"}


@pytest.fixture
def plant() -> Application:
    """An application with a service credential."""
    row = factories.application("Plant", host="127.0.0.1")
    factories.credential(row)
    return row


def a_feed(of: Application, name: str = "Feed", **fields: Any) -> Integration:
    """Create a WebSocket integration that names the credential."""
    usual = {"integration_type": "websocket", "config": FEED, "topics": (), "credential_name": "Feed login"}
    return factories.integration(of, name=name, **{**usual, **fields})


def loaded() -> dict[str, Desired]:
    """Return what is desired, by name."""
    snapshot = Snapshot()
    snapshot.refresh()
    return {entry.name: entry for entry in snapshot.desired.values()}


def change(**fields: Any) -> None:
    """Change the credential."""
    row = Credential.objects.get()
    if "config" in fields:
        row.set_config({**factories.HTTP, **fields.pop("config")})
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def test_a_connector_gets_the_credential_opened(plant: Application) -> None:
    a_feed(plant)
    entry = loaded()["Feed"]
    assert entry.errors == {}
    credential = entry.source.credential
    assert isinstance(credential, HttpCredential)
    assert credential.secret_value.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(entry)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"enabled": False}, "The service credential “Feed login” is disabled."),
        ({"name": "Other"}, None),
        ({"config": {"uriMatch": "ws://127.0.0.2"}}, "The credential is for other addresses"),
        ({"config": {"uriMatch": "http://127.0.0.1"}}, "begins with ws:// or wss://"),
    ],
)
def test_a_credential_that_cannot_be_used_is_not_configured(
    plant: Application, fields: dict[str, Any], reason: str | None
) -> None:
    a_feed(plant)
    change(**fields)
    entry = loaded()["Feed"]
    if reason is None:  # a new name is followed
        assert entry.errors == {}
        return
    assert list(entry.errors) == ["credentialName"]
    assert reason in entry.errors["credentialName"]
    assert entry.config is None
    assert entry.source.credential is None
    assert "hunter2" not in str(entry.errors)


def test_a_deleted_one_is_missing(plant: Application) -> None:
    a_feed(plant)
    Credential.objects.all().delete()
    assert loaded()["Feed"].errors == {"credentialName": "There is no service credential “Feed login” in this application."}


def test_one_of_another_application_is_missing(plant: Application) -> None:
    a_feed(factories.application("Other"))
    assert "There is no service credential" in loaded()["Feed"].errors["credentialName"]


def test_one_of_another_kind_is_refused(plant: Application) -> None:
    aws: JSONObject = {"accessKeyId": "A" * 16, "secretAccessKey": "hunter2", "region": "eu"}
    factories.credential(plant, name="Amazon", credential_type="aws", config=aws)
    a_feed(plant, credential_name="Amazon")
    assert "of kind AWS; needed is HTTP." in loaded()["Feed"].errors["credentialName"]


def test_a_type_that_takes_none_says_so(plant: Application) -> None:
    factories.integration(plant, name="Broker", credential_name="Feed login")
    assert "needed is none" in loaded()["Broker"].errors["credentialName"]


def test_one_that_cannot_be_opened_is_told(plant: Application, settings: Settings) -> None:
    a_feed(plant)
    settings.SECRET_KEYS = [new_key()]
    assert "cannot be opened: the key" in loaded()["Feed"].errors["credentialName"]


def test_faults_of_settings_and_login_are_told_together(plant: Application) -> None:
    a_feed(plant, config={"url": "ws://{{globals.nothing}}/"})
    change(enabled=False)
    assert sorted(loaded()["Feed"].errors) == ["credentialName", "url"]


def test_a_url_from_a_template_is_judged_with_its_value(plant: Application) -> None:
    a_feed(plant, config={"url": "ws://{{globals.host}}/feed"})
    assert loaded()["Feed"].errors == {}
    entry = Global.objects.get(key="host")
    entry.value = "127.0.0.2"
    entry.save()
    assert list(loaded()["Feed"].errors) == ["credentialName"]


def test_a_disabled_integration_asks_for_no_credential(plant: Application) -> None:
    a_feed(plant, enabled=False, credential_name="Nothing")
    assert loaded()["Feed"].errors == {}


def test_an_edit_changes_exactly_who_uses_it(plant: Application) -> None:
    for name, credential_name in (("Feed", "Feed login"), ("Second", "Feed login"), ("Without", "")):
        a_feed(plant, name, credential_name=credential_name)
    before = {name: entry.digest for name, entry in loaded().items()}
    change(description="A note that no connection reads.")
    assert {name: entry.digest for name, entry in loaded().items()} == before
    change(config={"secretValue": "new"})
    after = {name: entry.digest for name, entry in loaded().items()}
    assert [name for name in before if before[name] != after[name]] == ["Feed", "Second"]
    change(name="Renamed")
    assert {name: entry.digest for name, entry in loaded().items()} == after
    change(enabled=False)
    assert [name for name, entry in loaded().items() if entry.digest != after[name]] == ["Feed", "Second"]


def test_an_edit_is_seen_by_the_next_refresh(plant: Application) -> None:
    row = a_feed(plant)
    snapshot = Snapshot()
    assert snapshot.refresh()
    assert not snapshot.refresh()
    change(config={"secretValue": "new"})
    assert snapshot.refresh()
    credential = snapshot.desired[row.pk].source.credential
    assert isinstance(credential, HttpCredential)
    assert credential.secret_value.get_secret_value() == "new"


def test_it_costs_the_same_for_any_number(plant: Application) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            loaded()
        return len(captured)

    a_feed(plant)
    few = queries()
    for number in range(10):
        factories.credential(plant, name=f"Login {number}")
        a_feed(plant, f"Feed {number}", credential_name=f"Login {number}")
    assert queries() == few

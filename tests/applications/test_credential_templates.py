"""Service credentials whose fields are templates over globals: rendered where they are opened, secret ones never shown."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from integrations.runtime.snapshot import Snapshot
from tests import factories
from wegnology.applications.credential_facts import facts_of
from wegnology.applications.credentials import find_credential
from wegnology.applications.global_uses import uses_of_global
from wegnology.applications.models import Application, Credential, Global, Role
from wegnology.lib.credential_types import HttpCredential
from wegnology.lib.known_globals import MASK
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject, JSONValue
from workflows.catalog import Catalog

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a&b<c>\"d'e=f-hunter2"
LOGIN: JSONObject = {**factories.HTTP, "publicValue": "{{globals.header}}", "secretValue": "Bearer {{globals.token}}"}
FEED: JSONObject = {"url": "ws://127.0.0.1:1/feed"}


def put(of: Application, key: str, value: JSONValue, *, secret: bool = True) -> None:
    entry = Global.objects.filter(application=of, key=key).first() or Global(application=of, key=key)
    entry.set_value(value, secret=secret)
    entry.save()


@pytest.fixture
def plant() -> Application:
    """An application with a secret global, a plain one, and a credential that names both."""
    of = factories.application("Plant", header="X-Key", other=1)
    put(of, "token", TOKEN)
    factories.credential(of, config=LOGIN)
    return of


def a_feed(of: Application, name: str = "Feed", login: str = "Feed login") -> Integration:
    """Create an integration that logs in with a credential."""
    return factories.integration(of, name=name, integration_type="websocket", config=FEED, topics=(), credential_name=login)


def page_of(row: Any) -> str:
    """Return the address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def opened(catalog: Catalog, of: Application) -> str:
    """Return the secret as a node gets it."""
    login = catalog.credential(of.pk, "Feed login", ["http"])
    assert isinstance(login, HttpCredential)
    return login.secret_value.get_secret_value()


def test_what_is_opened_is_rendered_and_not_escaped(plant: Application) -> None:
    login = Credential.objects.get().opened()
    assert isinstance(login, HttpCredential)
    assert login.header_lines() == [("X-Key", f"Bearer {TOKEN}")]
    assert "hunter2" not in repr(login)


def test_an_edit_of_a_global_reconnects_exactly_who_logs_in_with_it(plant: Application) -> None:
    factories.credential(plant, name="Plain")
    a_feed(plant)
    a_feed(plant, "Second", "Plain")
    snapshot = Snapshot()

    def digests() -> dict[str, str]:
        snapshot.refresh()
        return {entry.name: entry.digest for entry in snapshot.desired.values()}

    before = digests()
    put(plant, "other", 2, secret=False)
    assert digests() == before
    put(plant, "token", "another")
    after = digests()
    assert {name for name, digest in after.items() if digest != before[name]} == {"Feed"}
    [source] = [entry.source for entry in snapshot.desired.values() if entry.name == "Feed"]
    assert isinstance(source.credential, HttpCredential)
    assert source.credential.secret_value.get_secret_value() == "Bearer another"


def test_workflows_see_an_edit_too_and_read_no_database(plant: Application, django_assert_num_queries: Any) -> None:
    catalog = Catalog()
    catalog.refresh()
    with django_assert_num_queries(0):
        assert opened(catalog, plant) == f"Bearer {TOKEN}"
    put(plant, "token", "another")
    catalog.refresh()
    assert opened(catalog, plant) == "Bearer another"


def test_an_unknown_global_is_named_with_credential_and_field(plant: Application) -> None:
    row = a_feed(plant)
    Global.objects.get(key="token").delete()
    said = "The service credential “Feed login” cannot be used: secretValue: there is no global `token`"
    snapshot = Snapshot()
    snapshot.refresh()
    assert snapshot.desired[row.pk].errors == {"credentialName": said}
    with pytest.raises(ConfigInvalid, match="there is no global `token`"):
        find_credential("Feed login", ["http"], {"Feed login": Credential.objects.get()})
    row.clean()  # what a template gives is judged when it connects: the row may be saved meanwhile
    assert "there is no global" in facts_of(Credential.objects.get()).fault


def test_errors_about_a_connection_hide_what_its_login_got_from_secrets(plant: Application) -> None:
    put(plant, "header", "X-Hidden-Name")
    row = a_feed(plant)
    snapshot = Snapshot()
    snapshot.refresh()
    config = snapshot.desired[row.pk].config
    assert config is not None
    assert config.scrub(f"refused: X-Hidden-Name: Bearer {TOKEN}") == f"refused: {MASK}: {MASK}"
    assert facts_of(Credential.objects.get()).facts[-1] == ("Name", MASK)


def test_the_page_says_what_templates_give_and_offers_globals(admin_client: Client, plant: Application) -> None:
    html = admin_client.get(page_of(Credential.objects.get())).content.decode()
    assert "Secret Template" in html
    assert "now <code>X-Key</code>" in html
    assert f"now <code>{MASK}</code>" in html
    assert "hunter2" not in html
    asked = reverse("admin:applications_credential_globals")
    assert f'data-globals="{asked}"' in html
    assert f'data-application="{plant.pk}"' in html
    offered = admin_client.get(asked, {"application": plant.pk}).json()["globals"]
    assert {"name": "globals.token", "value": MASK} in offered


def test_globals_are_offered_to_editors_only(client: Client, plant: Application) -> None:
    asked = reverse("admin:applications_credential_globals")
    for role, status in ((Role.VIEWER, 404), (Role.EDITOR, 200)):
        client.force_login(factories.person(role.value, plant, role))
        assert client.get(asked, {"application": plant.pk}).status_code == status


def test_the_form_keeps_templates_and_says_what_is_wrong_in_them(admin_client: Client, plant: Application) -> None:
    row = Credential.objects.get()
    filled = {"application": plant.pk, "name": row.name, "enabled": "on", "config_authMethod": "header"}
    filled |= {"config_uriMatch": "{{globals.x}}", "config_publicValue": "X", "config_secretValue": "{{globals.token"}
    response = admin_client.post(page_of(row), filled)
    assert list(response.context["adminform"].form.errors) == ["config_secretValue"]
    assert admin_client.post(page_of(row), {**filled, "config_secretValue": "{{globals.token}}"}).status_code == 302
    row.refresh_from_db()
    assert (row.raw_config()["uriMatch"], row.raw_config()["secretValue"]) == ("{{globals.x}}", "{{globals.token}}")


def test_a_global_knows_the_credentials_that_name_it(plant: Application) -> None:
    assert [(use.kind, use.name) for use in uses_of_global(plant.pk, "token")] == [("service credential", "Feed login")]

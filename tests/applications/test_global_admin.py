"""Globals on the application's page: limits, secrets that are never shown, and what uses each."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications.global_uses import uses_of_global
from wegnology.applications.models import Application, Global
from wegnology.lib.crypto import new_key
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.django_db
CANARY = "CANARY-4711"


def page(row: Application) -> str:
    return reverse("admin:applications_application_change", args=[row.pk])


def sent(row: Application, *changes: dict[str, str]) -> dict[str, str]:
    """Return what a browser sends: the stored globals as the page shows them, then new ones; `changes` in that order."""
    stored = list(row.globals.all())
    form = {"name": row.name, "globals-TOTAL_FORMS": str(max(len(changes), len(stored)))}
    form |= {"globals-INITIAL_FORMS": str(len(stored)), "members-TOTAL_FORMS": "0", "members-INITIAL_FORMS": "0"}
    for at, entry in enumerate(stored):
        shown = {"id": str(entry.pk), "key": entry.key, "description": entry.description}
        shown |= {"secret": "on", "value": ""} if entry.secret else {"value": str(entry.value)}
        form |= {f"globals-{at}-{name}": text for name, text in shown.items()}
    for at, change in enumerate(changes):
        form |= {f"globals-{at}-{name}": text for name, text in change.items()}
    return {name: text for name, text in form.items() if text != "UNTICKED"}


def faults(response: Any) -> list[Any]:
    inline = response.context["inline_admin_formsets"][0]
    return [*inline.formset.non_form_errors(), *[error for error in inline.formset.errors if error]]


@pytest.fixture
def plant() -> Application:
    row = factories.application()
    entry = Global(application=row, key="token")
    entry.set_value(CANARY, secret=True)
    entry.save()
    return row


def token() -> Global:
    return Global.objects.get(key="token")


def test_a_secret_is_sealed_and_never_shown(admin_client: Client) -> None:
    row = factories.application()
    response = admin_client.post(page(row), sent(row, {"key": "token", "value": f'"{CANARY}"', "secret": "on"}))
    assert response.status_code == 302, faults(response)
    assert token().opened() == CANARY
    assert CANARY not in str(token().value)
    html = admin_client.get(page(row)).content.decode()
    assert CANARY not in html
    assert "sealed:" not in html
    assert "Stored, not shown" in html


def test_nothing_typed_keeps_a_secret_also_under_a_new_key(admin_client: Client, plant: Application) -> None:
    before = token().value
    assert admin_client.post(page(plant), sent(plant, {"description": "of the broker"})).status_code == 302
    assert (token().opened(), token().description) == (CANARY, "of the broker")
    assert token().value != before
    assert admin_client.post(page(plant), sent(plant, {"key": "renamed"})).status_code == 302
    assert Global.objects.get(key="renamed").opened() == CANARY


def test_a_new_value_replaces_a_secret(admin_client: Client, plant: Application) -> None:
    assert admin_client.post(page(plant), sent(plant, {"value": "[1]"})).status_code == 302
    assert token().opened() == [1]


def test_to_make_a_secret_plain_it_is_typed_anew(admin_client: Client, plant: Application) -> None:
    response = admin_client.post(page(plant), sent(plant, {"secret": "UNTICKED"}))
    assert faults(response) == [{"value": ["Type the value: a stored secret is never shown."]}]
    assert CANARY not in response.content.decode()
    assert token().secret
    admin_client.post(page(plant), sent(plant, {"secret": "UNTICKED", "value": "5"}))
    assert (token().secret, token().value) == (False, 5)


def test_a_plain_global_becomes_secret(admin_client: Client) -> None:
    row = factories.application(token=7)
    assert admin_client.post(page(row), sent(row, {"secret": "on"})).status_code == 302
    assert token().secret
    assert token().opened() == 7
    assert row.globals_for_runs() == {}


@pytest.mark.parametrize("text", [f'"{CANARY}', CANARY, f'{{"a": "{CANARY}",}}', f'{{"{CANARY}": 1, "{CANARY}": 2}}'])
def test_a_fault_in_a_secret_repeats_nothing(admin_client: Client, text: str) -> None:
    row = factories.application()
    response = admin_client.post(page(row), sent(row, {"key": "token", "value": text, "secret": "on"}))
    assert response.status_code == 200
    assert faults(response)
    assert CANARY not in response.content.decode()


def test_a_secret_that_cannot_be_opened_is_left_or_typed(admin_client: Client, plant: Application, settings: Settings) -> None:
    settings.SECRET_KEYS = [new_key()]
    before = token().value
    assert admin_client.post(page(plant), sent(plant, {"description": "x"})).status_code == 302
    assert (token().value, token().description) == (before, "x")
    response = admin_client.post(page(plant), sent(plant, {"key": "other"}))
    assert "cannot be opened" in faults(response)[0]["value"][0]
    assert admin_client.post(page(plant), sent(plant, {"key": "other", "value": "1"})).status_code == 302
    assert Global.objects.get(key="other").opened() == 1


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"key": "big", "value": '"' + "x" * 32_766 + '"'}, "value", "The value has 32768 characters; 32767 are possible."),
        ({"key": "nul", "value": '"\\u0000"'}, "value", "A text holds a character that cannot be stored"),
        ({"key": "half", "value": '["\\ud800"]'}, "value", "A text holds a character that cannot be stored"),
        ({"key": "half", "value": '{"\\ud800": 1}'}, "value", "A text holds a character that cannot be stored"),
        ({"key": "int", "value": "9223372036854775808"}, "value", "write it as text"),
        ({"key": "float", "value": "1e999"}, "value", "A number is too large."),
        ({"key": "deep", "value": "[" * 250 + "]" * 250}, "value", "This is nested more than 200 deep."),
        ({"key": "deeper", "value": "[" * 100_000}, "value", "This is nested too deeply."),
        ({"key": "x", "value": "1", "description": "d" * 1025}, "description", "at most 1024 characters"),
        ({"key": "k" * 256, "value": "1"}, "key", "at most 255 characters"),
        ({"key": "a.b", "value": "1"}, "key", "Use letters, digits, _ and - only."),
        ({"key": "", "value": "1"}, "key", "This field is required."),
    ],
)
def test_limits_are_told_beside_their_field(admin_client: Client, change: dict[str, str], field: str, said: str) -> None:
    row = factories.application()
    response = admin_client.post(page(row), sent(row, change))
    assert said in faults(response)[0][field][0]
    assert not row.globals.exists()


def test_at_most_a_hundred(admin_client: Client) -> None:
    row = factories.application()
    Global.objects.bulk_create([Global(application=row, key=f"g{at:03}", value=at) for at in range(100)])
    fresh: list[dict[str, str]] = [{} for _ in range(100)]
    response = admin_client.post(page(row), sent(row, *fresh, {"key": "more", "value": "1"}))
    assert "An application has at most 100 globals; here are 101." in faults(response)
    fresh[0] = {"DELETE": "on"}
    assert admin_client.post(page(row), sent(row, *fresh, {"key": "more", "value": "1"})).status_code == 302
    assert row.globals.count() == 100


def test_a_key_stands_once(admin_client: Client) -> None:
    row = factories.application(a=1)
    response = admin_client.post(page(row), sent(row, {}, {"key": "a", "value": "1"}))
    assert {"key": ["There is another global `a`."]} in faults(response)


@pytest.mark.usefixtures("lamp")
def test_the_page_names_what_uses_a_global(admin_client: Client, plant: Application) -> None:
    config = {**CONFIG, "password": "{{globals.token}}"}
    for name in ("One", "Two", "Three", "Four"):
        factories.integration(plant, name=name, integration_type="lamp", config=config)
    factories.integration(plant, name="Without", integration_type="lamp", config=CONFIG)
    nodes: list[JSONObject] = [{"id": "a", "type": "DebugNode", "config": {"message": "{{globals.token}}"}, "outputIds": []}]
    factories.workflow(plant, name="Flow", nodes=nodes)
    assert [use.name for use in uses_of_global(plant.pk, "token")] == ["Four", "One", "Three", "Two", "Flow"]
    html = admin_client.get(page(plant)).content.decode()
    assert "and 2 more" in html
    assert ">Four</a>" in html
    response = admin_client.post(page(plant), sent(plant, {"DELETE": "on"}), follow=True)
    said = "The global `token` is gone, and still named by integration Four, integration One, integration Three and 2 more."
    assert said in response.content.decode()


def test_uses_in_workflows_are_templates_expressions_and_paths() -> None:
    row = factories.application(a=1, b=2, c=3, d=4)
    nodes = [
        {"id": "x", "config": {"expression": "{{globals.a}} > 1", "path": "globals.b.deep", "text": "globals are fine, c too"}},
        {"id": "y", "config": {"list": ["{{jsonEncode this}}"], "own": "{{globals.d}}"}},
    ]
    workflow = factories.workflow(row, name="Flow")
    workflow.versions.update(nodes=nodes, globals={"d": 1})
    assert {key for key in "abcd" if uses_of_global(row.pk, key)} == {"a", "b"}


def test_who_may_only_look_sees_plain_values(client: Client, plant: Application, django_user_model: Any) -> None:
    Global.objects.create(application=plant, key="limit", value=[30])
    person = django_user_model.objects.create_user("viewer", password="x")
    plant.members.create(user=person, role="viewer")
    client.force_login(person)
    html = client.get(page(plant)).content.decode()
    assert CANARY not in html
    assert "sealed:" not in html
    assert "stored, not shown" in html
    assert "30" in html

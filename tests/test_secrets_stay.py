"""A canary is planted in every secret of every type, at any depth: no page, text, error or log ever sings."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pydantic import BaseModel, ValidationError

from integrations.connectors.base import connectors
from integrations.forms import form_for
from integrations.models import Integration
from integrations.runtime.snapshot import desire
from tests import factories
from wegnology.applications.models import Application, Credential, Global
from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.crypto import new_key
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.schema_leaves import Shape, json_names, shape_of
from wegnology.lib.types import JSONObject, JSONValue

pytestmark = pytest.mark.django_db
CANARY = "CANARY-tweet"
SCHEMAS: dict[str, type[Schema]] = {
    **{f"integration {connector.name}": connector.Config for connector in connectors},
    **{f"credential {name}": kind for name, kind in CREDENTIAL_TYPES.items()},
}


def planted(schema: type[BaseModel]) -> JSONObject:
    """Return settings with the canary in every secret, and something in whatever surrounds one."""
    return {name: _planted(shape_of(field)) for name, field in json_names(schema).items() if shape_of(field).holds_secrets()}


def _planted(shape: Shape) -> JSONValue:
    if shape.items is not None:
        return [_planted(shape.items)]
    if shape.objects:
        texts: JSONObject = dict.fromkeys(json_names(shape.objects[0]), "X-Name")
        return {**texts, **planted(shape.objects[0])}
    return CANARY if shape.secret else "X-Name"


def secret_types() -> Iterator[Any]:
    """Every type with a secret."""
    for name, schema in SCHEMAS.items():
        if planted(schema):
            yield pytest.param(schema, id=name)


@pytest.mark.parametrize("schema", list(secret_types()))
def test_no_text_of_a_schema_repeats_a_secret(schema: type[Schema]) -> None:
    raw = planted(schema)
    texts = [repr(schema.masked(raw)), str(schema.templates(raw))]
    misshapen: JSONObject = {name: [value, {"a": value}] for name, value in raw.items()}
    for wrong in (raw, {**raw, "nonsense": CANARY}, misshapen):
        for action in (schema.check, lambda broken: schema.resolve(broken, {"globals": {}})):
            try:
                texts.append(repr(action(wrong)))
            except ConfigInvalid as error:
                texts += [str(error), repr(error.errors)]
        try:
            texts.append(str(schema.model_validate(wrong)))
        except ValidationError as error:
            texts.append(str(error))
    assert CANARY not in " ".join(texts)
    assert any(texts)


@pytest.fixture
def aviary(settings: Any) -> Application:
    """An application with a row of every type with secrets, and a secret global; whatever else they need is missing."""
    row = factories.application("Aviary")
    entry = Global(application=row, key="token")
    entry.set_value({"deep": CANARY}, secret=True)
    entry.save()
    for connector in connectors:
        factories.integration(row, name=f"i {connector.name}", integration_type=connector.name, config=planted(connector.Config))
    for name, kind in CREDENTIAL_TYPES.items():
        credential = Credential(application=row, name=f"c {name}", credential_type=name)
        credential.set_config(planted(kind))
        credential.save()
    return row


def pages(of: Application) -> Iterator[str]:
    """Yield the pages that show it."""
    yield reverse("admin:applications_application_change", args=[of.pk])
    for model, rows in (("integrations_integration", of.integrations), ("applications_credential", of.credentials)):
        yield reverse(f"admin:{model}_changelist")
        for row in rows.all():
            yield from (reverse(f"admin:{model}_{page}", args=[row.pk]) for page in ("change", "history", "delete"))


def test_no_page_shows_a_secret(admin_client: Client, aviary: Application, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for address in pages(aviary):
            seen = admin_client.get(address, follow=True)
            assert seen.status_code == 200, address
            html = seen.content.decode()
            assert CANARY not in html, address
            assert "sealed:" not in html, address
    assert CANARY not in caplog.text


def test_no_page_for_who_may_only_look_shows_a_secret(client: Client, aviary: Application, django_user_model: Any) -> None:
    person = django_user_model.objects.create_user("viewer", password="x")
    aviary.members.create(user=person, role="viewer")
    client.force_login(person)
    for address in pages(aviary):
        html = client.get(address).content.decode()
        assert CANARY not in html, address
        assert "sealed:" not in html, address


@pytest.mark.parametrize("name", [connector.name for connector in connectors])
def test_a_refused_form_repeats_no_secret(admin_client: Client, aviary: Application, name: str) -> None:
    form = form_for(connectors.get(name), {})
    typed = {field: CANARY for field in form.base_fields if field.startswith("config_")}
    typed |= {f"config_headers-0-{cell}": CANARY for cell in ("headerKey", "headerValue")}
    secret = {field for field in typed if field.removeprefix("config_") in connectors.get(name).Config.secret_fields()}
    sent = {field: text for field, text in typed.items() if field in secret or field.endswith("headerValue")}
    response = admin_client.post(reverse("admin:integrations_integration_add") + f"?type={name}", {**sent, "name": ""})
    assert response.status_code == 200
    assert CANARY not in response.content.decode()


def test_rows_states_and_errors_repeat_no_secret(aviary: Application, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    context: JSONObject = {"globals": aviary.globals_for_connections()}

    def everything() -> str:
        rows = [*Integration.objects.all(), *Credential.objects.all(), *Global.objects.all()]
        wanted = [desire(row, context, {}) for row in Integration.objects.all()]
        texts = [repr(row) + str(row) + str(getattr(row, "config", getattr(row, "value", ""))) for row in rows]
        return " ".join([*texts, repr(wanted), *(str(one.errors) for one in wanted), repr(context)])

    assert CANARY not in everything()
    settings.SECRET_KEYS = [new_key()]
    assert CANARY not in everything()
    with pytest.raises(CommandError) as caught:
        call_command("rotate_secrets")
    assert CANARY not in str(caught.value) + caplog.text

"""Saving a workflow that names a secret global warns: no workflow sees one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from wegnology.applications.models import Application, Global
from workflows.global_use import secrets_named

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Application:
    row = factories.application(limit=30)
    entry = Global(application=row, key="token")
    entry.set_value("CANARY", secret=True)
    entry.save()
    return row


@pytest.mark.parametrize(
    ("config", "own", "named"),
    [
        ({"message": "{{globals.token}}"}, {}, ["token"]),
        ({"expression": "{{globals.token}} == 1"}, {}, ["token"]),
        ({"deep": [{"path": "globals.token"}]}, {}, ["token"]),
        ({"message": "{{globals.token}}"}, {"token": "its own"}, []),
        ({"message": "{{globals.limit}} token"}, {}, []),
        ({"message": "{{jsonEncode globals}}"}, {}, []),
    ],
)
def test_what_names_a_secret(plant: Application, config: Any, own: dict[str, Any], named: list[str]) -> None:
    assert secrets_named(plant.pk, [{"id": "a", "config": config}], own) == named


def test_saving_warns(admin_client: Client, plant: Application) -> None:
    nodes = '[{"id": "a", "type": "DebugNode", "config": {"message": "{{globals.token}}"}, "outputIds": [[]]}]'
    sent = {"application": plant.pk, "name": "Alert", "enabled": "on", "triggers": "[]", "nodes": nodes, "globals": "{}"}
    html = admin_client.post(reverse("admin:workflows_workflow_add"), sent, follow=True).content.decode()
    assert "The global `token` is secret: workflows do not see it" in html
    assert "CANARY" not in html

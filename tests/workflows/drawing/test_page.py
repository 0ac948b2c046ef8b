"""The picture on a workflow's page."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from wegnology.applications.models import Application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def test_a_workflow_is_drawn(admin_client: Client, plant: Application) -> None:
    row = factories.workflow(factories.integration(plant, name="Press line"))
    html = admin_client.get(reverse("admin:workflows_workflow_change", args=[row.pk])).content.decode()
    assert 'data-box="trigger-0"' in html
    assert ">integration</text>" in html


def test_what_was_entered_is_drawn_with_its_faults_in_their_places(admin_client: Client, plant: Application) -> None:
    nodes = [{"id": "check", "type": "ConditionalNode", "config": {"expression": "{{a} > 3"}, "outputIds": [[], ["gone"]]}]
    sent = {"application": plant.pk, "name": "New", "triggers": "[]", "nodes": json.dumps(nodes), "globals": "{}"}
    html = admin_client.post(reverse("admin:workflows_workflow_add"), sent).content.decode()
    assert "wg-box-faulty" in html
    assert "Referenced output ID gone does not exist." in html

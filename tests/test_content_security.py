"""What pages may load: their own scripts and styles, and nothing that stands in the page or comes from elsewhere."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

INLINE = re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")[^>]*>|\son[a-z]+=\"", re.I)
ELSEWHERE = re.compile(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+", re.I)


def test_pages_hold_no_script_and_load_nothing_from_elsewhere(admin_client: Client) -> None:
    plant = factories.application("Plant")
    row = factories.integration(plant)
    workflow = factories.workflow(row)
    addresses = [
        reverse("status"),
        reverse("overview", args=[plant.pk]),
        reverse("admin:integrations_integration_changelist"),
        reverse("admin:integrations_integration_add") + "?type=mqtt",
        reverse("admin:integrations_integration_change", args=[row.pk]),
        reverse("admin:integrations_integration_delete", args=[row.pk]),
        reverse("admin:workflows_workflow_change", args=[workflow.pk]),
        reverse("admin:applications_application_change", args=[plant.pk]),
        reverse("documentation_start"),
    ]
    for address in addresses:
        response = admin_client.get(address)
        assert response.status_code == 200, address
        html = response.content.decode()
        assert INLINE.findall(html) == [], address
        assert ELSEWHERE.findall(html) == [], address
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'unsafe-eval'" in policy
        assert "frame-ancestors 'none'" in policy


def test_the_login_is_guarded_too(client: Client) -> None:
    assert "default-src 'none'" in client.get(reverse("admin:login")).headers["Content-Security-Policy"]

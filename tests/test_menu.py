"""The menu and the pages behind it call the same thing by the same name."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]

_HEADING = re.compile(r'<h1 class="wg-here"[^>]*>\s*(.*?)\s*</h1>', re.DOTALL)


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("admin:integrations_integration_changelist", "Integrations"),
        ("admin:workflows_workflow_changelist", "Workflows"),
        ("admin:applications_credential_changelist", "Service credentials"),
        ("admin:workflows_parkedrun_changelist", "Parked runs"),
        ("admin:workflows_alarm_changelist", "Alarms"),
        ("admin:applications_apitoken_changelist", "API tokens"),
        ("admin:integrations_ledgerhour_changelist", "Ledger"),
        ("admin:integrations_statuschange_changelist", "State changes"),
        ("admin:applications_auditentry_changelist", "Audit"),
        ("admin:applications_trashentry_changelist", "Trash"),
        ("admin:applications_application_changelist", "Applications"),
        ("admin:auth_user_changelist", "Users"),
        ("status", "Status"),
        ("import", "Import"),
    ],
)
def test_a_page_is_called_as_its_line_in_the_menu(client: Client, route: str, name: str) -> None:
    factories.application("Plant")
    client.force_login(User.objects.create_superuser("root"))
    address = reverse(route)
    page = client.get(address).content.decode()
    line = re.search(rf'<a href="{re.escape(address)}".*?</a>', page, re.DOTALL)
    assert line is not None
    assert re.search(rf">\s*{name}\s*<", line[0])
    assert _HEADING.findall(page) == [name]


def test_results_are_counted_where_something_was_asked(client: Client) -> None:
    factories.application("Plant")
    client.force_login(User.objects.create_superuser("root"))
    address = reverse("admin:applications_auditentry_changelist")
    assert "wg-results" not in client.get(address).content.decode()
    assert "wg-results" in client.get(address, {"q": "Plant"}).content.decode()
    assert "wg-results" in client.get(address, {"action": "created"}).content.decode()

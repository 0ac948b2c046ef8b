"""Connections made anew on request."""

import pytest

from integrations.models import Integration
from integrations.reconnecting import reconnect
from integrations.runtime.snapshot import desire
from tests import factories
from tests.lamp import lamp  # noqa: F401  (a fixture)
from wegnology.applications.records import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]


def digests() -> dict[str, str]:
    """Return what a listener compares."""
    return {row.pk: desire(row, {"globals": {}}).digest for row in Integration.objects.all()}


def test_a_listener_sees_that_the_connection_is_to_be_made_anew_and_no_other() -> None:
    plant = factories.application("Plant")
    row, other = factories.integration(plant, name="One"), factories.integration(plant, name="Other")
    plant.refresh_from_db()
    before, revision = digests(), plant.revision
    assert reconnect([row]) == [row]
    after = digests()
    assert after[row.pk] != before[row.pk]
    assert after[other.pk] == before[other.pk]
    plant.refresh_from_db()
    assert plant.revision > revision
    assert AuditEntry.objects.get(action="reconnected").object_name == "One"


def test_what_is_switched_off_stays_so() -> None:
    row = factories.integration(factories.application("Plant"), enabled=False)
    assert reconnect([row]) == []
    row.refresh_from_db()
    assert row.reconnects == 0

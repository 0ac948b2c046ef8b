"""`manage.py integration_check`: what it tells, and the codes it ends with."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import factories
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import free_port
from wegnology.applications.records import AuditEntry

pytestmark = pytest.mark.django_db


def told(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was written."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("integration_check", *arguments, stdout=out, stderr=out)
    return int(str(ended.value.code)), out.getvalue()


def test_a_broker_that_is_there_is_well_also_for_one_that_is_switched_off() -> None:
    with Mosquitto() as broker:
        config = {**factories.MQTT, "host": "127.0.0.1", "port": broker.ports["plain"]}
        row = factories.integration(factories.application("Plant"), config=config, enabled=False)
        code, text = told(row.pk)
    assert code == 0, text
    assert "ok" in text
    assert "failed" not in text
    row.refresh_from_db()
    assert not row.enabled
    assert AuditEntry.objects.filter(action="checked", object_id=row.pk).count() == 1


def test_a_broker_that_is_not_there_fails_with_advice_as_json() -> None:
    config = {**factories.MQTT, "host": "127.0.0.1", "port": free_port()}
    row = factories.integration(factories.application("Plant"), name="Broker", config=config)
    code, text = told("Broker", "--json")
    (found,) = json.loads(text)["integrations"]
    assert (code, found["id"], found["ended"]) == (2, row.pk, True)
    (failed,) = [step for step in found["steps"] if step["state"] == "failed"]
    assert failed["detail"]
    assert failed["advice"]


def test_one_that_does_not_exist_is_named() -> None:
    with pytest.raises(CommandError, match="There is no integration Nobody") as refused:
        call_command("integration_check", "Nobody")
    assert refused.value.returncode == 64

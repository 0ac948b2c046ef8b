"""Changing the key of all stored secrets: complete, resumable, beside running edits, and unnoticed by connections."""

import signal
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from integrations.models import Integration
from integrations.runtime.snapshot import desire
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications import resealing
from wegnology.applications.models import Application, Global
from wegnology.applications.resealing import SealedColumn, count_by_key, reseal
from wegnology.applications.sealing import keyring
from wegnology.lib.crypto import Keyring, key_id, new_key
from wegnology.lib.types import JSONObject

OLD, NEW = new_key(), new_key()
FEED: JSONObject = {
    "url": "ws://127.0.0.1",
    "headers": [{"headerKey": "A", "headerValue": "first"}, {"headerKey": "B", "headerValue": "{{globals.token}}"}],
}


def rotate(*options: str) -> tuple[str, str, int]:
    """Run the command; return what it wrote, what it complained of, and its exit code."""
    out, err = StringIO(), StringIO()
    try:
        call_command("rotate_secrets", *options, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}", error.returncode
    return out.getvalue(), err.getvalue(), 0


@pytest.fixture
def plant(settings: Settings, lamp: Any) -> Application:  # noqa: F811
    """An application with secrets of every kind, sealed with the old key; now the new one stands first."""
    settings.SECRET_KEYS = [OLD]
    row = factories.application(threshold=30)
    token = Global(application=row, key="token")
    token.set_value({"deep": ["t0ken"]}, secret=True)
    token.save()
    for at in range(5):
        factories.integration(row, name=f"Lamp {at}", integration_type="lamp", config={**CONFIG, "password": f"secret {at}"})
    factories.integration(row, name="Plain", integration_type="lamp", config=CONFIG)
    factories.integration(row, name="Feed", integration_type="websocket", topics=(), config=FEED)
    settings.SECRET_KEYS = [NEW, OLD]
    return row


def opened() -> dict[str, Any]:
    """Return everything as it is when opened."""
    return {row.name: row.raw_config() for row in Integration.objects.all()} | {
        row.key: row.opened() for row in Global.objects.all()
    }


@pytest.mark.django_db
def test_all_is_sealed_with_the_first_key(plant: Application, settings: Settings) -> None:
    before, revision = opened(), Application.objects.get().revision
    assert count_by_key() == {key_id(OLD): 8}
    out, err, code = rotate("--batch", "2")
    assert (err, code) == ("", 0)
    assert out.splitlines()[:4] == ["0 of 7 rows", "1 of 7 rows", "3 of 7 rows", "5 of 7 rows"]
    assert f"0 secrets with {key_id(OLD)}, an older key: it may be removed" in out
    settings.SECRET_KEYS = [NEW]
    assert opened() == before
    assert count_by_key() == {key_id(NEW): 8}
    assert Application.objects.get().revision == revision


@pytest.mark.django_db
def test_no_connection_notices(plant: Application) -> None:
    def digests() -> set[str]:
        context: JSONObject = {"globals": Application.objects.get().globals_for_connections()}
        return {desire(row, context, {}).digest for row in Integration.objects.all()}

    before = digests()
    rotate()
    assert digests() == before


@pytest.mark.django_db
def test_the_check_says_which_keys_are_needed(plant: Application, settings: Settings) -> None:
    out, err, code = rotate("--check")
    assert f"8 secrets with {key_id(OLD)}, an older key" in out
    assert code == 3
    assert "run `manage.py rotate_secrets`" in err
    assert count_by_key() == {key_id(OLD): 8}
    rotate()
    assert rotate("--dry-run")[2] == 0
    settings.SECRET_KEYS = [OLD]
    out, err, code = rotate("--check")
    assert f"8 secrets with {key_id(NEW)}, which is not among WEGNOLOGY_SECRET_KEYS" in out
    assert code == 1


@pytest.mark.django_db
def test_an_interrupted_run_is_gone_on_with(plant: Application) -> None:
    for progress in reseal(batch=2):
        if progress.done >= 3:
            break
    assert count_by_key() == {key_id(NEW): 3, key_id(OLD): 5}
    assert next(iter(reseal())).total == 4
    assert rotate()[2] == 0
    assert count_by_key() == {key_id(NEW): 8}


@pytest.mark.django_db
def test_what_cannot_be_opened_is_named_and_left(plant: Application, settings: Settings) -> None:
    row = Integration.objects.get(name="Lamp 1")
    other = Integration.objects.get(name="Lamp 2")
    row.config["password"] = other.config["password"]
    row.save()
    before = row.config
    _, err, code = rotate()
    assert code == 1
    assert f"integration:{row.pk}:password: a stored secret does not belong to this place" in err
    assert "1 secrets could not be opened" in err
    assert Integration.objects.get(pk=row.pk).config == before
    assert count_by_key() == {key_id(NEW): 7, key_id(OLD): 1}


@pytest.mark.django_db
def test_an_edit_made_meanwhile_is_kept(plant: Application) -> None:
    """What is written after the rows were chosen, and before their turn, is what is sealed anew."""
    run = reseal(batch=1)
    next(run)
    row = Integration.objects.get(name="Lamp 4")
    row.set_config({**CONFIG, "password": "edited"})
    row.save()
    gone = Integration.objects.get(name="Lamp 3")
    gone.delete()
    *_, last = run
    assert not last.unopened
    assert Integration.objects.get(name="Lamp 4").raw_config()["password"] == "edited"
    assert not Integration.objects.filter(name="Lamp 3").exists()


@pytest.mark.django_db
def test_secrets_of_a_type_that_is_gone_change_too(plant: Application) -> None:
    Integration.objects.filter(name__in=["Feed", "Lamp 0"]).update(integration_type="gone")
    assert rotate()[2] == 0
    assert count_by_key() == {key_id(NEW): 8}


@pytest.mark.django_db
def test_a_text_that_only_looks_sealed_is_none(plant: Application, settings: Settings) -> None:
    """Somebody typed it into a field that is no secret: it needs no key."""
    factories.integration(plant, name="Odd", integration_type="lamp", config={**CONFIG, "host": "sealed:00000000:AAAA"})
    assert "00000000" not in count_by_key()
    assert Integration.objects.get(name="Odd").raw_config()["host"] == "sealed:00000000:AAAA"


@pytest.mark.django_db
def test_a_lost_key_can_be_given_up(plant: Application, settings: Settings) -> None:
    settings.SECRET_KEYS = [NEW]
    revision = Application.objects.get().revision
    out, err, code = rotate("--forget", key_id(NEW))
    assert code == 1
    assert "Nothing was removed" in err
    out, _, code = rotate("--forget", key_id(OLD))
    assert (code, out) == (0, "8 secrets removed. Enter them anew where an integration is shown as not configured.\n")
    assert count_by_key() == {}
    assert "password" not in Integration.objects.get(name="Lamp 0").raw_config()
    assert Application.objects.get().revision > revision
    assert rotate("--check")[2] == 0


@pytest.mark.django_db
def test_any_column_can_take_part(plant: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the trash does: one sealed text a row."""
    monkeypatch.setattr(resealing, "_declared", {})
    resealing.declare_sealed(Application, "description", lambda row: f"application:{row.pk}")
    plant.description = keyring().seal("whole", f"application:{plant.pk}")
    plant.save()
    sealed = plant.description
    assert [type(column) for column in resealing.sealed_columns()][-1:] == [SealedColumn]
    rotate()
    plant.refresh_from_db()
    assert plant.description == sealed  # with the first key already
    Application.objects.filter(pk=plant.pk).update(description=Keyring([OLD]).seal("whole", f"application:{plant.pk}"))
    rotate()
    plant.refresh_from_db()
    assert keyring().unseal(plant.description, f"application:{plant.pk}") == "whole"
    assert key_id(NEW) in plant.description


_KILLED = """
import os, signal, sys
import django
from django.conf import settings
django.setup()
settings.SECRET_KEYS = sys.argv[2].split(",")
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from wegnology.applications.resealing import reseal
for progress in reseal(batch=1):
    if progress.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the process is given the name of a file")
def test_a_killed_run_leaves_whole_rows(plant: Application) -> None:
    before = opened()
    command = [sys.executable, "-c", _KILLED, str(connection.settings_dict["NAME"]), f"{NEW},{OLD}"]
    killed = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert opened() == before
    assert count_by_key()[key_id(NEW)] in (3, 4)
    assert rotate()[2] == 0
    assert opened() == before

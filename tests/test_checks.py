"""The system checks find what would lose data, and stay quiet otherwise."""

from collections.abc import Iterator

import pytest
from django.core.checks import run_checks
from django.db import connection
from pytest_django import Settings

from integrations.runtime.keys import key
from tests import factories
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from wegnology.applications.models import Global
from wegnology.lib.crypto import key_id, new_key


def ids(*, deploy: bool = False) -> set[str]:
    """Return the ids of what our own checks find."""
    return {str(message.id) for message in run_checks(tags=["wegnology"], include_deployment_checks=deploy)}


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.PRODUCTION = True
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    settings.SECRET_KEYS = [new_key()]
    settings.SECRET_KEY = "k" * 50
    settings.EPHEMERAL_HOST = False
    settings.ALLOW_EPHEMERAL = False
    settings.SQLITE = False
    return settings


def test_a_sound_installation_has_no_findings(production: Settings, redis_here: RedisServer) -> None:
    assert ids(deploy=True) == set()


def test_hosts(production: Settings) -> None:
    production.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    assert ids() == {"wegnology.W001"}
    production.ALLOWED_HOSTS = ["hub.example.com", "*"]
    assert ids() == {"wegnology.W002"}
    production.PRODUCTION = False
    assert ids() == set()


def test_keys(production: Settings) -> None:
    production.SECRET_KEYS = [new_key(), "broken secret", "c2hvcnQ="]
    production.SECRET_KEY = "short"
    found = run_checks(tags=["wegnology"])
    assert [message.id for message in found] == ["wegnology.E001", "wegnology.E001", "wegnology.W003"]
    assert "broken secret" not in " ".join(str(message) for message in found)


def test_hosts_that_forget(production: Settings) -> None:
    production.EPHEMERAL_HOST = True
    assert ids() == set()
    production.SQLITE = True
    assert ids() == {"wegnology.E002"}
    production.PRODUCTION = False
    assert ids() == {"wegnology.E002", "wegnology.E003"}
    production.ALLOW_EPHEMERAL = True
    assert ids() == set()


def test_redis_is_asked_only_in_deployment_checks(production: Settings) -> None:
    production.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert ids() == set()
    assert ids(deploy=True) == {"wegnology.E010"}


@pytest.fixture
def careless(production: Settings) -> Iterator[RedisServer]:
    options = {"appendonly": "no", "maxmemory": "0", "maxmemory-policy": "allkeys-lru"}
    with RedisServer(options=options) as server:
        production.REDIS_URL = server.url
        yield server


def test_a_redis_that_may_lose_events_is_refused(careless: RedisServer) -> None:
    assert ids(deploy=True) == {"wegnology.E011", "wegnology.E012", "wegnology.W011"}


def test_another_number_of_partitions_is_refused(production: Settings, redis_here: RedisServer) -> None:
    with redis_here.client() as client:
        client.hset(key("meta"), "partitions", production.PARTITIONS)
        assert ids(deploy=True) == set()
        client.hset(key("meta"), "partitions", production.PARTITIONS + 1)
    assert ids(deploy=True) == {"wegnology.E013"}


def test_every_finding_points_to_a_section_that_exists(production: Settings, settings: Settings) -> None:
    production.SECRET_KEYS = ["x"]
    production.SECRET_KEY = "x"
    production.ALLOWED_HOSTS = ["*"]
    production.EPHEMERAL_HOST = True
    production.SQLITE = True
    production.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    text = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    found = run_checks(tags=["wegnology"], include_deployment_checks=True)
    assert len(found) == 5
    for message in found:
        section = str(message.hint).rpartition("section ")[2].rstrip(".")
        assert f"## {section}\n" in text, message


@pytest.mark.django_db
def test_a_missing_key_is_named_with_what_it_opens(production: Settings) -> None:
    def found() -> list[str]:
        messages = run_checks(tags=["wegnology"], include_deployment_checks=True, databases=["default"])
        return [str(message.msg) for message in messages if message.id == "wegnology.E004"]

    old = production.SECRET_KEYS[0]
    row = factories.application()
    for name in ("a", "b"):
        entry = Global(application=row, key=name)
        entry.set_value(1, secret=True)
        entry.save()
    assert found() == []
    production.SECRET_KEYS = [new_key()]
    assert found() == [f"2 stored secrets need the key {key_id(old)}, which is not among WEGNOLOGY_SECRET_KEYS."]
    assert "wegnology.E004" not in ids(deploy=True)  # it asks the database: only where that was asked for
    production.SECRET_KEYS = [new_key(), old]
    assert found() == []


@pytest.mark.django_db(transaction=True)
def test_an_installation_without_tables_has_no_missing_keys(production: Settings) -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(Global, "applications_global", "applications_global_away")
    try:
        found = run_checks(tags=["wegnology"], include_deployment_checks=True, databases=["default"])
        assert "wegnology.E004" not in {message.id for message in found}
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Global, "applications_global_away", "applications_global")
